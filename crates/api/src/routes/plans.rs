//! Plans and the question bank: which there are, for everybody; what is in them, for those who run
//! interviews; changes, for administrators.

mod describe;

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use coach::plan::document::{self, from_json, to_json};
use coach::plan::{Bank, Entry, parse_with};
use coach::rubric::Kind;
use protocol::error::{ErrorCode, Refusal};
use protocol::id::{PlanId, QuestionId};
use protocol::value::Role;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use self::describe::OUTLINED;
pub use self::describe::{CREATE, LIST, QUESTIONS, REMOVE, REPLACE, SHOW};
use super::{paging, within};
use crate::extract::{Body, Caller, Path, Query, Raw};
use crate::handle::PlanPut;
use crate::identity::Identity;
use crate::problem::{Own, Problem};
use crate::router::Api;

/// Problems of one plan that are told at once.
const PROBLEMS_MAX: usize = 50;

/// Whether questions and their keys are for this person.
fn may_read(who: &Identity) -> bool {
    who.admin || who.role == Some(Role::Interviewer)
}

fn may_change(who: &Identity) -> Result<(), Problem> {
    if who.admin {
        return Ok(());
    }
    Err(ErrorCode::NotAllowed.into())
}

/// What everybody may know of a plan.
fn outline(entry: &Entry) -> Value {
    let questions = &entry.plan.questions;
    json!({
        "id": entry.id,
        "title": entry.plan.title,
        "description": entry.description,
        "language": entry.language,
        "mode": entry.mode,
        "asksConsent": entry.plan.consent.is_some(),
        "questionCount": questions.len(),
        "extensions": entry.plan.options.extensions,
        "extensionMs": entry.plan.options.extension_ms,
        "totalLimitMs": questions.iter().map(|question| question.limit_ms).sum::<u64>(),
    })
}

/// Query of `GET /api/plans`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanPage {
    after: Option<PlanId>,
    limit: Option<u32>,
}

/// `GET /api/plans`: names and lengths for everybody, texts for interviewers and admins; by id.
pub async fn list(
    State(api): State<Arc<Api>>,
    Caller(who): Caller,
    Query(page): Query<PlanPage>,
) -> Result<Json<Value>, Problem> {
    let limit = paging::limit(page.limit)?;
    let texts = may_read(&who);
    let bank = api.plans.bank();
    let behind = |entry: &&Entry| page.after.as_ref().is_none_or(|after| entry.id > *after);
    let (entries, more) = paging::take(bank.list().filter(behind), limit);
    let next = entries.last().filter(|_| more).map(|entry| &entry.id);
    let plans: Vec<Value> = { entries.iter() }
        .map(|entry| {
            let mut shown = outline(entry);
            if texts {
                shown["questions"] = json!(entry.plan.questions);
                shown["options"] = json!(entry.plan.options);
            }
            shown
        })
        .collect();
    Ok(Json(json!({ "plans": plans, "next": next })))
}

/// `GET /api/plans/{id}`: for interviewers and admins the whole document, as `PUT` takes it.
pub async fn show(
    State(api): State<Arc<Api>>,
    Caller(who): Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let bank = api.plans.bank();
    let entry = known(&bank, &id)?;
    let mut shown = outline(entry);
    if let (true, Value::Object(all), Value::Object(more)) =
        (may_read(&who), &mut shown, to_json(entry, true))
    {
        all.extend(more);
    }
    Ok(Json(shown))
}

fn known<'b>(bank: &'b Bank, id: &str) -> Result<&'b Entry, Problem> {
    let found = PlanId::parse(id).ok().and_then(|id| bank.entry(&id));
    found.ok_or_else(|| ErrorCode::PlanNotFound.into())
}

/// `POST /api/plans`: a new plan, as a JSON document or, with `Content-Type: application/toml`, as
/// the text of a file.
pub async fn create(
    State(api): State<Arc<Api>>,
    Caller(who): Caller,
    headers: HeaderMap,
    Raw(body): Raw,
) -> Result<Response, Problem> {
    may_change(&who)?;
    let (entry, text) = read(&api.plans.bank(), &headers, &body, None)?;
    let id = entry.id.clone();
    match within(api.handle.put_plan(entry, text, false)).await? {
        PlanPut::Exists => Err(Own::PlanExists.into()),
        PlanPut::Created | PlanPut::Replaced => Ok(stored(&id, StatusCode::CREATED)),
    }
}

/// `PUT /api/plans/{id}`: this plan under this id, whatever was there. Sessions that have the plan
/// keep it as it was.
pub async fn replace(
    State(api): State<Arc<Api>>,
    Caller(who): Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    Raw(body): Raw,
) -> Result<Response, Problem> {
    may_change(&who)?;
    let id = PlanId::parse(&id).map_err(|error| {
        let why = format!("The id in the address cannot be used: {error}.");
        Problem::from(Refusal::because(ErrorCode::InvalidField, why))
    })?;
    let (entry, text) = read(&api.plans.bank(), &headers, &body, Some(&id))?;
    let status = match within(api.handle.put_plan(entry, text, true)).await? {
        PlanPut::Created => StatusCode::CREATED,
        PlanPut::Replaced | PlanPut::Exists => StatusCode::OK,
    };
    Ok(stored(&id, status))
}

