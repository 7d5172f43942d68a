//! The one table of error codes: stable word, sentence for a person, whether to try again.
//! Docs, wire and API take them from here. No rules about when they are used.

use crate::value::words;

words! {
    /// What was wrong with a request.
    ErrorCode {
        /// The frame is not JSON.
        BadJson = "bad_json",
        /// The JSON is nested deeper than 32 levels.
        TooDeep = "too_deep",
        /// The message or a field is larger than allowed.
        TooLarge = "too_large",
        /// No such event.
        UnknownEvent = "unknown_event",
        /// A field is missing.
        MissingField = "missing_field",
        /// A field has the wrong type or an impossible value.
        InvalidField = "invalid_field",
        /// No valid token came in time.
        AuthRequired = "auth_required",
        /// The token cannot be read or its signature is wrong.
        TokenInvalid = "token_invalid",
        /// The token's time is over.
        TokenExpired = "token_expired",
        /// The token was taken back.
        TokenRevoked = "token_revoked",
        /// A refresh with somebody else's token, or one with other rights.
        TokenMismatch = "token_mismatch",
        /// The page's origin is not on the list.
        OriginNotAllowed = "origin_not_allowed",
        /// The role may not do this.
        NotAllowed = "not_allowed",
        /// Unknown session, or one the user was not invited to: the same answer.
        SessionNotFound = "session_not_found",
        /// The session is over.
        SessionEnded = "session_ended",
        /// The candidate has another session running.
        SessionActive = "session_active",
        /// The connection is in no session.
        NotInSession = "not_in_session",
        /// The connection is in several sessions and the message names none.
        SessionRequired = "session_required",
        /// The change of status is not possible from where the session is.
        BadTransition = "bad_transition",
        /// No question is open, or another one than named.
        NoOpenQuestion = "no_open_question",
        /// The plan is not known.
        PlanNotFound = "plan_not_found",
        /// The plan grants no more time.
        NoExtension = "no_extension",
        /// The candidate has not agreed yet to what the plan asks for.
        ConsentRequired = "consent_required",
        /// The room is full.
        RoomFull = "room_full",
        /// Too many connections or handshakes.
        Limited = "limited",
        /// Too many events or bytes.
        RateLimited = "rate_limited",
        /// The seat changes hands too fast.
        TakeoverStorm = "takeover_storm",
        /// Another page of the same user has the seat, and it may not be taken over here.
        SeatTaken = "seat_taken",
        /// The code to move an interview was used, is over, or never was.
        TransferInvalid = "transfer_invalid",
        /// Too much is waiting to be stored.
        Busy = "busy",
        /// The records cannot be reached.
        StoreUnavailable = "store_unavailable",
        /// The server is about to stop and takes nothing new.
        Draining = "draining",
        /// The audio cannot be decoded.
        BadAudio = "bad_audio",
        /// The audio format is not understood here.
        UnsupportedFormat = "unsupported_format",
        /// The sample rate is outside 8 to 48 kHz.
        UnsupportedSampleRate = "unsupported_sample_rate",
        /// No recogniser is installed.
        SpeechUnavailable = "speech_unavailable",
        /// Recognition took too long.
        TimedOut = "timed_out",
        /// Planned, not there yet.
        NotSupported = "not_supported",
        /// A fault of ours.
        Internal = "internal",
    }
}

words! {
    /// What a client should do about an error.
    Remedy {
        /// The request itself is wrong: repeating it changes nothing, the client must send another.
        Fix = "fix",
        /// Get a new token and authenticate with it.
        NewToken = "new_token",
        /// The session is not where the client thinks it is: look again, then decide.
        LookAgain = "look_again",
        /// Send the same again, after `retryAfterMs` where it is given.
        Retry = "retry",
        /// Nothing a client can do: tell the user.
        GiveUp = "give_up",
    }
}

