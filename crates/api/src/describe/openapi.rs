//! The OpenAPI 3.1 document of the routes, made from their descriptions. Pure.

use std::collections::BTreeMap;

use protocol::contract::Shape;
use protocol::contract::schema::Schemas;
use serde_json::{Map, Value, json};

use super::{Answer, Content, PROBLEM, Route, Who, Why};

/// The document of these routes.
pub fn document(routes: &[&Route]) -> Value {
    let mut schemas = Schemas::default();
    let problem = schemas.of(&Shape::Of(&PROBLEM));
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    let mut groups: Vec<&str> = Vec::new();
    for route in routes {
        if !groups.contains(&route.group) {
            groups.push(route.group);
        }
        let method = route.method.as_str().to_ascii_lowercase();
        let entry = paths.entry(route.path).or_default();
        entry.insert(method, operation(&mut schemas, &problem, route));
    }
    let groups: Vec<Value> = groups.iter().map(|name| json!({ "name": name })).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Greenroom",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Sessions, reports, plans and health over HTTP. Every refusal is a problem document (RFC 9457) with a stable `code`. The realtime contract is described at `/api/asyncapi.json`.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "tags": groups,
        "paths": paths,
        "components": {
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" },
                "apiKey": { "type": "apiKey", "in": "header", "name": "X-API-Key" },
                "ticket": { "type": "apiKey", "in": "query", "name": "ticket" },
                "token": { "type": "apiKey", "in": "query", "name": "token" },
            },
            "schemas": schemas.components(),
        },
    })
}

fn operation(schemas: &mut Schemas, problem: &Value, route: &Route) -> Value {
    let mut operation = json!({
        "operationId": route.name,
        "tags": [route.group],
        "summary": first_sentence(route.about),
        "description": route.about,
        "security": security(route.who),
        "responses": responses(schemas, problem, route),
    });
    let mut parameters = Vec::new();
    for (place, fields) in [("path", route.path_fields), ("query", route.query)] {
        for field in fields {
            parameters.push(json!({
                "name": field.name, "in": place, "required": field.required,
                "description": field.about, "schema": schemas.of(&field.shape),
            }));
        }
    }
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    if let Some(body) = &route.body {
        let example: Value = serde_json::from_str(body.example).unwrap_or_default();
        operation["requestBody"] = json!({
            "required": !body.optional,
            "content": { "application/json": {
                "schema": schemas.given(&body.shape), "example": example,
            }},
        });
    }
    operation
}

fn first_sentence(text: &str) -> &str {
    let end = text.find([':', '.', ';']).unwrap_or(text.len());
    &text[..end]
}

fn security(who: Who) -> Value {
    match who {
        Who::Anybody => json!([]),
        Who::Bearer => json!([{ "bearer": [] }, { "apiKey": [] }]),
        Who::BearerOrQuery => {
            json!([{ "bearer": [] }, { "apiKey": [] }, { "ticket": [] }, { "token": [] }])
        }
        // An empty entry: nothing is needed from this machine itself.
        Who::LocalOrAdmin => json!([{ "bearer": [] }, { "apiKey": [] }, {}]),
    }
}

fn responses(schemas: &mut Schemas, problem: &Value, route: &Route) -> Value {
    let mut all = Map::new();
    for answer in route.answers {
        let shown = described(schemas, answer);
        let known = all.get_mut(answer.status.as_str());
        match (known, shown["content"].as_object()) {
            // Several forms of one answer.
            (Some(known), Some(more)) if known["content"].is_object() => {
                for (kind, form) in more {
                    known["content"][kind] = form.clone();
                }
            }
            _ => {
                all.insert(answer.status.as_str().to_owned(), shown);
            }
        }
    }
    let mut refusals: BTreeMap<u16, Vec<Why>> = BTreeMap::new();
    for why in route.whys() {
        refusals.entry(why.status().as_u16()).or_default().push(why);
    }
    for (status, whys) in refusals {
        let status = status.to_string();
        let codes: Vec<&str> = whys.iter().map(|why| why.code()).collect();
        let lines: Vec<String> = whys
            .iter()
            .map(|why| format!("`{}`: {}", why.code(), why.text()))
            .collect();
        let schema = json!({
            "allOf": [problem, { "properties": { "code": { "enum": codes } } }],
        });
        let shown = json!({
            "description": lines.join("\n"),
            "content": { "application/problem+json": { "schema": schema } },
        });
        match all.get_mut(&status) {
            // A page for people has its refusals as pages, too; those of the layers around it not.
            Some(known) => {
                known["content"]["application/problem+json"] =
                    shown["content"]["application/problem+json"].clone();
            }
            None => {
                all.insert(status, shown);
            }
        }
    }
    Value::Object(all)
}

fn described(schemas: &mut Schemas, answer: &Answer) -> Value {
    let content = match answer.content {
        Content::Json(shape) => json!({ "application/json": { "schema": schemas.of(&shape) } }),
        Content::Text(kind) => json!({ kind: { "schema": { "type": "string" } } }),
        Content::Empty => return json!({ "description": answer.about }),
    };
    json!({ "description": answer.about, "content": content })
}
