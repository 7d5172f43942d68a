//! The recovery card's routes (L7): is something of mine still open, and clear it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use protocol::error::{ErrorCode, Refusal};
use protocol::id::UserId;
use serde::Deserialize;
use serde_json::{Value, json};

use super::within;
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
    let row = record.map(|record| record.row);
    Ok(Json(json!({ "active": {
        "sessionId": active.session,
        "status": active.status,
        "createdAt": active.created_at,
        "title": row.as_ref().map(|row| &row.title),
        "startedAt": row.as_ref().and_then(|row| row.started_at),
        "lastActivityAt": row.as_ref().map(|row| row.last_activity_at),
        "deadlineAt": row.as_ref().and_then(|row| row.deadline_at),
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
