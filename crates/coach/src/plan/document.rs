//! A plan as a JSON document, both ways. Coming in it becomes the same text a file has, so that one
//! reader checks both; what the reader finds wrong is told with its place in the document.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::{Entry, Problem, Questions, parse_with};
use crate::rubric::{Rubric, Way};

/// Names in JSON and in files, where they differ by more than the way of writing.
const RENAMED: &[(&str, &str)] = &[
    ("limitMs", "limit"),
    ("targetMs", "target"),
    ("extensionMs", "extension"),
    ("maxDurationMs", "max_duration"),
];

/// Something wrong with a JSON document, and where.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Misfit {
    /// Like `questions[2].points[0].any`; empty: the document as a whole.
    pub path: String,
    /// What is wrong and what was expected.
    pub message: String,
}

/// Reads a document. Gives the plan and the text it is kept as.
///
/// # Errors
/// Everything that is wrong with it.
pub fn from_json(bank: &Questions, document: &Value) -> Result<(Entry, String), Vec<Misfit>> {
    let Value::Object(fields) = document else {
        return Err(vec![Misfit {
            path: String::new(),
            message: "expected an object with `id`, `title` and `questions`".to_owned(),
        }]);
    };
    let mut writer = Writer::default();
    writer.plan(fields);
    match parse_with(bank, "plan", &writer.text) {
        Ok(entry) => Ok((entry, writer.text)),
        Err(problems) => Err(problems.iter().map(|p| writer.misfit(p)).collect()),
    }
}

/// The document of a plan: what [`from_json`] would read it from. Without `keys` the scoring keys
/// are left out.
pub fn to_json(entry: &Entry, keys: bool) -> Value {
    let plan = &entry.plan;
    let questions = plan.questions.iter().map(|question| {
        let mut shown = json!(question);
        if let (Value::Object(fields), Some(rubric)) =
            (&mut shown, entry.rubrics.get(&question.id).filter(|_| keys))
        {
            rubric_into(fields, rubric);
        }
        shown
    });
    let mut document = json!({
        "id": entry.id,
        "title": plan.title,
        "description": entry.description,
        "language": entry.language,
        "mode": entry.mode,
        "options": plan.options,
        "questions": questions.collect::<Vec<_>>(),
    });
    if let Some(consent) = &plan.consent {
        document["consent"] = json!(consent);
    }
    if !plan.words.is_empty() {
        document["words"] = json!(plan.words);
    }
    document
}

/// Adds a scoring key to a question's document.
pub fn rubric_into(fields: &mut Map<String, Value>, rubric: &Rubric) {
    let points = rubric.points.iter().map(|point| {
        let mut shown = json!({
            "id": point.id,
            "label": point.label,
            "weight": point.weight,
            "must": point.must,
            "near": point.near,
            "any": point.any.iter().map(groups).collect::<Vec<_>>(),
        });
        if !point.not.is_empty() {
            shown["not"] = json!(point.not);
        }
        if let Some(ask) = &point.ask {
            shown["ask"] = json!(ask);
        }
        shown
    });
    fields.insert("kind".to_owned(), json!(rubric.kind));
    fields.insert("targetMs".to_owned(), json!(rubric.target_ms));
    fields.insert("weight".to_owned(), json!(rubric.weight));
    fields.insert("points".to_owned(), points.collect());
}

/// As a file writes it: `a|b`, and `~` before what needs the others.
fn groups(way: &Way) -> Vec<String> {
    let all = way.groups.iter();
    all.map(|group| {
        let mark = if group.is_context { "~" } else { "" };
        format!("{mark}{}", group.phrases.join("|"))
    })
    .collect()
}

/// Writes the text, and for each of its lines which part of the document it comes from.
#[derive(Default)]
struct Writer {
    text: String,
    places: Vec<String>,
}

