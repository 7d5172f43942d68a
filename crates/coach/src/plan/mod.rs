//! The plan bank: the built-in plans and an organisation's own, read from TOML files.
//!
//! A plan file is checked as a whole and all its problems are told at once, each with its line.
//! Reading one file is `file`'s business; here is what a bank is and which plan wins.

pub mod document;
mod duration;
mod file;
mod points;
mod questions;
mod shelf;
mod words;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use protocol::id::{PlanId, QuestionId};
use protocol::value::Plan;

pub use duration::{DurationError, parse_duration};
pub use file::{parse, parse_with};
pub use questions::{BankQuestion, Questions};
pub use shelf::Shelf;
pub use words::{WORD_CHARS_MAX, WORD_LETTERS_MIN, WORD_PARTS_MAX, WORDS_MAX};

use crate::rubric::{Mode, Rubric, Scoring};

/// Most questions a plan may have.
pub const QUESTIONS_MAX: usize = 50;
/// Longest question or description, in characters.
pub const TEXT_CHARS_MAX: usize = 2_000;
/// Longest title, in characters.
pub const TITLE_CHARS_MAX: usize = 200;
/// Shortest limit of a question and shortest extension, milliseconds.
pub const LIMIT_MS_MIN: u64 = 5_000;
/// Longest limit of a question and longest extension, milliseconds.
pub const LIMIT_MS_MAX: u64 = 3_600_000;
/// Most extensions a question may be given.
pub const EXTENSIONS_MAX: u32 = 10;
/// Shortest `max_duration`, milliseconds.
pub const DURATION_MS_MIN: u64 = 60_000;
/// Longest `max_duration`, milliseconds.
pub const DURATION_MS_MAX: u64 = 8 * 3_600_000;
/// Largest plan file, bytes.
pub const FILE_BYTES_MAX: u64 = 256 * 1024;
/// Most plan files in a folder.
pub const FILES_MAX: usize = 500;

/// Fewest points of a scored question.
pub const POINTS_MIN: usize = 3;
/// Most points of a scored question.
pub const POINTS_MAX: usize = 8;
/// Longest name of a consent's wording, characters; the wire's limit.
pub const CONSENT_VERSION_CHARS_MAX: usize = protocol::limits::CONSENT_VERSION_CHARS_MAX;
/// Most purposes of a consent, and the longest one in characters.
pub const PURPOSES_MAX: (usize, usize) = (8, 80);
/// Longest label of a point, characters.
pub const LABEL_CHARS_MAX: usize = 120;
/// Most ways of saying a point.
pub const ALTERNATIVES_MAX: usize = 24;
/// Most groups in a way of saying a point.
pub const GROUPS_MAX: usize = 5;
/// Most phrases in a group.
pub const PHRASES_MAX: usize = 40;
/// Longest phrase, characters.
pub const PHRASE_CHARS_MAX: usize = 60;
/// Widest `near`, words.
pub const NEAR_MAX: u32 = 40;
/// Largest weight of a point or question.
pub const WEIGHT_MAX: u32 = 10;
/// Subfolder of a plan folder that holds an organisation's own question bank.
pub const BANK_FOLDER: &str = "bank";

/// Name and text of the plans that ship with the server.
const BUILTIN: &[(&str, &str)] = &[
    (
        "plans/behavioral.toml",
        include_str!("../../../../plans/behavioral.toml"),
    ),
    (
        "plans/practice.toml",
        include_str!("../../../../plans/practice.toml"),
    ),
    (
        "plans/situational.toml",
        include_str!("../../../../plans/situational.toml"),
    ),
    (
        "plans/technical.toml",
        include_str!("../../../../plans/technical.toml"),
    ),
    (
        "plans/technical-operations.toml",
        include_str!("../../../../plans/technical-operations.toml"),
    ),
];

