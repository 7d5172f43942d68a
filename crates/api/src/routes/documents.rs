//! The documents' own two routes (S7), with their bodies to the letter. Somebody with no right to
//! a session gets what an unknown id gets: the same 200, and nothing is done.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{Method, StatusCode};
use protocol::contract::shape::always;
use protocol::contract::{Object, Shape, common};
use protocol::error::ErrorCode;
use protocol::id::SessionId;
use protocol::value::EndReason;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{live_access, sessions, within};
use crate::access::{Access, access};
use crate::describe::{self, Answer, Content, RECORDS, ROUTE, Route, Why};
use crate::extract::{Body, Caller};
use crate::identity::Identity;
use crate::problem::Problem;
use crate::router::Api;

/// Body of both. What else the clients send is passed over.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Named {
    session_id: SessionId,
}

static NAMED: Object = Object {
    name: "NamedSession",
    about: "A session by its id; further fields are passed over.",
    fields: &[common::SESSION],
};

const BODY: describe::Body = describe::Body {
    shape: Shape::Of(&NAMED),
    example: r#"{"sessionId":"s1"}"#,
    optional: false,
};

static ENDED: Object = Object {
    name: "EndSessionAnswer",
    about: "The documents' own answer.",
    fields: &[
        always(
            "message",
            Shape::Just("Session ended successfully"),
            "For people.",
        ),
        common::SESSION,
        always("status", Shape::Just("ended"), "Where it is now."),
    ],
};

static CLOSED: Object = Object {
    name: "CloseConnectionAnswer",
    about: "The documents' own answer.",
    fields: &[always(
        "message",
        Shape::Just("WebSocket connection closed successfully"),
        "For people.",
    )],
};

const BUSY: &[Why] = &[Why::Code(ErrorCode::Busy)];

/// `POST /api/session/end-session`
pub static END_SESSION: Route = Route {
    method: Method::POST,
    path: "/api/session/end-session",
    name: "endSession",
    group: "documents",
    about: "Ends a session. Ending one that is over, unknown or somebody else's gets the same answer, and nothing is done.",
    body: Some(BODY),
    answers: &[Answer {
        status: StatusCode::OK,
        about: "It is over.",
        content: Content::Json(Shape::Of(&ENDED)),
    }],
    refusals: &[RECORDS, BUSY],
    ..ROUTE
};

/// `POST /api/websocket/close-connection`
pub static CLOSE_CONNECTION: Route = Route {
    method: Method::POST,
    path: "/api/websocket/close-connection",
    name: "closeConnection",
    group: "documents",
    about: "Closes the connections of a session, ending it with reason `closed_by_api` if it is not over yet.",
    body: Some(BODY),
    answers: &[Answer {
        status: StatusCode::OK,
        about: "They are closed.",
        content: Content::Json(Shape::Of(&CLOSED)),
    }],
    refusals: &[RECORDS, BUSY],
    ..ROUTE
};

/// `POST /api/session/end-session`
pub async fn end_session(
    State(api): State<Arc<Api>>,
    Caller(who): Caller,
    Body(named): Body<Named>,
) -> Result<Json<Value>, Problem> {
    end_if_theirs(&api, who, &named.session_id, Access::end_reason).await?;
    Ok(Json(json!({
        "message": "Session ended successfully",
        "sessionId": named.session_id,
        "status": "ended",
    })))
}

/// `POST /api/websocket/close-connection`
pub async fn close_connection(
    State(api): State<Arc<Api>>,
    Caller(who): Caller,
    Body(named): Body<Named>,
) -> Result<Json<Value>, Problem> {
    let reason = |access: Access| access.end_reason().map(|_| EndReason::ClosedByApi);
    end_if_theirs(&api, who, &named.session_id, reason).await?;
    Ok(Json(
        json!({ "message": "WebSocket connection closed successfully" }),
    ))
}

async fn end_if_theirs(
    api: &Api,
    who: Identity,
    id: &SessionId,
    reason: impl Fn(Access) -> Option<EndReason>,
) -> Result<(), Problem> {
    let Some(record) = within(api.records.session(id.clone())).await? else {
        if let Some(access) = live_access(api, &who, id)
            && let Some(reason) = reason(access)
        {
            sessions::end_live(api, who, access, id.clone(), reason).await?;
        }
        return Ok(());
    };
    if let Some(access) = access(&who, &record)
        && let Some(reason) = reason(access)
    {
        sessions::end_session(api, who, access, record, reason).await?;
    }
    Ok(())
}
