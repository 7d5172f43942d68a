//! A running interview on another device (L10): the code its candidate was given, for a token.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::Method;
use protocol::contract::shape::always;
use protocol::contract::{Object, Shape, common};
use protocol::error::ErrorCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::auth::Claims;
use crate::describe::{self, Body as Sent, ROUTE, Route, Who, Why};
use crate::extract::Body;
use crate::identity::TokenRole;
use crate::problem::Problem;
use crate::router::Api;

/// Body of `POST /api/transfers`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redeem {
    code: String,
}

static REDEEM: Object = Object {
    name: "RedeemTransfer",
    about: "A code from `session:transfer`.",
    fields: &[always(
        "code",
        Shape::Text(64),
        "As it was shown; case and dashes do not matter.",
    )],
};

static MOVED: Object = Object {
    name: "Transferred",
    about: "What the other device joins with; its join takes the seat over.",
    fields: &[
        common::SESSION,
        always("userId", Shape::Id, "Whose seat."),
        always("role", common::ROLE, "As what they sit."),
        always(
            "token",
            Shape::Text(8_192),
            "An invitation to this session alone.",
        ),
        always("path", Shape::Just("/ws"), "Where to connect."),
    ],
};

/// `POST /api/transfers`
pub static REDEEM_ROUTE: Route = Route {
    method: Method::POST,
    path: "/api/transfers",
    name: "redeemTransfer",
    group: "recovery",
    about: "Move a running interview to this device: a code, good once and for five minutes, for a \
            token.",
    who: Who::Anybody,
    body: Some(Sent {
        shape: Shape::Closed(&REDEEM),
        example: r#"{"code":"K7QX9M2TRB"}"#,
        optional: false,
    }),
    answers: &[describe::ok("The token.", &MOVED)],
    refusals: &[&[
        Why::Code(ErrorCode::TransferInvalid),
        Why::Code(ErrorCode::NotSupported),
        Why::Code(ErrorCode::Internal),
    ]],
    ..ROUTE
};

/// Turns a code into a token.
pub async fn redeem(
    State(api): State<Arc<Api>>,
    Body(body): Body<Redeem>,
) -> Result<Json<Value>, Problem> {
    let moved = api.handle.redeem_transfer(&body.code)?;
    let claims = Claims {
        role: Some(TokenRole::Session(moved.role)),
        session: Some(moved.session.clone()),
        ..Claims::of(moved.user.clone())
    };
    let token = api.verifier.issue(&claims, api.now())?;
    tracing::info!(session = %moved.session, user = %moved.user, "interview moved");
    Ok(Json(json!({
        "sessionId": moved.session,
        "userId": moved.user,
        "role": moved.role,
        "token": token,
        "path": "/ws",
    })))
}
