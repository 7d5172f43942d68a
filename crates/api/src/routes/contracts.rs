//! The documents that describe this server to programs.

use std::sync::LazyLock;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use protocol::contract::Shape;

use crate::describe::{self, Answer, Content, ROUTE, Route, Who};
use crate::router;

/// A document whose form is told elsewhere.
const fn document(about: &'static str) -> Answer {
    Answer {
        status: StatusCode::OK,
        about,
        content: Content::Json(Shape::Open),
    }
}

/// `GET /api/openapi.json`
pub static OPENAPI: Route = Route {
    path: "/api/openapi.json",
    name: "openapi",
    group: "contracts",
    about: "This document.",
    who: Who::Anybody,
    answers: &[document("OpenAPI 3.1.")],
    ..ROUTE
};

/// `GET /api/openapi.json`: made once, from the descriptions of all routes.
pub async fn openapi() -> Response {
    static TEXT: LazyLock<String> =
        LazyLock::new(|| describe::openapi::document(&router::routes()).to_string());
    served(&TEXT)
}

/// `GET /api/asyncapi.json`
pub static ASYNCAPI: Route = Route {
    path: "/api/asyncapi.json",
    name: "asyncapi",
    group: "contracts",
    about: "The realtime contract: every message, field, reply, error code and close code.",
    who: Who::Anybody,
    answers: &[document("AsyncAPI 3.")],
    ..ROUTE
};

/// `GET /api/asyncapi.json`: made once, from the contract.
pub async fn asyncapi() -> Response {
    static TEXT: LazyLock<String> = LazyLock::new(|| {
        protocol::contract::asyncapi::document(env!("CARGO_PKG_VERSION")).to_string()
    });
    served(&TEXT)
}

fn served(text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}
