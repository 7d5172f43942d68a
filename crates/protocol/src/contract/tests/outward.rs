//! What the server says: every sample of the encoder is as described, and everything that is
//! described is said.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::client::ReplyKey;
use crate::contract::{check_server, server};
use crate::json::tests::{audio, samples};
use crate::json::{closing_into, encode, encode_reply};
use crate::server::Reply;
use crate::time::Wall;

/// Every message the encoder's samples have.
fn said() -> Vec<Value> {
    let mut texts: Vec<String> = samples::pushes()
        .iter()
        .map(|message| encode(message, Wall(99)))
        .collect();
    texts.extend(
        samples::replies()
            .iter()
            .filter_map(|(key, reply)| encode_reply(key, reply)),
    );
    texts.extend(audio::samples());
    texts.extend(crate::close::CloseCode::ALL.iter().map(|code| {
        let mut out = Vec::new();
        let (number, word) = (code.number(), code.reason());
        closing_into(&mut out, number, word, code.come_back());
        String::from_utf8(out).unwrap()
    }));
    texts
        .iter()
        .map(|text| serde_json::from_str(text).expect(text))
        .collect()
}

#[test]
fn everything_the_encoder_writes_is_described_and_has_the_described_shape() {
    for message in said() {
        if let Err(mismatch) = check_server(&message) {
            panic!("{mismatch} in {message}");
        }
    }
}

#[test]
fn everything_that_is_described_is_written_and_optional_fields_are_left_out_at_times() {
    let said = said();
    for spec in server::MESSAGES {
        let mine: Vec<&Value> = said
            .iter()
            .filter(|message| spec.is_called(message["type"].as_str().unwrap()))
            .filter(|message| {
                // Of several messages with one name, those that are this one.
                let told_apart = |field| spec.body.field(field).map(|f| f.shape);
                let map = message.as_object().unwrap();
                ["isFinal", "requestId", "atMs"].iter().all(|name| {
                    spec.event != "transcription:result"
                        || match (told_apart(name), map.get(*name)) {
                            (Some(shape), Some(value)) => shape.check(value, name).is_ok(),
                            (None, None) => true,
                            _ => false,
                        }
                })
            })
            .collect();
        assert!(!mine.is_empty(), "no sample of {}", spec.body.name);
        for field in spec.fields() {
            let there = mine.iter().filter(|m| m.get(field.name).is_some()).count();
            let name = format!("{}.{}", spec.body.name, field.name);
            // One sample of one durable event is enough for a field all of them share.
            if there == 0 && field.name == "provisional" {
                continue;
            }
            assert!(there > 0, "{name} is never written");
            assert!(
                field.required || there < mine.len(),
                "{name} is always written, so it is not optional"
            );
        }
    }
    assert!(said.iter().any(|m| m.get("provisional").is_some()));
}

#[test]
fn a_field_nobody_described_a_missing_one_and_a_wrong_type_are_found() {
    for message in said() {
        let event = message["type"].as_str().unwrap().to_owned();
        let object = message.as_object().unwrap();
        if event != "ok" {
            let mut more = object.clone();
            more.insert("unheardOf".to_owned(), true.into());
            assert!(check_server(&Value::Object(more)).is_err(), "{event}");
        }
        for name in object.keys().filter(|name| *name != "type") {
            let required =
                server::of(&event).all(|spec| spec.fields().any(|f| f.name == name && f.required));
            if required {
                let mut less = object.clone();
                less.remove(name);
                assert!(
                    check_server(&Value::Object(less)).is_err(),
                    "{event}.{name}"
                );
            }
            let described = server::of(&event).any(|spec| spec.fields().any(|f| f.name == name));
            if described {
                let mut other = object.clone();
                other.insert(name.clone(), serde_json::json!([[0]]));
                assert!(
                    check_server(&Value::Object(other)).is_err(),
                    "{event}.{name}"
                );
            }
        }
    }
}

#[test]
fn durable_events_are_the_ones_with_a_place_in_the_log() {
    let mut durable: BTreeMap<String, bool> = BTreeMap::new();
    for message in samples::pushes() {
        if matches!(message, crate::server::ServerMessage::Said(_)) {
            continue;
        }
        let is_logged = matches!(message, crate::server::ServerMessage::Event(_));
        let value: Value = serde_json::from_str(&encode(&message, Wall(99))).unwrap();
        let event = value["type"].as_str().unwrap().to_owned();
        *durable.entry(event).or_default() |= is_logged;
    }
    for (event, is_logged) in durable {
        assert_eq!(
            server::of(&event).any(|spec| spec.durable),
            is_logged,
            "{event}"
        );
    }
}

#[test]
fn a_refusal_without_a_ref_goes_to_an_event_that_is_described() {
    for spec in crate::contract::client::MESSAGES {
        let text = format!("{{\"type\":\"{}\"}}", spec.event);
        let ReplyKey::Event(event) = crate::json::Message::scan(&text).reply_key() else {
            panic!("{text}");
        };
        assert_eq!(event.name(), spec.errors_to, "{}", spec.event);
        assert!(server::of(spec.errors_to).next().is_some());
        let refused = Reply::Refused(crate::error::ErrorCode::Busy.into());
        let text = encode_reply(&ReplyKey::Event(event), &refused).unwrap();
        check_server(&serde_json::from_str(&text).unwrap()).unwrap();
    }
}
