//! The report of a session, as stored, for whoever may be in it: as JSON, as a page for people, and
//! in the forms other programs read. What a report says and how it looks is the coach's.

mod describe;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use coach::report::Report;
use coach::{export, page};
use protocol::error::{ErrorCode, Refusal};
use protocol::id::SessionId;
use protocol::record::{DataKind, ReportJob, ReportPlace};
use protocol::time::Wall;
use serde::Deserialize;
use serde_json::{Value, json};

pub use self::describe::{AGAIN, JOB, JSON, OPEN, PAGE};
use super::{find, paging, within};
use crate::extract::{Caller, PathId, Query, Reader};
use crate::identity::Identity;
use crate::problem::{Own, Problem};
use crate::router::Api;

/// How a report is handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Everything, by its schema.
    #[default]
    Json,
    /// Text for people and wikis.
    Md,
    /// A line for each criterion.
    Csv,
    /// Captions with the session's times.
    Vtt,
}

/// Query of a report.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Form {
    format: Option<Format>,
}

/// Query of the page, which may carry a token or a ticket as well.
#[derive(Debug, Deserialize)]
pub struct PageForm {
    format: Option<Format>,
}

async fn stored(api: &Api, who: &Identity, id: SessionId) -> Result<Arc<str>, Problem> {
    find(api, who, id.clone()).await?;
    if let Some(report) = within(api.records.report(id.clone())).await? {
        return Ok(report);
    }
    let state = within(api.records.report_state(id)).await?;
    let deleted = state
        .deleted
        .iter()
        .find(|(kind, _)| *kind == DataKind::Report);
    if let Some((_, at)) = deleted {
        return Err(deleted_at(*at));
    }
    let mut problem = Problem::report_not_ready();
    if let Some(job) = &state.job {
        problem.more.insert("report".to_owned(), job_view(job));
    }
    Err(problem)
}

fn deleted_at(at: Wall) -> Problem {
    let mut problem = Problem::from(Own::ReportDeleted);
    problem.more.insert("deletedAt".to_owned(), at.0.into());
    problem
}

/// How far a report is, for programs.
pub(super) fn job_view(job: &ReportJob) -> Value {
    let mut shown = json!({ "state": job.state, "changedAt": job.changed_at });
    if job.attempts > 0 {
        shown["attempts"] = json!(job.attempts);
    }
    if let Some(error) = &job.error {
        shown["error"] = json!(error);
    }
    shown
}

fn parsed(json: &str) -> Result<Report, Problem> {
    serde_json::from_str(json).map_err(|error| {
        tracing::error!(%error, "a stored report cannot be read");
        Problem::from(ErrorCode::Internal)
    })
}

/// `GET /api/sessions/{id}/report?format=json|md|csv|vtt`: JSON with a schema version unless
/// another form is asked for.
pub async fn get(
    State(api): State<Arc<Api>>,
    Caller(who): Caller,
    PathId(id): PathId,
    Query(form): Query<Form>,
) -> Result<Response, Problem> {
    let report = stored(&api, &who, id.clone()).await?;
    written(&id, &report, form.format.unwrap_or_default())
}

fn written(id: &SessionId, report: &str, format: Format) -> Result<Response, Problem> {
    let (kind, end, text) = match format {
        Format::Json => ("application/json", "json", report.to_owned()),
        Format::Md => {
            let text = export::markdown(&parsed(report)?);
            ("text/markdown; charset=utf-8", "md", text)
        }
        Format::Csv => (
            "text/csv; charset=utf-8",
            "csv",
            export::csv(&parsed(report)?),
        ),
        Format::Vtt => (
            "text/vtt; charset=utf-8",
            "vtt",
            export::webvtt(&parsed(report)?),
        ),
    };
    let mut response = ([(header::CONTENT_TYPE, kind)], text).into_response();
    if format != Format::Json {
        let name = format!("attachment; filename=\"interview-{id}.{end}\"");
        // Ids hold nothing a header could not.
        if let Ok(name) = HeaderValue::from_str(&name) {
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_DISPOSITION, name);
        }
    }
    Ok(response)
}