impl ErrorCode {
    /// The sentence that goes with the code where no better one is at hand.
    pub fn text(self) -> &'static str {
        match self {
            Self::BadJson => "The message is not valid JSON.",
            Self::TooDeep => "The message is nested too deeply.",
            Self::TooLarge => "The message is larger than this server accepts.",
            Self::UnknownEvent => "This server knows no event of that name.",
            Self::MissingField => "A field is missing.",
            Self::InvalidField => "A field has a value this server cannot use.",
            Self::AuthRequired => "Please send a token first.",
            Self::TokenInvalid => "The token is not valid.",
            Self::TokenExpired => "The token has expired. Please get a new one.",
            Self::TokenRevoked => "This token was taken back. Please get a new one.",
            Self::TokenMismatch => {
                "The new token does not fit this connection. Connect anew with it."
            }
            Self::OriginNotAllowed => "Pages of this address may not connect here.",
            Self::NotAllowed => "Your role may not do this.",
            Self::SessionNotFound => "There is no such session, or you were not invited to it.",
            Self::SessionEnded => "This session is over.",
            Self::SessionActive => "Another interview of yours is still open.",
            Self::NotInSession => "Join a session first.",
            Self::SessionRequired => "You are in several sessions; say which one you mean.",
            Self::BadTransition => "The session cannot change to that status now.",
            Self::NoOpenQuestion => "That question is not open.",
            Self::PlanNotFound => "There is no plan of that name.",
            Self::NoExtension => "No more time can be added.",
            Self::ConsentRequired => {
                "The candidate has to agree first: nothing is heard or recorded before that."
            }
            Self::RoomFull => "The room is full.",
            Self::Limited => "Too many connections. Please try again later.",
            Self::RateLimited => "Too much at once. Please slow down.",
            Self::TakeoverStorm => "This seat is changing hands too fast. Close the other tabs.",
            Self::SeatTaken => "You are in this session with another page. Close that one first.",
            Self::TransferInvalid => "This code is not good any more. Ask for a new one.",
            Self::Busy => "Too much is waiting. Please try again in a moment.",
            Self::StoreUnavailable => {
                "The records cannot be reached. Please try again in a moment."
            }
            Self::Draining => "This server is about to restart. Please try again in a moment.",
            Self::BadAudio => "This audio cannot be read.",
            Self::UnsupportedFormat => "This audio format is not understood here.",
            Self::UnsupportedSampleRate => "The sample rate must be between 8000 and 48000.",
            Self::SpeechUnavailable => "No speech model is installed on this server.",
            Self::TimedOut => "This took too long.",
            Self::NotSupported => "This server cannot do that yet.",
            Self::Internal => "Something went wrong on our side.",
        }
    }

    /// Whether the same request may succeed later.
    pub fn is_temporary(self) -> bool {
        self.remedy() == Remedy::Retry
    }

    /// What a client should do about it.
    pub fn remedy(self) -> Remedy {
        match self {
            Self::BadJson
            | Self::TooDeep
            | Self::TooLarge
            | Self::UnknownEvent
            | Self::MissingField
            | Self::InvalidField
            | Self::SessionRequired
            | Self::PlanNotFound
            | Self::BadAudio
            | Self::UnsupportedFormat
            | Self::UnsupportedSampleRate => Remedy::Fix,
            Self::AuthRequired
            | Self::TokenInvalid
            | Self::TokenExpired
            | Self::TokenRevoked
            | Self::TokenMismatch => Remedy::NewToken,
            Self::SessionEnded
            | Self::SessionActive
            | Self::NotInSession
            | Self::BadTransition
            | Self::NoOpenQuestion
            | Self::NoExtension
            | Self::ConsentRequired => Remedy::LookAgain,
            Self::Limited
            | Self::RateLimited
            | Self::TakeoverStorm
            | Self::Busy
            | Self::StoreUnavailable
            | Self::Draining
            | Self::TimedOut => Remedy::Retry,
            Self::OriginNotAllowed
            | Self::NotAllowed
            | Self::SessionNotFound
            | Self::RoomFull
            | Self::SeatTaken
            | Self::TransferInvalid
            | Self::SpeechUnavailable
            | Self::NotSupported
            | Self::Internal => Remedy::GiveUp,
        }
    }
}

/// A refusal: code, sentence, and when to try again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Which.
    pub code: ErrorCode,
    /// For a person.
    pub message: String,
    /// Milliseconds to wait before trying again, where that can help.
    pub retry_after_ms: Option<u64>,
    /// More for a program: a JSON object's fields, without braces, or empty. `session_active` has
    /// what the recovery card needs, the `transcription:error` of a request its `requestId`.
    pub detail: Option<Box<str>>,
}

impl Refusal {
    /// With the code's own sentence.
    pub fn new(code: ErrorCode) -> Self {
        Self {
            code,
            message: code.text().to_owned(),
            retry_after_ms: None,
            detail: None,
        }
    }

    /// With a better sentence.
    pub fn because(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            retry_after_ms: None,
            detail: None,
        }
    }

    /// With a time to wait.
    #[must_use]
    pub fn retry_after(mut self, ms: u64) -> Self {
        self.retry_after_ms = Some(ms);
        self
    }
}

impl From<ErrorCode> for Refusal {
    fn from(code: ErrorCode) -> Self {
        Self::new(code)
    }
}
