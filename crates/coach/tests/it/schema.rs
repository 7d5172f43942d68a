//! The committed JSON Schema and what is really written, held against each other. The checker
//! knows the words of JSON Schema that the file uses, and refuses a file with any other.

use coach::report::{SCHEMA_JSON, SCHEMA_V2_JSON, build, build_scored};
use coach::rubric::{Kind, Mode};
use coach::score::Gate;
use protocol::value::{EndReason, Outcome, Role, Status};
use serde_json::{Map, Value, json};

use crate::fixture::{interview, quiet};

/// Every way in which a report is not what the schema says, with its place.
pub(crate) fn check_report(report: &Value) -> Vec<String> {
    let text = match report["scores"] {
        Value::Null => SCHEMA_JSON,
        _ => SCHEMA_V2_JSON,
    };
    let schema: Value = serde_json::from_str(text).unwrap();
    let mut problems = Vec::new();
    check(&schema, &schema, report, "$", &mut problems);
    problems
}

fn check(root: &Value, schema: &Value, value: &Value, at: &str, problems: &mut Vec<String>) {
    let Value::Object(rules) = schema else {
        panic!("{at}: a schema is an object");
    };
    for (word, rule) in rules {
        let ok = match word.as_str() {
            "$schema" | "$id" | "$defs" | "title" | "description" => true,
            "$ref" => {
                let name = rule.as_str().unwrap().strip_prefix("#/$defs/").unwrap();
                check(root, &root["$defs"][name], value, at, problems);
                true
            }
            "type" => match rule {
                Value::Array(any) => any.iter().any(|name| is_kind(value, name)),
                name => is_kind(value, name),
            },
            "const" => value == rule,
            "enum" => rule.as_array().unwrap().contains(value),
            "minimum" => value.as_f64().is_none_or(|n| n >= rule.as_f64().unwrap()),
            "maximum" => value.as_f64().is_none_or(|n| n <= rule.as_f64().unwrap()),
            "minLength" => value
                .as_str()
                .is_none_or(|s| s.chars().count() as u64 >= rule.as_u64().unwrap()),
            "minItems" => value
                .as_array()
                .is_none_or(|a| a.len() as u64 >= rule.as_u64().unwrap()),
            "items" => {
                for (n, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(root, rule, item, &format!("{at}[{n}]"), problems);
                }
                true
            }
            "anyOf" => rule.as_array().unwrap().iter().any(|one| {
                let mut inner = Vec::new();
                check(root, one, value, at, &mut inner);
                inner.is_empty()
            }),
            "required" | "properties" | "additionalProperties" => {
                if let Value::Object(object) = value {
                    check_object(root, rules, word, object, at, problems);
                }
                true
            }
            other => panic!("{at}: the checker does not know `{other}`"),
        };
        if !ok {
            problems.push(format!("{at}: {word} {rule}, found {value}"));
        }
    }
}

fn check_object(
    root: &Value,
    rules: &Map<String, Value>,
    word: &str,
    object: &Map<String, Value>,
    at: &str,
    problems: &mut Vec<String>,
) {
    let properties = rules["properties"].as_object().unwrap();
    match word {
        "required" => {
            for name in rules["required"].as_array().unwrap() {
                let name = name.as_str().unwrap();
                if !object.contains_key(name) {
                    problems.push(format!("{at}: `{name}` is missing"));
                }
            }
        }
        "properties" => {
            for (name, rule) in properties {
                if let Some(value) = object.get(name) {
                    check(root, rule, value, &format!("{at}.{name}"), problems);
                }
            }
        }
        _ => {
            assert_eq!(
                rules[word],
                Value::Bool(false),
                "{at}: only `false` is known"
            );
            for name in object.keys().filter(|n| !properties.contains_key(*n)) {
                problems.push(format!("{at}: `{name}` is not in the schema"));
            }
        }
    }
}

fn is_kind(value: &Value, name: &Value) -> bool {
    match name.as_str().unwrap() {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        other => panic!("the checker does not know the type `{other}`"),
    }
}

#[test]
fn what_is_written_is_what_the_schema_says() {
    for input in [interview(), quiet()] {
        let value = serde_json::to_value(build(&input)).unwrap();
        assert_eq!(check_report(&value), Vec::<String>::new());
    }
}

#[test]
fn what_is_written_with_scores_is_what_the_second_schema_says() {
    for mode in [Mode::Practice, Mode::Hiring] {
        let (input, scoring) = crate::scored::talk(mode);
        let value = serde_json::to_value(build_scored(&input, &scoring)).unwrap();
        assert_eq!(check_report(&value), Vec::<String>::new());
        let mut pointers = Vec::new();
        collect(&value["scores"], "/scores".to_owned(), &mut pointers);
        assert!(pointers.len() > 500);
        // Of the many criteria every place is tried in the first question only.
        let first = |p: &String| !p.contains("/questions/") || p.contains("/questions/0/");
        for pointer in pointers.iter().filter(|p| first(p)) {
            let mut bad = value.clone();
            *bad.pointer_mut(pointer).unwrap() = json!({"odd": [true]});
            assert!(!check_report(&bad).is_empty(), "{pointer} replaced");
        }
    }
    let schema: Value = serde_json::from_str(SCHEMA_V2_JSON).unwrap();
    assert_eq!(schema["$defs"]["kind"]["enum"], json!(Kind::ALL));
    assert_eq!(schema["$defs"]["gate"]["enum"], json!(Gate::ALL));
    assert_eq!(
        schema["$defs"]["mode"]["enum"],
        json!([Mode::Practice, Mode::Hiring])
    );
}

#[test]
fn the_schema_notices_every_field_that_goes_or_changes_its_kind_or_comes() {
    let good = serde_json::to_value(build(&interview())).unwrap();
    let mut pointers = Vec::new();
    collect(&good, String::new(), &mut pointers);
    assert!(pointers.len() > 200);
    for pointer in pointers {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let mut bad = good.clone();
        if let Value::Object(object) = bad.pointer_mut(parent).unwrap() {
            object.remove(name);
            assert!(!check_report(&bad).is_empty(), "{pointer} removed");
        }
        let mut bad = good.clone();
        *bad.pointer_mut(&pointer).unwrap() = json!({"odd": [true]});
        assert!(!check_report(&bad).is_empty(), "{pointer} replaced");
    }
    let mut bad = good;
    bad["questions"][0]["figures"]["score"] = json!(3);
    assert_eq!(
        check_report(&bad),
        ["$.questions[0].figures: `score` is not in the schema"]
    );
}

fn collect(value: &Value, at: String, into: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            for (name, inner) in object {
                into.push(format!("{at}/{name}"));
                collect(inner, format!("{at}/{name}"), into);
            }
        }
        Value::Array(array) => {
            for (n, inner) in array.iter().enumerate() {
                into.push(format!("{at}/{n}"));
                collect(inner, format!("{at}/{n}"), into);
            }
        }
        _ => {}
    }
}

#[test]
fn the_schema_lists_exactly_the_words_of_the_protocol() {
    let schema: Value = serde_json::from_str(SCHEMA_JSON).unwrap();
    let words = |name: &str| schema["$defs"][name]["enum"].clone();
    assert_eq!(words("endReason"), json!(EndReason::ALL));
    assert_eq!(words("outcome"), json!(Outcome::ALL));
    assert_eq!(words("role"), json!(Role::ALL));
    assert_eq!(words("status"), json!(Status::ALL));
}
