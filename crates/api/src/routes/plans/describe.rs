//! The routes of plans and questions, described.

use axum::http::{Method, StatusCode};
use protocol::contract::shape::{always, maybe};
use protocol::contract::{Field, Object, Shape, Words, common};
use protocol::error::ErrorCode;

use crate::describe::{Answer, Body, Content, NOT_ALLOWED, RECORDS, ROUTE, Route, Why};
use crate::problem::Own;

static MODES: Words = Words {
    name: "ScoringMode",
    about: "What scores are for.",
    words: &[
        (
            "practice",
            "To get better: the way of speaking counts a little.",
        ),
        ("hiring", "To choose somebody: only what was said counts."),
    ],
};

/// The kinds of questions.
static KINDS: Words = Words {
    name: "QuestionKind",
    about: "How an answer is expected to be built.",
    words: &[
        ("behavioral", "About something that happened."),
        ("technical", "About how something works or is built."),
        ("situational", "About what somebody would do."),
    ],
};

const MODE: Field = always("mode", Shape::Word(&MODES), "What its scores are for.");
const IN_PATH: &[Field] = &[always("id", Shape::Id, "The plan.")];
const NO_PLAN: &[Why] = &[Why::Code(ErrorCode::PlanNotFound)];
const INVALID: &[Why] = &[Why::Own(Own::PlanInvalid), Why::Code(ErrorCode::Busy)];
const EXAMPLE: &str =
    r#"{"id":"mine","title":"Mine","questions":[{"use":"mistake","limitMs":90000}]}"#;

const BODY: Option<Body> = Some(Body {
    shape: Shape::Open,
    example: EXAMPLE,
    optional: false,
});

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
            "suggestionsTo",
            Shape::List(&common::ROLE, 3),
            "Who gets suggestions of what to ask next.",
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
        MODE,
        always(
            "asksConsent",
            Shape::Flag,
            "Nothing the candidate says is taken before they agree.",
        ),
        always("questionCount", common::U32, "How many questions."),
        always(
            "extensions",
            common::U32,
            "How often a candidate may have more time; 0: never.",
        ),
        always(
            "extensionMs",
            Shape::Millis,
            "How much each time, milliseconds.",
        ),
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

static POINT: Object = Object {
    name: "ExpectedPoint",
    about: "Something a good answer tells.",
    fields: &[
        always("id", Shape::Text(40), "Name inside the question."),
        always("label", Shape::Text(0), "What it is, in a few words."),
        always(
            "weight",
            common::U32,
            "How much it counts among the others.",
        ),
        always(
            "must",
            Shape::Flag,
            "Without it the question reaches level 3 at most.",
        ),
        always(
            "near",
            common::U32,
            "Within how many words its groups must stand.",
        ),
        always(
            "any",
            Shape::List(&Shape::List(&Shape::Text(0), 0), 0),
            "Ways of saying it: groups of phrases with | between them; ~ before what needs the others.",
        ),
        maybe(
            "not",
            Shape::List(&Shape::Text(0), 0),
            "Phrases that say the opposite.",
        ),
        maybe(
            "ask",
            Shape::Text(0),
            "The question to ask when it was not said.",
        ),
    ],
};

static MILLIS: Shape = Shape::Millis;
static POINT_SHAPE: Shape = Shape::Of(&POINT);

const KEY: [Field; 4] = [
    maybe("kind", Shape::Word(&KINDS), "What sort of question it is."),
    maybe(
        "targetMs",
        Shape::List(&MILLIS, 2),
        "Length of a good answer, from and to, milliseconds.",
    ),
    maybe("weight", common::U32, "How much the question counts."),
    maybe(
        "points",
        Shape::List(&POINT_SHAPE, 0),
        "What a good answer tells.",
    ),
];

static SCORED: Object = Object {
    name: "ScoredQuestion",
    about: "A question with its scoring key.",
    fields: &[
        always("id", Shape::Id, "Name in the bank or plan."),
        always("text", Shape::Text(0), "What is asked."),
        always(
            "limitMs",
            Shape::Millis,
            "Time for the answer, milliseconds.",
        ),
        KEY[0],
        KEY[1],
        KEY[2],
        KEY[3],
    ],
};

static CONSENT: Object = Object {
    name: "PlanConsent",
    about: "What the candidate is asked to agree to.",
    fields: &[
        always("version", Shape::Text(64), "Name of this wording."),
        always("text", Shape::Text(0), "What is shown."),
        always("purposes", Shape::List(&Shape::Text(0), 8), "What for."),
    ],
};

