//! What happened (L11, X6): ends by reason over time, connections that are over, one session's whole
//! life. For administrators.

use std::cmp::Reverse;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use protocol::contract::shape::{TIME_MAX, WHOLE_MAX, always, maybe};
use protocol::contract::{Object, Shape, common};
use protocol::error::ErrorCode;
use protocol::time::Wall;
use protocol::value::EndReason;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{invalid, paging, within};
use crate::describe::{
    self, LIMIT, NO_SESSION, NOT_ALLOWED, RECORDS, ROUTE, Route, SESSION_IN_PATH,
};
use crate::extract::{Caller, PathId, Query};
use crate::handle::{ClosedConnection, Closure};
use crate::identity::Identity;
use crate::problem::Problem;
use crate::router::Api;

/// Most stretches of one answer.
const BUCKETS_MAX: u64 = 1_000;
/// Where nothing is said: the last day, hour by hour.
const DAY_MS: u64 = 24 * 3_600_000;
const HOUR_MS: u64 = 3_600_000;

fn admins_only(who: &Identity) -> Result<(), Problem> {
    match who.admin {
        true => Ok(()),
        false => Err(ErrorCode::NotAllowed.into()),
    }
}

/// A stretch's length: there is something in it.
const LENGTH: Shape = Shape::Whole(1, WHOLE_MAX);

static BUCKET: Object = Object {
    name: "ClosureBucket",
    about: "Ends in one stretch of time.",
    fields: &[
        always("from", Shape::Time, "Where the stretch begins."),
        always(
            "reasons",
            Shape::ByWord(&EndReason::WORDS, &common::SEQ),
            "How many ended for which reason.",
        ),
        always(
            "durationMs",
            Shape::Millis,
            "How long they were active, all together.",
        ),
    ],
};

static CLOSURES: Object = Object {
    name: "Closures",
    about: "Why sessions ended, over time.",
    fields: &[
        always("from", Shape::Time, "From here on."),
        always("to", Shape::Time, "Up to here, not included."),
        always("bucketMs", LENGTH, "Length of a stretch."),
        always(
            "buckets",
            Shape::List(&Shape::Of(&BUCKET), BUCKETS_MAX as u32),
            "Stretches in which something ended, in order.",
        ),
        always(
            "totals",
            Shape::ByWord(&EndReason::WORDS, &common::SEQ),
            "All of them by reason.",
        ),
    ],
};

/// `GET /api/analytics/closures`
pub static CLOSURES_ROUTE: Route = Route {
    path: "/api/analytics/closures",
    name: "closures",
    group: "operations",
    about: "How many sessions ended for which reason, over time; admins only. Without parameters: \
            the last 24 hours by hour.",
    query: &[
        maybe("from", Shape::Time, "From here on."),
        maybe("to", Shape::Time, "Up to here, not included."),
        maybe(
            "bucket",
            LENGTH,
            "Length of a stretch, milliseconds; left out: an hour. At most 1000 of them may lie \
             between `from` and `to`.",
        ),
    ],
    answers: &[describe::ok("The counts.", &CLOSURES)],
    refusals: &[NOT_ALLOWED, RECORDS],
    ..ROUTE
};

/// Query of [`closures`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stretch {
    from: Option<i64>,
    to: Option<i64>,
    bucket: Option<u64>,
}

/// Ends by reason over time.
pub async fn closures(
    State(api): State<Arc<Api>>,
    Caller(who): Caller,
    Query(query): Query<Stretch>,
) -> Result<Json<Value>, Problem> {
    admins_only(&who)?;
    let times = [query.from, query.to].into_iter().flatten();
    if !times.into_iter().all(|ms| ms.unsigned_abs() <= TIME_MAX) {
        return Err(invalid("Times are milliseconds since 1970."));
    }
    let to = query.to.map_or_else(|| api.now().after(1), Wall);
    let day = i64::try_from(DAY_MS).unwrap_or(i64::MAX);
    let from = Wall(
        query
            .from
            .unwrap_or_else(|| to.0.saturating_sub(day).max(-(TIME_MAX as i64))),
    );
    let length =
        to.0.checked_sub(from.0)
            .and_then(|ms| u64::try_from(ms).ok());
    let length = length.ok_or_else(|| invalid("`from` must not be behind `to`."))?;
    let bucket_ms = query.bucket.unwrap_or(HOUR_MS);
    if !(1..=WHOLE_MAX).contains(&bucket_ms) || length / bucket_ms >= BUCKETS_MAX {
        return Err(invalid(
            "`bucket` must cut the time into at most 1000 stretches.",
        ));
    }
    let found = within(api.records.closures(from, to, bucket_ms)).await?;
    let totals = by_reason(found.iter());
    let buckets: Vec<Value> = found
        .chunk_by(|a, b| a.from == b.from)
        .map(|bucket| {
            json!({
                "from": bucket.first().map(|first| first.from),
                "reasons": by_reason(bucket.iter()),
                "durationMs": bucket.iter().map(|one| one.duration_ms).sum::<u64>(),
            })
        })
        .collect();
    Ok(Json(json!({
        "from": from,
        "to": to,
        "bucketMs": bucket_ms,
        "buckets": buckets,
        "totals": totals,
    })))
}

