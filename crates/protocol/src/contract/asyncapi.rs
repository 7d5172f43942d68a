//! The realtime contract as an AsyncAPI 3 document. Pure; the API serves it.

use serde_json::{Map, Value, json};

use super::client::{self, ALWAYS, REF};
use super::schema::Schemas;
use super::shape::{Field, Shape, always};
use super::{ClientSpec, ServerSpec, VERSION, server};
use crate::close::{CloseCode, SEEN};
use crate::error::ErrorCode;

const CHANNEL: &str = "#/channels/door";

/// The document; `version` is the server's.
pub fn document(version: &str) -> Value {
    let mut schemas = Schemas::default();
    let mut messages = Map::new();
    let mut operations = Map::new();
    for spec in client::MESSAGES {
        let name = spec.body.name;
        messages.insert(name.to_owned(), inward(&mut schemas, spec));
        let mut operation = json!({
            "action": "receive",
            "channel": { "$ref": CHANNEL },
            "summary": spec.body.about,
            "messages": [listed(name)],
        });
        if let Some(reply) = reply(&mut schemas, spec) {
            let name = format!("{name}Ok");
            operation["reply"] = json!({
                "channel": { "$ref": CHANNEL },
                "messages": [listed(&name), listed("ErrorMessage")],
            });
            messages.insert(name, reply);
        } else {
            operation["reply"] = json!({
                "channel": { "$ref": CHANNEL },
                "messages": [listed("Pong")],
            });
        }
        operations.insert(format!("receive{name}"), operation);
    }
    for spec in server::MESSAGES.iter().filter(|spec| spec.event != "ok") {
        let name = spec.body.name;
        messages.insert(name.to_owned(), outward(&mut schemas, spec));
        operations.insert(
            format!("send{name}"),
            json!({
                "action": "send",
                "channel": { "$ref": CHANNEL },
                "summary": format!("To {}: {}", spec.to, spec.body.about),
                "messages": [listed(name)],
            }),
        );
    }
    let in_channel: Map<String, Value> = messages
        .keys()
        .map(|name| {
            (
                name.clone(),
                json!({ "$ref": format!("#/components/messages/{name}") }),
            )
        })
        .collect();
    json!({
        "asyncapi": "3.0.0",
        "info": info(version),
        "defaultContentType": "application/json",
        "servers": servers(),
        "channels": { "door": {
            "address": null,
            "description": "One connection, through either door. On the plain door a message is a text frame whose `type` names the event; on the Socket.IO door the event has that name and its one argument is the same object.",
            "messages": in_channel,
        }},
        "operations": operations,
        "components": {
            "messages": messages,
            "schemas": schemas.components(),
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" },
                "token": { "type": "httpApiKey", "in": "query", "name": "token" },
            },
        },
        "x-close-codes": close_codes(),
        "x-error-codes": error_codes(),
    })
}

fn info(version: &str) -> Value {
    json!({
        "title": "Greenroom, realtime",
        "version": version,
        "description": format!(
            "The contract `{VERSION}`: interviews over WebSocket and Socket.IO. Fields are camelCase, codes snake_case, times milliseconds since 1970-01-01 UTC. Audio may also be sent as binary frames; their layout, the rules of resuming and what to do after each close are in docs/protocol.md. The HTTP API is described at `/api/openapi.json`."
        ),
        "license": { "name": "Apache-2.0" },
    })
}

fn servers() -> Value {
    let security = json!([
        { "$ref": "#/components/securitySchemes/bearer" },
        { "$ref": "#/components/securitySchemes/token" },
    ]);
    json!({
        "plain": {
            "host": "localhost:8080", "pathname": "/ws", "protocol": "ws",
            "description": format!("The plain door. Subprotocol `{VERSION}`; a token may also come as subprotocol `bearer.<jwt>` or in a first message `auth`."),
            "security": security,
        },
        "socketio": {
            "host": "localhost:8080", "pathname": "/socket.io", "protocol": "socket.io",
            "description": "The Socket.IO door: namespace `/interview`, Socket.IO 5 over Engine.IO 4. A token may also come as `auth: {token}`. Replies are acknowledgements; `ref` is not needed.",
            "security": security,
        },
    })
}

fn listed(name: &str) -> Value {
    json!({ "$ref": format!("{CHANNEL}/messages/{name}") })
}

fn payload<'a>(
    schemas: &mut Schemas,
    about: &str,
    event: &'static str,
    given: bool,
    fields: impl Iterator<Item = &'a Field>,
) -> Value {
    let kind = always("type", Shape::Just(event), "The event.");
    let fields: Vec<Field> = std::iter::once(kind).chain(fields.copied()).collect();
    let mut schema = if given {
        schemas.given_inline(about, fields.iter())
    } else {
        schemas.inline(about, fields.iter(), false)
    };
    if let Some(prefix) = event.strip_suffix('*') {
        schema["properties"]["type"] = json!({ "type": "string", "pattern": format!("^{prefix}") });
    }
    schema
}

fn inward(schemas: &mut Schemas, spec: &ClientSpec) -> Value {
    let codes = spec.errors.iter().chain(ALWAYS);
    let errors: Vec<&str> = codes.map(|code| code.as_str()).collect();
    json!({
        "name": spec.event,
        "summary": spec.body.about,
        "payload": payload(schemas, spec.body.about, spec.event, true, spec.fields()),
        "x-errors": errors,
        "x-errors-to": spec.errors_to,
    })
}

fn reply(schemas: &mut Schemas, spec: &ClientSpec) -> Option<Value> {
    let reply = spec.reply?;
    let reference = Field {
        required: true,
        ..REF
    };
    let fields = std::iter::once(&reference).chain(reply.fields);
    Some(json!({
        "name": "ok",
        "summary": reply.about,
        "payload": payload(schemas, reply.about, "ok", false, fields),
    }))
}

fn outward(schemas: &mut Schemas, spec: &ServerSpec) -> Value {
    json!({
        "name": spec.event,
        "summary": spec.body.about,
        "payload": payload(schemas, spec.body.about, spec.event, false, spec.fields()),
        "x-durable": spec.durable,
        "x-to": spec.to,
    })
}

fn close_codes() -> Value {
    let sent = CloseCode::ALL.iter().map(|code| {
        json!({
            "code": code.number(), "reason": code.reason(), "meaning": code.meaning(),
            "comeBack": code.come_back().as_str(), "sent": true,
        })
    });
    let seen = SEEN.iter().map(|(number, meaning, back)| {
        json!({ "code": number, "meaning": meaning, "comeBack": back.as_str(), "sent": false })
    });
    sent.chain(seen).collect()
}

fn error_codes() -> Value {
    let codes = ErrorCode::ALL.iter().map(|code| {
        json!({
            "code": code.as_str(), "message": code.text(), "remedy": code.remedy().as_str(),
        })
    });
    codes.collect()
}
