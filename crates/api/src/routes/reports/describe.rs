//! The routes of reports, described.

use axum::http::{Method, StatusCode};
use protocol::contract::shape::{always, maybe};
use protocol::contract::{Field, Object, Shape, Words, common};
use protocol::error::ErrorCode;
use protocol::record::JobState;

use crate::describe::{
    self, Answer, Content, LIMIT, NO_SESSION, NOT_ALLOWED, RECORDS, REPORT_CURSOR, ROUTE, Route,
    SESSION_IN_PATH, Who, Why,
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
    about: "A page of reports that are not made.",
    fields: &[
        always(
            "reports",
            Shape::List(&Shape::Of(&JOB), 200),
            "Given up ones first.",
        ),
        describe::next(&CURSOR),
    ],
};

static CURSOR: Shape = Shape::Form(&REPORT_CURSOR);

static QUEUED: Object = Object {
    name: "ReportQueued",
    about: "The report is tried again.",
    fields: &[
        common::SESSION,
        always("report", Shape::Of(&JOB), "How far it is."),
    ],
};

static SCHEMAS: Words = Words {
    name: "ReportSchema",
    about: "Which form a report has.",
    words: &[
        ("greenroom.report/1", "Without scores."),
        ("greenroom.report/2", "With scores."),
    ],
};

static REPORT: Object = Object {
    name: "Report",
    about: "A report as stored. Times named `…Ms` without another word are milliseconds from the session's start.",
    fields: &[
        always("schema", Shape::Word(&SCHEMAS), "Its form."),
        always("session", Shape::Open, "Which session."),
        always(
            "plan",
            Shape::Or(&Shape::Open),
            "Which plan it ran, if any.",
        ),
        always("end", Shape::Open, "How it ended."),
        always(
            "participants",
            Shape::List(&Shape::Open, 0),
            "Who was invited or came.",
        ),
        always(
            "questions",
            Shape::List(&Shape::Open, 0),
            "Every question that was put, in order.",
        ),
        always(
            "outside",
            Shape::Open,
            "What was said while no question was open.",
        ),
        always("totals", Shape::Open, "The session as a whole."),
        always(
            "gaps",
            Shape::List(&Shape::Open, 0),
            "Stretches of sound that did not become words.",
        ),
        always(
            "recognizer",
            Shape::Or(&Shape::Open),
            "What wrote down the words; null: nothing listened.",
        ),
        always(
            "method",
            Shape::List(&Shape::Text(0), 0),
            "How it was made and what it cannot tell, in plain sentences.",
        ),
        maybe("scores", Shape::Open, "Scores and what they rest on."),
    ],
};

const AS_JSON: Answer = Answer {
    status: StatusCode::OK,
    about: "The report; `schema` says which kind.",
    content: Content::Json(Shape::AtLeast(&REPORT)),
};
const AS_MARKDOWN: Answer = describe::text("Text for people and wikis.", "text/markdown");
const AS_CSV: Answer = describe::text("A line for each criterion.", "text/csv");
const AS_VTT: Answer = describe::text("Captions with the session's times.", "text/vtt");

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
    answers: &[describe::json(
        StatusCode::ACCEPTED,
        "It is in the queue.",
        &QUEUED,
    )],
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
    about: "Reports that are not made yet or were given up, page by page; for admins.",
    query: &[LIMIT, describe::after(Shape::Form(&REPORT_CURSOR))],
    answers: &[describe::ok("The reports.", &OPEN_REPORTS)],
    refusals: &[NOT_ALLOWED, RECORDS],
    ..ROUTE
};

const fn html(status: StatusCode, about: &'static str) -> Answer {
    describe::page(status, about, "text/html")
}

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
        html(StatusCode::OK, "The page."),
        AS_JSON,
        AS_MARKDOWN,
        AS_CSV,
        AS_VTT,
        html(StatusCode::GONE, "The report was deleted."),
        html(StatusCode::BAD_REQUEST, "There is no such form."),
        html(StatusCode::UNAUTHORIZED, "No valid token."),
        html(
            StatusCode::NOT_FOUND,
            "No such session for you, or no report yet.",
        ),
        html(
            StatusCode::INTERNAL_SERVER_ERROR,
            "The report cannot be read.",
        ),
        html(
            StatusCode::SERVICE_UNAVAILABLE,
            "The records cannot be reached.",
        ),
        html(
            StatusCode::GATEWAY_TIMEOUT,
            "The records did not answer in time.",
        ),
    ],
    ..ROUTE
};
