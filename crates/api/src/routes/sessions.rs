//! Sessions over HTTP: make, list, look at, end.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use protocol::error::{ErrorCode, Refusal};
use protocol::id::{PlanId, QuestionId, SessionId, UserId};
use protocol::record::SessionRow;
use protocol::time::Wall;
use protocol::value::{EndReason, Invited, Plan, Question, Role, Status};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use self::describe::{CREATE, END, LIST, SHOW};
use super::{find, invalid, live_access, within};

use crate::access::{Access, access};
use crate::auth::Claims;
use crate::extract::{Body, Caller, PathId, Query};
use crate::handle::{CreateSession, EndOrder, Ended, ListQuery, SessionRecord};
use crate::identity::{Identity, TokenRole};
use crate::problem::Problem;
use crate::router::Api;

mod describe;

/// Most people named for one session, the candidate included.
const PEOPLE_MAX: usize = 32;
/// Longest title, characters.
const TITLE_CHARS_MAX: usize = 200;
/// Most questions of a session without a plan.
const QUESTIONS_MAX: usize = 50;
/// Longest text of a question, characters.
const QUESTION_CHARS_MAX: usize = 2_000;
/// Bounds of the time for an answer, milliseconds.
const LIMIT_MS: std::ops::RangeInclusive<u64> = 5_000..=3_600_000;
/// Time for an answer where nothing is said, milliseconds.
const LIMIT_MS_DEFAULT: u64 = 120_000;

/// Body of `POST /api/sessions`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateBody {
    id: Option<SessionId>,
    title: Option<String>,
    candidate: Option<UserId>,
    participants: Option<Vec<Invited>>,
    plan_id: Option<PlanId>,
    questions: Option<Vec<QuestionBody>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct QuestionBody {
    id: Option<QuestionId>,
    text: String,
    limit_ms: Option<u64>,
}

