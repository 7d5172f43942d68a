//! The report of a session, as stored, for whoever may be in it.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};

use super::{find, within};
use crate::extract::{Caller, PathId, Reader};
use crate::identity::Identity;
use crate::problem::Problem;
use crate::router::Api;

async fn stored(api: &Api, who: &Identity, PathId(id): PathId) -> Result<Arc<str>, Problem> {
    find(api, who, id.clone()).await?;
    within(api.records.report(id))
        .await?
        .ok_or_else(Problem::report_not_ready)
}

/// `GET /api/sessions/{id}/report`: JSON with a schema version.
pub async fn json(
    State(api): State<Arc<Api>>,
    Caller(who): Caller,
    id: PathId,
) -> Result<Response, Problem> {
    let report = stored(&api, &who, id).await?;
    let kind = [(header::CONTENT_TYPE, "application/json")];
    Ok((kind, report.to_string()).into_response())
}
