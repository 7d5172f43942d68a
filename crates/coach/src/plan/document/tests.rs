use super::*;
use crate::plan::Bank;
use serde_json::json;

fn good() -> Value {
    json!({
        "id": "mine",
        "title": "A \"mine\"\\field",
        "description": "Two lines.\nReally.",
        "mode": "practice",
        "options": {
            "startOnJoin": true, "extensions": 2, "extensionMs": 30_000,
            "maxDurationMs": 1_200_000, "suggestionsTo": ["observer"],
        },
        "consent": {"version": "1", "text": "May we?", "purposes": ["scoring"]},
        "words": ["Kubernetes", "Ana \"Oliveira\""],
        "questions": [
            {"use": "mistake", "limitMs": 90_000},
            {
                "id": "why", "text": "Why?", "limitMs": 60_000, "kind": "situational",
                "targetMs": [20_000, 50_000],
                "points": [
                    {"id": "a", "label": "one", "any": [["one|first", "~thing"]], "must": true},
                    {"id": "b", "label": "two", "any": [["two"]], "not": ["no two"]},
                    {"id": "c", "label": "three", "any": [["three"]], "ask": "And three?"},
                ],
            },
        ],
    })
}

fn read(document: &Value) -> Result<Entry, Vec<Misfit>> {
    from_json(Questions::builtin(), document).map(|(entry, _)| entry)
}

fn misfits(change: impl FnOnce(&mut Value)) -> Vec<(String, String)> {
    let mut document = good();
    change(&mut document);
    let found = read(&document).unwrap_err();
    found.into_iter().map(|m| (m.path, m.message)).collect()
}

#[test]
fn a_document_is_read_as_a_file_is() {
    let entry = read(&good()).unwrap();
    assert_eq!(entry.plan.title, "A \"mine\"\\field");
    assert_eq!(entry.description, "Two lines.\nReally.");
    assert_eq!(entry.plan.options.max_duration_ms, Some(1_200_000));
    assert_eq!(entry.plan.questions[0].limit_ms, 90_000);
    assert_eq!(entry.plan.consent.as_ref().unwrap().version, "1");
    assert_eq!(entry.plan.words, ["Kubernetes", "Ana \"Oliveira\""]);
    assert_eq!(to_json(&entry, true)["words"][0], "Kubernetes");
    let rubric = &entry.rubrics[&entry.plan.questions[1].id];
    assert_eq!(rubric.target_ms, (20_000, 50_000));
    assert!(rubric.points[0].any[0].groups[1].is_context);
}

#[test]
fn every_plan_that_ships_comes_back_from_its_document_unchanged() {
    for entry in Bank::builtin().list() {
        let document = to_json(entry, true);
        let (again, text) = from_json(Questions::builtin(), &document).unwrap();
        assert_eq!(&again, entry);
        let kept = parse_with(Questions::builtin(), "kept", &text).unwrap();
        assert_eq!(kept, again, "what is kept says the same");
    }
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let found = misfits(|d| d["questions"][1]["limitMs"] = json!("soon"));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].0, "questions[1].limitMs");
    assert!(found[0].1.contains("`limitMs`"), "{found:?}");

    let found = misfits(|d| d["questions"][1]["points"][2]["any"] = json!([]));
    assert_eq!(found[0].0, "questions[1].points[2].any");

    let found = misfits(|d| d["options"]["suggestionsTo"] = json!(["everybody"]));
    assert_eq!(found[0].0, "options.suggestionsTo");

    let found = misfits(|d| d["questions"] = json!("none"));
    assert_eq!(found[0].0, "questions");

    let found = misfits(|d| d["consent"]["version"] = Value::Null);
    assert_eq!(found[0].0, "consent");

    let found = misfits(|d| d["qestions"] = json!([]));
    assert!(
        found[0].1.contains("did you mean `questions`?"),
        "{found:?}"
    );

    let found = misfits(|d| d["title"] = json!("bell\u{7}"));
    assert_eq!(found[0].0, "title");
}

#[test]
fn several_mistakes_are_told_at_once() {
    let found = misfits(|d| {
        d["title"] = json!(7);
        d["questions"][0]["use"] = json!("mistak");
        d["questions"][1]["points"][0]["weight"] = json!(99);
    });
    assert_eq!(found.len(), 3, "{found:?}");
}

#[test]
fn what_is_no_document_is_refused_and_nothing_breaks() {
    for document in [
        json!(null),
        json!([]),
        json!("plan"),
        json!({}),
        json!({"id": {"a": [null, {"b": null}]}, "questions": [[]], "options": 7}),
        json!({"questions": [{"points": [{"any": [[null]]}]}]}),
        json!({"id": "x", "title": "x", "questions": [null]}),
    ] {
        assert!(!read(&document).unwrap_err().is_empty(), "{document}");
    }
}