impl Writer {
    fn plan(&mut self, fields: &Map<String, Value>) {
        let coaching = &mut Map::new();
        let mut later = Vec::new();
        for (key, value) in fields {
            match (key.as_str(), value) {
                ("mode", value) => {
                    coaching.insert("mode".to_owned(), value.clone());
                }
                ("options" | "consent" | "questions", _) => later.push((key, value)),
                _ => self.field(key, key, value),
            }
        }
        for (key, value) in later {
            match (key.as_str(), value) {
                (_, Value::Object(inner)) if key != "questions" => {
                    self.line(&format!("[{key}]"), key);
                    for (name, value) in inner {
                        if key == "options" && name == "suggestionsTo" {
                            coaching.insert(name.clone(), value.clone());
                            continue;
                        }
                        self.field(name, &format!("{key}.{name}"), value);
                    }
                }
                ("questions", Value::Array(all)) if all.iter().all(Value::is_object) => {
                    self.tables("questions", "questions", all);
                }
                _ => {
                    // Of the wrong kind, which is the reader's to say; before any table.
                    let rest = std::mem::take(&mut self.text);
                    let places = std::mem::take(&mut self.places);
                    self.field(key, key, value);
                    self.text.push_str(&rest);
                    self.places.extend(places);
                }
            }
        }
        if !coaching.is_empty() {
            self.line("[coaching]", "options");
            for (name, value) in coaching.iter() {
                let place = match name.as_str() {
                    "mode" => "mode".to_owned(),
                    other => format!("options.{other}"),
                };
                self.field(name, &place, value);
            }
        }
    }

    /// A list of tables, and the one list of tables a table may hold.
    fn tables(&mut self, header: &str, path: &str, all: &[Value]) {
        for (nth, value) in all.iter().enumerate() {
            let place = format!("{path}[{nth}]");
            self.line(&format!("[[{header}]]"), &place);
            let Value::Object(fields) = value else {
                continue;
            };
            let mut inner = None;
            for (name, value) in fields {
                match value {
                    Value::Array(points)
                        if name == "points"
                            && header == "questions"
                            && !points.is_empty()
                            && points.iter().all(Value::is_object) =>
                    {
                        inner = Some(points);
                    }
                    _ => self.field(name, &format!("{place}.{name}"), value),
                }
            }
            if let Some(points) = inner {
                let (header, path) = (format!("{header}.points"), format!("{place}.points"));
                self.tables(&header, &path, points);
            }
        }
    }

    fn field(&mut self, name: &str, place: &str, value: &Value) {
        if value.is_null() {
            return;
        }
        let mut line = String::new();
        quoted(&mut line, &in_files(name));
        line.push_str(" = ");
        written(&mut line, value);
        self.line(&line, place);
    }

    fn line(&mut self, line: &str, place: &str) {
        self.text.push_str(line);
        self.text.push('\n');
        self.places.push(place.to_owned());
    }

    fn misfit(&self, problem: &Problem) -> Misfit {
        let line = problem.line.and_then(|line| line.checked_sub(1));
        let path = line.and_then(|line| self.places.get(line)).cloned();
        let mut message = problem.message.clone();
        for name in [
            "limit",
            "target",
            "extension",
            "max_duration",
            "suggestions_to",
        ] {
            message = message.replace(&format!("`{name}`"), &format!("`{}`", in_json(name)));
        }
        Misfit {
            path: path.unwrap_or_default(),
            message,
        }
    }
}

/// `maxDurationMs` → `max_duration`.
fn in_files(name: &str) -> String {
    if let Some((_, renamed)) = RENAMED.iter().find(|(known, _)| *known == name) {
        return (*renamed).to_owned();
    }
    let mut snake = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

/// The way back.
fn in_json(name: &str) -> &str {
    let renamed = RENAMED.iter().find(|(_, known)| *known == name);
    match renamed {
        Some((json, _)) => json,
        None if name == "suggestions_to" => "suggestionsTo",
        None => name,
    }
}

/// A value on one line.
fn written(out: &mut String, value: &Value) {
    match value {
        // There is no such value in files: the reader will ask for what it expects.
        Value::Null => out.push_str("false"),
        Value::Bool(set) => out.push_str(if *set { "true" } else { "false" }),
        Value::Number(number) => out.push_str(&number.to_string()),
        Value::String(text) => quoted(out, text),
        Value::Array(all) => {
            out.push('[');
            for (nth, item) in all.iter().enumerate() {
                if nth > 0 {
                    out.push_str(", ");
                }
                written(out, item);
            }
            out.push(']');
        }
        Value::Object(fields) => {
            out.push_str("{ ");
            let shown = fields.iter().filter(|(_, value)| !value.is_null());
            for (nth, (name, value)) in shown.enumerate() {
                if nth > 0 {
                    out.push_str(", ");
                }
                quoted(out, &in_files(name));
                out.push_str(" = ");
                written(out, value);
            }
            out.push_str(" }");
        }
    }
}

fn quoted(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {
                // Writing to a string does not fail.
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests;
