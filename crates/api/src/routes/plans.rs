//! Which plans there are. The questions themselves are for those who run interviews.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use protocol::value::Role;
use serde_json::{Value, json};

use crate::extract::Caller;
use crate::router::Api;

/// `GET /api/plans`: names and lengths for everybody, texts for interviewers and admins.
pub async fn list(State(api): State<Arc<Api>>, Caller(who): Caller) -> Json<Value> {
    let texts = who.admin || who.role == Some(Role::Interviewer);
    let plans: Vec<Value> = api
        .plans
        .list()
        .map(|entry| {
            let questions = &entry.plan.questions;
            let mut shown = json!({
                "id": entry.id,
                "title": entry.plan.title,
                "description": entry.description,
                "language": entry.language,
                "questionCount": questions.len(),
                "totalLimitMs": questions.iter().map(|question| question.limit_ms).sum::<u64>(),
            });
            if texts {
                shown["questions"] = json!(questions);
                shown["options"] = json!(entry.plan.options);
            }
            shown
        })
        .collect();
    Json(json!({ "plans": plans }))
}
