//! The descriptions themselves: they are complete, and the document made of them is one.

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
