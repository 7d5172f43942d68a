//! The routes of plans and questions, described.

use axum::http::{Method, StatusCode};
use coach::plan::{
    ALTERNATIVES_MAX, DURATION_MS_MAX, DURATION_MS_MIN, EXTENSIONS_MAX, GROUPS_MAX,
    LABEL_CHARS_MAX, LIMIT_MS_MAX, LIMIT_MS_MIN, NEAR_MAX, PHRASE_CHARS_MAX, PHRASES_MAX,
    POINTS_MAX, PURPOSES_MAX, QUESTIONS_MAX, TEXT_CHARS_MAX, TITLE_CHARS_MAX, WEIGHT_MAX,
    WORD_CHARS_MAX, WORDS_MAX,
};
use protocol::contract::shape::{Form, always, maybe};
use protocol::contract::{Field, Object, Shape, Words, common};
use protocol::error::ErrorCode;

use crate::describe::{
    self, Answer, BUSY, Body, Content, DRAINING, LIMIT, NOT_ALLOWED, RECORDS, ROUTE, Route, Why,
};
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

const ID: Field = always("id", Shape::Id, "For `planId`.");
const TITLE: Field = always("title", Shape::Saying(TITLE_MAX), "For people.");
const DESCRIPTION: Field = always("description", Shape::Text(TEXT_MAX), "For people.");
const LANGUAGE: Field = always(
    "language",
    Shape::Form(&LANGUAGE_TAG),
    "Language of the questions.",
);
/// As BCP 47 has it, as far as plans go.
static LANGUAGE_TAG: Form = Form {
    name: "language tag",
    pattern: "^[a-z]{2,3}(-[A-Za-z0-9]{1,8})*$",
    most: 35,
    fits: |text| {
        let mut parts = text.split('-');
        let first = parts.next().unwrap_or_default();
        let fits = |part: &str, most: usize| {
            (1..=most).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
        };
        text.len() <= 35
            && first.len() >= 2
            && fits(first, 3)
            && first.bytes().all(|b| b.is_ascii_lowercase())
            && parts.all(|part| fits(part, 8))
    },
};
const MODE: Field = always("mode", Shape::Word(&MODES), "What its scores are for.");
const TITLE_MAX: u32 = TITLE_CHARS_MAX as u32;
const TEXT_MAX: u32 = TEXT_CHARS_MAX as u32;
const MOST: u32 = QUESTIONS_MAX as u32;
const LIMIT_MS: Shape = Shape::Whole(LIMIT_MS_MIN, LIMIT_MS_MAX);
const EXTENSIONS: Shape = Shape::Whole(0, EXTENSIONS_MAX as u64);
const WEIGHT: Shape = Shape::Whole(1, WEIGHT_MAX as u64);
const NEAR: Shape = Shape::Whole(1, NEAR_MAX as u64);
const DURATION: Shape = Shape::Whole(DURATION_MS_MIN, DURATION_MS_MAX);
const ASKS_CONSENT: Field = always(
    "asksConsent",
    Shape::Flag,
    "Nothing the candidate says is taken before they agree.",
);
const COUNT: Field = always(
    "questionCount",
    Shape::Whole(0, QUESTIONS_MAX as u64),
    "How many questions.",
);
const TIMES: Field = always(
    "extensions",
    EXTENSIONS,
    "How often a candidate may have more time; 0: never.",
);
const MORE: Field = always(
    "extensionMs",
    Shape::Whole(0, LIMIT_MS_MAX),
    "How much each time, milliseconds.",
);
const TOTAL: Field = always(
    "totalLimitMs",
    Shape::Whole(0, QUESTIONS_MAX as u64 * LIMIT_MS_MAX),
    "All limits together, milliseconds.",
);

/// What only answers have: worked out of the plan. In a body they are passed over.
pub(super) const OUTLINED: [Field; 5] = [
    optional(ASKS_CONSENT),
    optional(COUNT),
    optional(TIMES),
    optional(MORE),
    optional(TOTAL),
];

const fn optional(field: Field) -> Field {
    Field {
        required: false,
        ..field
    }
}

const IN_PATH: &[Field] = &[always("id", Shape::Id, "The plan.")];
const NO_PLAN: &[Why] = &[Why::Code(ErrorCode::PlanNotFound)];
const INVALID: &[Why] = &[Why::Own(Own::PlanInvalid)];
const EXAMPLE: &str =
    r#"{"id":"mine","title":"Mine","questions":[{"use":"mistake","limitMs":90000}]}"#;

const BODY: Option<Body> = Some(Body {
    shape: Shape::Closed(&INPUT),
    example: EXAMPLE,
    optional: false,
});

