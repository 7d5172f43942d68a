//! Every message a client may send.

use super::ClientSpec;
use super::common::{
    AUDIO_FORMAT, HEARS, QUESTION_INPUT, RESUME, SESSION, STATUS, U32, VISIBILITY,
};
use super::shape::{Field, Object, Shape, always, maybe};
use crate::error::ErrorCode;
use crate::limits::{
    ANSWER_CHARS_MAX, CONSENT_VERSION_CHARS_MAX, QUESTIONS_MAX, REQUEST_ID_CHARS_MAX,
    SAMPLE_RATE_MAX, TOKEN_BYTES_MAX,
};

/// What any message may be refused for.
pub const ALWAYS: &[ErrorCode] = &[
    ErrorCode::BadJson,
    ErrorCode::TooDeep,
    ErrorCode::TooLarge,
    ErrorCode::UnknownEvent,
    ErrorCode::MissingField,
    ErrorCode::InvalidField,
    ErrorCode::AuthRequired,
    ErrorCode::RateLimited,
    ErrorCode::Busy,
    ErrorCode::StoreUnavailable,
    ErrorCode::Internal,
];

/// `ref` of a message that may carry one.
pub const REF: Field = maybe(
    "ref",
    Shape::Ref,
    "Exactly one reply comes back with the same `ref`; without it only refusals are told.",
);

/// `id` of a message that may be repeated.
pub const ID: Field = maybe(
    "id",
    Shape::Text(REQUEST_ID_CHARS_MAX as u32),
    "Makes the request safe to repeat: a second one with this id gets the first one's answer.",
);

const WHICH: Field = maybe(
    "sessionId",
    Shape::Id,
    "Which session; may be left out by a connection that is in one only.",
);

const TOKEN: Field = always(
    "token",
    Shape::Text(TOKEN_BYTES_MAX as u32),
    "A JSON Web Token.",
);

const SAMPLE_RATE: Field = maybe(
    "sampleRate",
    Shape::Whole(0, SAMPLE_RATE_MAX as u64),
    "Samples a second, 8000 to 48000. Required with `pcm16`; 0 or left out with the others: as the data says.",
);

const FORMAT: Field = always("format", AUDIO_FORMAT, "How the sound is coded.");

const DONE: Object = Object {
    name: "SessionReply",
    about: "Done.",
    fields: &[SESSION],
};