/// A plan of the bank: what the engine runs, and what people choose it by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name in the bank; the same as `plan.id`.
    pub id: PlanId,
    /// One or two sentences on what it is good for.
    pub description: String,
    /// Language of the questions, as a tag like `en` or `pt-BR`.
    pub language: String,
    /// Questions and options.
    pub plan: Plan,
    /// What its scores are for.
    pub mode: Mode,
    /// Scoring keys of its questions. A question without one is not scored.
    pub rubrics: BTreeMap<QuestionId, Rubric>,
}

impl Entry {
    /// How its answers are scored; none if no question has a key.
    pub fn scoring(&self) -> Option<Scoring> {
        (!self.rubrics.is_empty()).then(|| Scoring {
            mode: self.mode,
            language: self.language.clone(),
            rubrics: self.rubrics.clone(),
            ..Scoring::default()
        })
    }
}

/// Something wrong with a plan file, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file, as it was named to the reader.
    pub file: String,
    /// 1-based line, where one is to blame.
    pub line: Option<usize>,
    /// What is wrong and what was expected.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", self.message)
    }
}

/// Why a bank could not be made.
#[derive(Debug, thiserror::Error)]
pub enum BankError {
    /// A folder or file could not be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Files were read and are wrong; every problem found, one a line.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Invalid(Vec<Problem>),
}

impl BankError {
    /// The stable word for it: `plan_unreadable` or `plan_invalid`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "plan_unreadable",
            Self::Invalid(_) => "plan_invalid",
        }
    }
}

/// Plans by id, and the questions they are made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bank {
    entries: BTreeMap<PlanId, Entry>,
    questions: Questions,
}

impl Bank {
    /// The plans that ship with the server.
    pub fn builtin() -> Self {
        static ENTRIES: OnceLock<BTreeMap<PlanId, Entry>> = OnceLock::new();
        let entries = ENTRIES.get_or_init(|| {
            BUILTIN
                .iter()
                .map(|(name, text)| {
                    let entry = parse(name, text).expect("invariant: built-in plans are valid");
                    (entry.id.clone(), entry)
                })
                .collect()
        });
        Self {
            entries: entries.clone(),
            questions: Questions::builtin().clone(),
        }
    }

    /// The built-in plans and every `*.toml` file of a folder over them: a file with the id of a
    /// built-in plan takes its place. Two files with one id are an error. Files in the subfolder
    /// [`BANK_FOLDER`], if there is one, are question banks and go over the built-in questions in
    /// the same way. Nothing is taken from a folder with any mistake in it.
    pub fn load_dir(folder: &Path) -> Result<Self, BankError> {
        let mut problems = Vec::new();
        let mut questions = Questions::builtin().clone();
        let own_questions = folder.join(BANK_FOLDER);
        if own_questions.is_dir() {
            let files = load_files(&own_questions, &mut problems, Questions::parse)?;
            let mut first: BTreeMap<QuestionId, String> = BTreeMap::new();
            for (file, found) in files {
                for id in found.by_id.keys() {
                    if let Some(first) = first.insert(id.clone(), file.clone()) {
                        problems.push(Problem {
                            file: file.clone(),
                            line: None,
                            message: format!("the question id `{id}` is taken by {first}"),
                        });
                    }
                }
                questions = questions.with(&found);
            }
        }
        let files = load_files(folder, &mut problems, |file, text| {
            parse_with(&questions, file, text)
        })?;
        let mut own: BTreeMap<PlanId, (String, Entry)> = BTreeMap::new();
        for (file, entry) in files {
            match own.get(&entry.id) {
                Some((first, _)) => problems.push(Problem {
                    file,
                    line: None,
                    message: format!("the plan id `{}` is taken by {first}", entry.id),
                }),
                None => {
                    own.insert(entry.id.clone(), (file, entry));
                }
            }
        }
        if !problems.is_empty() {
            return Err(BankError::Invalid(problems));
        }
        let mut bank = Self::builtin();
        bank.questions = questions;
        let own = own.into_iter().map(|(id, (_, entry))| (id, entry));
        bank.entries.extend(own);
        Ok(bank)
    }

