//! The AsyncAPI document: complete, and every reference leads somewhere.

use serde_json::Value;

use crate::contract::{asyncapi, client, server};

#[test]
fn the_asyncapi_document_has_every_message_in_its_direction_and_every_code() {
    let document = asyncapi::document("1.2.3");
    assert_eq!(document["asyncapi"], "3.0.0");
    for spec in client::MESSAGES {
        let name = spec.body.name;
        let payload = &document["components"]["messages"][name]["payload"];
        for field in spec.fields() {
            assert!(
                payload["properties"].get(field.name).is_some(),
                "{name}.{}",
                field.name
            );
        }
        let operation = &document["operations"][format!("receive{name}")];
        assert_eq!(operation["action"], "receive", "{name}");
        assert!(operation["reply"]["messages"].is_array(), "{name}");
    }
    for spec in server::MESSAGES.iter().filter(|spec| spec.event != "ok") {
        let name = spec.body.name;
        let payload = &document["components"]["messages"][name]["payload"];
        let kind = &payload["properties"]["type"];
        assert!(
            kind["const"] == spec.event || kind.get("pattern").is_some(),
            "{name}"
        );
        assert_eq!(
            document["operations"][format!("send{name}")]["action"],
            "send"
        );
        assert_eq!(
            payload["properties"].get("seq").is_some() && spec.durable,
            spec.durable
        );
    }
    let errors = document["x-error-codes"].as_array().unwrap();
    assert_eq!(errors.len(), crate::error::ErrorCode::ALL.len());
    follow(&document, &document);
}

fn follow(document: &Value, value: &Value) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(target)) = map.get("$ref") {
                let pointer = target.strip_prefix('#').unwrap();
                assert!(document.pointer(pointer).is_some(), "{target}");
            }
            map.values().for_each(|inner| follow(document, inner));
        }
        Value::Array(list) => list.iter().for_each(|inner| follow(document, inner)),
        _ => {}
    }
}