/// `GET /reports/{id}`: the page; with `?format=` the same as over the API. A browser has no header
/// to send, so `?token=` is taken too; the answer tells the browser to keep the address to itself.
pub async fn page(
    State(api): State<Arc<Api>>,
    who: Result<Reader, Problem>,
    id: Result<PathId, Problem>,
    form: Result<Query<PageForm>, Problem>,
) -> Response {
    let drawn = match form.map(|form| form.0.format) {
        Ok(Some(format)) => download(&api, who, id, format).await,
        Ok(None) => draw(&api, who, id).await,
        Err(unknown) => Err(who.err().unwrap_or(unknown)),
    };
    drawn.unwrap_or_else(|problem| shown(problem.status, alone(&problem)))
}

fn shown(status: StatusCode, html: String) -> Response {
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
) -> Result<Response, Problem> {
    let Reader(who) = who?;
    let json = stored(api, &who, id?.0).await?;
    Ok(shown(StatusCode::OK, page::render(&parsed(&json)?)))
}

async fn download(
    api: &Api,
    who: Result<Reader, Problem>,
    id: Result<PathId, Problem>,
    format: Format,
) -> Result<Response, Problem> {
    let (Reader(who), PathId(id)) = (who?, id?);
    let report = stored(api, &who, id.clone()).await?;
    written(&id, &report, format)
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

/// Query of `GET /api/reports/open`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenPage {
    after: Option<String>,
    limit: Option<u32>,
}

/// `failed` or `open`, when it is due, of which session.
fn place(text: &str) -> Option<ReportPlace> {
    let (state, place) = text.split_once('.')?;
    let (due_at, session) = paging::session(place)?;
    Some(ReportPlace {
        waits: match state {
            "failed" => false,
            "open" => true,
            _ => return None,
        },
        due_at,
        session,
    })
}

fn cursor(place: &ReportPlace) -> String {
    let state = if place.waits { "open" } else { "failed" };
    format!("{state}.{}.{}", place.due_at.0, place.session)
}

/// `GET /api/reports/open`: reports that are not made, given up ones first; for administrators.
pub async fn open(
    State(api): State<Arc<Api>>,
    Caller(who): Caller,
    Query(page): Query<OpenPage>,
) -> Result<Json<Value>, Problem> {
    if !who.admin {
        return Err(ErrorCode::NotAllowed.into());
    }
    let after = paging::after(page.after.as_deref(), place)?;
    let limit = paging::limit(page.limit)?;
    let jobs = within(api.records.open_reports(after, limit)).await?;
    let next = paging::last_of_full(&jobs, limit).map(|job| cursor(&job.place()));
    let shown = jobs.iter().map(|job| {
        let mut shown = job_view(job);
        shown["sessionId"] = json!(job.session);
        shown
    });
    Ok(Json(
        json!({ "reports": shown.collect::<Vec<_>>(), "next": next }),
    ))
}

/// `POST /api/sessions/{id}/report`: tries a report again that was given up; for administrators.
pub async fn again(
    State(api): State<Arc<Api>>,
    Caller(who): Caller,
    PathId(id): PathId,
) -> Result<(StatusCode, Json<Value>), Problem> {
    if !who.admin {
        return Err(ErrorCode::NotAllowed.into());
    }
    find(&api, &who, id.clone()).await?;
    if within(api.handle.requeue_report(id.clone())).await? {
        let answer = json!({ "sessionId": id, "report": { "state": "queued" } });
        return Ok((StatusCode::ACCEPTED, Json(answer)));
    }
    let why = "Only a report that was given up can be tried again.";
    Err(Refusal::because(ErrorCode::BadTransition, why).into())
}
