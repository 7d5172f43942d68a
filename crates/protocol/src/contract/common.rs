//! Objects that several messages, and the HTTP API, have in common.

use super::shape::{Field, Object, Shape, Words, always, maybe};
use crate::client::AudioFormat;
use crate::error::ErrorCode;
use crate::limits::{QUESTION_CHARS_MAX, QUESTION_LIMIT_MS_MAX, QUESTION_LIMIT_MS_MIN};
use crate::value::{Clock, EndReason, Outcome, PresenceState, Role, Status, Visibility};

/// Largest number of 32 bits.
pub const U32: Shape = Shape::Whole(0, u32::MAX as u64);
/// A participant's number.
pub const PARTICIPANT: Shape = Shape::Whole(0, u16::MAX as u64);
/// A place in the log.
pub const SEQ: Shape = Shape::Whole(0, u64::MAX);
/// Private resume key.
pub const KEY: Shape = Shape::Hex(32);
/// A role in a session.
pub const ROLE: Shape = Shape::Word(&Role::WORDS);
/// Where a session is in its life.
pub const STATUS: Shape = Shape::Word(&Status::WORDS);
/// Why a session ended.
pub const END_REASON: Shape = Shape::Word(&EndReason::WORDS);
/// How a question was closed.
pub const OUTCOME: Shape = Shape::Word(&Outcome::WORDS);
/// Whether a page is in front.
pub const VISIBILITY: Shape = Shape::Word(&Visibility::WORDS);
/// Whether a member is there.
pub const PRESENCE: Shape = Shape::Word(&PresenceState::WORDS);
/// One of the three clocks.
pub const CLOCK: Shape = Shape::Word(&Clock::WORDS);
/// How sound is coded.
pub const AUDIO_FORMAT: Shape = Shape::Word(&AudioFormat::WORDS);
/// A code of the table of errors.
pub const ERROR_CODE: Shape = Shape::Word(&ErrorCode::WORDS);
/// `sessionId`, always there.
pub const SESSION: Field = always("sessionId", Shape::Id, "Which session.");

/// In which form a connection hears the audio of others.
pub static HEARS: Words = Words {
    name: "AudioForm",
    about: "In which form a connection hears the audio of others.",
    words: &[
        ("json", "`audio:received` with base64; this is the default."),
        ("binary", "Binary frames."),
    ],
};

/// What a page shows to get its seat back.
pub static RESUME: Object = Object {
    name: "Resume",
    about: "What a page shows to get its seat back.",
    fields: &[
        always(
            "key",
            KEY,
            "The `resumeKey` the earlier connection was given.",
        ),
        always("epoch", U32, "The log's incarnation it knew."),
        always("seq", SEQ, "The last durable event it saw; 0: none."),
    ],
};

/// A question as a client sends it.
pub static QUESTION_INPUT: Object = Object {
    name: "QuestionInput",
    about: "A question as a client sends it: with exactly one of `limitSeconds` and `limitMs`.",
    fields: &[
        maybe(
            "id",
            Shape::Id,
            "Name inside the plan; left out: q1, q2 … by place.",
        ),
        always(
            "text",
            Shape::Text(QUESTION_CHARS_MAX as u32),
            "What is asked, as shown to people.",
        ),
        maybe(
            "limitSeconds",
            Shape::Number(5, 3_600),
            "Time for the answer, seconds.",
        ),
        maybe(
            "limitMs",
            Shape::Number(QUESTION_LIMIT_MS_MIN as u32, QUESTION_LIMIT_MS_MAX as u32),
            "Time for the answer, milliseconds.",
        ),
    ],
};

/// A recognized word.
pub static WORD: Object = Object {
    name: "Word",
    about: "A recognized word.",
    fields: &[
        always("text", Shape::Text(0), "As recognized."),
        always(
            "startMs",
            Shape::Millis,
            "From the start of the stream, milliseconds.",
        ),
        always(
            "endMs",
            Shape::Millis,
            "From the start of the stream, milliseconds.",
        ),
        always("confidence", Shape::Share, "How sure the recognizer is."),
    ],
};

/// A session in `session:joined` and `session:state`.
pub static SESSION_INFO: Object = Object {
    name: "SessionInfo",
    about: "A session in short.",
    fields: &[
        always("id", Shape::Id, "Which."),
        always("title", Shape::Text(0), "For people."),
        always("status", STATUS, "Where it is in its life."),
        maybe("planId", Shape::Id, "Which plan it runs, if it has a name."),
        always("createdAt", Shape::Time, "When it was made."),
        maybe("startedAt", Shape::Time, "When it became active."),
        maybe("endsAt", Shape::Time, "When its longest duration is over."),
    ],
};

