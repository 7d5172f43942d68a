//! What a client may send: the decoder reads exactly the fields that are described, and takes
//! exactly the values that are described.

use serde_json::{Map, Value, json};

use crate::contract::shape::{Field, Shape, check_fields};
use crate::contract::{ClientSpec, client};
use crate::json::tests::vectors::{accepted, events, slots};
use crate::json::{Refused, Scratch, decode};

fn read(message: &Map<String, Value>) -> Result<String, Refused> {
    let text = Value::Object(message.clone()).to_string();
    let mut scratch = Scratch::default();
    decode(&text, &mut scratch).map(|decoded| format!("{decoded:?}"))
}

fn with(message: &Map<String, Value>, name: &str, value: Value) -> Map<String, Value> {
    let mut changed = message.clone();
    changed.insert(name.to_owned(), value);
    changed
}

fn without(message: &Map<String, Value>, name: &str) -> Map<String, Value> {
    let mut changed = message.clone();
    changed.remove(name);
    changed
}

/// The golden messages of an event, as objects.
fn golden(spec: &ClientSpec) -> Vec<Map<String, Value>> {
    let texts = accepted(spec.event);
    assert!(!texts.is_empty(), "no vectors for {}", spec.event);
    let objects = texts.iter().map(|text| {
        let value: Value = serde_json::from_str(text).expect(text);
        value.as_object().expect(text).clone()
    });
    objects.collect()
}

#[test]
fn every_golden_message_is_as_described() {
    for spec in client::MESSAGES {
        let fields: Vec<Field> = spec.fields().copied().collect();
        for message in golden(spec) {
            if let Err(mismatch) = check_fields(&fields, &message, "", &["type"]) {
                panic!("{}: {mismatch}", spec.event);
            }
        }
    }
}

#[test]
fn every_event_with_vectors_is_described() {
    let described: Vec<&str> = client::MESSAGES.iter().map(|spec| spec.event).collect();
    for event in events() {
        assert!(described.contains(&event.as_str()), "{event}");
    }
}

#[test]
fn the_fields_described_are_together_all_the_decoder_looks_for() {
    let described = |slot: &str| {
        let mut fields = client::MESSAGES.iter().flat_map(ClientSpec::fields);
        slot == "type" || fields.any(|field| field.name == slot)
    };
    for slot in slots() {
        assert!(described(slot), "{slot} is read and described nowhere");
    }
    for spec in client::MESSAGES {
        for field in spec.fields() {
            assert!(
                slots().contains(&field.name),
                "{} is never read",
                field.name
            );
        }
    }
}

#[test]
fn a_field_that_is_not_described_for_a_message_changes_nothing() {
    for spec in client::MESSAGES {
        for message in golden(spec) {
            let means = read(&message).unwrap();
            for &slot in slots() {
                if slot == "type" || spec.fields().any(|field| field.name == slot) {
                    continue;
                }
                let odd = with(&message, slot, json!({ "odd": [1] }));
                assert_eq!(read(&odd).as_ref(), Ok(&means), "{}: {slot}", spec.event);
            }
        }
    }
}

#[test]
fn a_required_field_is_missed_and_an_optional_one_is_not() {
    for spec in client::MESSAGES {
        let messages = golden(spec);
        for field in spec.fields() {
            let name = format!("{}.{}", spec.event, field.name);
            if field.required {
                for message in &messages {
                    let refused = read(&without(message, field.name)).expect_err(&name);
                    assert_eq!(refused.refusal.code.as_str(), "missing_field", "{name}");
                    assert!(refused.refusal.message.contains(field.name), "{name}");
                }
            } else {
                let mut left_out = messages.iter().map(|m| read(&without(m, field.name)));
                assert!(left_out.any(|got| got.is_ok()), "{name} is never left out");
            }
        }
    }
}

#[test]
fn a_field_of_another_type_is_refused() {
    for spec in client::MESSAGES {
        for message in golden(spec) {
            for field in spec.fields() {
                let name = format!("{}.{}", spec.event, field.name);
                let other = match field.shape {
                    Shape::Of(_) | Shape::List(..) | Shape::Flag => json!("text"),
                    _ => json!({ "odd": [1] }),
                };
                let refused = read(&with(&message, field.name, other)).expect_err(&name);
                let code = refused.refusal.code.as_str();
                assert!(code == "invalid_field", "{name}: {code}");
            }
        }
    }
}