/// `POST /api/sessions`: an admin or an interviewer makes a session.
pub async fn create(
    State(api): State<Arc<Api>>,
    Caller(who): Caller,
    Body(body): Body<CreateBody>,
) -> Result<Response, Problem> {
    if !who.admin && who.role != Some(Role::Interviewer) {
        return Err(ErrorCode::NotAllowed.into());
    }
    let order = order(&api, &who, body)?;
    let (id, people) = (order.id.clone(), order.participants.clone());
    let candidate = order.candidate.clone();
    within(api.handle.create(order)).await?;
    tracing::info!(session = %id, user = %who.user, "session created through the API");

    let record = within(api.records.session(id.clone())).await?;
    let record = record.ok_or(ErrorCode::StoreUnavailable)?;
    let mut body = view(&api, &record);
    if who.admin {
        // Only to an admin: whoever holds these tokens is the people they name.
        let candidate = candidate.map(|user_id| Invited {
            user_id,
            role: Role::Candidate,
        });
        body["join"] = join(&api, &id, candidate.into_iter().chain(people))?;
    }
    let mut response = (StatusCode::CREATED, Json(body)).into_response();
    if let Ok(location) = HeaderValue::from_str(&format!("/api/sessions/{id}")) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// Judges the body and makes it an order.
fn order(api: &Api, who: &Identity, body: CreateBody) -> Result<CreateSession, Problem> {
    let title = body.title.unwrap_or_default();
    if title.chars().count() > TITLE_CHARS_MAX || title.contains(char::is_control) {
        return Err(invalid(
            "`title` may have at most 200 characters and no line breaks.",
        ));
    }
    let mut candidate = body.candidate;
    let mut participants: Vec<Invited> = Vec::new();
    for invited in body.participants.unwrap_or_default() {
        if participants
            .iter()
            .any(|known| known.user_id == invited.user_id)
            || candidate.as_ref().is_some_and(|candidate| {
                *candidate == invited.user_id || invited.role == Role::Candidate
            })
        {
            return Err(invalid(
                "Each user may be named once, and one of them as candidate.",
            ));
        }
        match invited.role {
            Role::Candidate => candidate = Some(invited.user_id),
            _ => participants.push(invited),
        }
    }
    let themselves = candidate
        .iter()
        .chain(participants.iter().map(|known| &known.user_id));
    if !who.admin && !themselves.into_iter().any(|user| *user == who.user) {
        participants.push(Invited {
            user_id: who.user.clone(),
            role: Role::Interviewer,
        });
    }
    if participants.len() + usize::from(candidate.is_some()) > PEOPLE_MAX {
        return Err(invalid("A session may have at most 32 people."));
    }
    let plan = plan(api, body.plan_id, body.questions)?;
    let id = match body.id {
        Some(id) => id,
        None => SessionId::parse(&(api.new_id)()).map_err(|_| ErrorCode::Internal)?,
    };
    // A word in the path that is a page of its own can name no session.
    if id.as_str() == "active" {
        return Err(invalid("`id` must not be \"active\"."));
    }
    Ok(CreateSession {
        id,
        title,
        candidate,
        participants,
        plan,
    })
}

fn plan(
    api: &Api,
    id: Option<PlanId>,
    questions: Option<Vec<QuestionBody>>,
) -> Result<Option<Plan>, Problem> {
    match (id, questions) {
        (Some(_), Some(_)) => Err(invalid("Send `planId` or `questions`, not both.")),
        (Some(id), None) => {
            let bank = api.plans.bank();
            let plan = bank.get(&id).ok_or(ErrorCode::PlanNotFound)?;
            Ok(Some(plan.clone()))
        }
        (None, Some(questions)) => Ok(Some(Plan {
            id: None,
            title: String::new(),
            questions: own_questions(questions)?,
            ..Plan::default()
        })),
        (None, None) => Ok(None),
    }
}

fn own_questions(bodies: Vec<QuestionBody>) -> Result<Vec<Question>, Problem> {
    if bodies.len() > QUESTIONS_MAX {
        return Err(invalid("`questions` may hold at most 50."));
    }
    let mut questions: Vec<Question> = Vec::with_capacity(bodies.len());
    for (at, body) in bodies.into_iter().enumerate() {
        let limit_ms = body.limit_ms.unwrap_or(LIMIT_MS_DEFAULT);
        let text = body.text.trim();
        if text.is_empty() || text.chars().count() > QUESTION_CHARS_MAX {
            return Err(invalid(format!(
                "`questions[{at}].text` must have 1 to 2000 characters."
            )));
        }
        if !LIMIT_MS.contains(&limit_ms) {
            let message = format!("`questions[{at}].limitMs` must be 5000 to 3600000.");
            return Err(invalid(message));
        }
        let id = match body.id {
            Some(id) => id,
            None => QuestionId::parse(&format!("q{}", at + 1)).map_err(|_| ErrorCode::Internal)?,
        };
        if questions.iter().any(|known| known.id == id) {
            return Err(invalid(format!("`questions[{at}].id` is there twice.")));
        }
        questions.push(Question {
            id,
            text: text.to_owned(),
            limit_ms,
        });
    }
    Ok(questions)
}

/// What each person needs to come in: a token that is an invitation to this session.
fn join(
    api: &Api,
    id: &SessionId,
    people: impl Iterator<Item = Invited>,
) -> Result<Value, Problem> {
    let now = api.now();
    let mut tokens = Vec::new();
    for person in people {
        let claims = Claims {
            role: Some(TokenRole::Session(person.role)),
            session: Some(id.clone()),
            ..Claims::of(person.user_id.clone())
        };
        let mut entry = json!({ "userId": person.user_id, "role": person.role });
        // Where tokens are signed elsewhere, a back end gets tickets when people come.
        if api.verifier.can_issue() {
            entry["token"] = api.verifier.issue(&claims, now)?.into();
            entry["expiresAt"] = json!(now.after(api.verifier.expires_in_ms()));
        }
        tokens.push(entry);
    }
    Ok(json!({ "path": "/ws", "people": tokens }))
}

/// A session as the API shows it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown<'a> {
    id: &'a SessionId,
    title: &'a str,
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<EndReason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    candidate: Option<&'a UserId>,
    created_at: Wall,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<Wall>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<Wall>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<u64>,
    last_activity_at: Wall,
}

fn shown(row: &SessionRow) -> Shown<'_> {
    Shown {
        id: &row.session,
        title: &row.title,
        status: row.status,
        reason: row.reason,
        candidate: row.candidate.as_ref(),
        created_at: row.created_at,
        started_at: row.started_at,
        ended_at: row.ended_at,
        duration_ms: row.duration_ms,
        last_activity_at: row.last_activity_at,
    }
}

/// One session with its people, its room and where its report is.
fn view(api: &Api, record: &SessionRecord) -> Value {
    let mut body = serde_json::to_value(shown(&record.row)).unwrap_or_default();
    let people = record.participants.iter();
    body["participants"] = people
        .map(|row| json!({ "userId": row.user, "role": row.role, "joinedAt": row.joined_at }))
        .collect();
    if let Some(plan) = &record.plan {
        body["planId"] = json!(plan);
    }
    if let Some(members) = api.handle.live(&record.row.session) {
        body["members"] = json!(members);
    }
    // A session that never ran has no report; every other one has it from its end on.
    if record.row.status == Status::Ended && record.row.started_at.is_some() {
        body["reportUrl"] = format!("/reports/{}", record.row.session).into();
    }
    body
}

