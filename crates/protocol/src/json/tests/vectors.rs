//! Replays the golden vectors.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::samples;
use crate::client::ReplyKey;
use crate::json::{Scratch, decode, encode, encode_reply};
use crate::time::Wall;

#[derive(Serialize, Deserialize)]
struct Inward {
    event: String,
    about: String,
    accepted: Vec<Accepted>,
    rejected: Vec<Rejected>,
}

#[derive(Serialize, Deserialize)]
struct Accepted {
    canonical: String,
    also: Vec<String>,
    means: String,
}

#[derive(Serialize, Deserialize)]
struct Rejected {
    text: String,
    code: String,
    to: String,
    says: String,
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("vectors/messages")
}

fn files(prefix: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .starts_with(prefix)
        })
        .collect();
    found.sort();
    found
}

/// The canonical forms of an event's accepted messages.
pub(crate) fn accepted(event: &str) -> Vec<String> {
    let all = inward().into_iter().filter(|file| file.event == event);
    let all = all.flat_map(|file| file.accepted);
    all.map(|accepted| accepted.canonical).collect()
}

/// Every event there are vectors for.
pub(crate) fn events() -> Vec<String> {
    let all = inward().into_iter().map(|file| file.event);
    all.filter(|event| !event.is_empty()).collect()
}

/// Every field the scanner looks for.
pub(crate) fn slots() -> &'static [&'static str] {
    crate::json::scan::NAMES
}

fn inward() -> Vec<Inward> {
    let read = |path: &PathBuf| serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    files("in-").iter().map(read).collect()
}

fn is_update() -> bool {
    std::env::var_os("UPDATE_VECTORS").is_some()
}

fn meaning(text: &str) -> String {
    let mut scratch = Scratch::default();
    match decode(text, &mut scratch) {
        Ok(decoded) => format!("{decoded:?}"),
        Err(refused) => panic!("refused: {text}: {refused:?}"),
    }
}

#[test]
fn every_accepted_form_means_what_the_vectors_say() {
    let files = files("in-");
    assert!(files.len() >= 15);
    for path in files {
        let mut file: Inward = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        for accepted in &mut file.accepted {
            let means = meaning(&accepted.canonical);
            for also in &accepted.also {
                assert_eq!(meaning(also), means, "{also}");
            }
            if is_update() {
                accepted.means = means;
            } else {
                assert_eq!(accepted.means, means, "{}", accepted.canonical);
            }
        }
        if is_update() {
            fs::write(&path, serde_json::to_string_pretty(&file).unwrap() + "\n").unwrap();
        }
    }
}

#[test]
fn every_rejected_form_gets_its_code_its_addressee_and_a_sentence_that_names_the_fault() {
    let mut rows = 0;
    for path in files("in-") {
        let file: Inward = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        for row in file.rejected {
            let mut scratch = Scratch::default();
            let refused = decode(&row.text, &mut scratch).expect_err(&row.text);
            let to = match &refused.reply {
                ReplyKey::Ref(_) => "ref",
                ReplyKey::Event(event) => event.name(),
            };
            let got = (refused.refusal.code.as_str(), to);
            assert_eq!(got, (row.code.as_str(), row.to.as_str()), "{}", row.text);
            let message = &refused.refusal.message;
            assert!(message.contains(&row.says), "{}: {message}", row.text);
            rows += 1;
        }
    }
    assert!(rows >= 120, "{rows}");
}

#[test]
fn every_output_is_written_as_the_vectors_say() {
    let mut outputs: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for message in samples::pushes() {
        outputs
            .entry(name_of(&encode(&message, Wall(99))))
            .or_default()
            .push(encode(&message, Wall(99)));
    }
    for (key, reply) in samples::replies() {
        if let Some(text) = encode_reply(&key, &reply) {
            outputs.entry(name_of(&text)).or_default().push(text);
        }
    }
    for texts in outputs.values_mut() {
        texts.sort();
        texts.dedup();
    }
    let file_of = |name: &str| {
        let name: String = name.replace([':', '_'], "-");
        folder().join(format!("out-{name}.json"))
    };
    if is_update() {
        for (name, texts) in &outputs {
            let text = serde_json::to_string_pretty(texts).unwrap() + "\n";
            fs::write(file_of(name), text).unwrap();
        }
    }
    for (name, texts) in &outputs {
        let bytes = fs::read(file_of(name)).expect(name);
        let wanted: Vec<String> = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(texts, &wanted, "{name}");
    }
    let known: Vec<PathBuf> = outputs.keys().map(|name| file_of(name)).collect();
    for path in files("out-") {
        assert!(known.contains(&path), "nothing writes {}", path.display());
    }
}

fn name_of(text: &str) -> String {
    let value: Value = serde_json::from_str(text).expect(text);
    let name = value.get("type").and_then(Value::as_str).expect(text);
    name.to_owned()
}

#[test]
fn every_output_is_one_json_object_whose_first_field_is_its_type() {
    for message in samples::pushes() {
        let text = encode(&message, Wall(99));
        let name = name_of(&text);
        assert!(
            text.starts_with(&format!("{{\"type\":\"{name}\"")),
            "{text}"
        );
        let written = crate::json::name(&message);
        assert!(written.is_empty() || written == name, "{written} {name}");
        assert_eq!(crate::json::event_name(&message), name);
        let frame = crate::json::encode_frame(&message, Wall(99));
        assert!(frame.ends_with(text.as_bytes()));
    }
}

#[test]
fn no_key_is_written_twice() {
    for message in samples::pushes() {
        let text = encode(&message, Wall(99));
        let parsed: Value = serde_json::from_str(&text).unwrap();
        // A key that came twice would be lost in parsing, and the text longer than it must be.
        let again = serde_json::to_string(&parsed).unwrap();
        assert_eq!(text.len(), again.len(), "{text}\n{again}");
    }
}
