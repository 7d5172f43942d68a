//! The routes of reports, described.

use axum::http::{Method, StatusCode};
use protocol::contract::shape::{always, maybe};
use protocol::contract::{Field, Object, Shape, Words, common};
use protocol::error::ErrorCode;
use protocol::record::JobState;

use crate::describe::{
    Answer, Content, NO_SESSION, NOT_ALLOWED, RECORDS, ROUTE, Route, SESSION_IN_PATH, Who, Why,
};
use crate::problem::Own;

static FORMATS: Words = Words {
    name: "ReportFormat",
    about: "How a report is handed out.",
    words: &[
        ("json", "Everything, by its schema."),
        ("md", "Text for people and wikis."),
        ("csv", "A line for each criterion."),
        ("vtt", "Captions with the session's times."),
    ],
};

const FORM: &[Field] = &[maybe("format", Shape::Word(&FORMATS), "In which form.")];

/// How far a report is.
pub static JOB: Object = Object {
    name: "ReportState",
    about: "How far a report is.",
    fields: &[
        maybe("sessionId", Shape::Id, "Of which session, in a list."),
        always("state", Shape::Word(&JobState::WORDS), "How far it is."),
        maybe("changedAt", Shape::Time, "When that last changed."),
        maybe(
            "attempts",
            common::U32,
            "How often it was tried after the end.",
        ),
        maybe(
            "error",
            Shape::Text(64),
            "Stable word for why the last try failed.",
        ),
    ],
};

static OPEN_REPORTS: Object = Object {
    name: "OpenReports",
    about: "Reports that are not made.",
    fields: &[always(
        "reports",
        Shape::List(&Shape::Of(&JOB), 200),
        "Given up ones first.",
    )],
};

static QUEUED: Object = Object {
    name: "ReportQueued",
    about: "The report is tried again.",
    fields: &[
        common::SESSION,
        always("report", Shape::Of(&JOB), "How far it is."),
    ],
};

const AS_JSON: Answer = Answer {
    status: StatusCode::OK,
    about: "The report; `schema` says which kind.",
    content: Content::Json(Shape::Open),
};
const AS_MARKDOWN: Answer = text("text/markdown");
const AS_CSV: Answer = text("text/csv");
const AS_VTT: Answer = text("text/vtt");

const fn text(kind: &'static str) -> Answer {
    Answer {
        status: StatusCode::OK,
        about: "The report in another form.",
        content: Content::Text(kind),
    }
}

/// `GET /api/sessions/{id}/report`
pub static JSON: Route = Route {
    path: "/api/sessions/{id}/report",
    name: "getReport",
    group: "reports",
    about: "The report of an ended interview, for whoever may be in the session.",
    path_fields: SESSION_IN_PATH,
    query: FORM,
    answers: &[AS_JSON, AS_MARKDOWN, AS_CSV, AS_VTT],
    refusals: &[
        NO_SESSION,
        RECORDS,
        &[Why::Own(Own::ReportNotReady), Why::Own(Own::ReportDeleted)],
    ],
    ..ROUTE
};

/// `POST /api/sessions/{id}/report`
pub static AGAIN: Route = Route {
    method: Method::POST,
    path: "/api/sessions/{id}/report",
    name: "retryReport",
    group: "reports",
    about: "Tries a report again that was given up; for admins.",
    path_fields: SESSION_IN_PATH,
    answers: &[Answer {
        status: StatusCode::ACCEPTED,
        about: "It is in the queue.",
        content: Content::Json(Shape::Of(&QUEUED)),
    }],
    refusals: &[
        NOT_ALLOWED,
        NO_SESSION,
        RECORDS,
        &[Why::Code(ErrorCode::BadTransition)],
    ],
    ..ROUTE
};

/// `GET /api/reports/open`
pub static OPEN: Route = Route {
    path: "/api/reports/open",
    name: "listOpenReports",
    group: "reports",
    about: "Reports that are not made yet or were given up; for admins.",
    answers: &[Answer {
        status: StatusCode::OK,
        about: "The reports.",
        content: Content::Json(Shape::Of(&OPEN_REPORTS)),
    }],
    refusals: &[NOT_ALLOWED, RECORDS],
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
    query: FORM,
    answers: &[
        Answer {
            status: StatusCode::OK,
            about: "The page.",
            content: PAGE_KIND,
        },
        AS_JSON,
        AS_MARKDOWN,
        AS_CSV,
        AS_VTT,
        Answer {
            status: StatusCode::GONE,
            about: "The report was deleted.",
            content: PAGE_KIND,
        },
        Answer {
            status: StatusCode::BAD_REQUEST,
            about: "There is no such form.",
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
