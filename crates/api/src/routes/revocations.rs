//! Taking tokens back: those of a user, or the invitations to a session. For administrators and
//! API keys.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{Method, StatusCode};
use protocol::contract::shape::{always, maybe};
use protocol::contract::{Field, Object, Shape};
use protocol::error::ErrorCode;
use protocol::id::{SessionId, UserId};
use serde::Deserialize;
use serde_json::{Value, json};
use store::desk::{RevocationRow, Revokes};

use super::{invalid, paging, within};
use crate::describe::{
    self, BUSY, DRAINING, LIMIT, NOT_ALLOWED, RECORDS, REVOCATION_CURSOR, ROUTE, Route, Why,
};
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

static CURSOR: Shape = Shape::Form(&REVOCATION_CURSOR);

const SUBJECT: &[Field] = &[
    maybe("userId", Shape::Id, "All tokens of this user."),
    maybe("sessionId", Shape::Id, "All invitations to this session."),
];

static ORDER: Object = Object {
    name: "RevocationOrder",
    about: "Whose tokens: exactly one of the two.",
    fields: SUBJECT,
};

const USER: Field = SUBJECT[0];
const SESSION: Field = SUBJECT[1];
const BEFORE: Field = always(
    "before",
    Shape::Time,
    "Tokens made up to then are good no more.",
);
const BY: Field = always("by", Shape::Id, "Who took them back.");

static ROW: Object = Object {
    name: "Revocation",
    about: "Tokens that are good no more. Those made from the next second on are.",
    fields: &[USER, SESSION, BEFORE, BY],
};

static DONE: Object = Object {
    name: "RevocationDone",
    about: "The tokens are good no more.",
    fields: &[
        USER,
        SESSION,
        BEFORE,
        BY,
        always(
            "ended",
            Shape::Or(&Shape::Id),
            "The running session that ended `token_revoked`; null: none ran.",
        ),
    ],
};

static ALL: Object = Object {
    name: "RevocationList",
    about: "A page of revocations, by kind and id.",
    fields: &[
        always(
            "revocations",
            Shape::List(&Shape::Of(&ROW), 200),
            "The page.",
        ),
        describe::next(&CURSOR),
    ],
};

static REMOVED: Object = Object {
    name: "RevocationRemoved",
    about: "The revocation is there no more.",
    fields: &[always("removed", Shape::Flag, "Whether there was one.")],
};

/// `POST /api/revocations`
pub static CREATE: Route = Route {
    method: Method::POST,
    path: "/api/revocations",
    name: "revokeTokens",
    group: "identity",
    about: "Take back all tokens of a user, or all invitations to a session. Connections that came \
            with one are closed with 4401, the running interview ends `token_revoked`.",
    body: Some(describe::Body {
        shape: Shape::Closed(&ORDER),
        example: r#"{"userId":"ana"}"#,
        optional: false,
    }),
    answers: &[describe::created("Written down, and done.", &DONE)],
    refusals: &[
        NOT_ALLOWED,
        RECORDS,
        BUSY,
        DRAINING,
        &[Why::Code(ErrorCode::Limited)],
    ],
    ..ROUTE
};

/// `GET /api/revocations`
pub static LIST: Route = Route {
    path: "/api/revocations",
    name: "listRevocations",
    group: "identity",
    about: "Everything that was taken back.",
    query: &[describe::after(Shape::Form(&REVOCATION_CURSOR)), LIMIT],
    answers: &[describe::ok("A page.", &ALL)],
    refusals: &[NOT_ALLOWED, RECORDS],
    ..ROUTE
};

/// `DELETE /api/revocations`
pub static REMOVE: Route = Route {
    method: Method::DELETE,
    path: "/api/revocations",
    name: "removeRevocation",
    group: "identity",
    about: "Forget a revocation: older tokens that have not expired are good again.",
    query: SUBJECT,
    answers: &[describe::ok("It is there no more.", &REMOVED)],
    refusals: &[NOT_ALLOWED, RECORDS],
    ..ROUTE
};

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
    limit: Option<u32>,
}

/// `GET /api/revocations` → `{revocations, next}`.
pub async fn list(
    State(api): State<Arc<Api>>,
    Caller(who): Caller,
    Query(page): Query<Page>,
) -> Result<Json<Value>, Problem> {
    allowed(&who)?;
    let limit = paging::limit(page.limit)?;
    let read = |text: &str| (REVOCATION_CURSOR.fits)(text).then(|| text.to_owned());
    let after = paging::after(page.after.as_deref(), read)?;
    let mut rows = within(api.office.revocations()).await?;
    let place = |row: &RevocationRow| format!("{}.{}", row.kind.as_str(), row.subject);
    // By the cursor, so that pages and their order are of one mind.
    rows.sort_by_cached_key(place);
    let behind = |row: &&RevocationRow| after.as_ref().is_none_or(|after| place(row) > *after);
    let (page, more) = paging::take(rows.iter().filter(behind), limit);
    let next = page.last().filter(|_| more).map(|row| place(row));
    let revocations: Vec<Value> = page.into_iter().map(shown).collect();
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