/// Counts by reason, in the order of the contract's list.
fn by_reason<'a>(closures: impl Iterator<Item = &'a Closure> + Clone) -> Value {
    let mut counts = Map::new();
    for reason in EndReason::ALL {
        let fits = closures.clone().filter(|one| one.reason == *reason);
        let count: u64 = fits.map(|one| one.count).sum();
        if count > 0 {
            counts.insert(reason.as_str().to_owned(), count.into());
        }
    }
    Value::Object(counts)
}

static CLOSED: Object = Object {
    name: "ClosedConnection",
    about: "A connection that is over.",
    fields: &[
        always("connectionId", Shape::Id, "Its name."),
        always("userId", Shape::Id, "Whose."),
        maybe("sessionId", Shape::Id, "The session it was in last."),
        always("openedAt", Shape::Time, "Since when its user was known."),
        always("closedAt", Shape::Time, "When it was gone."),
        maybe(
            "code",
            Shape::Whole(1_000, 4_999),
            "The close frame's code; left out: there was none.",
        ),
        always(
            "reason",
            Shape::Text(64),
            "A word of the table of close codes, `closed_by_client`, or `lost`.",
        ),
    ],
};

static CLOSED_LIST: Object = Object {
    name: "ClosedConnections",
    about: "A page of the latest connections that are over.",
    fields: &[
        always(
            "connections",
            Shape::List(&Shape::Of(&CLOSED), 200),
            "The latest first; they are forgotten when the server stops.",
        ),
        describe::next(&Shape::Cursor),
    ],
};

/// `GET /api/connections/closed`
pub static CLOSED_ROUTE: Route = Route {
    path: "/api/connections/closed",
    name: "closedConnections",
    group: "operations",
    about: "The last 200 connections that are over, and why, page by page; admins only.",
    query: &[LIMIT, describe::after(Shape::Cursor)],
    answers: &[describe::ok("The connections.", &CLOSED_LIST)],
    refusals: &[NOT_ALLOWED],
    ..ROUTE
};

/// Query of [`closed`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClosedPage {
    after: Option<String>,
    limit: Option<u32>,
}

/// The latest connections that are over.
pub async fn closed(
    State(api): State<Arc<Api>>,
    Caller(who): Caller,
    Query(page): Query<ClosedPage>,
) -> Result<Json<Value>, Problem> {
    admins_only(&who)?;
    let limit = paging::limit(page.limit)?;
    let after = paging::after(page.after.as_deref(), |text| {
        let (at, id) = paging::place(text)?;
        Some((at, id.to_owned()))
    })?;
    let mut all = api.handle.closed_connections();
    let place = |one: &ClosedConnection| (one.closed_at, one.connection_id.to_string());
    // By the cursor, so that pages and their order are of one mind.
    all.sort_by_cached_key(|one| Reverse(place(one)));
    let behind = |one: &&ClosedConnection| after.as_ref().is_none_or(|after| place(one) < *after);
    let (page, more) = paging::take(all.iter().filter(behind), limit);
    let next = page.last().filter(|_| more).map(|one| {
        let (at, id) = place(one);
        format!("{}.{id}", at.0)
    });
    Ok(Json(json!({ "connections": page, "next": next })))
}

static LINE: Object = Object {
    name: "StoryLine",
    about: "One fact of a session's life; never a word that somebody said.",
    fields: &[
        always("at", Shape::Time, "When."),
        always(
            "what",
            Shape::Text(64),
            "The event's name, or what happened.",
        ),
        maybe("seq", common::SEQ, "Its place in the log, for events."),
        maybe("userId", Shape::Id, "Whom it is about."),
        maybe("detail", Shape::Text(0), "More in a few words."),
    ],
};

static STORY: Object = Object {
    name: "Story",
    about: "A session's whole life in order: its log, who came and went, how it ended.",
    fields: &[
        common::SESSION,
        always("lines", Shape::List(&Shape::Of(&LINE), 0), "In order."),
        always(
            "truncated",
            Shape::Flag,
            "Later events were left out: more than 4 MiB of them.",
        ),
    ],
};

/// `GET /api/sessions/{id}/story`
pub static STORY_ROUTE: Route = Route {
    path: "/api/sessions/{id}/story",
    name: "sessionStory",
    group: "operations",
    about: "A session's whole life in order; admins only.",
    path_fields: SESSION_IN_PATH,
    answers: &[describe::ok("Its life.", &STORY)],
    refusals: &[NOT_ALLOWED, NO_SESSION, RECORDS],
    ..ROUTE
};

/// A session's whole life.
pub async fn story(
    State(api): State<Arc<Api>>,
    Caller(who): Caller,
    PathId(id): PathId,
) -> Result<Json<Value>, Problem> {
    admins_only(&who)?;
    let story = within(api.records.story(id.clone())).await?;
    let story = story.ok_or(ErrorCode::SessionNotFound)?;
    Ok(Json(json!({
        "sessionId": id,
        "lines": story.lines,
        "truncated": story.truncated,
    })))
}
