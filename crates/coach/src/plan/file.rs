//! One plan file: TOML text → [`Entry`], or every problem with its line.
//!
//! Walks the parsed document by hand rather than through `Deserialize`, because a person who
//! writes a plan wants all mistakes at once, each with a line and the key that was probably meant.

use std::collections::BTreeMap;
use std::ops::Range;

use protocol::id::{PlanId, QuestionId};
use protocol::value::{Plan, PlanOptions, Question};
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::{
    DURATION_MS_MAX, DURATION_MS_MIN, EXTENSIONS_MAX, Entry, LIMIT_MS_MAX, LIMIT_MS_MIN, Problem,
    QUESTIONS_MAX, TEXT_CHARS_MAX, TITLE_CHARS_MAX, parse_duration,
};

const PLAN_KEYS: &[&str] = &[
    "id",
    "title",
    "description",
    "language",
    "options",
    "questions",
];
const OPTION_KEYS: &[&str] = &[
    "start_on_join",
    "pause_on_disconnect",
    "candidate_sees_transcript",
    "extensions",
    "extension",
    "max_duration",
];
const QUESTION_KEYS: &[&str] = &["id", "text", "limit"];

/// Reads a plan. `file` is only a name for the messages.
pub fn parse(file: &str, text: &str) -> Result<Entry, Vec<Problem>> {
    let mut reader = Reader {
        file,
        text,
        problems: Vec::new(),
    };
    let (document, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        for error in errors {
            reader.say(error.span(), error.message().trim().to_owned());
        }
        return Err(reader.problems);
    }
    let entry = reader.plan(document.get_ref());
    match entry {
        Some(entry) if reader.problems.is_empty() => Ok(entry),
        _ => {
            reader.problems.sort_by_key(|p| p.line);
            Err(reader.problems)
        }
    }
}

struct Reader<'a> {
    file: &'a str,
    text: &'a str,
    problems: Vec<Problem>,
}

type Value<'i> = Spanned<DeValue<'i>>;

impl Reader<'_> {
    fn say(&mut self, span: Option<Range<usize>>, message: String) {
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
        let questions = self.questions(table);
        let id = id?;
        Some(Entry {
            id: id.clone(),
            description: description.unwrap_or_default(),
            language: language?,
            plan: Plan {
                id: Some(id),
                title: title?,
                questions: questions?,
                options: options?,
            },
        })
    }

    fn check_keys(&mut self, table: &DeTable<'_>, known: &[&str], what: &str) {
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

    fn questions(&mut self, table: &DeTable<'_>) -> Option<Vec<Question>> {
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
            if let Some(question) = self.question(table, item.span()) {
                if lines.contains_key(&question.id) {
                    let at = table.get("id").map_or(item.span(), Spanned::span);
                    let message = format!(
                        "the question id `{}` is used twice; expected another one",
                        question.id
                    );
                    self.say(Some(at), message);
                }
                lines.insert(question.id.clone(), item.span());
                questions.push(question);
            }
        }
        (questions.len() == array.len()).then_some(questions)
    }

    fn question(&mut self, table: &DeTable<'_>, span: Range<usize>) -> Option<Question> {
        const WHAT: &str = "a question";
        self.check_keys(table, QUESTION_KEYS, WHAT);
        let id = self.id(table, WHAT, Some(span.clone()), QuestionId::parse);
        let text = self.text(table, "text", TEXT_CHARS_MAX, WHAT, Some(span.clone()));
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
        Some(Question {
            id: id?,
            text: text?,
            limit_ms: limit?,
        })
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

    fn text(
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

    fn checked_text(&mut self, value: &Value<'_>, key: &str, chars_max: usize) -> Option<String> {
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
    fn duration(
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

    fn missing(&mut self, key: &str, what: &str, expected: &str, span: Option<Range<usize>>) {
        self.say(span, format!("{what} needs `{key}`: {expected}"));
    }

    fn wrong_kind(&mut self, value: &Value<'_>, key: &str, expected: &str) {
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