static QUESTION: Object = Object {
    name: "PlanQuestion",
    about: "A question of a plan.",
    fields: &[
        always("id", Shape::Id, "Name inside the plan."),
        always("text", Shape::Saying(TEXT_MAX), "What is asked."),
        always("limitMs", LIMIT_MS, "Time for the answer, milliseconds."),
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
            EXTENSIONS,
            "How often the time may be extended.",
        ),
        always(
            "extensionMs",
            Shape::Millis,
            "By how much each time, milliseconds.",
        ),
        always(
            "maxDurationMs",
            Shape::Or(&DURATION),
            "Longest duration, milliseconds; null: the server's default.",
        ),
    ],
};

static PLAN: Object = Object {
    name: "PlanSummary",
    about: "A plan that sessions can run.",
    fields: &[
        ID,
        TITLE,
        DESCRIPTION,
        LANGUAGE,
        MODE,
        ASKS_CONSENT,
        COUNT,
        TIMES,
        MORE,
        TOTAL,
        maybe(
            "questions",
            Shape::List(&Shape::Of(&QUESTION), MOST),
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
    about: "A page of the plans.",
    fields: &[
        always(
            "plans",
            Shape::List(&Shape::Of(&PLAN), describe::PAGE_MAX),
            "By id.",
        ),
        describe::next(&Shape::Id),
    ],
};

/// `GET /api/plans`
pub static LIST: Route = Route {
    path: "/api/plans",
    name: "listPlans",
    group: "plans",
    about: "The plans, page by page: names and lengths for everybody with a token, texts for interviewers and admins.",
    query: &[LIMIT, describe::after(Shape::Id)],
    answers: &[describe::ok("The plans.", &PLANS)],
    ..ROUTE
};

const PHRASES: Shape = Shape::Text((PHRASES_MAX * PHRASE_CHARS_MAX) as u32);
const WAYS: Shape = Shape::List(
    &Shape::List(&PHRASES, GROUPS_MAX as u32),
    ALTERNATIVES_MAX as u32,
);

static POINT: Object = Object {
    name: "ExpectedPoint",
    about: "Something a good answer tells.",
    fields: &[
        always("id", Shape::Text(40), "Name inside the question."),
        always(
            "label",
            Shape::Saying(LABEL_CHARS_MAX as u32),
            "What it is, in a few words.",
        ),
        always("weight", WEIGHT, "How much it counts among the others."),
        always(
            "must",
            Shape::Flag,
            "Without it the question reaches level 3 at most.",
        ),
        always("near", NEAR, "Within how many words its groups must stand."),
        always(
            "any",
            WAYS,
            "Ways of saying it: groups of phrases with | between them; ~ before what needs the others.",
        ),
        maybe(
            "not",
            Shape::List(&PHRASES, PHRASES_MAX as u32),
            "Phrases that say the opposite.",
        ),
        maybe(
            "ask",
            Shape::Text(LABEL_CHARS_MAX as u32 * 2),
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
    maybe("weight", WEIGHT, "How much the question counts."),
    maybe(
        "points",
        Shape::List(&POINT_SHAPE, POINTS_MAX as u32),
        "What a good answer tells.",
    ),
];

static SCORED: Object = Object {
    name: "ScoredQuestion",
    about: "A question with its scoring key.",
    fields: &[
        always("id", Shape::Id, "Name in the bank or plan."),
        always("text", Shape::Saying(TEXT_MAX), "What is asked."),
        always("limitMs", LIMIT_MS, "Time for the answer, milliseconds."),
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
        always("text", Shape::Saying(TEXT_MAX), "What is shown."),
        always(
            "purposes",
            Shape::List(&Shape::Text(PURPOSES_MAX.1 as u32), PURPOSES_MAX.0 as u32),
            "What for.",
        ),
    ],
};

static DOCUMENT: Object = Object {
    name: "PlanDocument",
    about: "A plan; for interviewers and admins with all that `PUT` takes.",
    fields: &[
        ID,
        TITLE,
        DESCRIPTION,
        LANGUAGE,
        MODE,
        ASKS_CONSENT,
        COUNT,
        TIMES,
        MORE,
        TOTAL,
        maybe("options", Shape::Of(&OPTIONS), "What it allows."),
        maybe(
            "consent",
            Shape::Of(&CONSENT),
            "What is asked before anything is heard.",
        ),
        maybe(
            "words",
            WORD_LIST,
            "Names and products recognition is likely to get wrong, of at least 5 letters; they \
             are put right in the transcript.",
        ),
        maybe(
            "questions",
            Shape::List(&Shape::Of(&SCORED), MOST),
            "In order.",
        ),
    ],
};

const WORD_LIST: Shape = Shape::List(&Shape::Text(WORD_CHARS_MAX as u32), WORDS_MAX as u32);

static POINT_INPUT: Object = Object {
    name: "ExpectedPointInput",
    about: "Something a good answer tells, as it is sent.",
    fields: &[
        POINT.fields[0],
        POINT.fields[1],
        optional(POINT.fields[2]),
        optional(POINT.fields[3]),
        optional(POINT.fields[4]),
        POINT.fields[5],
        POINT.fields[6],
        POINT.fields[7],
    ],
};

static QUESTION_INPUT: Object = Object {
    name: "PlanQuestionInput",
    about: "A question of a plan, as it is sent: with `kind` and 3 to 8 points, or with none of what scores it.",
    fields: &[
        SCORED.fields[0],
        SCORED.fields[1],
        SCORED.fields[2],
        KEY[0],
        KEY[1],
        KEY[2],
        maybe(
            "points",
            Shape::List(&Shape::Closed(&POINT_INPUT), POINTS_MAX as u32),
            "What a good answer tells.",
        ),
    ],
};

static USED_INPUT: Object = Object {
    name: "BankQuestionInput",
    about: "A question of the bank, with another limit if the plan says so.",
    fields: &[
        always("use", Shape::Id, "Which."),
        maybe("limitMs", LIMIT_MS, "Time for the answer, milliseconds."),
    ],
};

static OPTIONS_INPUT: Object = Object {
    name: "PlanOptionsInput",
    about: "What a plan allows; what is left out is as it is by default.",
    fields: &[
        optional(OPTIONS.fields[0]),
        optional(OPTIONS.fields[1]),
        optional(OPTIONS.fields[2]),
        optional(OPTIONS.fields[3]),
        optional(OPTIONS.fields[4]),
        maybe(
            "extensionMs",
            LIMIT_MS,
            "By how much each time, milliseconds.",
        ),
        maybe("maxDurationMs", DURATION, "Longest duration, milliseconds."),
    ],
};

static CONSENT_INPUT: Object = Object {
    name: "PlanConsentInput",
    about: "What the candidate is asked to agree to, as it is sent.",
    fields: CONSENT.fields,
};

static INPUT: Object = Object {
    name: "PlanInput",
    about: "A plan as it is sent.",
    fields: &[
        maybe(
            "id",
            Shape::Id,
            "For `planId`; with `PUT` that of the path.",
        ),
        TITLE,
        optional(DESCRIPTION),
        optional(LANGUAGE),
        optional(MODE),
        maybe("options", Shape::Closed(&OPTIONS_INPUT), "What it allows."),
        maybe(
            "consent",
            Shape::Closed(&CONSENT_INPUT),
            "What is asked before anything is heard.",
        ),
        maybe(
            "words",
            WORD_LIST,
            "Names and products recognition is likely to get wrong, of at least 5 letters.",
        ),
        maybe(
            "questions",
            Shape::List(
                &Shape::AnyOf(&[Shape::Closed(&USED_INPUT), Shape::Closed(&QUESTION_INPUT)]),
                MOST,
            ),
            "In order.",
        ),
        OUTLINED[0],
        OUTLINED[1],
        OUTLINED[2],
        OUTLINED[3],
        OUTLINED[4],
    ],
};

static STORED: Object = Object {
    name: "PlanStored",
    about: "The plan is stored.",
    fields: &[always("id", Shape::Id, "Which.")],
};

static BANK: Object = Object {
    name: "QuestionBank",
    about: "A page of the questions plans may use.",
    fields: &[
        always(
            "questions",
            Shape::List(&Shape::Of(&SCORED), describe::PAGE_MAX),
            "By id.",
        ),
        describe::next(&Shape::Id),
    ],
};

/// `GET /api/plans/{id}`
pub static SHOW: Route = Route {
    path: "/api/plans/{id}",
    name: "getPlan",
    group: "plans",
    about: "One plan; for interviewers and admins the whole document, as `PUT` takes it.",
    path_fields: IN_PATH,
    answers: &[describe::ok("The plan.", &DOCUMENT)],
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
    answers: &[describe::created("It can be used now.", &STORED)],
    refusals: &[
        NOT_ALLOWED,
        INVALID,
        BUSY,
        DRAINING,
        RECORDS,
        &[Why::Own(Own::PlanExists)],
    ],
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
        describe::ok("It took the place of another.", &STORED),
        describe::created("It is new.", &STORED),
    ],
    refusals: &[NOT_ALLOWED, INVALID, BUSY, DRAINING, RECORDS],
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
    refusals: &[NOT_ALLOWED, NO_PLAN, DRAINING, RECORDS],
    ..ROUTE
};

/// `GET /api/questions`
pub static QUESTIONS: Route = Route {
    path: "/api/questions",
    name: "listQuestions",
    group: "plans",
    about: "The question bank, page by page, with what a good answer tells, for interviewers and admins.",
    query: &[
        maybe("kind", Shape::Word(&KINDS), "Only questions of this kind."),
        LIMIT,
        describe::after(Shape::Id),
    ],
    answers: &[describe::ok("The questions.", &BANK)],
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
