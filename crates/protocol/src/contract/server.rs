//! Every message the server may send.

use super::ServerSpec;
use super::common::{
    ACTIVE, ACTIVE_SESSION, AUDIO_FORMAT, CLOCK, CODE, END_REASON, END_RESULT, HEARTBEAT, KEY,
    LIMITS, MEMBER, MESSAGE, OPEN_QUESTION, OUTCOME, PARTICIPANT, RETRY_AFTER, ROLE, SEQ, SESSION,
    SESSION_INFO, STATUS, U32, VISIBILITY, WORD, YOU,
};
use super::shape::{Field, Object, Shape, always, maybe};
use crate::close::ComeBack;
use crate::limits::SAMPLE_RATE_MAX;

/// Fields of the log, in every durable event.
pub const LOG: [Field; 3] = [
    always("seq", SEQ, "Its place in the session's log: 1, 2, 3 …"),
    always(
        "prev",
        SEQ,
        "The last `seq` you were entitled to before it; if you have not seen that one, something is missing.",
    ),
    maybe(
        "provisional",
        Shape::Only(true),
        "Sent before it was stored, while the records are away: does not move your resume position.",
    ),
];

const USER: Field = always("userId", Shape::Id, "Who.");
const STREAM: Field = always("streamId", U32, "Which of the speaker's streams.");
const TEXT: Field = always("text", Shape::Text(0), "What was understood.");
const START: Field = always(
    "startMs",
    Shape::Millis,
    "From the start of the stream, milliseconds.",
);
const END: Field = always(
    "endMs",
    Shape::Millis,
    "From the start of the stream, milliseconds.",
);
const FINAL: Field = always("isFinal", Shape::Only(true), "It will not change any more.");
static A_WORD: Shape = Shape::Of(&WORD);
const WORDS: Field = always(
    "words",
    Shape::List(&A_WORD, 0),
    "The words with their times.",
);
const CONFIDENCE: Field = always("confidence", Shape::Share, "How sure the recognizer is.");
const NOW: Field = always(
    "serverNow",
    Shape::Time,
    "The server's clock when it was recorded.",
);
const QUESTION: Field = always("questionId", Shape::Id, "Which question.");
const ANSWERS: Field = maybe(
    "questionId",
    Shape::Id,
    "The question it answers, by audio time.",
);
const MAYBE_SESSION: Field = maybe("sessionId", Shape::Id, "Which session, if in one.");
const REQUEST: Field = always("requestId", U32, "Which request.");

const EVERYBODY: &str = "everybody in the session";
const OTHERS: &str = "the others in the session";
const ASKER: &str = "the one who asked";
const LISTENERS: &str = "those who may see the transcript";

const PRESENCE_FIELDS: &[Field] = &[
    SESSION,
    USER,
    always("role", ROLE, "As what."),
    always(
        "participant",
        PARTICIPANT,
        "Their number; names them in binary audio.",
    ),
];

const ERROR_FIELDS: &[Field] = &[
    MAYBE_SESSION,
    CODE,
    MESSAGE,
    RETRY_AFTER,
    ACTIVE_SESSION,
    ACTIVE,
];

static SUGGESTION: Object = Object {
    name: "Suggestion",
    about: "Something to ask next.",
    fields: &[
        always(
            "criterion",
            Shape::Text(0),
            "What is missing, as in the report: `point:…` or `structure:…`.",
        ),
        always("label", Shape::Text(0), "What it is about, in a few words."),
        always("text", Shape::Text(0), "The question to ask."),
        always("reason", Shape::Text(0), "Why, in a plain sentence."),
    ],
};

