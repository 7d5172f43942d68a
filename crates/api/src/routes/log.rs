//! A session's log as its members were told it, for whoever comes late: what was asked and said
//! before they joined. Reads the records, so nothing is told that is not stored.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use protocol::contract::shape::{WHOLE_MAX, always, maybe};
use protocol::contract::{Object, Shape, common};
use protocol::error::ErrorCode;
use protocol::id::Seq;
use protocol::record::EventRow;
use protocol::value::Role;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{find, invalid, within};
use crate::access::Access;
use crate::describe::{self, NO_SESSION, RECORDS, ROUTE, Route, SESSION_IN_PATH};
use crate::extract::{Caller, PathId, Query};
use crate::problem::Problem;
use crate::router::Api;

/// Bytes of events in one page; at least one event if there is one.
const PAGE_BYTES: usize = 512 * 1024;

static EVENT: Object = Object {
    name: "StoredEvent",
    about: "A message as members got it, without `prev`: its fields are those of the realtime contract.",
    fields: &[
        always("type", Shape::Text(64), "The event's name."),
        always("seq", common::SEQ, "Its place in the session's log."),
    ],
};

static LOG: Object = Object {
    name: "SessionLog",
    about: "A page of a session's log.",
    fields: &[
        common::SESSION,
        always(
            "events",
            Shape::List(&Shape::AtLeast(&EVENT), 0),
            "In order; at most 512 KiB of them.",
        ),
        describe::next(&common::SEQ),
    ],
};

/// `GET /api/sessions/{id}/events`
pub static SHOW: Route = Route {
    path: "/api/sessions/{id}/events",
    name: "sessionLog",
    group: "sessions",
    about: "What was stored of a session's events, page by page, as far as the caller's role may \
            see them: for somebody who comes late.",
    path_fields: SESSION_IN_PATH,
    query: &[maybe(
        "after",
        common::SEQ,
        "Only what comes behind this `seq`; left out: from the beginning.",
    )],
    answers: &[describe::ok("The events.", &LOG)],
    refusals: &[NO_SESSION, RECORDS],
    ..ROUTE
};

/// Query of `GET /api/sessions/{id}/events`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct From {
    after: Option<u64>,
}

/// `GET /api/sessions/{id}/events`: whoever may be in the session.
pub async fn show(
    State(api): State<Arc<Api>>,
    Caller(who): Caller,
    PathId(id): PathId,
    Query(from): Query<From>,
) -> Result<Json<Value>, Problem> {
    let (record, access) = find(&api, &who, id.clone()).await?;
    let role = match access {
        Access::As(role) => role,
        // Both join as observers.
        Access::Admin | Access::ApiKey => Role::Observer,
    };
    let after = from.after.unwrap_or_default();
    if after > WHOLE_MAX {
        return Err(invalid("`after` is no place in a log."));
    }
    let after = Seq(after);
    let rows = within(api.records.log(id.clone(), after, PAGE_BYTES)).await?;
    let next = rows.last().map(|row| row.seq);
    let next = next.filter(|last| *last < record.row.seq);
    let events = rows
        .iter()
        .filter(|row| row.audience.includes(role))
        .map(told)
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Json(json!({
        "sessionId": id,
        "events": events,
        "next": next,
    })))
}

/// The event with its place.
fn told(row: &EventRow) -> Result<Value, Problem> {
    let mut event: Value = serde_json::from_str(&row.body).map_err(|error| {
        tracing::error!(%error, "a stored event cannot be read");
        Problem::from(ErrorCode::Internal)
    })?;
    event["seq"] = row.seq.0.into();
    Ok(event)
}