static DOCUMENT: Object = Object {
    name: "PlanDocument",
    about: "A plan; for interviewers and admins with all that `PUT` takes.",
    fields: &[
        always("id", Shape::Id, "For `planId`."),
        always("title", Shape::Text(0), "For people."),
        always("description", Shape::Text(0), "For people."),
        always("language", Shape::Text(0), "Language of the questions."),
        MODE,
        always("asksConsent", Shape::Flag, "Whether it has a `consent`."),
        always("questionCount", common::U32, "How many questions."),
        always(
            "extensions",
            common::U32,
            "How often a candidate may have more time; 0: never.",
        ),
        always(
            "extensionMs",
            Shape::Millis,
            "How much each time, milliseconds.",
        ),
        always(
            "totalLimitMs",
            Shape::Millis,
            "All limits together, milliseconds.",
        ),
        maybe("options", Shape::Of(&OPTIONS), "What it allows."),
        maybe(
            "consent",
            Shape::Of(&CONSENT),
            "What is asked before anything is heard.",
        ),
        maybe(
            "words",
            Shape::List(&Shape::Text(40), 100),
            "Names and products recognition is likely to get wrong, of at least 5 letters; they \
             are put right in the transcript.",
        ),
        maybe(
            "questions",
            Shape::List(&Shape::Of(&SCORED), 0),
            "In order.",
        ),
    ],
};

static STORED: Object = Object {
    name: "PlanStored",
    about: "The plan is stored.",
    fields: &[always("id", Shape::Id, "Which.")],
};

static BANK: Object = Object {
    name: "QuestionBank",
    about: "Questions plans may use.",
    fields: &[always(
        "questions",
        Shape::List(&Shape::Of(&SCORED), 0),
        "By id.",
    )],
};

/// `GET /api/plans/{id}`
pub static SHOW: Route = Route {
    path: "/api/plans/{id}",
    name: "getPlan",
    group: "plans",
    about: "One plan; for interviewers and admins the whole document, as `PUT` takes it.",
    path_fields: IN_PATH,
    answers: &[Answer {
        status: StatusCode::OK,
        about: "The plan.",
        content: Content::Json(Shape::Of(&DOCUMENT)),
    }],
    refusals: &[NO_PLAN],
    ..ROUTE
};

/// `POST /api/plans`
pub static CREATE: Route = Route {
    method: Method::POST,
    path: "/api/plans",
    name: "createPlan",
    group: "plans",
    about: "Makes a plan, for admins: a document as `GET /api/plans/{id}` shows it or, with `Content-Type: application/toml`, the text of a plan file. Mistakes are told all at once, each with its place.",
    body: BODY,
    answers: &[Answer {
        status: StatusCode::CREATED,
        about: "It can be used now.",
        content: Content::Json(Shape::Of(&STORED)),
    }],
    refusals: &[NOT_ALLOWED, INVALID, RECORDS, &[Why::Own(Own::PlanExists)]],
    ..ROUTE
};

/// `PUT /api/plans/{id}`
pub static REPLACE: Route = Route {
    method: Method::PUT,
    path: "/api/plans/{id}",
    name: "putPlan",
    group: "plans",
    about: "Puts this plan under this id, for admins, whatever was there; a body as for `POST`. Sessions that have the plan keep it as it was.",
    path_fields: IN_PATH,
    body: BODY,
    answers: &[
        Answer {
            status: StatusCode::OK,
            about: "It took the place of another.",
            content: Content::Json(Shape::Of(&STORED)),
        },
        Answer {
            status: StatusCode::CREATED,
            about: "It is new.",
            content: Content::Json(Shape::Of(&STORED)),
        },
    ],
    refusals: &[NOT_ALLOWED, INVALID, RECORDS],
    ..ROUTE
};

/// `DELETE /api/plans/{id}`
pub static REMOVE: Route = Route {
    method: Method::DELETE,
    path: "/api/plans/{id}",
    name: "deletePlan",
    group: "plans",
    about: "Takes a plan out, for admins. Sessions that have it keep it.",
    path_fields: IN_PATH,
    answers: &[Answer {
        status: StatusCode::NO_CONTENT,
        about: "It is gone.",
        content: Content::Empty,
    }],
    refusals: &[NOT_ALLOWED, NO_PLAN, RECORDS],
    ..ROUTE
};

/// `GET /api/questions`
pub static QUESTIONS: Route = Route {
    path: "/api/questions",
    name: "listQuestions",
    group: "plans",
    about: "The question bank with what a good answer tells, for interviewers and admins.",
    query: &[maybe(
        "kind",
        Shape::Word(&KINDS),
        "Only questions of this kind.",
    )],
    answers: &[Answer {
        status: StatusCode::OK,
        about: "The questions.",
        content: Content::Json(Shape::Of(&BANK)),
    }],
    refusals: &[NOT_ALLOWED],
    ..ROUTE
};

#[cfg(test)]
mod tests {
    use coach::rubric::Kind;

    use super::*;

    #[test]
    fn every_kind_of_question_is_described() {
        let words: Vec<&str> = KINDS.words.iter().map(|(word, _)| *word).collect();
        let kinds: Vec<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
        assert_eq!(words, kinds);
    }
}