/// A member of a room.
pub static MEMBER: Object = Object {
    name: "Member",
    about: "A member of a room as the others see them.",
    fields: &[
        always("userId", Shape::Id, "Who."),
        always("role", ROLE, "As what."),
        always(
            "participant",
            PARTICIPANT,
            "Their number; names them in binary audio.",
        ),
        always("state", PRESENCE, "There, or lost for a moment."),
    ],
};

/// The joiner's own place.
pub static YOU: Object = Object {
    name: "You",
    about: "Your own place in the session.",
    fields: &[
        always(
            "participant",
            PARTICIPANT,
            "Your number; names you in binary audio.",
        ),
        always("userId", Shape::Id, "Who the token says you are."),
        always("role", ROLE, "As what you are in."),
    ],
};

/// The open question in a snapshot.
pub static OPEN_QUESTION: Object = Object {
    name: "OpenQuestion",
    about: "The question that is open now.",
    fields: &[
        SESSION,
        always("questionId", Shape::Id, "Which."),
        always("index", U32, "Place in the plan, from 0."),
        always("total", U32, "How many there are."),
        always("text", Shape::Text(0), "What is asked."),
        always("startedAt", Shape::Time, "When it was put."),
        always(
            "deadlineAt",
            Shape::Time,
            "Until when; the server's clock decides.",
        ),
        always(
            "serverNow",
            Shape::Time,
            "The server's clock, to correct the client's.",
        ),
    ],
};

/// How an interview ended, in figures.
pub static END_RESULT: Object = Object {
    name: "EndResult",
    about: "How an interview ended, in figures.",
    fields: &[
        always("reason", END_REASON, "Why."),
        always(
            "durationMs",
            Shape::Millis,
            "From start to end, milliseconds.",
        ),
        always("asked", U32, "Questions that were put."),
        always("answered", U32, "Questions closed as answered."),
        always(
            "reportReady",
            Shape::Flag,
            "Whether the report is in the records.",
        ),
    ],
};

/// Heartbeat figures of `connection:success`.
pub static HEARTBEAT: Object = Object {
    name: "Heartbeat",
    about: "How the server asks for signs of life.",
    fields: &[
        always(
            "pingIntervalMs",
            Shape::Millis,
            "A ping every so often, milliseconds.",
        ),
        always(
            "timeoutMs",
            Shape::Millis,
            "Silence accepted after a ping, milliseconds.",
        ),
    ],
};

/// Limits in `connection:success`.
pub static LIMITS: Object = Object {
    name: "ConnectionLimits",
    about: "What this connection may send.",
    fields: &[
        always("messageBytes", SEQ, "Largest message, bytes."),
        always("audioBytesPerSecond", SEQ, "Audio, bytes a second as sent."),
        always(
            "eventsPerSecond",
            SEQ,
            "Requests a second, audio not counted.",
        ),
    ],
};

/// Fields of every refusal on the wire.
pub const CODE: Field = always("code", ERROR_CODE, "Stable word for programs.");
/// The sentence of a refusal.
pub const MESSAGE: Field = always("message", Shape::Text(0), "A sentence for people.");
/// When to try again.
pub const RETRY_AFTER: Field = maybe(
    "retryAfterMs",
    Shape::Millis,
    "Try again after so long, milliseconds; where that can help.",
);
/// With `session_active`.
pub const ACTIVE_SESSION: Field = maybe(
    "activeSessionId",
    Shape::Id,
    "With `session_active`: the session that is open.",
);

/// The candidate's other interview, as a recovery card shows it (L7).
pub static ACTIVE_CARD: Object = Object {
    name: "ActiveCard",
    about: "The candidate's interview that is open: when it began, how far it is, where it is open.",
    fields: &[
        SESSION,
        maybe("title", Shape::Text(0), "For people."),
        maybe("status", STATUS, "Where it is in its life."),
        maybe("startedAt", Shape::Time, "When it became active."),
        maybe(
            "lastActivityAt",
            Shape::Time,
            "When somebody last did something, as far as it is stored.",
        ),
        maybe("deadlineAt", Shape::Time, "When it ends at the latest."),
        always("questionsAsked", U32, "Questions that were put."),
        always("questionsTotal", U32, "Questions it has; 0: a plain room."),
        always(
            "connected",
            Shape::Flag,
            "A page of the candidate is connected to it now.",
        ),
        maybe(
            "lastSeenAt",
            Shape::Time,
            "When the candidate was last connected.",
        ),
    ],
};
/// With `session_active`.
pub const ACTIVE: Field = maybe(
    "active",
    Shape::Of(&ACTIVE_CARD),
    "With `session_active`: what a recovery card shows of it.",
);
