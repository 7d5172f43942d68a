//! One-time tickets for the doors: a page gets one with its token in a header and opens its socket
//! with `?ticket=…`, so that no token is ever in an address.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{Method, StatusCode};
use protocol::contract::shape::{always, maybe};
use protocol::contract::{Object, Shape, common};
use protocol::error::ErrorCode;
use protocol::id::{SessionId, UserId};
use protocol::value::Role;
use serde::Deserialize;
use serde_json::{Value, json};

use super::invalid;
use crate::describe::{self, Body, NOT_ALLOWED, ROUTE, Route, Why};
use crate::extract::{Caller, MaybeBody};
use crate::identity::{Identity, NAME_CHARS_MAX, Via};
use crate::problem::Problem;
use crate::router::Api;
use crate::secret::Private;

/// Body of `POST /api/tickets`; empty: a ticket for whoever asks.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TicketBody {
    user_id: Option<UserId>,
    role: Option<Role>,
    session_id: Option<SessionId>,
    name: Option<String>,
}

static ORDER: Object = Object {
    name: "TicketOrder",
    about: "Whom a ticket is for; nothing: whoever asks, with the rights of their token.",
    fields: &[
        maybe(
            "userId",
            Shape::Id,
            "Somebody else; for admins and API keys.",
        ),
        maybe("role", common::ROLE, "Their role inside sessions."),
        maybe(
            "sessionId",
            Shape::Id,
            "The one session they are invited to; needs `role`.",
        ),
        maybe("name", Shape::Line(80), "What to call them."),
    ],
};

static TICKET: Object = Object {
    name: "Ticket",
    about: "A one-time ticket: `GET /ws?ticket=…`, or wherever a door takes a token.",
    fields: &[
        always("ticket", Shape::Text(128), "Good once, for a minute."),
        always("expiresAt", Shape::Time, "Until when it is good."),
        always("userId", Shape::Id, "Who comes in with it."),
        always(
            "connectionUntil",
            Shape::Time,
            "When the connection ends, unless it is refreshed before.",
        ),
        always("path", Shape::Just("/ws"), "The plain door."),
    ],
};

/// `POST /api/tickets`
pub static CREATE: Route = Route {
    method: Method::POST,
    path: "/api/tickets",
    name: "createTicket",
    group: "identity",
    about: "A one-time ticket for a socket, so that no token stands in an address.",
    body: Some(Body {
        shape: Shape::Closed(&ORDER),
        example: "{}",
        optional: true,
    }),
    answers: &[describe::created("The ticket.", &TICKET)],
    refusals: &[NOT_ALLOWED, &[Why::Code(ErrorCode::Limited)]],
    ..ROUTE
};

/// `POST /api/tickets` → 201 `{ticket, expiresAt, userId, connectionUntil}`. For themselves:
/// whoever has a token, with the rights and the end of that token. For others: an administrator or
/// an API key, as any role in sessions.
pub async fn create(
    State(api): State<Arc<Api>>,
    Caller(who): Caller,
    MaybeBody(body): MaybeBody<TicketBody>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let now = api.now();
    let holder = holder(&api, &who, body)?;
    let (user, until) = (holder.user.clone(), holder.expires_at);
    let (ticket, expires_at) = api.guard.tickets().issue(holder, &(api.new_id)(), now)?;
    tracing::info!(%user, by = %who.user, "ticket made");
    let body = json!({
        "ticket": ticket,
        "expiresAt": expires_at,
        "userId": user,
        "connectionUntil": until,
        "path": "/ws",
    });
    Ok((StatusCode::CREATED, Json(body)))
}

/// Who the ticket is for.
fn holder(api: &Api, who: &Identity, body: TicketBody) -> Result<Identity, Problem> {
    let Some(user) = body.user_id else {
        if body.role.is_some() || body.session_id.is_some() || body.name.is_some() {
            let message = "`role`, `sessionId` and `name` need `userId`: a ticket for yourself has \
                           the rights of your token.";
            return Err(invalid(message));
        }
        if let Via::Key(_) = who.via {
            return Err(invalid("`userId` is missing: say whom the ticket is for."));
        }
        return Ok(Identity {
            via: Via::Ticket,
            ..who.clone()
        });
    };
    if !who.admin {
        return Err(ErrorCode::NotAllowed.into());
    }
    if body.session_id.is_some() && body.role.is_none() {
        return Err(invalid(
            "`sessionId` needs `role`: as what they are invited.",
        ));
    }
    let name = body.name.filter(|name| !name.trim().is_empty());
    if name.as_ref().is_some_and(|name| {
        name.chars().count() > NAME_CHARS_MAX || name.contains(char::is_control)
    }) {
        return Err(invalid(
            "`name` may have at most 80 characters and no line breaks.",
        ));
    }
    let now = api.now();
    Ok(Identity {
        user,
        name: name.map(|name| Private(name.into())),
        role: body.role,
        admin: false,
        session: body.session_id,
        via: Via::Ticket,
        issued_at: now,
        expires_at: now.after(api.verifier.expires_in_ms()),
    })
}
