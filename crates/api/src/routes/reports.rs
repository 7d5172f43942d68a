//! The report of a session, as stored, for whoever may be in it: as JSON, and as a page for
//! people. What a report says and how it looks is the coach's.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use coach::page;
use coach::report::Report;
use protocol::contract::Shape;

use super::{find, within};
use crate::describe::{
    Answer, Content, NO_SESSION, RECORDS, ROUTE, Route, SESSION_IN_PATH, Who, Why,
};
use crate::extract::{Caller, PathId, Reader};
use crate::identity::Identity;
use crate::problem::{Own, Problem};
use crate::router::Api;

async fn stored(api: &Api, who: &Identity, PathId(id): PathId) -> Result<Arc<str>, Problem> {
    find(api, who, id.clone()).await?;
    within(api.records.report(id))
        .await?
        .ok_or_else(Problem::report_not_ready)
}

/// `GET /api/sessions/{id}/report`
pub static JSON: Route = Route {
    path: "/api/sessions/{id}/report",
    name: "getReport",
    group: "reports",
    about: "The report of an ended interview, for whoever may be in the session.",
    path_fields: SESSION_IN_PATH,
    answers: &[Answer {
        status: StatusCode::OK,
        about: "The report; `schemaVersion` says which kind.",
        content: Content::Json(Shape::Open),
    }],
    refusals: &[NO_SESSION, RECORDS, &[Why::Own(Own::ReportNotReady)]],
    ..ROUTE
};

const PAGE_KIND: Content = Content::Text("text/html");

/// `GET /reports/{id}`
pub static PAGE: Route = Route {
    path: "/reports/{id}",
    name: "reportPage",
    group: "reports",
    about: "The report as a page for people. Refusals are pages, too.",
    who: Who::BearerOrQuery,
    path_fields: SESSION_IN_PATH,
    answers: &[
        Answer {
            status: StatusCode::OK,
            about: "The page.",
            content: PAGE_KIND,
        },
        Answer {
            status: StatusCode::UNAUTHORIZED,
            about: "No valid token.",
            content: PAGE_KIND,
        },
        Answer {
            status: StatusCode::NOT_FOUND,
            about: "No such session for you, or no report yet.",
            content: PAGE_KIND,
        },
        Answer {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            about: "The report cannot be read.",
            content: PAGE_KIND,
        },
        Answer {
            status: StatusCode::SERVICE_UNAVAILABLE,
            about: "The records cannot be reached.",
            content: PAGE_KIND,
        },
        Answer {
            status: StatusCode::GATEWAY_TIMEOUT,
            about: "The records did not answer in time.",
            content: PAGE_KIND,
        },
    ],
    ..ROUTE
};

/// `GET /api/sessions/{id}/report`: JSON with a schema version.
pub async fn json(
    State(api): State<Arc<Api>>,
    Caller(who): Caller,
    id: PathId,
) -> Result<Response, Problem> {
    let report = stored(&api, &who, id).await?;
    let kind = [(header::CONTENT_TYPE, "application/json")];
    Ok((kind, report.to_string()).into_response())
}

/// `GET /reports/{id}`: the page. A browser has no header to send, so `?token=` is taken too; the
/// answer tells the browser to keep the address to itself.
pub async fn page(
    State(api): State<Arc<Api>>,
    who: Result<Reader, Problem>,
    id: Result<PathId, Problem>,
) -> Response {
    let (status, html) = match draw(&api, who, id).await {
        Ok(html) => (StatusCode::OK, html),
        Err(problem) => (problem.status, alone(&problem)),
    };
    let policy = [(
        header::CONTENT_SECURITY_POLICY,
        page::CONTENT_SECURITY_POLICY,
    )];
    (status, policy, Html(html)).into_response()
}

async fn draw(
    api: &Api,
    who: Result<Reader, Problem>,
    id: Result<PathId, Problem>,
) -> Result<String, Problem> {
    let Reader(who) = who?;
    let json = stored(api, &who, id?).await?;
    let report: Report = serde_json::from_str(&json).map_err(|error| {
        tracing::error!(%error, "a stored report cannot be read");
        Problem::from(protocol::error::ErrorCode::Internal)
    })?;
    Ok(page::render(&report))
}

/// What a person sees in place of the report. A missing token and a missing report look alike.
fn alone(problem: &Problem) -> String {
    let later =
        problem.code == Problem::report_not_ready().code || problem.status.is_server_error();
    if later {
        page::not_ready()
    } else {
        page::not_found()
    }
}
