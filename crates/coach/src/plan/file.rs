//! One plan file: TOML text → [`Entry`], or every problem with its line.
//!
//! Walks the parsed document by hand rather than through `Deserialize`, because a person who
//! writes a plan wants all mistakes at once, each with a line and the key that was probably meant.

use std::collections::BTreeMap;
use std::ops::Range;

use protocol::id::{PlanId, QuestionId};
use protocol::value::{Audience, Consent, Plan, PlanOptions, Question, Role};
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::points::{RUBRIC_KEYS, rubric};
use super::{
    BankQuestion, CONSENT_VERSION_CHARS_MAX, DURATION_MS_MAX, DURATION_MS_MIN, EXTENSIONS_MAX,
    Entry, LIMIT_MS_MAX, LIMIT_MS_MIN, PURPOSES_MAX, Problem, QUESTIONS_MAX, Questions,
    TEXT_CHARS_MAX, TITLE_CHARS_MAX, parse_duration,
};
use crate::rubric::{Mode, Rubric};

const PLAN_KEYS: &[&str] = &[
    "id",
    "title",
    "description",
    "language",
    "options",
    "coaching",
    "consent",
    "words",
    "questions",
];
const BANK_KEYS: &[&str] = &["questions"];
const COACHING_KEYS: &[&str] = &["mode", "suggestions_to"];
const CONSENT_KEYS: &[&str] = &["version", "text", "purposes"];
const OPTION_KEYS: &[&str] = &[
    "start_on_join",
    "pause_on_disconnect",
    "candidate_sees_transcript",
    "extensions",
    "extension",
    "max_duration",
];
const QUESTION_KEYS: &[&str] = &[
    "id", "use", "text", "limit", "kind", "target", "weight", "points",
];

/// Reads a plan whose `use = …` mean questions of the built-in bank. `file` is only a name for the
/// messages.
pub fn parse(file: &str, text: &str) -> Result<Entry, Vec<Problem>> {
    parse_with(Questions::builtin(), file, text)
}

/// Reads a plan whose `use = …` mean questions of this bank.
pub fn parse_with(bank: &Questions, file: &str, text: &str) -> Result<Entry, Vec<Problem>> {
    read(bank, file, text, |reader, table| reader.plan(table))
}

/// Reads a bank file.
pub(super) fn parse_questions(file: &str, text: &str) -> Result<Questions, Vec<Problem>> {
    let none = Questions::default();
    read(&none, file, text, |reader, table| reader.bank_file(table))
}

fn read<T>(
    bank: &Questions,
    file: &str,
    text: &str,
    what: impl FnOnce(&mut Reader<'_>, &DeTable<'_>) -> Option<T>,
) -> Result<T, Vec<Problem>> {
    let mut reader = Reader {
        file,
        text,
        bank,
        problems: Vec::new(),
    };
    let (document, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        for error in errors {
            reader.say(error.span(), error.message().trim().to_owned());
        }
        return Err(reader.problems);
    }
    let found = what(&mut reader, document.get_ref());
    match found {
        Some(found) if reader.problems.is_empty() => Ok(found),
        _ => {
            reader.problems.sort_by_key(|p| p.line);
            Err(reader.problems)
        }
    }
}

pub(super) struct Reader<'a> {
    file: &'a str,
    text: &'a str,
    bank: &'a Questions,
    problems: Vec<Problem>,
}

pub(super) type Value<'i> = Spanned<DeValue<'i>>;

