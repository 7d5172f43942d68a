//! What became of webhooks: the log of deliveries, for administrators and API keys.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use protocol::contract::shape::{always, maybe};
use protocol::contract::{Object, Shape, common};
use protocol::error::ErrorCode;
use protocol::id::SessionId;
use protocol::time::Wall;
use serde::Deserialize;
use serde_json::{Value, json};
use store::desk::{DeliveryFilter, DeliveryRow, HookState};

use super::{invalid, within};
use crate::describe::{Answer, Content, NOT_ALLOWED, RECORDS, ROUTE, Route};
use crate::extract::{Caller, Query};
use crate::problem::Problem;
use crate::router::Api;

/// Query of the list.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Which {
    session_id: Option<SessionId>,
    state: Option<String>,
    after: Option<String>,
    limit: Option<u32>,
}

static DELIVERY: Object = Object {
    name: "WebhookDelivery",
    about: "One message to one endpoint.",
    fields: &[
        always(
            "id",
            Shape::Text(0),
            "The same on every attempt (`webhook-id`).",
        ),
        always("endpoint", Shape::Text(0), "Where to."),
        always(
            "type",
            Shape::Text(0),
            "`session.started`, `session.ended` or `report.ready`.",
        ),
        common::SESSION,
        always("createdAt", Shape::Time, "When it was due first."),
        always(
            "state",
            Shape::Text(0),
            "`waiting`, `delivered` or `failed`.",
        ),
        always("attempts", common::U32, "How often it was tried."),
        always(
            "nextAttemptAt",
            Shape::Or(&Shape::Time),
            "Null: it is over.",
        ),
        always(
            "lastStatus",
            Shape::Or(&Shape::Whole(100, 999)),
            "The HTTP status of the last answer; null: there was none.",
        ),
        always(
            "lastError",
            Shape::Or(&Shape::Text(0)),
            "Why the last attempt failed.",
        ),
    ],
};

static ALL: Object = Object {
    name: "WebhookDeliveryList",
    about: "A page of the log, newest first.",
    fields: &[
        always(
            "deliveries",
            Shape::List(&Shape::Of(&DELIVERY), 200),
            "The page.",
        ),
        always(
            "next",
            Shape::Or(&Shape::Text(0)),
            "For `after`; null: that was the last page.",
        ),
    ],
};

/// `GET /api/webhooks/deliveries`
pub static LIST: Route = Route {
    path: "/api/webhooks/deliveries",
    name: "listWebhookDeliveries",
    group: "webhooks",
    about: "What was sent, what waits and what was given up.",
    query: &[
        maybe("sessionId", Shape::Id, "Only about this session."),
        maybe(
            "state",
            Shape::Text(0),
            "Only `waiting`, `delivered` or `failed` ones.",
        ),
        maybe("after", Shape::Text(0), "`next` of the page before."),
        maybe(
            "limit",
            Shape::Whole(1, 200),
            "At most so many; 50 unless said.",
        ),
    ],
    answers: &[Answer {
        status: StatusCode::OK,
        about: "A page.",
        content: Content::Json(Shape::Of(&ALL)),
    }],
    refusals: &[NOT_ALLOWED, RECORDS],
    ..ROUTE
};

/// `GET /api/webhooks/deliveries` → `{deliveries, next}`, newest first.
pub async fn list(
    State(api): State<Arc<Api>>,
    Caller(who): Caller,
    Query(which): Query<Which>,
) -> Result<Json<Value>, Problem> {
    if !who.admin {
        return Err(ErrorCode::NotAllowed.into());
    }
    let word = |word: &str| {
        let why = "`state` must be waiting, delivered or failed.";
        HookState::parse(word).ok_or_else(|| invalid(why))
    };
    let limit = which.limit.unwrap_or(50).clamp(1, 200);
    let filter = DeliveryFilter {
        session: which.session_id,
        state: which.state.as_deref().map(word).transpose()?,
        after: match which.after.as_deref() {
            None => None,
            Some(text) => Some(cursor(text).ok_or_else(|| invalid("`after` is no cursor."))?),
        },
        limit,
    };
    let rows = within(api.office.deliveries(filter)).await?;
    let full = u32::try_from(rows.len()).is_ok_and(|found| found == limit);
    let last = rows.last().filter(|_| full);
    let next = last.map(|row| format!("{}.{}.{}", row.created_at.0, row.id, row.endpoint));
    let deliveries: Vec<Value> = rows.iter().map(shown).collect();
    Ok(Json(json!({ "deliveries": deliveries, "next": next })))
}

fn cursor(text: &str) -> Option<(Wall, String, String)> {
    let mut parts = text.splitn(3, '.');
    let at = Wall(parts.next()?.parse().ok()?);
    Some((at, parts.next()?.to_owned(), parts.next()?.to_owned()))
}

fn shown(row: &DeliveryRow) -> Value {
    let waits = row.state == HookState::Waiting;
    json!({
        "id": row.id,
        "endpoint": row.endpoint,
        "type": row.kind.as_str(),
        "sessionId": row.session,
        "createdAt": row.created_at,
        "state": row.state.as_str(),
        "attempts": row.attempts,
        "nextAttemptAt": waits.then_some(row.next_at),
        "lastStatus": row.status,
        "lastError": row.error,
    })
}