/// All of them, in the order a client meets them.
pub static MESSAGES: &[ClientSpec] = &[
    ClientSpec {
        event: "auth",
        body: Object {
            name: "Auth",
            about: "The first message of a connection whose handshake carried no token.",
            fields: &[TOKEN],
        },
        repeatable: false,
        errors_to: "error",
        reply: Some(Object {
            name: "AuthReply",
            about: "The token is good; `connection:success` came first.",
            fields: &[always(
                "connectionId",
                Shape::Text(0),
                "The connection's name.",
            )],
        }),
        errors: &[
            ErrorCode::TokenInvalid,
            ErrorCode::TokenExpired,
            ErrorCode::TokenRevoked,
            ErrorCode::Limited,
            ErrorCode::Busy,
            ErrorCode::NotSupported,
        ],
    },
    ClientSpec {
        event: "auth:refresh",
        body: Object {
            name: "AuthRefresh",
            about: "A new token on the same connection: of the same user, with the same role and session.",
            fields: &[TOKEN],
        },
        repeatable: false,
        errors_to: "error",
        reply: Some(Object {
            name: "AuthRefreshReply",
            about: "The connection goes on with the new token.",
            fields: &[always("expiresAt", Shape::Time, "The new token's `exp`.")],
        }),
        errors: &[
            ErrorCode::TokenInvalid,
            ErrorCode::TokenExpired,
            ErrorCode::TokenRevoked,
            ErrorCode::TokenMismatch,
            ErrorCode::Busy,
        ],
    },
    ClientSpec {
        event: "session:join",
        body: Object {
            name: "SessionJoin",
            about: "Takes a seat in a session, or takes it again. `session:joined` comes before the `ok`.",
            fields: &[
                SESSION,
                maybe(
                    "resume",
                    Shape::Of(&RESUME),
                    "What an earlier connection of the same page had; without it the seat is taken over.",
                ),
                maybe(
                    "audio",
                    Shape::Word(&HEARS),
                    "How this connection hears audio from now on; concerns the whole connection.",
                ),
            ],
        },
        repeatable: true,
        errors_to: "session:error",
        reply: Some(DONE),
        errors: &[
            ErrorCode::SessionNotFound,
            ErrorCode::SessionEnded,
            ErrorCode::RoomFull,
            ErrorCode::SeatTaken,
            ErrorCode::TakeoverStorm,
            ErrorCode::Draining,
        ],
    },
    ClientSpec {
        event: "session:leave",
        body: Object {
            name: "SessionLeave",
            about: "Gives the seat up. A running interview waits for its candidate all the same.",
            fields: &[WHICH],
        },
        repeatable: true,
        errors_to: "session:error",
        reply: Some(DONE),
        errors: &[ErrorCode::NotInSession, ErrorCode::SessionRequired],
    },
    ClientSpec {
        event: "interview:start",
        body: Object {
            name: "InterviewStart",
            about: "Starts the interview: with a plan, with questions of its own, or with the plan the session was made with.",
            fields: &[
                WHICH,
                maybe(
                    "planId",
                    Shape::Id,
                    "Run this plan; not together with `questions`.",
                ),
                maybe(
                    "questions",
                    Shape::List(&Shape::Of(&QUESTION_INPUT), QUESTIONS_MAX as u32),
                    "Run these questions; an empty list is a room without questions.",
                ),
            ],
        },
        repeatable: true,
        errors_to: "session:error",
        reply: Some(Object {
            name: "InterviewStartReply",
            about: "The interview runs, and that is stored.",
            fields: &[
                SESSION,
                maybe(
                    "deadlineAt",
                    Shape::Time,
                    "When the first question's time is over.",
                ),
            ],
        }),
        errors: &[
            ErrorCode::NotInSession,
            ErrorCode::SessionRequired,
            ErrorCode::NotAllowed,
            ErrorCode::BadTransition,
            ErrorCode::PlanNotFound,
            ErrorCode::SessionActive,
            ErrorCode::Draining,
        ],
    },
    ClientSpec {
        event: "answer:done",
        body: Object {
            name: "AnswerDone",
            about: "The candidate has finished the open question, or passes over it.",
            fields: &[
                WHICH,
                maybe(
                    "questionId",
                    Shape::Id,
                    "Which question; left out: the open one.",
                ),
                maybe("skip", Shape::Flag, "Passed over, not answered."),
            ],
        },
        repeatable: true,
        errors_to: "session:error",
        reply: Some(DONE),
        errors: &[
            ErrorCode::NotInSession,
            ErrorCode::SessionRequired,
            ErrorCode::NotAllowed,
            ErrorCode::NoOpenQuestion,
        ],
    },
    ClientSpec {
        event: "answer:text",
        body: Object {
            name: "AnswerText",
            about: "Words of the candidate's answer that are typed instead of spoken. They become a final `transcription:result` with stream 4294967295 and without word times.",
            fields: &[
                WHICH,
                maybe(
                    "questionId",
                    Shape::Id,
                    "Which question; left out: the open one.",
                ),
                always(
                    "text",
                    Shape::Text(ANSWER_CHARS_MAX as u32),
                    "What was typed; not only white space.",
                ),
            ],
        },
        repeatable: true,
        errors_to: "session:error",
        reply: Some(DONE),
        errors: &[
            ErrorCode::NotInSession,
            ErrorCode::SessionRequired,
            ErrorCode::NotAllowed,
            ErrorCode::NoOpenQuestion,
        ],
    },
    ClientSpec {
        event: "end_interview",
        body: Object {
            name: "EndInterview",
            about: "Ends the interview in order: last words, report, `interview_ended`, `session_ended`, close 1000.",
            fields: &[WHICH],
        },
        repeatable: true,
        errors_to: "session:error",
        reply: Some(Object {
            name: "EndInterviewReply",
            about: "The end has begun, or had begun before.",
            fields: &[
                SESSION,
                always("status", STATUS, "Where the session is now."),
            ],
        }),
        errors: &[
            ErrorCode::NotInSession,
            ErrorCode::SessionRequired,
            ErrorCode::NotAllowed,
        ],
    },
    ClientSpec {
        event: "session:status",
        body: Object {
            name: "SessionStatus",
            about: "Asks for a change of status: `active` starts, `completing` or `ended` ends. Interviewers only.",
            fields: &[
                WHICH,
                always("status", STATUS, "The status that is wanted."),
            ],
        },
        repeatable: true,
        errors_to: "session:error",
        reply: Some(Object {
            name: "SessionStatusReply",
            about: "The change was made or has begun; `session:status:updated` tells everybody.",
            fields: &[
                SESSION,
                maybe(
                    "status",
                    STATUS,
                    "Where the session is now, when it was to end.",
                ),
                maybe(
                    "deadlineAt",
                    Shape::Time,
                    "When it was started: the first question's deadline.",
                ),
            ],
        }),
        errors: &[
            ErrorCode::NotInSession,
            ErrorCode::SessionRequired,
            ErrorCode::NotAllowed,
            ErrorCode::BadTransition,
            ErrorCode::SessionActive,
            ErrorCode::Draining,
        ],
    },
    ClientSpec {
        event: "session:extend",
        body: Object {
            name: "SessionExtend",
            about: "Asks for more time for the open question, where the plan grants it.",
            fields: &[WHICH],
        },
        repeatable: true,
        errors_to: "session:error",
        reply: Some(Object {
            name: "SessionExtendReply",
            about: "More time was given; `question:extended` tells everybody.",
            fields: &[
                SESSION,
                always("deadlineAt", Shape::Time, "The new deadline."),
            ],
        }),
        errors: &[
            ErrorCode::NotInSession,
            ErrorCode::SessionRequired,
            ErrorCode::NotAllowed,
            ErrorCode::NoExtension,
        ],
    },
    ClientSpec {
        event: "session:clear",
        body: Object {
            name: "SessionClear",
            about: "Ends the user's running session, whichever it is; needs no seat in it.",
            fields: &[WHICH],
        },
        repeatable: true,
        errors_to: "session:error",
        reply: Some(Object {
            name: "SessionClearReply",
            about: "Nothing of the user's is open any more.",
            fields: &[always(
                "cleared",
                Shape::Or(&Shape::Id),
                "The session that was ended; null: there was none.",
            )],
        }),
        errors: &[],
    },
    ClientSpec {
        event: "consent:give",
        body: Object {
            name: "ConsentGive",
            about: "The candidate agrees to the wording of `consent:request`. Sound is taken from `consent:given` on.",
            fields: &[
                WHICH,
                always(
                    "version",
                    Shape::Text(CONSENT_VERSION_CHARS_MAX as u32),
                    "Which wording.",
                ),
            ],
        },
        repeatable: true,
        errors_to: "session:error",
        reply: Some(DONE),
        errors: &[
            ErrorCode::NotInSession,
            ErrorCode::SessionRequired,
            ErrorCode::NotAllowed,
            ErrorCode::BadTransition,
        ],
    },
    ClientSpec {
        event: "consent:decline",
        body: Object {
            name: "ConsentDecline",
            about: "The candidate does not agree, or does so no longer: the session ends `declined`.",
            fields: &[
                WHICH,
                maybe(
                    "version",
                    Shape::Text(CONSENT_VERSION_CHARS_MAX as u32),
                    "Which wording; left out: the one that is asked for.",
                ),
            ],
        },
        repeatable: true,
        errors_to: "session:error",
        reply: Some(DONE),
        errors: &[
            ErrorCode::NotInSession,
            ErrorCode::SessionRequired,
            ErrorCode::NotAllowed,
            ErrorCode::BadTransition,
        ],
    },
    ClientSpec {
        event: "session:transfer",
        body: Object {
            name: "SessionTransfer",
            about: "Asks for a code that moves the candidate's running interview to another device: \
                    there `POST /api/transfers` turns it into a token, once, and joining with that \
                    takes the seat over.",
            fields: &[WHICH],
        },
        repeatable: true,
        errors_to: "session:error",
        reply: Some(Object {
            name: "SessionTransferReply",
            about: "The code, for the candidate's eyes alone.",
            fields: &[
                SESSION,
                always(
                    "code",
                    Shape::Text(64),
                    "Ten letters and digits; good once.",
                ),
                always("expiresAt", Shape::Time, "Until when it is good."),
                always(
                    "link",
                    Shape::Text(0),
                    "Path of the web app that takes the code, from the server's root.",
                ),
            ],
        }),
        errors: &[
            ErrorCode::NotInSession,
            ErrorCode::SessionRequired,
            ErrorCode::NotAllowed,
            ErrorCode::BadTransition,
        ],
    },
    ClientSpec {
        event: "user:visibility",
        body: Object {
            name: "UserVisibilityRequest",
            about: "Says whether the page is in front; the others are told.",
            fields: &[WHICH, always("state", VISIBILITY, "What the page shows.")],
        },
        repeatable: true,
        errors_to: "session:error",
        reply: Some(DONE),
        errors: &[ErrorCode::NotInSession, ErrorCode::SessionRequired],
    },
    ClientSpec {
        event: "transcription:request",
        body: Object {
            name: "TranscriptionRequest",
            about: "Recognizes one piece of audio once: `transcription:processing`, then `transcription:result` or `transcription:error` with the same `requestId`.",
            fields: &[
                WHICH,
                always("audioData", Shape::Base64, "The sound."),
                FORMAT,
                SAMPLE_RATE,
            ],
        },
        repeatable: true,
        errors_to: "transcription:error",
        reply: Some(Object {
            name: "TranscriptionRequestReply",
            about: "Recognition has begun.",
            fields: &[
                SESSION,
                always("requestId", U32, "Names the answers that follow."),
            ],
        }),
        errors: &[
            ErrorCode::NotInSession,
            ErrorCode::SessionRequired,
            ErrorCode::NotAllowed,
            ErrorCode::BadTransition,
            ErrorCode::BadAudio,
            ErrorCode::UnsupportedFormat,
            ErrorCode::UnsupportedSampleRate,
        ],
    },
    ClientSpec {
        event: "audio:stream",
        body: Object {
            name: "AudioStream",
            about: "A chunk of live audio, relayed to the room as `audio:received`; binary frames carry the same without base64.",
            fields: &[
                WHICH,
                always(
                    "audioData",
                    Shape::Base64,
                    "The sound; empty only in a last chunk.",
                ),
                FORMAT,
                SAMPLE_RATE,
                maybe(
                    "streamId",
                    U32,
                    "Which of the client's streams; left out: 0.",
                ),
                maybe(
                    "seq",
                    U32,
                    "Number of the chunk within the stream, from 0; left out: counted by the server.",
                ),
                maybe(
                    "atMs",
                    U32,
                    "From the stream's start to the chunk's first sample, milliseconds.",
                ),
                maybe(
                    "isLast",
                    Shape::Flag,
                    "Whether the stream ends with this chunk.",
                ),
            ],
        },
        repeatable: false,
        errors_to: "audio:error",
        reply: Some(Object {
            name: "AudioStreamReply",
            about: "The chunk was relayed; `audio:ack` says when it is on disk.",
            fields: &[
                always("streamId", U32, "Which stream."),
                always("seq", U32, "The chunk's number."),
            ],
        }),
        errors: &[
            ErrorCode::NotInSession,
            ErrorCode::SessionRequired,
            ErrorCode::NotAllowed,
            ErrorCode::BadAudio,
            ErrorCode::UnsupportedFormat,
            ErrorCode::UnsupportedSampleRate,
        ],
    },
    ClientSpec {
        event: "ping",
        body: Object {
            name: "Ping",
            about: "Asks for a sign of life: `pong`. Never counts as activity.",
            fields: &[],
        },
        repeatable: false,
        errors_to: "error",
        reply: None,
        errors: &[],
    },
];

/// The message of that event.
pub fn of(event: &str) -> Option<&'static ClientSpec> {
    MESSAGES.iter().find(|spec| spec.event == event)
}

impl ClientSpec {
    /// Every field but `type`, in order: its own, then `ref` and `id` where they apply.
    pub fn fields(&self) -> impl Iterator<Item = &'static Field> + use<> {
        static TAIL: [Field; 2] = [REF, ID];
        let tail = if self.repeatable {
            &TAIL[..]
        } else {
            &TAIL[..1]
        };
        self.body.fields.iter().chain(tail)
    }
}
