//! The plan bank: the built-in plans and an organisation's own, read from TOML files.
//!
//! A plan file is checked as a whole and all its problems are told at once, each with its line.
//! Reading one file is `file`'s business; here is what a bank is and which plan wins.

mod duration;
mod file;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use protocol::id::PlanId;
use protocol::value::Plan;

pub use duration::{DurationError, parse_duration};
pub use file::parse;

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
        "plans/technical.toml",
        include_str!("../../../../plans/technical.toml"),
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

/// Plans by id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bank {
    entries: BTreeMap<PlanId, Entry>,
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
        }
    }

    /// The built-in plans and every `*.toml` file of a folder (not of its subfolders) over them: a
    /// file with the id of a built-in plan takes its place. Two files with one id are an error.
    /// Nothing is taken from a folder with any mistake in it.
    pub fn load_dir(folder: &Path) -> Result<Self, BankError> {
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
        let mut problems = Vec::new();
        if paths.len() > FILES_MAX {
            problems.push(Problem {
                file: folder.display().to_string(),
                line: None,
                message: format!("{} plan files; expected at most {FILES_MAX}", paths.len()),
            });
            return Err(BankError::Invalid(problems));
        }
        let mut own: BTreeMap<PlanId, (String, Entry)> = BTreeMap::new();
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
                    Ok(entry) => match own.get(&entry.id) {
                        Some((first, _)) => problems.push(Problem {
                            file,
                            line: None,
                            message: format!("the plan id `{}` is taken by {first}", entry.id),
                        }),
                        None => {
                            own.insert(entry.id.clone(), (file, entry));
                        }
                    },
                },
            }
        }
        if !problems.is_empty() {
            return Err(BankError::Invalid(problems));
        }
        let mut bank = Self::builtin();
        let own = own.into_iter().map(|(id, (_, entry))| (id, entry));
        bank.entries.extend(own);
        Ok(bank)
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
