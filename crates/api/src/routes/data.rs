//! Deletion of a session's data because somebody asks for it (L13).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use protocol::error::{ErrorCode, Refusal};
use protocol::record::DataKind;
use serde::Deserialize;
use serde_json::{Value, json};

use super::within;
use crate::extract::{Caller, PathId, Query};
use crate::problem::Problem;
use crate::router::Api;

/// Query of the deletion.
#[derive(Debug, Deserialize)]
pub struct What {
    kind: Option<DataKind>,
}

/// `DELETE /api/sessions/{id}/data?kind=audio|transcript|report|everything`: for good; without a
/// kind everything, which leaves a tombstone. For administrators. Deleting again is no error.
pub async fn delete(
    State(api): State<Arc<Api>>,
    Caller(who): Caller,
    PathId(id): PathId,
    Query(what): Query<What>,
) -> Result<Json<Value>, Problem> {
    if !who.admin {
        return Err(ErrorCode::NotAllowed.into());
    }
    let kind = what.kind.unwrap_or(DataKind::Everything);
    let done = within(api.handle.forget(id.clone(), kind)).await;
    let state = within(api.records.report_state(id.clone())).await?;
    let gone_before = !state.deleted.is_empty();
    match done {
        Ok(()) => {}
        Err(Refusal { code, .. }) if code == ErrorCode::SessionNotFound && gone_before => {}
        Err(refusal) => return Err(refusal.into()),
    }
    let deleted: Vec<Value> = { state.deleted.iter() }
        .map(|(kind, at)| json!({ "kind": kind, "deletedAt": at }))
        .collect();
    Ok(Json(json!({ "sessionId": id, "deleted": deleted })))
}
