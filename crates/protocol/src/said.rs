//! What a back end says into a session (S11): a server event of the contract, or one of its own. Only
//! the words are judged here; whether the session can take them is the engine's business.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::contract::{server, shape};
use crate::error::{ErrorCode, Refusal};
use crate::id::SessionId;
use crate::time::Wall;

/// Names of a back end's own events begin with this.
pub const OWN_PREFIX: &str = "custom:";
/// Longest name of an event, bytes.
pub const NAME_BYTES_MAX: usize = 64;
/// Largest event as it is sent, bytes.
pub const EVENT_BYTES_MAX: usize = 16 * 1024;
/// Deepest nesting of an event, the event itself being level 1.
pub const EVENT_DEPTH_MAX: usize = 8;

/// Events of the contract a back end may say in the server's place. The others say where a session,
/// a seat or a connection stands; only the server knows that, so they come from nobody else.
pub const SAYABLE: &[&str] = &[
    "responses:suggestions",
    "session:error",
    "audio:error",
    "transcription:processing",
    "transcription:result",
    "transcription:error",
    "transcription:gap",
];

/// An event ready to be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The event as a flat JSON object, `{"type":…}`, without `seq` and `prev`.
    pub body: Arc<str>,
    /// Whether it gets a place in the log, so that who is away hears it later.
    pub durable: bool,
}

impl Said {
    /// Judges an event. `at`: when, for events of a back end's own.
    ///
    /// # Errors
    /// `unknown_event`, `not_allowed` (the server alone says it), `missing_field`, `invalid_field`,
    /// `too_large`, `too_deep`.
    pub fn new(
        session: &SessionId,
        event: &str,
        data: Map<String, Value>,
        at: Wall,
    ) -> Result<Self, Refusal> {
        let (fields, durable) = if event.starts_with(OWN_PREFIX) {
            (own(session, event, data, at)?, true)
        } else {
            of_the_contract(session, event, data)?
        };
        let rest = Value::Object(fields);
        if depth(&rest) > EVENT_DEPTH_MAX {
            return Err(Refusal::because(
                ErrorCode::TooDeep,
                format!("An event may be nested {EVENT_DEPTH_MAX} levels deep."),
            ));
        }
        let rest = rest.to_string();
        // The name goes first: readers tell events by their first bytes.
        let body = format!(
            "{{\"type\":\"{event}\",\"sessionId\":\"{session}\"{}{}",
            if rest == "{}" { "" } else { "," },
            rest.get(1..).unwrap_or("}")
        );
        if body.len() > EVENT_BYTES_MAX {
            return Err(Refusal::because(
                ErrorCode::TooLarge,
                format!("An event may have {EVENT_BYTES_MAX} bytes."),
            ));
        }
        Ok(Self {
            body: body.into(),
            durable,
        })
    }
}

/// Whether it can be the name of a back end's own event.
pub fn is_own_name(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_:.-".contains(&b);
    name.len() <= NAME_BYTES_MAX
        && name
            .strip_prefix(OWN_PREFIX)
            .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(allowed))
}

fn own(
    session: &SessionId,
    event: &str,
    data: Map<String, Value>,
    at: Wall,
) -> Result<Map<String, Value>, Refusal> {
    if !is_own_name(event) {
        return Err(Refusal::because(
            ErrorCode::InvalidField,
            format!(
                "After `{OWN_PREFIX}` the name of an event may have lower-case letters, digits and _ : . -, \
                 {NAME_BYTES_MAX} characters in all (session {session})."
            ),
        ));
    }
    let mut fields = Map::new();
    fields.insert("at".to_owned(), at.0.into());
    fields.insert("data".to_owned(), Value::Object(data));
    Ok(fields)
}

fn of_the_contract(
    session: &SessionId,
    event: &str,
    mut data: Map<String, Value>,
) -> Result<(Map<String, Value>, bool), Refusal> {
    if server::of(event).next().is_none() {
        return Err(Refusal::because(
            ErrorCode::UnknownEvent,
            format!("The contract has no such event; names of your own begin with `{OWN_PREFIX}`."),
        ));
    }
    if !SAYABLE.contains(&event) {
        return Err(Refusal::because(
            ErrorCode::NotAllowed,
            format!(
                "`{event}` says what only the server knows; ask for the change itself instead."
            ),
        ));
    }
    data.insert("sessionId".to_owned(), session.as_str().into());
    let mut first = None;
    for spec in server::of(event) {
        match shape::check_fields(spec.body.fields, &data, "", &[]) {
            Ok(()) => {
                data.remove("sessionId");
                return Ok((data, spec.durable));
            }
            Err(mismatch) => first = first.or(Some(mismatch)),
        }
    }
    let why = first.map(|mismatch| (mismatch.why == "is missing", mismatch.to_string()));
    let (missing, why) = why.unwrap_or_default();
    let code = if missing {
        ErrorCode::MissingField
    } else {
        ErrorCode::InvalidField
    };
    Err(Refusal::because(code, format!("In `data`, {why}.")))
}

