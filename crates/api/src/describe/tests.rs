//! The descriptions themselves: they are complete, and the document made of them is one.

use std::path::Path;

use protocol::contract::Shape;
use serde_json::{Value, json};

use super::*;
use crate::router::routes;

#[test]
fn every_route_is_described_once_and_in_full() {
    let routes = routes();
    for (at, route) in routes.iter().enumerate() {
        let same = |other: &&&Route| {
            other.name == route.name || (other.path == route.path && other.method == route.method)
        };
        assert_eq!(
            routes.iter().filter(same).count(),
            1,
            "{at}: {}",
            route.name
        );
        assert!(
            !route.about.is_empty() && !route.answers.is_empty(),
            "{}",
            route.name
        );
        assert!(!route.group.is_empty(), "{}", route.name);
        let named: Vec<&str> = route
            .path
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
            .collect();
        let described: Vec<&str> = route.path_fields.iter().map(|field| field.name).collect();
        assert_eq!(named, described, "{}", route.path);
        assert!(route.path_fields.iter().all(|field| field.required));
    }
}

#[test]
fn the_typescript_types_are_those_of_the_routes() {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web/packages/client/src/api.gen.ts");
    let wanted = typescript::types(&routes());
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, &wanted).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    let same = |(found, wanted): &(&str, &str)| found == wanted;
    let line = found.lines().zip(wanted.lines()).take_while(same).count();
    assert!(
        found == wanted,
        "{} is not what the descriptions say from line {} on: \
         UPDATE_EXPECT=1 cargo test -p api typescript writes it anew",
        path.display(),
        line + 1
    );
}

/// Everything a shape names, with what it says.
fn names(shape: &Shape, found: &mut Vec<(&'static str, String)>) {
    match shape {
        Shape::Word(words) => found.push((words.name, format!("{words:?}"))),
        Shape::Of(object) | Shape::Closed(object) | Shape::AtLeast(object) => {
            found.push((object.name, format!("{shape:?}")));
            for field in object.fields {
                names(&field.shape, found);
            }
        }
        Shape::List(shape, _) | Shape::Or(shape) | Shape::Map(shape) => names(shape, found),
        Shape::ByWord(words, shape) => {
            found.push((words.name, format!("{words:?}")));
            names(shape, found);
        }
        Shape::AnyOf(shapes) => shapes.iter().for_each(|shape| names(shape, found)),
        _ => {}
    }
}

/// Documents and types declare a name once, so whatever else it meant would be lost.
#[test]
fn a_name_means_one_thing_in_all_routes_and_in_the_realtime_contract() {
    let mut found = Vec::new();
    for route in routes() {
        let fields = route.path_fields.iter().chain(route.query);
        fields.for_each(|field| names(&field.shape, &mut found));
        let bodies = route.body.iter().map(|body| body.shape);
        let answers = route
            .answers
            .iter()
            .filter_map(|answer| match answer.content {
                Content::Json(shape) => Some(shape),
                _ => None,
            });
        bodies
            .chain(answers)
            .for_each(|shape| names(&shape, &mut found));
    }
    names(&Shape::Of(&PROBLEM), &mut found);
    for spec in protocol::contract::server::MESSAGES {
        found.push((spec.body.name, format!("{:?}", spec.body)));
        spec.fields()
            .for_each(|field| names(&field.shape, &mut found));
    }
    for spec in protocol::contract::client::MESSAGES {
        found.push((spec.body.name, format!("{:?}", spec.body)));
        spec.fields()
            .for_each(|field| names(&field.shape, &mut found));
    }
    for (name, says) in &found {
        let other = found
            .iter()
            .find(|(known, also)| known == name && also != says);
        assert_eq!(other, None, "{name}: {says}");
    }
}

#[test]
fn every_example_is_a_body_of_its_shape() {
    for route in routes() {
        let Some(body) = &route.body else { continue };
        let value: Value = serde_json::from_str(body.example).expect(route.name);
        if let Err(mismatch) = body.shape.check(&value, route.name) {
            panic!("{mismatch}");
        }
    }
}

#[test]
fn the_document_has_every_route_and_every_reference_leads_somewhere() {
    let routes = routes();
    let document = openapi::document(&routes);
    for route in &routes {
        let method = route.method.as_str().to_ascii_lowercase();
        let operation = &document["paths"][route.path][&method];
        assert_eq!(operation["operationId"], route.name);
        for why in route.whys() {
            let status = why.status().as_u16().to_string();
            assert!(
                operation["responses"].get(&status).is_some(),
                "{}",
                route.name
            );
        }
    }
    let described: usize = document["paths"]
        .as_object()
        .unwrap()
        .values()
        .map(|path| path.as_object().unwrap().len())
        .sum();
    assert_eq!(described, routes.len());
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

#[test]
fn what_is_not_as_described_is_found() {
    let routes = routes();
    let check = |line: &str, status: u16, media: &str, body: &Value| {
        let (method, path) = line.split_once(' ').unwrap();
        let status = StatusCode::from_u16(status).unwrap();
        let method = method.parse().unwrap();
        let body = body.to_string();
        check_answer(&routes, &method, path, status, Some(media), body.as_bytes())
    };
    let json_kind = "application/json";
    let good = json!({ "message": "WebSocket connection closed successfully" });
    let line = "POST /api/websocket/close-connection";
    assert_eq!(check(line, 200, json_kind, &good), Ok(()));
    assert!(check(line, 201, json_kind, &good).is_err());
    assert!(check(line, 200, "text/plain", &good).is_err());
    assert!(check(line, 200, json_kind, &json!({ "message": "Closed" })).is_err());
    let more = json!({ "message": good["message"], "more": 1 });
    assert!(check(line, 200, json_kind, &more).is_err());

    let problem = |status: u16, code: &str| {
        json!({
            "type": "about:blank", "title": "T", "status": status, "code": code, "detail": "D",
        })
    };
    let kind = "application/problem+json";
    assert_eq!(
        check(line, 401, kind, &problem(401, "auth_required")),
        Ok(())
    );
    assert!(check(line, 401, kind, &problem(401, "room_full")).is_err());
    assert!(check(line, 400, kind, &problem(401, "auth_required")).is_err());
    assert!(check(line, 401, json_kind, &problem(401, "auth_required")).is_err());
    assert_eq!(
        check("GET /nowhere", 404, kind, &problem(404, "not_found")),
        Ok(())
    );
    assert!(check("GET /nowhere", 200, json_kind, &json!({})).is_err());
}

#[test]
fn a_template_fits_paths_of_its_form_and_no_others() {
    assert!(fits("/api/sessions/{id}", "/api/sessions/a"));
    assert!(!fits("/api/sessions/{id}", "/api/sessions/"));
    assert!(!fits("/api/sessions/{id}", "/api/sessions/a/b"));
    assert!(!fits("/api/sessions/{id}", "/api/sessions"));
    assert!(fits("/healthz", "/healthz"));
    let shape = Shape::Closed(&PROBLEM);
    assert_eq!(shape.in_words(), "object Problem");
}
