//! What became of webhooks: the log of deliveries, for administrators and API keys.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use protocol::contract::shape::{always, maybe};
use protocol::contract::{Object, Shape, Words, common};
use protocol::error::ErrorCode;
use protocol::id::SessionId;
use protocol::time::Wall;
use serde::Deserialize;
use serde_json::{Value, json};
use store::desk::{DeliveryFilter, DeliveryRow, HookState};

use super::{invalid, paging, within};
use crate::describe::{self, DELIVERY_CURSOR, LIMIT, NOT_ALLOWED, RECORDS, ROUTE, Route};
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

/// What a webhook can be about.
static KINDS: Words = Words {
    name: "WebhookKind",
    about: "What a webhook can be about.",
    words: &[
        ("session.started", "An interview began."),
        ("session.ended", "A session is over."),
        ("report.ready", "Its report is there."),
    ],
};

/// How a delivery stands.
static STATES: Words = Words {
    name: "WebhookState",
    about: "How a delivery stands.",
    words: &[
        ("waiting", "To be sent, or sent again."),
        ("delivered", "Somebody took it."),
        ("failed", "Given up."),
    ],
};

static CURSOR: Shape = Shape::Form(&DELIVERY_CURSOR);

static DELIVERY: Object = Object {
    name: "WebhookDelivery",
    about: "One message to one endpoint.",
    fields: &[
        always("id", Shape::Id, "The same on every attempt (`webhook-id`)."),
        always(
            "endpoint",
            Shape::Text(2_048),
            "Where to, without its query.",
        ),
        always("type", Shape::Word(&KINDS), "What it tells of."),
        common::SESSION,
        always("createdAt", Shape::Time, "When it was due first."),
        always("state", Shape::Word(&STATES), "How it stands."),
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
        describe::next(&CURSOR),
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
        maybe("state", Shape::Word(&STATES), "Only those that stand so."),
        describe::after(Shape::Form(&DELIVERY_CURSOR)),
        LIMIT,
    ],
    answers: &[describe::ok("A page.", &ALL)],
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
    let limit = paging::limit(which.limit)?;
    let filter = DeliveryFilter {
        session: which.session_id,
        state: which.state.as_deref().map(word).transpose()?,
        after: paging::after(which.after.as_deref(), cursor)?,
        limit,
    };
    let rows = within(api.office.deliveries(filter)).await?;
    let next = paging::last_of_full(&rows, limit);
    let next = next.map(|row| format!("{}.{}.{}", row.created_at.0, row.id, row.endpoint));
    let deliveries: Vec<Value> = rows.iter().map(shown).collect();
    Ok(Json(json!({ "deliveries": deliveries, "next": next })))
}

fn cursor(text: &str) -> Option<(Wall, String, String)> {
    if !(DELIVERY_CURSOR.fits)(text) {
        return None;
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use store::desk::HookKind;

    #[test]
    fn every_kind_and_state_is_described() {
        let words = |words: &Words| {
            words
                .words
                .iter()
                .map(|(word, _)| *word)
                .collect::<Vec<_>>()
        };
        let kinds: Vec<&str> = HookKind::ALL.iter().map(|kind| kind.as_str()).collect();
        let states: Vec<&str> = HookState::ALL.iter().map(|state| state.as_str()).collect();
        assert_eq!((words(&KINDS), words(&STATES)), (kinds, states));
    }
}