    /// The questions plans may use.
    pub fn questions(&self) -> &Questions {
        &self.questions
    }

    /// How the answers of a session with this plan are scored: as its entry in the bank says, for
    /// each question that has the text it has there. A question of another plan, or of none, is
    /// scored if it is word for word one of the question bank.
    pub fn scoring(&self, plan: &Plan) -> Scoring {
        let entry = plan.id.as_ref().and_then(|id| self.entries.get(id));
        let mut rubrics = BTreeMap::new();
        for question in &plan.questions {
            let planned = entry.and_then(|e| {
                let same = |q: &&protocol::value::Question| q.id == question.id;
                let known = e.plan.questions.iter().find(same)?;
                (known.text == question.text).then(|| e.rubrics.get(&question.id))?
            });
            let banked = self.questions.get(&question.id);
            let banked = banked.filter(|b| b.question.text == question.text);
            if let Some(rubric) = planned.or(banked.map(|b| &b.rubric)) {
                rubrics.insert(question.id.clone(), rubric.clone());
            }
        }
        Scoring {
            mode: entry.map(|e| e.mode).unwrap_or_default(),
            language: entry.map_or_else(|| "en".to_owned(), |e| e.language.clone()),
            rubrics,
            ..Scoring::default()
        }
    }

    /// Puts a plan in, over one with the same id, which is returned. To be made with
    /// [`parse_with`] and [`Self::questions`].
    pub fn put(&mut self, entry: Entry) -> Option<Entry> {
        self.entries.insert(entry.id.clone(), entry)
    }

    /// Takes a plan out. A built-in plan that stood under it does not come back.
    pub fn remove(&mut self, id: &PlanId) -> Option<Entry> {
        self.entries.remove(id)
    }

    /// The plan with this id.
    pub fn get(&self, id: &PlanId) -> Option<&Plan> {
        self.entries.get(id).map(|entry| &entry.plan)
    }

    /// The plan with this id, with its description and language.
    pub fn entry(&self, id: &PlanId) -> Option<&Entry> {
        self.entries.get(id)
    }

    /// Every plan, by id.
    pub fn list(&self) -> impl ExactSizeIterator<Item = &Entry> {
        self.entries.values()
    }
}

/// Every `*.toml` file of a folder (not of its subfolders), by name.
fn load_files<T>(
    folder: &Path,
    problems: &mut Vec<Problem>,
    parse: impl Fn(&str, &str) -> Result<T, Vec<Problem>>,
) -> Result<Vec<(String, T)>, BankError> {
    let unreadable = |path: &Path, source| BankError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let mut paths = Vec::new();
    for item in std::fs::read_dir(folder).map_err(|e| unreadable(folder, e))? {
        let path = item.map_err(|e| unreadable(folder, e))?.path();
        if path.extension().is_some_and(|e| e == "toml") {
            paths.push(path);
        }
    }
    paths.sort();
    if paths.len() > FILES_MAX {
        problems.push(Problem {
            file: folder.display().to_string(),
            line: None,
            message: format!("{} plan files; expected at most {FILES_MAX}", paths.len()),
        });
        return Ok(Vec::new());
    }
    let mut all = Vec::new();
    for path in &paths {
        let file = path.display().to_string();
        match read(path).map_err(|e| unreadable(path, e))? {
            None => problems.push(Problem {
                file,
                line: None,
                message: format!("expected a UTF-8 file of at most {FILE_BYTES_MAX} bytes"),
            }),
            Some(text) => match parse(&file, &text) {
                Err(found) => problems.extend(found),
                Ok(found) => all.push((file, found)),
            },
        }
    }
    Ok(all)
}

/// The text of a file; none if it is too large or no UTF-8.
fn read(path: &Path) -> std::io::Result<Option<String>> {
    use std::io::Read;

    let mut bytes = Vec::new();
    std::fs::File::open(path)?
        .take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Ok(None);
    }
    Ok(String::from_utf8(bytes).ok())
}

#[cfg(test)]
mod tests;
