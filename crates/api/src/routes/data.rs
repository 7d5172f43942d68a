//! Deletion of a session's data because somebody asks for it (L13).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::Method;
use protocol::contract::shape::{always, maybe};
use protocol::contract::{Object, Shape, common};
use protocol::error::{ErrorCode, Refusal};
use protocol::record::DataKind;
use serde::Deserialize;
use serde_json::{Value, json};

use super::within;
use crate::describe::{
    self, DRAINING, NO_SESSION, NOT_ALLOWED, RECORDS, ROUTE, Route, SESSION_IN_PATH, Why,
};
use crate::extract::{Caller, PathId, Query};
use crate::problem::Problem;
use crate::router::Api;

static ONE: Object = Object {
    name: "Deletion",
    about: "What was deleted when.",
    fields: &[
        always("kind", Shape::Word(&DataKind::WORDS), "What."),
        always("deletedAt", Shape::Time, "When."),
    ],
};

static DELETED: Object = Object {
    name: "DataDeleted",
    about: "What of a session is deleted by now.",
    fields: &[
        common::SESSION,
        always("deleted", Shape::List(&Shape::Of(&ONE), 4), "By kind."),
    ],
};

/// `DELETE /api/sessions/{id}/data`
pub static DELETE: Route = Route {
    method: Method::DELETE,
    path: "/api/sessions/{id}/data",
    name: "deleteSessionData",
    group: "sessions",
    about: "Deletes data of an ended session for good, for admins; without a kind all of it, so that only its id is left. Deleting again is no error.",
    path_fields: SESSION_IN_PATH,
    query: &[maybe(
        "kind",
        Shape::Word(&DataKind::WORDS),
        "What to delete; left out: everything.",
    )],
    answers: &[describe::ok("It is gone.", &DELETED)],
    refusals: &[
        NOT_ALLOWED,
        NO_SESSION,
        RECORDS,
        DRAINING,
        &[Why::Code(ErrorCode::BadTransition)],
    ],
    ..ROUTE
};

/// Query of the deletion.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
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
