//! What must hold for every text, not only for those somebody thought of.

use std::sync::LazyLock;

use proptest::prelude::*;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use crate::client::ReplyKey;
use crate::error::{ErrorCode, Refusal};
use crate::json::{Scratch, decode, encode_reply};
use crate::server::Reply;

static SEEDS: LazyLock<Vec<String>> = LazyLock::new(seeds);

/// Texts that are nearly messages, so that a change in one place reaches deep.
fn seeds() -> Vec<String> {
    let mut found = Vec::new();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/messages");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let file: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        collect(&file, &mut found);
    }
    found.retain(|text| text.starts_with('{') && text.len() < 2_000);
    assert!(found.len() > 100);
    found.sort();
    found
}

fn collect(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(list) => list.iter().for_each(|v| collect(v, found)),
        Value::Object(map) => map.values().for_each(|v| collect(v, found)),
        _ => {}
    }
}

/// Decodes, and checks what must hold for the answer.
fn survives(text: &str) {
    let mut scratch = Scratch::default();
    if let Err(refused) = decode(text, &mut scratch) {
        let reply = Reply::Refused(refused.refusal.clone());
        let answer = encode_reply(&refused.reply, &reply).unwrap();
        let answer: Value = serde_json::from_str(&answer).expect("an answer is JSON");
        assert_eq!(answer["code"], refused.refusal.code.as_str());
        assert!(!refused.refusal.message.is_empty());
        assert!(answer.to_string().len() < 1_200, "an answer is short");
    }
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e9..1e9_f64).prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec(("[a-zA-Z\"\\\\]{0,6}", inner), 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// Whether `serde_json` takes it for one object.
fn is_object(text: &str) -> bool {
    let starts = text
        .trim_start_matches([' ', '\t', '\n', '\r'])
        .starts_with('{');
    starts && serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// Whether we take it for one; no answer where we stopped for its depth.
fn is_taken(text: &str) -> Option<bool> {
    let mut scratch = Scratch::default();
    match decode(text, &mut scratch) {
        Ok(_) => Some(true),
        Err(refused) => match refused.refusal.code {
            ErrorCode::TooDeep => None,
            code => Some(code != ErrorCode::BadJson),
        },
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn any_mutation_of_a_message_is_understood_or_refused(
        pick in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        cut in 0_usize..4,
        put in prop::collection::vec(
            prop::sample::select("{}[]\":,\\u0189eE+-.=/ \nnulltrueé\u{0}\u{1f600}".chars().collect::<Vec<_>>()),
            0..4,
        ),
    ) {
        let seed: Vec<char> = pick.get(&SEEDS).chars().collect();
        let at = at.index(seed.len());
        let after = (at + cut).min(seed.len());
        let text: String = seed[..at].iter().chain(&put).chain(&seed[after..]).collect();
        survives(&text);
        if let Some(taken) = is_taken(&text) {
            prop_assert_eq!(taken, is_object(&text), "{}", text);
        }
    }

    #[test]
    fn any_text_is_refused_calmly(text in "\\PC{0,60}") {
        survives(&text);
    }

    #[test]
    fn json_with_any_unknown_fields_is_read_the_same(
        fields in prop::collection::vec(("x[a-z]{1,5}", json()), 0..5),
        front in any::<bool>(),
    ) {
        let extra: Map<String, Value> = fields.into_iter().collect();
        let extra = serde_json::to_string_pretty(&extra).unwrap();
        let inner = extra.trim_start_matches('{').trim_end_matches('}').trim();
        let comma = if inner.is_empty() { "" } else { "," };
        let known = r#""type":"session:join","ref":"a","sessionId":"s1""#;
        let text = if front {
            format!("{{{known}{comma}{inner}}}")
        } else {
            format!("{{{inner}{comma}{known}}}")
        };
        let plain = format!("{{{known}}}");
        let (mut one, mut two) = (Scratch::default(), Scratch::default());
        prop_assert_eq!(decode(&text, &mut one), decode(&plain, &mut two));
    }

    #[test]
    fn any_sentence_in_an_answer_stays_json(message in "\\PC{0,40}|[\\x00-\\x7f]{0,40}") {
        let reply = Reply::Refused(Refusal::because(ErrorCode::Internal, message.clone()));
        let text = encode_reply(&ReplyKey::Ref("1".into()), &reply).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(value["message"].as_str(), Some(message.as_str()));
    }
}
