//! The realtime contract as data: every message, its fields, units, errors and codes, once. The
//! TypeScript types, the AsyncAPI document and the tables in `docs/protocol.md` are made from it,
//! and the HTTP API describes its bodies with the same [`shape`]s.
//!
//! The encoder and the decoder are written by hand and do not read any of this; the tests prove that
//! all three say the same (`tests/inward.rs`, `tests/outward.rs`): each field that is described is
//! read or written as described, and nothing else is.
//!
//! To add a message: write it in `client` or `server` and `json`, give it a sample or a vector, add
//! it to the table here ([`client::MESSAGES`], [`server::MESSAGES`]), and run
//! `UPDATE_EXPECT=1 cargo test -p protocol contract`. No behavior here.

pub mod asyncapi;
pub mod client;
pub mod common;
pub mod schema;
pub mod server;
pub mod shape;
pub mod tables;
pub mod typescript;

#[cfg(test)]
mod tests;

pub use self::shape::{Field, Mismatch, Object, Shape, Words};

use serde_json::Value;

use crate::error::ErrorCode;

/// Name of the contract on the wire: the subprotocol of the plain door.
pub const VERSION: &str = "greenroom.v1";

/// Checks a message of the server as it is on the wire.
///
/// # Errors
/// Where it is not as described, for the description that fits best.
pub fn check_server(message: &Value) -> Result<(), Mismatch> {
    let event = message.get("type").and_then(Value::as_str).unwrap_or("");
    let (Some(map), false) = (message.as_object(), event.is_empty()) else {
        return Err(Mismatch {
            at: "type".to_owned(),
            why: "is missing".to_owned(),
        });
    };
    let mut first = None;
    for spec in server::of(event) {
        let fields: Vec<Field> = spec.fields().copied().collect();
        let beside: Vec<&str> = match event {
            "ok" => map.keys().map(String::as_str).collect(),
            _ => vec!["type"],
        };
        match shape::check_fields(&fields, map, "", &beside) {
            Ok(()) => return Ok(()),
            Err(mismatch) => first = first.or(Some(mismatch)),
        }
    }
    Err(first.unwrap_or_else(|| Mismatch {
        at: event.to_owned(),
        why: "is an event described nowhere".to_owned(),
    }))
}

/// Checks the reply to a request as it is on the wire: an `ok` with the fields of that request, or
/// an `error` with one of its codes.
///
/// # Errors
/// Where it is not as described.
pub fn check_reply(event: &str, message: &Value) -> Result<(), Mismatch> {
    check_server(message)?;
    let wrong = |at: &str, why: &str| {
        Err(Mismatch {
            at: at.to_owned(),
            why: why.to_owned(),
        })
    };
    let (Some(spec), Some(map)) = (client::of(event), message.as_object()) else {
        return wrong(event, "is a request described nowhere");
    };
    match (message.get("type").and_then(Value::as_str), &spec.reply) {
        (Some("ok"), Some(reply)) => reply.check_fields(map, "", &["type", "ref"]),
        (Some("ok"), None) => wrong(event, "has no `ok`"),
        _ => {
            let code = message.get("code").and_then(Value::as_str).unwrap_or("");
            let known = client::ALWAYS.iter().chain(spec.errors);
            match known
                .map(|known| known.as_str())
                .find(|known| *known == code)
            {
                Some(_) => Ok(()),
                None => wrong(event, &format!("is not said to be refused with {code}")),
            }
        }
    }
}

/// A message a client may send.
#[derive(Debug, Clone, Copy)]
pub struct ClientSpec {
    /// The `type` on the plain door, the event's name on the Socket.IO door.
    pub event: &'static str,
    /// The message with its own fields; `type`, and `ref` and `id` where they apply, are added.
    pub body: Object,
    /// Whether it may carry an `id` that makes it safe to repeat.
    pub repeatable: bool,
    /// The event that carries a refusal when there is no `ref` to answer.
    pub errors_to: &'static str,
    /// What its `ok` carries beside `ref`; none: it has no `ok` (`pong` is the answer).
    pub reply: Option<Object>,
    /// Why it may be refused, beside [`client::ALWAYS`].
    pub errors: &'static [ErrorCode],
}

/// A message the server may send.
#[derive(Debug, Clone, Copy)]
pub struct ServerSpec {
    /// The `type` on the plain door, the event's name on the Socket.IO door.
    pub event: &'static str,
    /// The message with its own fields; `type`, and those of the log where it is durable, are added.
    pub body: Object,
    /// Whom it goes to, in words.
    pub to: &'static str,
    /// Whether it is stored and has a place in the session's log.
    pub durable: bool,
}
