//! For those who run the server: is it alive, is it ready, what is in it (L12).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use protocol::error::ErrorCode;
use serde_json::{Value, json};

use super::within;
use crate::auth;
use crate::extract::{identify, is_local};
use crate::problem::Problem;
use crate::router::Api;

/// `GET /healthz`: the process answers. Asks nobody.
pub async fn healthz() -> &'static str {
    "ok"
}

/// `GET /readyz`: whether new sessions can be taken; 503 with the reason otherwise.
pub async fn readyz(State(api): State<Arc<Api>>) -> Response {
    let answer = async { Ok(api.handle.ready().await) };
    let Ok(readiness) = within(answer).await else {
        let body = json!({ "status": "not_ready", "checks": [] });
        return (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response();
    };
    let (status, word) = if readiness.is_ready() {
        (StatusCode::OK, "ready")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not_ready")
    };
    (
        status,
        Json(json!({ "status": word, "checks": readiness.checks })),
    )
        .into_response()
}

/// From this machine, or with an admin's token.
async fn allowed(api: &Api, parts: &Parts) -> Result<(), Problem> {
    if is_local(parts) {
        return Ok(());
    }
    let who = {
        let token = auth::bearer(&parts.headers);
        identify(api, token.or_else(|| auth::api_key(&parts.headers))).await?
    };
    if who.admin {
        Ok(())
    } else {
        Err(ErrorCode::NotAllowed.into())
    }
}

/// `GET /metrics`: Prometheus' text format.
pub async fn prometheus(State(api): State<Arc<Api>>, parts: Parts) -> Result<Response, Problem> {
    allowed(&api, &parts).await?;
    let kind = [(
        header::CONTENT_TYPE,
        "text/plain; version=0.0.4; charset=utf-8",
    )];
    Ok((kind, api.handle.prometheus()).into_response())
}

/// `GET /api/metrics`: the documents' figures. Those of the table are null while the records
/// cannot be read: the rest is worth most just then.
pub async fn metrics(State(api): State<Arc<Api>>, parts: Parts) -> Result<Json<Value>, Problem> {
    allowed(&api, &parts).await?;
    let mut body = serde_json::to_value(api.handle.metrics()).unwrap_or_default();
    body["activeInterviewSessions"] = match within(api.records.active_stats()).await {
        Ok(stats) => json!({ "rows": stats.rows, "oldestAgeMs": stats.oldest_age_ms }),
        Err(_) => Value::Null,
    };
    Ok(Json(body))
}
