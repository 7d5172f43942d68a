//! The recovery card's routes (L7): is something of mine still open, and clear it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::Method;
use protocol::contract::shape::{always, maybe};
use protocol::contract::{Field, Object, Shape, common};
use protocol::error::{ErrorCode, Refusal};
use protocol::id::UserId;
use protocol::value::Role;
use serde::Deserialize;
use serde_json::{Value, json};

use super::within;
use crate::describe::{self, BUSY, NOT_ALLOWED, RECORDS, ROUTE, Route};
use crate::extract::{Caller, Query};
use crate::identity::Identity;
use crate::problem::Problem;
use crate::router::Api;

/// Query of both: an admin may ask for somebody else.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Whose {
    user: Option<UserId>,
}

fn whose(who: &Identity, query: Whose) -> Result<UserId, Problem> {
    match query.user {
        None => Ok(who.user.clone()),
        Some(user) if who.admin || user == who.user => Ok(user),
        Some(_) => Err(Refusal::because(
            ErrorCode::NotAllowed,
            "Only an administrator may ask about somebody else.",
        )
        .into()),
    }
}

const WHOSE: &[Field] = &[maybe(
    "user",
    Shape::Id,
    "Somebody else's; only an admin may ask for that.",
)];

static OPEN: Object = Object {
    name: "ActiveSession",
    about: "What the recovery card shows.",
    fields: &[
        common::SESSION,
        always("status", common::STATUS, "`active` or `completing`."),
        always("createdAt", Shape::Time, "When its interview began."),
        always(
            "title",
            Shape::Or(&Shape::Line(200)),
            "For people; null: only the row is left.",
        ),
        always(
            "startedAt",
            Shape::Or(&Shape::Time),
            "When it became active.",
        ),
        always(
            "lastActivityAt",
            Shape::Or(&Shape::Time),
            "When something last happened in it.",
        ),
        always(
            "deadlineAt",
            Shape::Or(&Shape::Time),
            "When it ends by itself.",
        ),
        always("questionsAsked", common::U32, "Questions that were put."),
        always(
            "questionsTotal",
            common::U32,
            "Questions it has; 0: a plain room.",
        ),
        always(
            "connected",
            Shape::Flag,
            "A page of the candidate is connected to it now.",
        ),
        always(
            "lastSeenAt",
            Shape::Or(&Shape::Time),
            "When the candidate was last connected, if they are not now.",
        ),
    ],
};

static ACTIVE: Object = Object {
    name: "ActiveAnswer",
    about: "Whether an interview of the user's is still open.",
    fields: &[always(
        "active",
        Shape::Or(&Shape::Of(&OPEN)),
        "Null: none is.",
    )],
};

static CLEARED: Object = Object {
    name: "ClearedAnswer",
    about: "Nothing of the user's is open any more.",
    fields: &[always(
        "cleared",
        Shape::Or(&Shape::Id),
        "The session that was ended; null: there was none.",
    )],
};

/// `GET /api/sessions/active`
pub static SHOW: Route = Route {
    path: "/api/sessions/active",
    name: "getActiveSession",
    group: "recovery",
    about: "Is an interview of mine still open? Works from the row alone, so also after a crash.",
    query: WHOSE,
    answers: &[describe::ok("What is open, or null.", &ACTIVE)],
    refusals: &[NOT_ALLOWED, RECORDS],
    ..ROUTE
};

/// `DELETE /api/sessions/active`
pub static CLEAR: Route = Route {
    method: Method::DELETE,
    name: "clearActiveSession",
    about: "End what is still open, with reason `cleared_by_user`. Nothing open is no error.",
    answers: &[describe::ok("Nothing is open any more.", &CLEARED)],
    refusals: &[NOT_ALLOWED, RECORDS, BUSY],
    path: "/api/sessions/active",
    group: "recovery",
    query: WHOSE,
    ..ROUTE
};

/// `GET /api/sessions/active` → `{active: null}` or what the card shows.
pub async fn show(
    State(api): State<Arc<Api>>,
    Caller(who): Caller,
    Query(query): Query<Whose>,
) -> Result<Json<Value>, Problem> {
    let user = whose(&who, query)?;
    let Some(active) = within(api.records.active_of(user)).await? else {
        return Ok(Json(json!({ "active": null })));
    };
    // The row alone is enough to say that something is open; the session's own row, where there
    // is one, says what.
    let record = within(api.records.session(active.session.clone())).await?;
    let seat = { record.iter() }
        .flat_map(|record| &record.participants)
        .find(|seat| seat.role == Role::Candidate && seat.key.is_some());
    let connected = seat.is_some_and(|seat| seat.seated && seat.away_since.is_none());
    let last_seen = seat.and_then(|seat| seat.away_since);
    let (asked, total) = record.as_ref().map_or((0, 0), |record| record.questions);
    let row = record.as_ref().map(|record| &record.row);
    Ok(Json(json!({ "active": {
        "sessionId": active.session,
        "status": active.status,
        "createdAt": active.created_at,
        "title": row.as_ref().map(|row| &row.title),
        "startedAt": row.as_ref().and_then(|row| row.started_at),
        "lastActivityAt": row.as_ref().map(|row| row.last_activity_at),
        "deadlineAt": row.as_ref().and_then(|row| row.deadline_at),
        "questionsAsked": asked,
        "questionsTotal": total,
        "connected": connected,
        "lastSeenAt": last_seen,
    }})))
}

/// `DELETE /api/sessions/active` → `{cleared: sessionId | null}`.
pub async fn clear(
    State(api): State<Arc<Api>>,
    Caller(who): Caller,
    Query(query): Query<Whose>,
) -> Result<Json<Value>, Problem> {
    let user = whose(&who, query)?;
    let cleared = within(api.handle.clear_active(user.clone())).await?;
    if let Some(session) = &cleared {
        tracing::info!(%session, %user, by = %who.user, "active session cleared");
    }
    Ok(Json(json!({ "cleared": cleared })))
}