fn depth(value: &Value) -> usize {
    let inner = match value {
        Value::Array(items) => items.iter().map(depth).max(),
        Value::Object(fields) => fields.values().map(depth).max(),
        _ => return 0,
    };
    1 + inner.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::contract::check_server;

    fn said(event: &str, data: &Value) -> Result<Said, ErrorCode> {
        let session = SessionId::parse("s1").unwrap();
        let data = data.as_object().unwrap().clone();
        Said::new(&session, event, data, Wall(7)).map_err(|refusal| refusal.code)
    }

    #[test]
    fn an_event_of_ones_own_is_stored_and_keeps_its_data_apart() {
        let said = said(
            "custom:hint.v2",
            &json!({ "type": "x", "a": [1, { "b": null }] }),
        )
        .unwrap();
        assert!(said.durable);
        assert_eq!(
            &*said.body,
            r#"{"type":"custom:hint.v2","sessionId":"s1","at":7,"data":{"a":[1,{"b":null}],"type":"x"}}"#
        );
        let mut sent: Value = serde_json::from_str(&said.body).unwrap();
        sent["seq"] = 2.into();
        sent["prev"] = 1.into();
        check_server(&sent).unwrap();
    }

    #[test]
    fn an_event_of_the_contract_is_said_as_the_server_would() {
        let partial = json!({
            "userId": "ana", "streamId": 0, "utterance": 1, "isFinal": false, "text": "so",
            "stable": 1, "startMs": 0, "endMs": 20,
        });
        let partial = said("transcription:result", &partial).unwrap();
        assert!(!partial.durable);
        check_server(&serde_json::from_str(&partial.body).unwrap()).unwrap();
        let gap = json!({ "userId": "ana", "streamId": 0, "startMs": 0, "endMs": 20 });
        assert!(said("transcription:gap", &gap).unwrap().durable);
    }

    #[test]
    fn what_is_not_as_described_is_refused() {
        let none = json!({});
        assert_eq!(said("hint", &none), Err(ErrorCode::UnknownEvent));
        for word in [
            "session_ended",
            "session:joined",
            "question:asked",
            "ok",
            "pong",
        ] {
            assert_eq!(said(word, &none), Err(ErrorCode::NotAllowed), "{word}");
        }
        for name in ["custom:", "custom:A", "custom:a b", "custom:\"", "custom:é"] {
            assert_eq!(said(name, &none), Err(ErrorCode::InvalidField), "{name}");
        }
        let long = format!("custom:{}", "a".repeat(58));
        assert_eq!(said(&long, &none), Err(ErrorCode::InvalidField));
        assert_eq!(
            said("transcription:gap", &none),
            Err(ErrorCode::MissingField)
        );
        let more = json!({ "userId": "ana", "streamId": 0, "startMs": 0, "endMs": 2, "seq": 9 });
        assert_eq!(
            said("transcription:gap", &more),
            Err(ErrorCode::InvalidField)
        );
    }

    #[test]
    fn size_and_depth_have_bounds() {
        let large = json!({ "text": "x".repeat(EVENT_BYTES_MAX) });
        assert_eq!(said("custom:a", &large), Err(ErrorCode::TooLarge));
        let mut deep = json!(1);
        for _ in 0..EVENT_DEPTH_MAX {
            deep = json!([deep]);
        }
        assert_eq!(
            said("custom:a", &json!({ "a": deep })),
            Err(ErrorCode::TooDeep)
        );
    }

    #[test]
    fn everything_that_may_be_said_is_an_event_of_the_contract_or_comes_with_its_feature() {
        for event in SAYABLE {
            let known = server::of(event).next().is_some();
            assert!(known || *event == "responses:suggestions", "{event}");
        }
    }
}
