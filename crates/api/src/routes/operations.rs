//! For those who run the server: is it alive, is it ready, what is in it (L12).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use protocol::contract::shape::always;
use protocol::contract::{Object, Shape, Words, common};
use protocol::error::ErrorCode;
use serde_json::{Value, json};

use super::within;
use crate::auth;
use crate::describe::{self, ROUTE, Route, Who};
use crate::extract::{identify, is_local};
use crate::problem::Problem;
use crate::router::Api;

static PARTS: Words = Words {
    name: "ServerPart",
    about: "A part of the server that can be well or not.",
    words: &[
        ("store", "The records can be read and written."),
        ("sessions", "What happens in sessions is stored in time."),
        (
            "drain",
            "New sessions are taken: the server is not about to stop.",
        ),
    ],
};

static READY: Words = Words {
    name: "ReadinessWord",
    about: "Whether new sessions can be taken.",
    words: &[("ready", "They can."), ("not_ready", "They cannot now.")],
};

static CHECK: Object = Object {
    name: "ReadinessCheck",
    about: "One part of the server.",
    fields: &[
        always("name", Shape::Word(&PARTS), "Which."),
        always("ok", Shape::Flag, "Whether it is fine."),
        always("detail", Shape::Text(0), "In words."),
    ],
};

static READINESS: Object = Object {
    name: "Readiness",
    about: "Whether new sessions can be taken, part by part.",
    fields: &[
        always(
            "status",
            Shape::Word(&READY),
            "Ready when every part is fine.",
        ),
        always(
            "checks",
            Shape::List(&Shape::Of(&CHECK), 3),
            "Part by part; empty: they did not say in time.",
        ),
    ],
};

static MEMORY: Object = Object {
    name: "Memory",
    about: "Memory of the process, bytes.",
    fields: &[
        always("rss", common::SEQ, "Resident."),
        always("heapTotal", common::SEQ, "Held by the allocator."),
        always("heapUsed", common::SEQ, "In use."),
        always(
            "external",
            common::SEQ,
            "Mapped from files: programs and models.",
        ),
    ],
};

static TABLE: Object = Object {
    name: "ActiveTable",
    about: "How full the table `active_interview_sessions` is.",
    fields: &[
        always("rows", common::SEQ, "Rows."),
        always(
            "oldestAgeMs",
            Shape::Or(&Shape::Millis),
            "Age of the oldest, milliseconds.",
        ),
    ],
};

static METRICS: Object = Object {
    name: "Metrics",
    about: "The documents' figures, counted now.",
    fields: &[
        always("activeSessions", common::SEQ, "Sessions in memory."),
        always(
            "questionTimers",
            common::SEQ,
            "Questions with a running clock.",
        ),
        always("socketMappings", common::SEQ, "Seats held by connections."),
        always("memory", Shape::Of(&MEMORY), "Memory of the process."),
        always(
            "cleanedUpTotal",
            common::SEQ,
            "Sessions cleaned up since the start.",
        ),
        always(
            "activeInterviewSessions",
            Shape::Or(&Shape::Of(&TABLE)),
            "Null while the records cannot be read.",
        ),
    ],
};

/// `GET /healthz`
pub static HEALTHZ: Route = Route {
    path: "/healthz",
    name: "healthz",
    group: "operations",
    about: "The process answers. Asks nobody.",
    who: Who::Anybody,
    answers: &[describe::text("`ok`", "text/plain")],
    ..ROUTE
};

/// `GET /readyz`
pub static READYZ: Route = Route {
    path: "/readyz",
    name: "readyz",
    group: "operations",
    about: "Whether new sessions can be taken.",
    who: Who::Anybody,
    answers: &[
        describe::ok("They can.", &READINESS),
        describe::json(
            StatusCode::SERVICE_UNAVAILABLE,
            "They cannot, and why.",
            &READINESS,
        ),
    ],
    ..ROUTE
};

/// `GET /metrics`
pub static PROMETHEUS: Route = Route {
    path: "/metrics",
    name: "prometheus",
    group: "operations",
    about: "Every figure in Prometheus' text format.",
    who: Who::LocalOrAdmin,
    answers: &[describe::text("The figures.", "text/plain")],
    ..ROUTE
};

/// `GET /api/metrics`
pub static METRICS_JSON: Route = Route {
    path: "/api/metrics",
    name: "metrics",
    group: "operations",
    about: "The documents' figures as JSON.",
    who: Who::LocalOrAdmin,
    answers: &[describe::ok("The figures.", &METRICS)],
    ..ROUTE
};

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
