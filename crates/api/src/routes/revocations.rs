//! Taking tokens back: those of a user, or the invitations to a session. For administrators and
//! API keys.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use protocol::error::ErrorCode;
use protocol::id::{SessionId, UserId};
use serde::Deserialize;
use serde_json::{Value, json};
use store::desk::{RevocationRow, Revokes};

use super::{invalid, within};
use crate::extract::{Body, Caller, Query};
use crate::identity::Identity;
use crate::office::Subject;
use crate::problem::Problem;
use crate::router::Api;

/// Whose tokens: exactly one of the two.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Named {
    user_id: Option<UserId>,
    session_id: Option<SessionId>,
}

impl Named {
    fn subject(self) -> Result<Subject, Problem> {
        match (self.user_id, self.session_id) {
            (Some(user), None) => Ok(Subject {
                kind: Revokes::User,
                id: user.as_str().to_owned(),
            }),
            (None, Some(session)) => Ok(Subject {
                kind: Revokes::Session,
                id: session.as_str().to_owned(),
            }),
            _ => Err(invalid("Send `userId` or `sessionId`, one of the two.")),
        }
    }
}

fn allowed(who: &Identity) -> Result<(), Problem> {
    if who.admin {
        return Ok(());
    }
    Err(ErrorCode::NotAllowed.into())
}

fn shown(row: &RevocationRow) -> Value {
    let key = match row.kind {
        Revokes::User => "userId",
        Revokes::Session => "sessionId",
    };
    json!({ key: row.subject, "before": row.before, "by": row.by })
}

/// `POST /api/revocations {userId | sessionId}` → 201 `{userId | sessionId, before, by, ended}`:
/// every token made up to `before` is good no more, its connections are closed with 4401, and the
/// running interview of the user, or the session itself, ends `token_revoked`.
pub async fn create(
    State(api): State<Arc<Api>>,
    Caller(who): Caller,
    Body(named): Body<Named>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    allowed(&who)?;
    let subject = named.subject()?;
    tracing::info!(kind = subject.kind.as_str(), id = %subject.id, by = %who.user, "tokens revoked");
    let done = within(api.office.revoke(subject, who.user.as_str().to_owned())).await?;
    let mut body = shown(&done.row);
    body["ended"] = json!(done.ended);
    Ok((StatusCode::CREATED, Json(body)))
}

/// Query of the list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Page {
    after: Option<String>,
    limit: Option<usize>,
}

/// `GET /api/revocations` → `{revocations, next}`.
pub async fn list(
    State(api): State<Arc<Api>>,
    Caller(who): Caller,
    Query(page): Query<Page>,
) -> Result<Json<Value>, Problem> {
    allowed(&who)?;
    let limit = page.limit.unwrap_or(50).clamp(1, 200);
    let rows = within(api.office.revocations()).await?;
    let place = |row: &RevocationRow| format!("{}.{}", row.kind.as_str(), row.subject);
    let mut rest = rows
        .iter()
        .filter(|row| page.after.as_ref().is_none_or(|after| place(row) > *after));
    let shown: Vec<_> = rest.by_ref().take(limit).collect();
    let next = rest.next().and(shown.last()).map(|row| place(row));
    let revocations: Vec<Value> = shown.into_iter().map(self::shown).collect();
    Ok(Json(json!({ "revocations": revocations, "next": next })))
}

/// `DELETE /api/revocations?userId=…` or `?sessionId=…` → `{removed}`: older tokens that have not
/// expired are good again.
pub async fn remove(
    State(api): State<Arc<Api>>,
    Caller(who): Caller,
    Query(named): Query<Named>,
) -> Result<Json<Value>, Problem> {
    allowed(&who)?;
    let subject = named.subject()?;
    tracing::info!(kind = subject.kind.as_str(), id = %subject.id, by = %who.user, "revocation removed");
    let removed = within(api.office.unrevoke(subject)).await?;
    Ok(Json(json!({ "removed": removed })))
}