/// `GET /api/sessions/{id}`: whoever may be in it.
pub async fn show(
    State(api): State<Arc<Api>>,
    Caller(who): Caller,
    PathId(id): PathId,
) -> Result<Json<Value>, Problem> {
    let (record, _) = find(&api, &who, id.clone()).await?;
    let mut body = view(&api, &record);
    if record.row.status == Status::Ended {
        let state = within(api.records.report_state(id)).await?;
        if let Some(job) = &state.job {
            body["report"] = super::reports::job_view(job);
        }
        for (kind, at) in &state.deleted {
            body["deleted"][kind.as_str()] = json!(at);
        }
    }
    Ok(Json(body))
}

/// Query of `GET /api/sessions`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListParams {
    status: Option<Status>,
    candidate: Option<UserId>,
    limit: Option<u32>,
    after: Option<String>,
}

/// `GET /api/sessions`: all of them, page by page; admins only.
pub async fn list(
    State(api): State<Arc<Api>>,
    Caller(who): Caller,
    Query(params): Query<ListParams>,
) -> Result<Json<Value>, Problem> {
    if !who.admin {
        return Err(ErrorCode::NotAllowed.into());
    }
    let after = match params.after.as_deref() {
        None => None,
        Some(text) => Some(cursor(text).ok_or_else(|| invalid("`after` is no cursor."))?),
    };
    let limit = params.limit.unwrap_or(50);
    if !(1..=200).contains(&limit) {
        return Err(invalid("`limit` must be 1 to 200."));
    }
    let query = ListQuery {
        status: params.status,
        candidate: params.candidate,
        after,
        limit,
    };
    let rows = within(api.records.list(query)).await?;
    let full = u32::try_from(rows.len()).is_ok_and(|found| found == limit);
    let next = rows.last().filter(|_| full);
    let next = next.map(|row| format!("{}.{}", row.created_at.0, row.session));
    let sessions: Vec<Shown<'_>> = rows.iter().map(shown).collect();
    Ok(Json(json!({ "sessions": sessions, "next": next })))
}

fn cursor(text: &str) -> Option<(Wall, SessionId)> {
    let (time, id) = text.split_once('.')?;
    Some((Wall(time.parse().ok()?), SessionId::parse(id).ok()?))
}

/// `POST /api/sessions/{id}/end`: candidate, interviewer, admin.
pub async fn end(
    State(api): State<Arc<Api>>,
    Caller(who): Caller,
    PathId(id): PathId,
) -> Result<Json<Value>, Problem> {
    let record = within(api.records.session(id.clone())).await?;
    let access = match &record {
        Some(record) => access(&who, record),
        None => live_access(&api, &who, &id),
    };
    let access = access.ok_or(ErrorCode::SessionNotFound)?;
    let reason = access.end_reason().ok_or(ErrorCode::NotAllowed)?;
    let ended = match record {
        Some(record) => end_session(&api, who, access, record, reason).await?,
        None => end_live(&api, who, access, id, reason).await?,
    };
    Ok(Json(json!({
        "sessionId": ended.0,
        "status": ended.1.status,
        "reason": ended.1.reason,
        "recorded": ended.1.recorded,
    })))
}

/// Ends it, unless it is over already: then that is the answer (S5).
pub(super) async fn end_session(
    api: &Api,
    who: Identity,
    access: Access,
    record: SessionRecord,
    reason: EndReason,
) -> Result<(SessionId, Ended), Refusal> {
    let session = record.row.session;
    if record.row.status == Status::Ended {
        let over = Ended {
            status: Status::Ended,
            reason: record.row.reason,
            recorded: true,
        };
        return Ok((session, over));
    }
    end_live(api, who, access, session, reason).await
}

/// Ends it.
pub(super) async fn end_live(
    api: &Api,
    who: Identity,
    access: Access,
    session: SessionId,
    reason: EndReason,
) -> Result<(SessionId, Ended), Refusal> {
    tracing::info!(%session, user = %who.user, ?access, %reason, "end asked for through the API");
    let order = EndOrder {
        session: session.clone(),
        reason,
        by: who,
    };
    Ok((session, within(api.handle.end(order)).await?))
}
