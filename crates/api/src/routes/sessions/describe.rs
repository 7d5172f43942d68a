//! The descriptions of the session routes, apart from their handlers only for length.

use axum::http::Method;
use protocol::contract::shape::{Field, always, maybe};
use protocol::contract::{Object, Shape, common};
use protocol::error::ErrorCode;
use protocol::record::DataKind;

use crate::describe::{
    self, BUSY, Body, DRAINING, LIMIT, NO_SESSION, NOT_ALLOWED, RECORDS, ROUTE, Route,
    SESSION_IN_PATH, Why,
};

static INVITED: Object = Object {
    name: "Invited",
    about: "Somebody who may come, before or after they did.",
    fields: &[
        always("userId", Shape::Id, "Who: the `sub` of their tokens."),
        always("role", common::ROLE, "As what."),
    ],
};

static QUESTION: Object = Object {
    name: "SessionQuestion",
    about: "A question of a session without a plan.",
    fields: &[
        maybe(
            "id",
            Shape::Id,
            "Name inside the session; left out: q1, q2 … by place.",
        ),
        always("text", Shape::Saying(2_000), "What is asked."),
        maybe(
            "limitMs",
            Shape::Whole(5_000, 3_600_000),
            "Time for the answer, milliseconds; left out: 120000.",
        ),
    ],
};

static CREATE_BODY: Object = Object {
    name: "CreateSession",
    about: "A session to be made. Everything may be left out: that is a plain room.",
    fields: &[
        maybe(
            "id",
            Shape::Id,
            "Chosen by you, not `active`; left out: by the server.",
        ),
        maybe("title", Shape::Line(200), "For people."),
        maybe("candidate", Shape::Id, "Whose interview it is."),
        maybe(
            "participants",
            Shape::List(&Shape::Of(&INVITED), 32),
            "Who else may come; each user once, one candidate at most.",
        ),
        maybe(
            "planId",
            Shape::Id,
            "Run this plan; not together with `questions`.",
        ),
        maybe(
            "questions",
            Shape::List(&Shape::Closed(&QUESTION), 50),
            "Run these questions.",
        ),
    ],
};

const ID: Field = always("id", Shape::Id, "Which.");
const TITLE: Field = always("title", Shape::Line(200), "For people.");
const STATUS: Field = always("status", common::STATUS, "Where it is in its life.");
const REASON: Field = maybe("reason", common::END_REASON, "Why it ended.");
const CANDIDATE: Field = maybe("candidate", Shape::Id, "Whose interview it is.");
const CREATED: Field = always("createdAt", Shape::Time, "When it was made.");
const STARTED: Field = maybe("startedAt", Shape::Time, "When it became active.");
const ENDED_AT: Field = maybe("endedAt", Shape::Time, "When it ended.");
const DURATION: Field = maybe(
    "durationMs",
    Shape::Millis,
    "From start to end, milliseconds.",
);
const ACTIVITY: Field = always(
    "lastActivityAt",
    Shape::Time,
    "When something last happened in it.",
);

static SHORT: Object = Object {
    name: "SessionSummary",
    about: "A session in a list.",
    fields: &[
        ID, TITLE, STATUS, REASON, CANDIDATE, CREATED, STARTED, ENDED_AT, DURATION, ACTIVITY,
    ],
};

static PERSON: Object = Object {
    name: "Person",
    about: "Somebody named in a session.",
    fields: &[
        always("userId", Shape::Id, "Who."),
        always("role", common::ROLE, "As what."),
        always(
            "joinedAt",
            Shape::Or(&Shape::Time),
            "When they first came; null: not yet.",
        ),
    ],
};

static LIVE: Object = Object {
    name: "LiveMember",
    about: "Somebody in the room right now.",
    fields: &[
        always("userId", Shape::Id, "Who."),
        always("role", common::ROLE, "As what."),
        always("state", common::PRESENCE, "There, or lost for a moment."),
    ],
};

const PARTICIPANTS: Field = always(
    "participants",
    Shape::List(&PERSON_SHAPE, 0),
    "Who was invited or came.",
);
const MEMBERS: Field = maybe(
    "members",
    Shape::List(&LIVE_SHAPE, 0),
    "Who is in the room; left out while the session is not in memory.",
);
const PLAN: Field = maybe("planId", Shape::Id, "Which plan it runs, if it has a name.");
const REPORT: Field = maybe("reportUrl", Shape::Text(80), "Path of the report's page.");
const REPORT_STATE: Field = maybe(
    "report",
    Shape::Of(&crate::routes::reports::JOB),
    "How far the report is.",
);
const DELETED: Field = maybe(
    "deleted",
    Shape::ByWord(&DataKind::WORDS, &Shape::Time),
    "What of it was deleted when, by kind.",
);
static PERSON_SHAPE: Shape = Shape::Of(&PERSON);
static LIVE_SHAPE: Shape = Shape::Of(&LIVE);

