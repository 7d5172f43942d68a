//! A back end says something into a session (S11): an event of its own, or one of the contract's in
//! the server's place. What may be said is `protocol::said`'s, whether it can be is the session's.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{Method, StatusCode};
use protocol::contract::shape::{always, maybe};
use protocol::contract::{Object, Shape, common};
use protocol::error::{ErrorCode, Refusal};
use protocol::said::Said;
use protocol::value::{Audience, Role, Status};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{live_access, within};
use crate::describe::{
    self, Answer, Content, NO_SESSION, NOT_ALLOWED, RECORDS, ROUTE, Route, SESSION_IN_PATH, Why,
};
use crate::extract::{Body, Caller, PathId};
use crate::problem::Problem;
use crate::router::Api;

static BODY: Object = Object {
    name: "Broadcast",
    about: "An event to be said. Own events are `custom:…`, are stored and reach members who come back later; of the contract's a back end may say suggestions, transcription and errors, with the contract's fields.",
    fields: &[
        always(
            "type",
            Shape::Text(64),
            "The event's name: `custom:hint`, `transcription:result` …",
        ),
        maybe(
            "data",
            Shape::Open,
            "Its fields; left out: none. At most 16 KiB, 8 levels deep.",
        ),
        maybe(
            "to",
            Shape::List(&common::ROLE, 3),
            "Which roles hear it; left out: all of them.",
        ),
    ],
};

static ANSWER: Object = Object {
    name: "BroadcastAnswer",
    about: "It was said.",
    fields: &[
        common::SESSION,
        always(
            "seq",
            Shape::Or(&common::SEQ),
            "Its place in the session's log, where it is stored; null: it has none.",
        ),
        always(
            "receivers",
            common::U32,
            "How many connections were there to hear it.",
        ),
    ],
};

/// `POST /api/sessions/{id}/events`
pub static SAY: Route = Route {
    method: Method::POST,
    path: "/api/sessions/{id}/events",
    name: "broadcast",
    group: "sessions",
    about: "Says an event into a session; admins only. Answered when it is stored, if it is to be.",
    path_fields: SESSION_IN_PATH,
    body: Some(describe::Body {
        shape: Shape::Closed(&BODY),
        example: r#"{"type":"custom:hint","data":{"text":"Two minutes left."},"to":["candidate"]}"#,
        optional: false,
    }),
    answers: &[Answer {
        status: StatusCode::OK,
        about: "It was said.",
        content: Content::Json(Shape::Of(&ANSWER)),
    }],
    refusals: &[
        NO_SESSION,
        NOT_ALLOWED,
        RECORDS,
        &[
            Why::Code(ErrorCode::UnknownEvent),
            Why::Code(ErrorCode::SessionEnded),
            Why::Code(ErrorCode::BadTransition),
            Why::Code(ErrorCode::Busy),
        ],
    ],
    ..ROUTE
};

/// Body of `POST /api/sessions/{id}/events`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Broadcast {
    #[serde(rename = "type")]
    event: String,
    data: Option<Map<String, Value>>,
    to: Option<Vec<Role>>,
}

/// `POST /api/sessions/{id}/events`: admins.
pub async fn say(
    State(api): State<Arc<Api>>,
    Caller(who): Caller,
    PathId(id): PathId,
    Body(body): Body<Broadcast>,
) -> Result<Json<Value>, Problem> {
    if !who.admin {
        return Err(ErrorCode::NotAllowed.into());
    }
    match within(api.records.session(id.clone())).await? {
        Some(record) if record.row.status == Status::Ended => {
            return Err(ErrorCode::SessionEnded.into());
        }
        Some(_) => {}
        None => {
            live_access(&api, &who, &id).ok_or(ErrorCode::SessionNotFound)?;
        }
    }
    let said = Said::new(&id, &body.event, body.data.unwrap_or_default(), api.now())?;
    let audience = body.to.map_or(Ok(Audience::ALL), audience)?;
    let told = within(api.handle.say(id.clone(), said, audience)).await?;
    tracing::info!(session = %id, user = %who.user, event = %body.event, "said through the API");
    Ok(Json(json!({
        "sessionId": id,
        "seq": told.seq,
        "receivers": told.receivers,
    })))
}

fn audience(roles: Vec<Role>) -> Result<Audience, Refusal> {
    if roles.is_empty() || roles.len() > Role::ALL.len() {
        return Err(Refusal::because(
            ErrorCode::InvalidField,
            "`to` must name one to three roles.",
        ));
    }
    let bits = roles.iter().fold(0, |bits, role| bits | 1 << role.index());
    Ok(Audience(bits))
}