/// All of them, in the order a client meets them.
pub static MESSAGES: &[ServerSpec] = &[
    ServerSpec {
        event: "connection:success",
        body: Object {
            name: "ConnectionSuccess",
            about: "Authenticated. The first thing a connection hears.",
            fields: &[
                always(
                    "connectionId",
                    Shape::Text(0),
                    "The connection's name, for support.",
                ),
                always("userId", Shape::Id, "Who the token says you are."),
                always("serverTime", Shape::Time, "The server's clock."),
                always(
                    "heartbeat",
                    Shape::Of(&HEARTBEAT),
                    "How signs of life are asked for.",
                ),
                always(
                    "limits",
                    Shape::Of(&LIMITS),
                    "What this connection may send.",
                ),
                always(
                    "resumeKey",
                    KEY,
                    "Private: needed to resume; keep it in the page's session storage.",
                ),
            ],
        },
        to: "the one who connected",
        durable: false,
    },
    ServerSpec {
        event: "connection:error",
        body: Object {
            name: "ConnectionError",
            about: "Not let in; a close follows.",
            fields: &[CODE, MESSAGE, RETRY_AFTER],
        },
        to: "the one who connected",
        durable: false,
    },
    ServerSpec {
        event: "connection:token_expiring",
        body: Object {
            name: "ConnectionTokenExpiring",
            about: "Your token expires within a minute: send `auth:refresh`, else close 4410 follows.",
            fields: &[
                always("expiresAt", Shape::Time, "The token's `exp`."),
                always(
                    "serverNow",
                    Shape::Time,
                    "The server's clock when it said this.",
                ),
            ],
        },
        to: "the connection whose token it is",
        durable: false,
    },
    ServerSpec {
        event: "connection:replaced",
        body: Object {
            name: "ConnectionReplaced",
            about: "A newer connection of yours took this seat; close 4409 follows, unless you are in another session too.",
            fields: &[SESSION],
        },
        to: "the connection that lost the seat",
        durable: false,
    },
    ServerSpec {
        event: "connection:closing",
        body: Object {
            name: "ConnectionClosing",
            about: "Socket.IO only: the close code the plain door would have sent. Then a DISCONNECT, or for who should come back the end of the transport.",
            fields: &[
                always(
                    "code",
                    Shape::Whole(1_000, 4_999),
                    "The number of the table of close codes.",
                ),
                always("reason", Shape::Text(0), "Its stable word."),
                always("comeBack", Shape::Word(&ComeBack::WORDS), "What to do."),
            ],
        },
        to: "the one whose connection closes",
        durable: false,
    },
    ServerSpec {
        event: "ok",
        body: Object {
            name: "Ok",
            about: "The reply to a request that was done; its further fields are the request's (`Replies`).",
            fields: &[always("ref", Shape::Ref, "The request's own `ref`.")],
        },
        to: ASKER,
        durable: false,
    },
    ServerSpec {
        event: "error",
        body: Object {
            name: "ErrorMessage",
            about: "A request was refused. With `ref`: the reply to that request; without: about a message that had none.",
            fields: &[
                maybe("ref", Shape::Ref, "The request's own `ref`."),
                MAYBE_SESSION,
                CODE,
                MESSAGE,
                RETRY_AFTER,
                ACTIVE_SESSION,
                ACTIVE,
            ],
        },
        to: ASKER,
        durable: false,
    },
    ServerSpec {
        event: "session:error",
        body: Object {
            name: "SessionError",
            about: "Something about a session was refused or went wrong, and no `ref` asked for it.",
            fields: ERROR_FIELDS,
        },
        to: ASKER,
        durable: false,
    },
    ServerSpec {
        event: "audio:error",
        body: Object {
            name: "AudioError",
            about: "Audio could not be taken; the session goes on. At most one a second for limits.",
            fields: &[MAYBE_SESSION, CODE, MESSAGE, RETRY_AFTER],
        },
        to: "the one who spoke",
        durable: false,
    },
    ServerSpec {
        event: "transcription:error",
        body: Object {
            name: "TranscriptionError",
            about: "Recognition failed; with `requestId` it is the answer to that `transcription:request`.",
            fields: &[
                MAYBE_SESSION,
                CODE,
                MESSAGE,
                RETRY_AFTER,
                maybe("requestId", U32, "Which request."),
            ],
        },
        to: "the one who asked or spoke",
        durable: false,
    },
    ServerSpec {
        event: "session:joined",
        body: Object {
            name: "SessionJoined",
            about: "You are in. Everything you need to draw the session.",
            fields: &[
                always(
                    "room",
                    PARTICIPANT,
                    "The session's number in this connection's binary audio.",
                ),
                always("you", Shape::Of(&YOU), "Your own place."),
                SESSION,
                always("session", Shape::Of(&SESSION_INFO), "The session in short."),
                always(
                    "members",
                    Shape::List(&Shape::Of(&MEMBER), 0),
                    "Who is in, you included.",
                ),
                always("status", STATUS, "Where it is in its life."),
                always("epoch", U32, "The log's incarnation; needed to resume."),
                always("seq", SEQ, "The last event that is stored."),
                maybe("question", Shape::Of(&OPEN_QUESTION), "The open question."),
                always(
                    "recovered",
                    Shape::Flag,
                    "Whether what you missed follows without a gap.",
                ),
                always("resumeKey", KEY, "What a resume of this seat will need."),
            ],
        },
        to: "the one who joined",
        durable: false,
    },
    ServerSpec {
        event: "session:state",
        body: Object {
            name: "SessionState",
            about: "Everything at once, when a resume could not be continuous: drop what you know and go on from `seq`.",
            fields: &[
                SESSION,
                always("session", Shape::Of(&SESSION_INFO), "The session in short."),
                always(
                    "members",
                    Shape::List(&Shape::Of(&MEMBER), 0),
                    "Who is in, you included.",
                ),
                always("status", STATUS, "Where it is in its life."),
                always("epoch", U32, "The log's incarnation; needed to resume."),
                always("seq", SEQ, "The last event that is stored."),
                maybe("question", Shape::Of(&OPEN_QUESTION), "The open question."),
            ],
        },
        to: "the one who resumed",
        durable: false,
    },
    ServerSpec {
        event: "session:left",
        body: Object {
            name: "SessionLeft",
            about: "You are out.",
            fields: &[SESSION],
        },
        to: "the one who left",
        durable: false,
    },
    ServerSpec {
        event: "session:status:updated",
        body: Object {
            name: "SessionStatusUpdated",
            about: "The session changed its status.",
            fields: &[
                SESSION,
                always("status", STATUS, "Where it is now."),
                maybe("reason", END_REASON, "When it ended: why."),
                always("at", Shape::Time, "When."),
            ],
        },
        to: EVERYBODY,
        durable: true,
    },
    ServerSpec {
        event: "session:expiring",
        body: Object {
            name: "SessionExpiring",
            about: "A clock is about to run out; said 60 s and 10 s before.",
            fields: &[
                SESSION,
                always("what", CLOCK, "Which clock."),
                always("deadlineAt", Shape::Time, "When it runs out."),
            ],
        },
        to: EVERYBODY,
        durable: false,
    },
    ServerSpec {
        event: "session:degraded",
        body: Object {
            name: "SessionDegraded",
            about: "The records are away, or back. Meanwhile durable events come `provisional` and without `ok`.",
            fields: &[
                SESSION,
                always("on", Shape::Flag, "Begins or is over."),
                maybe("seq", SEQ, "When over: everything up to here is stored."),
            ],
        },
        to: EVERYBODY,
        durable: false,
    },
    ServerSpec {
        event: "session_ended",
        body: Object {
            name: "SessionEnded",
            about: "The last word of a session; close 1000 follows, unless you are in another one.",
            fields: &[
                SESSION,
                always("reason", END_REASON, "Why."),
                always(
                    "message",
                    Shape::Text(0),
                    "For people: \"Session has been terminated\".",
                ),
                always(
                    "recorded",
                    Shape::Flag,
                    "Whether the end is in the records.",
                ),
            ],
        },
        to: EVERYBODY,
        durable: false,
    },
    ServerSpec {
        event: "user:joined",
        body: Object {
            name: "UserJoined",
            about: "A member came, or came back.",
            fields: PRESENCE_FIELDS,
        },
        to: OTHERS,
        durable: false,
    },
    ServerSpec {
        event: "user:left",
        body: Object {
            name: "UserLeft",
            about: "A member left, or did not come back in time.",
            fields: PRESENCE_FIELDS,
        },
        to: OTHERS,
        durable: false,
    },
    ServerSpec {
        event: "user:disconnected",
        body: Object {
            name: "UserDisconnected",
            about: "A member's connection was lost; `user:joined` or `user:left` follows.",
            fields: PRESENCE_FIELDS,
        },
        to: OTHERS,
        durable: false,
    },
    ServerSpec {
        event: "user:visibility",
        body: Object {
            name: "UserVisibility",
            about: "A member's page came to the front or went behind others.",
            fields: &[SESSION, USER, always("state", VISIBILITY, "What they see.")],
        },
        to: OTHERS,
        durable: false,
    },
    ServerSpec {
        event: "consent:request",
        body: Object {
            name: "ConsentRequest",
            about: "The plan asks the candidate to agree before anything they say is taken; `consent:give` and `consent:decline` answer. Until then audio gets `consent_required`.",
            fields: &[
                SESSION,
                always("version", Shape::Text(64), "Name of this wording."),
                always("text", Shape::Text(0), "What to show."),
                always("purposes", Shape::List(&Shape::Text(0), 8), "What for."),
            ],
        },
        to: "the candidate",
        durable: false,
    },
    ServerSpec {
        event: "consent:given",
        body: Object {
            name: "ConsentGiven",
            about: "The candidate agreed.",
            fields: &[
                SESSION,
                USER,
                always("version", Shape::Text(64), "To which wording."),
                always("purposes", Shape::List(&Shape::Text(0), 8), "What for."),
                always("at", Shape::Time, "When."),
            ],
        },
        to: EVERYBODY,
        durable: true,
    },
    ServerSpec {
        event: "consent:declined",
        body: Object {
            name: "ConsentDeclined",
            about: "The candidate did not agree, or does so no longer; the session ends.",
            fields: &[
                SESSION,
                USER,
                always("version", Shape::Text(64), "Which wording."),
                always("at", Shape::Time, "When."),
            ],
        },
        to: EVERYBODY,
        durable: true,
    },
    ServerSpec {
        event: "responses:suggestions",
        body: Object {
            name: "ResponseSuggestions",
            about: "What could be asked next about the answer so far; after a pause of the candidate, at most once in 15 s.",
            fields: &[
                SESSION,
                QUESTION,
                always(
                    "suggestions",
                    Shape::List(&Shape::Of(&SUGGESTION), 0),
                    "The best first.",
                ),
                always("at", Shape::Time, "When."),
            ],
        },
        to: "the roles the plan names",
        durable: true,
    },
    ServerSpec {
        event: "question:asked",
        body: Object {
            name: "QuestionAsked",
            about: "A question was put; its clock runs.",
            fields: &[
                SESSION,
                QUESTION,
                always("index", U32, "Place in the plan, from 0."),
                always("total", U32, "How many there are."),
                always("text", Shape::Text(0), "What is asked."),
                always("startedAt", Shape::Time, "When it was put."),
                always(
                    "deadlineAt",
                    Shape::Time,
                    "Until when; the server's clock decides.",
                ),
                NOW,
            ],
        },
        to: EVERYBODY,
        durable: true,
    },
    ServerSpec {
        event: "question:extended",
        body: Object {
            name: "QuestionExtended",
            about: "The open question has another deadline.",
            fields: &[
                SESSION,
                QUESTION,
                always("deadlineAt", Shape::Time, "Until when now."),
                NOW,
            ],
        },
        to: EVERYBODY,
        durable: true,
    },
    ServerSpec {
        event: "question:closed",
        body: Object {
            name: "QuestionClosed",
            about: "A question is over.",
            fields: &[
                SESSION,
                QUESTION,
                always("outcome", OUTCOME, "How."),
                always("at", Shape::Time, "When."),
                always(
                    "usedMs",
                    Shape::Millis,
                    "How long it was open, milliseconds.",
                ),
            ],
        },
        to: EVERYBODY,
        durable: true,
    },
    ServerSpec {
        event: "audio:received",
        body: Object {
            name: "AudioReceived",
            about: "A chunk of another member's audio. Connections that asked for `binary` get a frame instead.",
            fields: &[
                SESSION,
                USER,
                always("participant", PARTICIPANT, "The speaker's number."),
                STREAM,
                always("seq", U32, "Number of the chunk within the stream."),
                always("format", AUDIO_FORMAT, "How the sound is coded."),
                maybe(
                    "sampleRate",
                    Shape::Whole(0, SAMPLE_RATE_MAX as u64),
                    "Samples a second; left out: as the data says.",
                ),
                maybe(
                    "atMs",
                    U32,
                    "From the stream's start to the first sample, milliseconds.",
                ),
                maybe(
                    "isLast",
                    Shape::Only(true),
                    "The stream ends with this chunk.",
                ),
                always("timestamp", Shape::Time, "When the server took it."),
                always("audioData", Shape::Base64, "The sound, as it was sent."),
            ],
        },
        to: OTHERS,
        durable: false,
    },
    ServerSpec {
        event: "audio:ack",
        body: Object {
            name: "AudioAck",
            about: "The candidate's audio lies on disk up to this chunk. Told again for each stream \
                    when a page comes back: what is behind it is to be sent again.",
            fields: &[
                SESSION,
                STREAM,
                always("seq", U32, "The highest chunk written."),
            ],
        },
        to: "the candidate",
        durable: false,
    },
    ServerSpec {
        event: "transcription:processing",
        body: Object {
            name: "TranscriptionProcessing",
            about: "A `transcription:request` is being worked on.",
            fields: &[SESSION, REQUEST],
        },
        to: ASKER,
        durable: false,
    },
    ServerSpec {
        event: "transcription:result",
        body: Object {
            name: "TranscriptionPartial",
            about: "A caption of live speech that may still change; the next one replaces it.",
            fields: &[
                SESSION,
                USER,
                STREAM,
                always(
                    "utterance",
                    U32,
                    "Which utterance of the stream; its final has the same number.",
                ),
                always("isFinal", Shape::Only(false), "It may still change."),
                always("text", Shape::Text(0), "The whole utterance so far."),
                always(
                    "stable",
                    U32,
                    "So many leading words will not change any more.",
                ),
                START,
                END,
                ANSWERS,
            ],
        },
        to: LISTENERS,
        durable: false,
    },
    ServerSpec {
        event: "transcription:result",
        body: Object {
            name: "TranscriptionFinal",
            about: "A piece of the transcript. It is stored and does not change.",
            fields: &[
                SESSION,
                USER,
                STREAM,
                always("utterance", U32, "Which utterance of the stream."),
                FINAL,
                TEXT,
                maybe(
                    "raw",
                    Shape::Text(0),
                    "As it was recognized, where the plan's word list changed something in `text`.",
                ),
                WORDS,
                START,
                END,
                always(
                    "atMs",
                    Shape::Millis,
                    "From the session's start to the middle of it, as heard, milliseconds.",
                ),
                CONFIDENCE,
                ANSWERS,
            ],
        },
        to: LISTENERS,
        durable: true,
    },
    ServerSpec {
        event: "transcription:result",
        body: Object {
            name: "TranscriptionAnswer",
            about: "What was understood of a `transcription:request`.",
            fields: &[REQUEST, SESSION, FINAL, TEXT, WORDS, START, END, CONFIDENCE],
        },
        to: ASKER,
        durable: false,
    },
    ServerSpec {
        event: "transcription:gap",
        body: Object {
            name: "TranscriptionGap",
            about: "A stretch of live speech that could not be turned into words.",
            fields: &[SESSION, USER, STREAM, START, END],
        },
        to: LISTENERS,
        durable: true,
    },
    ServerSpec {
        event: "interview_ended",
        body: Object {
            name: "InterviewEnded",
            about: "The interview is over and its report is stored; `session_ended` follows.",
            fields: &[
                SESSION,
                always(
                    "result",
                    Shape::Of(&END_RESULT),
                    "How it ended, in figures.",
                ),
                always(
                    "reportUrl",
                    Shape::Or(&Shape::Text(0)),
                    "Path of the report's page, from the server's root.",
                ),
            ],
        },
        to: EVERYBODY,
        durable: true,
    },
    ServerSpec {
        event: "custom:*",
        body: Object {
            name: "CustomEvent",
            about: "Something a back end said into the session; the name after `custom:` and the data are its own.",
            fields: &[
                SESSION,
                always("at", Shape::Time, "When."),
                always("data", Shape::Open, "Whatever the back end sent."),
            ],
        },
        to: "the roles the back end named",
        durable: true,
    },
    ServerSpec {
        event: "server:draining",
        body: Object {
            name: "ServerDraining",
            about: "The server is about to stop; close 4420 follows. Nothing is lost: come back and resume.",
            fields: &[always(
                "retryAfterMs",
                Shape::Millis,
                "Come back after so long, milliseconds.",
            )],
        },
        to: "every connection",
        durable: false,
    },
    ServerSpec {
        event: "pong",
        body: Object {
            name: "Pong",
            about: "The answer to `ping`.",
            fields: &[maybe("ref", Shape::Ref, "The ping's own `ref`.")],
        },
        to: ASKER,
        durable: false,
    },
];

/// The messages of that event: one, but for `transcription:result`.
pub fn of(event: &str) -> impl Iterator<Item = &'static ServerSpec> {
    MESSAGES.iter().filter(move |spec| spec.is_called(event))
}

impl ServerSpec {
    /// Whether that is its event; `custom:*` is called by every name that begins so.
    pub fn is_called(&self, event: &str) -> bool {
        match self.event.strip_suffix('*') {
            Some(prefix) => event.starts_with(prefix),
            None => self.event == event,
        }
    }

    /// Every field but `type`, in order: its own, then those of the log where it is durable.
    pub fn fields(&self) -> impl Iterator<Item = &'static Field> + use<> {
        static TAIL: [Field; 3] = LOG;
        let tail = if self.durable { &TAIL[..] } else { &TAIL[..0] };
        self.body.fields.iter().chain(tail)
    }
}