static VIEW: Object = Object {
    name: "SessionRecord",
    about: "A session with its people, its room and where its report is.",
    fields: &[
        ID,
        TITLE,
        STATUS,
        REASON,
        CANDIDATE,
        CREATED,
        STARTED,
        ENDED_AT,
        DURATION,
        ACTIVITY,
        PARTICIPANTS,
        MEMBERS,
        PLAN,
        REPORT,
        REPORT_STATE,
        DELETED,
    ],
};

static JOIN_PERSON: Object = Object {
    name: "Invitation",
    about: "What somebody needs to come in.",
    fields: &[
        always("userId", Shape::Id, "Who."),
        always("role", common::ROLE, "As what."),
        maybe(
            "token",
            Shape::Text(8_192),
            "Good for this session only. Whoever has it is that user. Left out where tokens are \
             signed elsewhere: get a ticket when they come.",
        ),
        maybe("expiresAt", Shape::Time, "Until when it is good."),
    ],
};

static JOIN: Object = Object {
    name: "JoinInfo",
    about: "How people come in.",
    fields: &[
        always("path", Shape::Just("/ws"), "Path of the plain door."),
        always(
            "people",
            Shape::List(&Shape::Of(&JOIN_PERSON), 32),
            "One for each.",
        ),
    ],
};

static CREATED_VIEW: Object = Object {
    name: "CreatedSession",
    about: "The session that was made.",
    fields: &[
        ID,
        TITLE,
        STATUS,
        REASON,
        CANDIDATE,
        CREATED,
        STARTED,
        ENDED_AT,
        DURATION,
        ACTIVITY,
        PARTICIPANTS,
        MEMBERS,
        PLAN,
        REPORT,
        maybe("join", Shape::Of(&JOIN), "Invitations; to admins only."),
    ],
};

static PAGE: Object = Object {
    name: "SessionPage",
    about: "Sessions, newest first.",
    fields: &[
        always(
            "sessions",
            Shape::List(&Shape::Of(&SHORT), 200),
            "At most `limit`.",
        ),
        describe::next(&Shape::Cursor),
    ],
};

static ENDED: Object = Object {
    name: "EndedSession",
    about: "How it stands after the end was asked for.",
    fields: &[
        common::SESSION,
        always("status", common::STATUS, "Where it is now."),
        always("reason", Shape::Or(&common::END_REASON), "Its one reason."),
        always(
            "recorded",
            Shape::Flag,
            "Whether the end is in the records.",
        ),
    ],
};

/// `POST /api/sessions`
pub static CREATE: Route = Route {
    method: Method::POST,
    path: "/api/sessions",
    name: "createSession",
    group: "sessions",
    about: "Makes a session: admins, and interviewers, who are then in it themselves.",
    body: Some(Body {
        shape: Shape::Closed(&CREATE_BODY),
        example: r#"{"id":"call-7","title":"Backend, round 2","candidate":"ana","participants":[{"userId":"ivo","role":"interviewer"}],"questions":[{"id":"q1","text":"Why us?","limitMs":90000}]}"#,
        optional: false,
    }),
    answers: &[describe::created(
        "It is stored; `Location` says where it is.",
        &CREATED_VIEW,
    )],
    refusals: &[
        NOT_ALLOWED,
        RECORDS,
        DRAINING,
        BUSY,
        &[
            Why::Code(ErrorCode::PlanNotFound),
            Why::Code(ErrorCode::SessionExists),
        ],
    ],
    ..ROUTE
};

/// `GET /api/sessions`
pub static LIST: Route = Route {
    path: "/api/sessions",
    name: "listSessions",
    group: "sessions",
    about: "All sessions, page by page, newest first; admins only.",
    query: &[
        maybe("status", common::STATUS, "Only these."),
        maybe("candidate", Shape::Id, "Only this candidate's."),
        LIMIT,
        describe::after(Shape::Cursor),
    ],
    answers: &[describe::ok("A page of them.", &PAGE)],
    refusals: &[NOT_ALLOWED, RECORDS],
    ..ROUTE
};

/// `GET /api/sessions/{id}`
pub static SHOW: Route = Route {
    path: "/api/sessions/{id}",
    name: "getSession",
    group: "sessions",
    about: "One session, for whoever may be in it.",
    path_fields: SESSION_IN_PATH,
    answers: &[describe::ok("The session.", &VIEW)],
    refusals: &[NO_SESSION, RECORDS],
    ..ROUTE
};

/// `POST /api/sessions/{id}/end`
pub static END: Route = Route {
    method: Method::POST,
    path: "/api/sessions/{id}/end",
    name: "endSessionById",
    group: "sessions",
    about: "Ends a session: its candidate, its interviewers, admins. One that is over stays as it ended.",
    path_fields: SESSION_IN_PATH,
    answers: &[describe::ok("It is over.", &ENDED)],
    refusals: &[NO_SESSION, NOT_ALLOWED, RECORDS, BUSY],
    ..ROUTE
};
