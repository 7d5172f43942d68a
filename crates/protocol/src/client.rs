//! Every request a client may send, typed. How they are written on the wire is `json`'s and the
//! doors' business; what they do is the engine's.

use crate::id::{ConnectionId, Epoch, PlanId, QuestionId, ResumeKey, Seq, SessionId, StreamId};
use crate::value::{Question, Status, Visibility, words};

/// A request that goes through the engine. Audio does not: see [`AudioIn`].
#[derive(Debug, Clone, PartialEq)]
pub enum ClientMessage {
    /// `session:join`: take a seat, or take it again.
    Join {
        /// What an earlier connection of the same page had.
        resume: Option<Resume>,
    },
    /// `session:leave`: give the seat up.
    Leave,
    /// `interview:start`.
    Start {
        /// Run this plan …
        plan: Option<PlanId>,
        /// … or these questions.
        questions: Option<Vec<Question>>,
    },
    /// `answer:done`.
    AnswerDone {
        /// Which question; none: the open one.
        question: Option<QuestionId>,
        /// Passed over, not answered.
        skip: bool,
    },
    /// `answer:text`: words typed instead of spoken.
    AnswerText {
        /// Which question; none: the open one.
        question: Option<QuestionId>,
        /// What was typed: 1 to `limits::ANSWER_CHARS_MAX` characters, not only white space.
        text: Box<str>,
    },
    /// `end_interview`.
    End,
    /// `session:status`: ask for a change.
    SetStatus(Status),
    /// `session:extend`: more time, where the plan grants it.
    Extend,
    /// `session:transfer`: a code that moves the running interview to another device (L10).
    Transfer,
    /// `session:clear`: end the user's running session, whichever it is.
    Clear,
    /// `consent:give` and `consent:decline`: what the candidate says to the plan's wording.
    Consent {
        /// Which wording; none: whichever is asked for (only to decline).
        version: Option<Box<str>>,
        /// Agreed, or not.
        given: bool,
    },
    /// `user:visibility`.
    Visibility(Visibility),
    /// `transcription:request`: recognise this piece of audio once.
    Transcribe(Box<TranscribeRequest>),
}

/// What a page shows to get its seat back (L2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resume {
    /// The private key of the earlier connection.
    pub key: ResumeKey,
    /// The log's incarnation it knew.
    pub epoch: Epoch,
    /// The last durable event it saw.
    pub seq: Seq,
}

/// One piece of audio to be recognised once (I4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TranscribeRequest {
    /// Decoded bytes, at most the message limit.
    pub audio: bytes::Bytes,
    /// `pcm16`, `wav`, …
    pub format: AudioFormat,
    /// Samples a second; 0: as the data says (never with `pcm16`).
    pub sample_rate: u32,
}

words! {
    /// Audio formats by name. Which of them are understood is the speech crate's business.
    AudioFormat {
        /// Signed 16-bit samples, little endian, mono.
        Pcm16 = "pcm16",
        /// A RIFF WAVE file in each chunk.
        Wav = "wav",
        /// Relayed as it is, not transcribed.
        Webm = "webm",
        /// Relayed as it is, not transcribed.
        Ogg = "ogg",
    }
}

/// One chunk of live audio, still in the read buffer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AudioIn<'b> {
    /// Which session, where named.
    pub session: SessionRef<'b>,
    /// The payload as it came.
    pub payload: AudioPayload<'b>,
    /// What it holds.
    pub format: AudioFormat,
    /// Samples a second; 0: as the data says (never with `pcm16`).
    pub sample_rate: u32,
    /// Which of the client's streams.
    pub stream: StreamId,
    /// The client's own number for this chunk, where it counts.
    pub seq: Option<u32>,
    /// Milliseconds from the start of the stream to the first sample, where the client says so.
    pub at_ms: Option<u32>,
    /// Whether the stream ends with this chunk, which may then be empty.
    pub is_last: bool,
}

/// How a chunk of audio says which session it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionRef<'b> {
    /// By the connection's only session.
    Only,
    /// By id (text messages).
    Id(&'b str),
    /// By the handle given in `session:joined` (binary frames).
    Room(u16),
}

/// The bytes of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AudioPayload<'b> {
    /// Raw bytes of a binary frame.
    Raw(&'b [u8]),
    /// Base64 text of a JSON message, not yet decoded.
    Base64(&'b str),
}

/// Whom a reply goes to, and which request of theirs it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyTo {
    /// The asking connection.
    pub conn: ConnectionId,
    /// How the answer is addressed.
    pub key: ReplyKey,
}

/// How an answer is addressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplyKey {
    /// Plain door: the request's `ref`, as JSON text (a string or a number).
    Ref(Box<str>),
    /// The client wants no `ok`; errors go out as the event named here.
    Event(ErrorEvent),
}

/// The event that carries an error when a request had no `ref`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorEvent {
    /// `session:error`
    Session,
    /// `audio:error`
    Audio,
    /// `transcription:error`
    Transcription,
    /// `error`
    General,
}

impl ErrorEvent {
    /// The event's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Session => "session:error",
            Self::Audio => "audio:error",
            Self::Transcription => "transcription:error",
            Self::General => "error",
        }
    }
}

/// A request with everything around it, as a door hands it on.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Which session, where named; else the connection's only one.
    pub session: Option<SessionId>,
    /// What is asked.
    pub message: ClientMessage,
    /// Whom to answer.
    pub reply: ReplyKey,
    /// The client's `id`: the same request twice gets the first answer.
    pub id: Option<Box<str>>,
}
