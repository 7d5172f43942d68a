//! The question bank: questions with their scoring keys, which plans refer to by id.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use protocol::id::QuestionId;
use protocol::value::Question;
use serde::Serialize;

use super::{Problem, file};
use crate::rubric::Rubric;

/// Name and text of the bank files that ship with the server.
const BUILTIN: &[(&str, &str)] = &[
    (
        "plans/bank/behavioral.toml",
        include_str!("../../../../plans/bank/behavioral.toml"),
    ),
    (
        "plans/bank/situational.toml",
        include_str!("../../../../plans/bank/situational.toml"),
    ),
    (
        "plans/bank/technical.toml",
        include_str!("../../../../plans/bank/technical.toml"),
    ),
];

/// A question of the bank: what is asked, and what a good answer tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BankQuestion {
    /// Id, text and limit, as a plan has them.
    #[serde(flatten)]
    pub question: Question,
    /// The scoring key.
    pub rubric: Rubric,
}

/// Questions by id.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Questions {
    pub(super) by_id: BTreeMap<QuestionId, BankQuestion>,
}

impl Questions {
    /// The questions that ship with the server.
    pub fn builtin() -> &'static Self {
        static ALL: OnceLock<Questions> = OnceLock::new();
        ALL.get_or_init(|| {
            let mut all = Self::default();
            for (name, text) in BUILTIN {
                match Self::parse(name, text) {
                    Ok(more) => all.by_id.extend(more.by_id),
                    Err(problems) => {
                        let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
                        panic!(
                            "invariant: built-in questions are valid\n{}",
                            said.join("\n")
                        );
                    }
                }
            }
            all
        })
    }

    /// Reads a bank file. `file` is only a name for the messages. Every problem is told, each with
    /// its line.
    pub fn parse(file: &str, text: &str) -> Result<Self, Vec<Problem>> {
        file::parse_questions(file, text)
    }

    /// These and others; of two with one id the other stays.
    pub fn with(&self, others: &Self) -> Self {
        let mut all = self.clone();
        all.by_id.extend(others.by_id.clone());
        all
    }

    /// The question with this id.
    pub fn get(&self, id: &QuestionId) -> Option<&BankQuestion> {
        self.by_id.get(id)
    }

    /// Every question, by id.
    pub fn list(&self) -> impl ExactSizeIterator<Item = &BankQuestion> {
        self.by_id.values()
    }
}