fn stored(id: &PlanId, status: StatusCode) -> Response {
    let mut response = (status, Json(json!({ "id": id }))).into_response();
    // Ids hold nothing a header could not.
    if let Ok(place) = HeaderValue::from_str(&format!("/api/plans/{id}")) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    response
}

/// `DELETE /api/plans/{id}`: out of the bank. Sessions that have the plan keep it.
pub async fn remove(
    State(api): State<Arc<Api>>,
    Caller(who): Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    may_change(&who)?;
    let id = known(&api.plans.bank(), &id)?.id.clone();
    if within(api.handle.remove_plan(id)).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(ErrorCode::PlanNotFound.into())
    }
}

/// The plan in a body, and the text it is kept as.
fn read(
    bank: &Bank,
    headers: &HeaderMap,
    body: &Bytes,
    id: Option<&PlanId>,
) -> Result<(Entry, String), Problem> {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let is_toml = kind.split(';').next().unwrap_or_default().trim() == "application/toml";
    let (entry, text) = if is_toml {
        let text = std::str::from_utf8(body).map_err(|_| {
            let why = "The body must be UTF-8 text.";
            Problem::from(Refusal::because(ErrorCode::InvalidField, why))
        })?;
        let entry = parse_with(bank.questions(), "plan", text).map_err(|found| {
            let shown = found
                .iter()
                .map(|p| json!({ "line": p.line, "message": p.message }));
            invalid(shown.collect())
        })?;
        (entry, text.to_owned())
    } else {
        let mut document: Value = Body::read(headers, body)?;
        if let (Value::Object(fields), Some(id)) = (&mut document, id) {
            fields.entry("id").or_insert_with(|| json!(id));
        }
        // What only answers have is worked out again.
        if let Value::Object(fields) = &mut document {
            let misfits = OUTLINED.iter().filter_map(|field| {
                let given = fields.remove(field.name).filter(|given| !given.is_null())?;
                let misfit = field.shape.check(&given, field.name).err()?;
                Some(json!({ "path": misfit.at, "message": misfit.to_string() }))
            });
            let misfits: Vec<Value> = misfits.collect();
            if !misfits.is_empty() {
                return Err(invalid(misfits));
            }
        }
        from_json(bank.questions(), &document).map_err(|found: Vec<document::Misfit>| {
            invalid(found.iter().map(|m| json!(m)).collect())
        })?
    };
    if id.is_some_and(|id| entry.id != *id) {
        let why = "The plan has another id than the address.";
        return Err(Refusal::because(ErrorCode::InvalidField, why).into());
    }
    Ok((entry, text))
}

fn invalid(mut problems: Vec<Value>) -> Problem {
    let mut refused = Problem::from(Own::PlanInvalid);
    if problems.len() == 1 {
        refused.detail = "There is a mistake in the plan.".to_owned();
    } else {
        refused.detail = format!("There are {} mistakes in the plan.", problems.len());
    }
    problems.truncate(PROBLEMS_MAX);
    refused.more.insert("problems".to_owned(), problems.into());
    refused
}

/// Query of `GET /api/questions`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Which {
    kind: Option<Kind>,
    after: Option<QuestionId>,
    limit: Option<u32>,
}

/// `GET /api/questions`: the bank plans may draw from, with what a good answer tells; for
/// interviewers and admins.
pub async fn questions(
    State(api): State<Arc<Api>>,
    Caller(who): Caller,
    Query(which): Query<Which>,
) -> Result<Json<Value>, Problem> {
    if !may_read(&who) {
        return Err(ErrorCode::NotAllowed.into());
    }
    let limit = paging::limit(which.limit)?;
    let bank = api.plans.bank();
    let wanted = { bank.questions().list() }
        .filter(|banked| which.kind.is_none_or(|kind| banked.rubric.kind == kind))
        .filter(|banked| {
            let after = which.after.as_ref();
            after.is_none_or(|after| banked.question.id > *after)
        });
    let (page, more) = paging::take(wanted, limit);
    let next = page.last().filter(|_| more).map(|last| &last.question.id);
    let shown: Vec<Value> = { page.iter() }
        .map(|banked| {
            let mut fields = match json!(banked.question) {
                Value::Object(fields) => fields,
                _ => Map::new(),
            };
            document::rubric_into(&mut fields, &banked.rubric);
            Value::Object(fields)
        })
        .collect();
    Ok(Json(json!({ "questions": shown, "next": next })))
}