/// Values at the edge of a shape: those that fit, those that do not.
fn edges(shape: &Shape) -> (Vec<Value>, Vec<Value>) {
    let text = |n: u32| json!("a".repeat(n as usize));
    match shape {
        Shape::Id => (
            vec![text(64), json!("aZ9._:@+|~=-")],
            vec![json!(""), text(65), json!("a b"), json!("é")],
        ),
        Shape::Text(0) => (vec![], vec![]),
        Shape::Text(most) => (vec![text(*most)], vec![text(most + 1)]),
        Shape::Base64 => (vec![], vec![json!("*"), json!("AAA*")]),
        Shape::Hex(n) => (vec![text(*n)], vec![text(n - 1), text(n + 1)]),
        Shape::Whole(_, u64::MAX) => (vec![json!(u64::MAX)], vec![json!(-1), json!(0.5)]),
        Shape::Whole(_, most) => (
            vec![json!(most)],
            vec![json!(-1), json!(most + 1), json!(0.5)],
        ),
        Shape::Number(least, most) => (
            vec![json!(least), json!(most)],
            vec![
                json!(f64::from(*least) - 0.5),
                json!(f64::from(*most) + 0.5),
            ],
        ),
        Shape::Word(words) => (
            words.words.iter().map(|(word, _)| json!(word)).collect(),
            vec![json!("unheard_of"), json!("")],
        ),
        Shape::Ref => (
            vec![text(64), json!(7), json!(-7), json!(u64::MAX)],
            vec![text(65), json!(0.5)],
        ),
        Shape::Flag => (vec![json!(true), json!(false)], vec![json!(0)]),
        _ => (vec![], vec![]),
    }
}

#[test]
fn values_at_the_edge_are_taken_and_those_beyond_it_refused() {
    for spec in client::MESSAGES {
        for field in spec.fields() {
            let (fit, not) = edges(&field.shape);
            let name = format!("{}.{}", spec.event, field.name);
            let messages = golden(spec);
            for value in fit {
                // A field may have conditions with others; in one of the messages it fits.
                let fits = messages
                    .iter()
                    .any(|message| read(&with(message, field.name, value.clone())).is_ok());
                assert!(fits, "{name}: {value} is refused everywhere");
                assert_eq!(field.shape.check(&value, &name), Ok(()));
            }
            for value in not {
                for message in &messages {
                    let got = read(&with(message, field.name, value.clone()));
                    assert!(got.is_err(), "{name}: {value} is taken");
                }
                assert!(field.shape.check(&value, &name).is_err(), "{name}: {value}");
            }
        }
    }
}

/// Every object inside a message: where it is and what it is.
fn inside(spec: &ClientSpec) -> Vec<(&'static str, bool, &'static crate::contract::Object)> {
    let fields = spec.fields();
    fields
        .filter_map(|field| match field.shape {
            Shape::Of(object) => Some((field.name, false, object)),
            Shape::List(Shape::Of(object), _) => Some((field.name, true, *object)),
            _ => None,
        })
        .collect()
}

#[test]
fn objects_inside_messages_are_as_described_too() {
    let mut seen = 0;
    for spec in client::MESSAGES {
        for (name, listed, object) in inside(spec) {
            for message in golden(spec) {
                let inner = if listed {
                    message.get(name).and_then(|list| list.get(0))
                } else {
                    message.get(name)
                };
                let Some(Value::Object(inner)) = inner else {
                    continue;
                };
                let put = |changed: Map<String, Value>| {
                    let value = Value::Object(changed);
                    let value = if listed { json!([value]) } else { value };
                    read(&with(&message, name, value))
                };
                let means = put(inner.clone()).unwrap();
                assert_eq!(put(with(inner, "unheardOf", json!([1]))), Ok(means));
                for field in object.fields {
                    seen += 1;
                    let at = format!("{}.{name}.{}", spec.event, field.name);
                    let mut bare = inner.clone();
                    // One of the two limits, never both.
                    if field.name.starts_with("limit") {
                        bare.retain(|key, _| !key.starts_with("limit"));
                    }
                    if field.required {
                        assert!(put(without(&bare, field.name)).is_err(), "{at}");
                    }
                    assert!(put(with(&bare, field.name, json!({}))).is_err(), "{at}");
                    let (fit, not) = edges(&field.shape);
                    for value in fit {
                        let got = put(with(&bare, field.name, value.clone()));
                        assert!(got.is_ok(), "{at}: {value}: {got:?}");
                    }
                    for value in not {
                        let got = put(with(&bare, field.name, value.clone()));
                        assert!(got.is_err(), "{at}: {value}");
                    }
                }
            }
        }
    }
    assert!(seen >= 10, "{seen}");
}