impl Reader<'_> {
    pub(super) fn say(&mut self, span: Option<Range<usize>>, message: String) {
        let line = span.map(|span| {
            let before = self.text.as_bytes().iter().take(span.start);
            1 + before.filter(|b| **b == b'\n').count()
        });
        self.problems.push(Problem {
            file: self.file.to_owned(),
            line,
            message,
        });
    }

    /// None exactly when a problem was said.
    fn plan(&mut self, table: &DeTable<'_>) -> Option<Entry> {
        self.check_keys(table, PLAN_KEYS, "a plan");
        let whole = Some(0..0);
        let id = self.id(table, "a plan", whole.clone(), PlanId::parse);
        let title = self.text(table, "title", TITLE_CHARS_MAX, "a plan", whole.clone());
        let description = self.optional_text(table, "description", TEXT_CHARS_MAX);
        let language = self.language(table);
        let options = self.options(table);
        let coaching = self.coaching(table);
        let consent = self.consent(table);
        let words = self.words(table);
        let questions = self.questions(table);
        let id = id?;
        let (questions, rubrics): (Vec<Question>, Vec<Option<Rubric>>) =
            questions?.into_iter().unzip();
        let ids = questions.iter().map(|q| q.id.clone());
        let rubrics = ids
            .zip(rubrics)
            .filter_map(|(id, r)| Some((id, r?)))
            .collect();
        let (mode, suggestions_to) = coaching?;
        let mut options = options?;
        options.suggestions_to = Audience::of(suggestions_to);
        let mut entry = Entry {
            id: id.clone(),
            description: description.unwrap_or_default(),
            language: language?,
            plan: Plan {
                id: Some(id),
                title: title?,
                questions,
                options,
                consent: consent?,
                words: words?,
                scoring: None,
            },
            mode,
            rubrics,
        };
        entry.plan.scoring = entry.scoring().map(|scoring| scoring.name());
        Some(entry)
    }

    pub(super) fn check_keys(&mut self, table: &DeTable<'_>, known: &[&str], what: &str) {
        for key in table.keys() {
            let name: &str = key.get_ref();
            if known.contains(&name) {
                continue;
            }
            let near = known
                .iter()
                .map(|k| (strsim::jaro_winkler(name, k), k))
                .max_by(|a, b| a.0.total_cmp(&b.0))
                .filter(|(likeness, _)| *likeness > 0.75);
            let hint = match near {
                Some((_, key)) => format!("did you mean `{key}`?"),
                None => format!("expected one of {}", known.join(", ")),
            };
            let name = crate::text::shortened(&crate::text::plain(name), 60);
            self.say(
                Some(key.span()),
                format!("unknown key `{name}` in {what}; {hint}"),
            );
        }
    }

    fn options(&mut self, table: &DeTable<'_>) -> Option<PlanOptions> {
        let mut options = PlanOptions::default();
        let Some(value) = table.get("options") else {
            return Some(options);
        };
        let DeValue::Table(table) = value.get_ref() else {
            self.wrong_kind(value, "options", "a table [options]");
            return None;
        };
        let before = self.problems.len();
        self.check_keys(table, OPTION_KEYS, "[options]");
        for (key, slot) in [
            ("start_on_join", &mut options.start_on_join),
            ("pause_on_disconnect", &mut options.pause_on_disconnect),
            (
                "candidate_sees_transcript",
                &mut options.candidate_sees_transcript,
            ),
        ] {
            match table.get(key) {
                None => {}
                Some(value) => match value.get_ref() {
                    DeValue::Boolean(set) => *slot = *set,
                    _ => self.wrong_kind(value, key, "true or false"),
                },
            }
        }
        if let Some(value) = table.get("extensions") {
            match value.get_ref() {
                DeValue::Integer(n) => match n.as_str().parse::<u32>() {
                    Ok(n) if n <= EXTENSIONS_MAX => options.extensions = n,
                    _ => self.say(
                        Some(value.span()),
                        format!("`extensions`: expected 0 to {EXTENSIONS_MAX}, found {n}"),
                    ),
                },
                _ => self.wrong_kind(value, "extensions", "a whole number"),
            }
        }
        if let Some(value) = table.get("extension")
            && let Some(ms) = self.duration(value, "extension", LIMIT_MS_MIN..=LIMIT_MS_MAX)
        {
            options.extension_ms = ms;
        }
        if let Some(value) = table.get("max_duration") {
            options.max_duration_ms =
                self.duration(value, "max_duration", DURATION_MS_MIN..=DURATION_MS_MAX);
        }
        (self.problems.len() == before).then_some(options)
    }

    fn questions(&mut self, table: &DeTable<'_>) -> Option<Vec<(Question, Option<Rubric>)>> {
        let Some(value) = table.get("questions") else {
            return Some(Vec::new());
        };
        let array: &DeArray<'_> = match value.get_ref() {
            DeValue::Array(array) => array,
            _ => {
                self.wrong_kind(value, "questions", "a list, each as [[questions]]");
                return None;
            }
        };
        if array.len() > QUESTIONS_MAX {
            self.say(
                Some(value.span()),
                format!(
                    "{} questions; expected at most {QUESTIONS_MAX}",
                    array.len()
                ),
            );
            return None;
        }
        let mut questions = Vec::new();
        let mut lines: BTreeMap<QuestionId, Range<usize>> = BTreeMap::new();
        for item in array.iter() {
            let DeValue::Table(table) = item.get_ref() else {
                self.wrong_kind(item, "questions", "a list of tables, each as [[questions]]");
                continue;
            };
            if let Some((question, rubric)) = self.question(table, item.span()) {
                if lines.contains_key(&question.id) {
                    let at = table.get("id").map_or(item.span(), Spanned::span);
                    let message = format!(
                        "the question id `{}` is used twice; expected another one",
                        question.id
                    );
                    self.say(Some(at), message);
                }
                lines.insert(question.id.clone(), item.span());
                questions.push((question, rubric));
            }
        }
        (questions.len() == array.len()).then_some(questions)
    }

    fn question(
        &mut self,
        table: &DeTable<'_>,
        span: Range<usize>,
    ) -> Option<(Question, Option<Rubric>)> {
        const WHAT: &str = "a question";
        self.check_keys(table, QUESTION_KEYS, WHAT);
        if let Some(value) = table.get("use") {
            return self.used(table, value);
        }
        let id = self.id(table, WHAT, Some(span.clone()), QuestionId::parse);
        let text = self.text(table, "text", TEXT_CHARS_MAX, WHAT, Some(span.clone()));
        let rubric = rubric(self, table, &span);
        let limit = match table.get("limit") {
            Some(value) => self.duration(value, "limit", LIMIT_MS_MIN..=LIMIT_MS_MAX),
            None => {
                self.missing(
                    "limit",
                    WHAT,
                    "a length of time such as \"90s\"",
                    Some(span),
                );
                None
            }
        };
        let question = Question {
            id: id?,
            text: text?,
            limit_ms: limit?,
        };
        Some((question, rubric?))
    }

    /// A question of the bank, with another limit if the plan says so.
    fn used(
        &mut self,
        table: &DeTable<'_>,
        value: &Value<'_>,
    ) -> Option<(Question, Option<Rubric>)> {
        for key in RUBRIC_KEYS.iter().chain(&["id", "text"]) {
            if let Some(other) = table.get(*key) {
                let message =
                    format!("`{key}` comes from the bank; expected only `use` and `limit`");
                self.say(Some(other.span()), message);
            }
        }
        let limit = match table.get("limit") {
            Some(value) => Some(self.duration(value, "limit", LIMIT_MS_MIN..=LIMIT_MS_MAX)?),
            None => None,
        };
        let DeValue::String(name) = value.get_ref() else {
            self.wrong_kind(value, "use", "the id of a question of the bank in quotes");
            return None;
        };
        let found = QuestionId::parse(name)
            .ok()
            .and_then(|id| self.bank.get(&id));
        let Some(found) = found else {
            let ids = self.bank.list().map(|q| q.question.id.as_str());
            let near = ids
                .map(|id| (strsim::jaro_winkler(name, id), id))
                .max_by(|a, b| a.0.total_cmp(&b.0))
                .filter(|(likeness, _)| *likeness > 0.75);
            let hint = match near {
                Some((_, id)) => format!("did you mean `{id}`?"),
                None => "expected the id of one that is".to_owned(),
            };
            let name = crate::text::shortened(&crate::text::plain(name), 60);
            let message = format!("`use`: no question `{name}` in the bank; {hint}");
            self.say(Some(value.span()), message);
            return None;
        };
        let mut question = found.question.clone();
        question.limit_ms = limit.unwrap_or(question.limit_ms);
        Some((question, Some(found.rubric.clone())))
    }

    fn bank_file(&mut self, table: &DeTable<'_>) -> Option<Questions> {
        self.check_keys(table, BANK_KEYS, "a file of the question bank");
        let spans: Vec<Range<usize>> = match table.get("questions").map(Spanned::get_ref) {
            Some(DeValue::Array(array)) => array.iter().map(Spanned::span).collect(),
            _ => Vec::new(),
        };
        let mut all = Questions::default();
        for ((question, rubric), span) in self.questions(table)?.into_iter().zip(spans) {
            let Some(rubric) = rubric else {
                let message = format!(
                    "the question `{}` has no points; expected [[questions.points]]",
                    question.id
                );
                self.say(Some(span), message);
                continue;
            };
            let id = question.id.clone();
            all.by_id.insert(id, BankQuestion { question, rubric });
        }
        Some(all)
    }

    /// None exactly when a problem was said.
    fn consent(&mut self, table: &DeTable<'_>) -> Option<Option<Consent>> {
        const WHAT: &str = "[consent]";
        let Some(value) = table.get("consent") else {
            return Some(None);
        };
        let DeValue::Table(table) = value.get_ref() else {
            self.wrong_kind(value, "consent", "a table [consent]");
            return None;
        };
        let span = Some(value.span());
        let before = self.problems.len();
        self.check_keys(table, CONSENT_KEYS, WHAT);
        let most = CONSENT_VERSION_CHARS_MAX;
        let version = self.text(table, "version", most, WHAT, span.clone());
        let text = self.text(table, "text", TEXT_CHARS_MAX, WHAT, span.clone());
        let purposes = match table.get("purposes") {
            None => {
                let expected = "what for, such as [\"transcription\", \"scoring\"]";
                self.missing("purposes", WHAT, expected, span);
                None
            }
            Some(value) => self.purposes(value),
        };
        let (version, text, purposes) = (version?, text?, purposes?);
        (self.problems.len() == before).then_some(Some(Consent {
            version,
            text,
            purposes,
        }))
    }

    fn purposes(&mut self, value: &Value<'_>) -> Option<Vec<String>> {
        let (many, chars) = PURPOSES_MAX;
        let array = match value.get_ref() {
            DeValue::Array(array) if (1..=many).contains(&array.len()) => array,
            _ => {
                let message = format!("`purposes`: expected a list of 1 to {many} texts");
                self.say(Some(value.span()), message);
                return None;
            }
        };
        let read = array.iter().map(|item| {
            let text = self.checked_text(item, "purposes", chars)?;
            if text.is_empty() {
                let message = "`purposes`: expected texts that are not empty";
                self.say(Some(item.span()), message.to_owned());
                return None;
            }
            Some(text)
        });
        let read: Vec<Option<String>> = read.collect();
        read.into_iter().collect()
    }

    fn coaching(&mut self, table: &DeTable<'_>) -> Option<(Mode, Vec<Role>)> {
        let (mut mode, mut to) = (Mode::default(), vec![Role::Interviewer, Role::Observer]);
        let Some(value) = table.get("coaching") else {
            return Some((mode, to));
        };
        let DeValue::Table(table) = value.get_ref() else {
            self.wrong_kind(value, "coaching", "a table [coaching]");
            return None;
        };
        let before = self.problems.len();
        self.check_keys(table, COACHING_KEYS, "[coaching]");
        if let Some(value) = table.get("mode") {
            match value.get_ref() {
                DeValue::String(name) if name == "practice" => mode = Mode::Practice,
                DeValue::String(name) if name == "hiring" => mode = Mode::Hiring,
                _ => self.say(
                    Some(value.span()),
                    "`mode`: expected \"practice\" or \"hiring\"".to_owned(),
                ),
            }
        }
        if let Some(value) = table.get("suggestions_to") {
            let roles = match value.get_ref() {
                DeValue::Array(array) => array.iter().map(|v| named_role(v.get_ref())).collect(),
                _ => None,
            };
            match roles {
                Some(roles) => to = roles,
                None => self.say(
                    Some(value.span()),
                    "`suggestions_to`: expected a list of \"candidate\", \"interviewer\" and \
                     \"observer\", or []"
                        .to_owned(),
                ),
            }
        }
        (self.problems.len() == before).then_some((mode, to))
    }

    fn id<T>(
        &mut self,
        table: &DeTable<'_>,
        what: &str,
        span: Option<Range<usize>>,
        parse: fn(&str) -> Result<T, protocol::id::IdError>,
    ) -> Option<T> {
        let Some(value) = table.get("id") else {
            self.missing("id", what, "a short name such as \"teamwork\"", span);
            return None;
        };
        let DeValue::String(text) = value.get_ref() else {
            self.wrong_kind(value, "id", "a text in quotes");
            return None;
        };
        match parse(text) {
            Ok(id) => Some(id),
            Err(error) => {
                self.say(Some(value.span()), format!("`id`: {error}"));
                None
            }
        }
    }

    pub(super) fn text(
        &mut self,
        table: &DeTable<'_>,
        key: &str,
        chars_max: usize,
        what: &str,
        span: Option<Range<usize>>,
    ) -> Option<String> {
        let Some(value) = table.get(key) else {
            self.missing(key, what, "a text in quotes", span);
            return None;
        };
        let text = self.checked_text(value, key, chars_max)?;
        if text.is_empty() {
            let message = format!("`{key}` is empty; expected a text");
            self.say(Some(value.span()), message);
            return None;
        }
        Some(text)
    }

    fn optional_text(
        &mut self,
        table: &DeTable<'_>,
        key: &str,
        chars_max: usize,
    ) -> Option<String> {
        self.checked_text(table.get(key)?, key, chars_max)
    }

    pub(super) fn checked_text(
        &mut self,
        value: &Value<'_>,
        key: &str,
        chars_max: usize,
    ) -> Option<String> {
        let DeValue::String(text) = value.get_ref() else {
            self.wrong_kind(value, key, "a text in quotes");
            return None;
        };
        let text = text.trim();
        let chars = text.chars().count();
        if chars > chars_max {
            let message = format!("`{key}` has {chars} characters; expected at most {chars_max}");
            self.say(Some(value.span()), message);
            return None;
        }
        if text
            .chars()
            .any(|c| c.is_control() && c != '\n' && c != '\r')
        {
            let message = format!(
                "`{key}` holds a control character; expected plain text, with line breaks at most"
            );
            self.say(Some(value.span()), message);
            return None;
        }
        Some(text.replace("\r\n", "\n"))
    }

    fn language(&mut self, table: &DeTable<'_>) -> Option<String> {
        let Some(value) = table.get("language") else {
            return Some("en".to_owned());
        };
        let text = self.checked_text(value, "language", 35)?;
        let mut parts = text.split('-');
        let first = parts.next().unwrap_or_default();
        let ok = (2..=3).contains(&first.len())
            && first.bytes().all(|b| b.is_ascii_lowercase())
            && parts.all(|part| {
                (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
            });
        if !ok {
            let message = "`language`: expected a language tag such as \"en\" or \"pt-BR\"";
            self.say(Some(value.span()), message.to_owned());
            return None;
        }
        Some(text)
    }

    /// A text with a unit, or a whole number of milliseconds, within bounds.
    pub(super) fn duration(
        &mut self,
        value: &Value<'_>,
        key: &str,
        bounds: std::ops::RangeInclusive<u64>,
    ) -> Option<u64> {
        let read = match value.get_ref() {
            DeValue::String(text) => parse_duration(text).map_err(|e| e.to_string()),
            DeValue::Integer(n) => u64::from_str_radix(n.as_str(), n.radix())
                .map_err(|_| format!("expected a number of milliseconds, found {n}")),
            _ => {
                let expected = "a length of time such as \"90s\", or milliseconds";
                self.wrong_kind(value, key, expected);
                return None;
            }
        };
        match read {
            Ok(ms) if bounds.contains(&ms) => Some(ms),
            Ok(ms) => {
                let message = format!(
                    "`{key}`: expected {} to {}, found {}",
                    crate::text::spelled(*bounds.start()),
                    crate::text::spelled(*bounds.end()),
                    if ms < 1000 {
                        format!("{ms} ms")
                    } else {
                        crate::text::spelled(ms)
                    }
                );
                self.say(Some(value.span()), message);
                None
            }
            Err(message) => {
                self.say(Some(value.span()), format!("`{key}`: {message}"));
                None
            }
        }
    }

    pub(super) fn missing(
        &mut self,
        key: &str,
        what: &str,
        expected: &str,
        span: Option<Range<usize>>,
    ) {
        self.say(span, format!("{what} needs `{key}`: {expected}"));
    }

    pub(super) fn wrong_kind(&mut self, value: &Value<'_>, key: &str, expected: &str) {
        let found = match value.get_ref() {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a number with a point",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        let message = format!("`{key}`: expected {expected}, found {found}");
        self.say(Some(value.span()), message);
    }
}

fn named_role(value: &DeValue<'_>) -> Option<Role> {
    match value {
        DeValue::String(name) if name == "candidate" => Some(Role::Candidate),
        DeValue::String(name) if name == "interviewer" => Some(Role::Interviewer),
        DeValue::String(name) if name == "observer" => Some(Role::Observer),
        _ => None,
    }
}
