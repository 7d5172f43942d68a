//! Which plans there are. The questions themselves are for those who run interviews.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use protocol::contract::shape::{always, maybe};
use protocol::contract::{Object, Shape, common};
use protocol::value::Role;
use serde_json::{Value, json};

use crate::describe::{Answer, Content, ROUTE, Route};
use crate::extract::Caller;
use crate::router::Api;

static QUESTION: Object = Object {
    name: "PlanQuestion",
    about: "A question of a plan.",
    fields: &[
        always("id", Shape::Id, "Name inside the plan."),
        always("text", Shape::Text(0), "What is asked."),
        always(
            "limitMs",
            Shape::Millis,
            "Time for the answer, milliseconds.",
        ),
    ],
};

static OPTIONS: Object = Object {
    name: "PlanOptions",
    about: "What a plan allows.",
    fields: &[
        always(
            "startOnJoin",
            Shape::Flag,
            "The candidate's join starts the interview.",
        ),
        always(
            "pauseOnDisconnect",
            Shape::Flag,
            "Question clocks stand still while the candidate is away.",
        ),
        always(
            "candidateSeesTranscript",
            Shape::Flag,
            "The candidate sees captions.",
        ),
        always(
            "extensions",
            common::U32,
            "How often the time may be extended.",
        ),
        always(
            "extensionMs",
            Shape::Millis,
            "By how much each time, milliseconds.",
        ),
        always(
            "maxDurationMs",
            Shape::Or(&Shape::Millis),
            "Longest duration, milliseconds; null: the server's default.",
        ),
    ],
};

static PLAN: Object = Object {
    name: "PlanEntry",
    about: "A plan that sessions can run.",
    fields: &[
        always("id", Shape::Id, "For `planId`."),
        always("title", Shape::Text(0), "For people."),
        always("description", Shape::Text(0), "For people."),
        always("language", Shape::Text(0), "Language of the questions."),
        always("questionCount", common::U32, "How many questions."),
        always(
            "totalLimitMs",
            Shape::Millis,
            "All limits together, milliseconds.",
        ),
        maybe(
            "questions",
            Shape::List(&Shape::Of(&QUESTION), 0),
            "For interviewers and admins only.",
        ),
        maybe(
            "options",
            Shape::Of(&OPTIONS),
            "For interviewers and admins only.",
        ),
    ],
};

static PLANS: Object = Object {
    name: "Plans",
    about: "Every plan.",
    fields: &[always(
        "plans",
        Shape::List(&Shape::Of(&PLAN), 0),
        "By name.",
    )],
};

/// `GET /api/plans`
pub static LIST: Route = Route {
    path: "/api/plans",
    name: "listPlans",
    group: "plans",
    about: "Names and lengths for everybody with a token, texts for interviewers and admins.",
    answers: &[Answer {
        status: StatusCode::OK,
        about: "The plans.",
        content: Content::Json(Shape::Of(&PLANS)),
    }],
    ..ROUTE
};

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
