//! Answers that refuse: RFC 9457 problem documents with our stable codes. One table from code to
//! HTTP status, nothing else.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use protocol::contract::Words;
use protocol::error::{ErrorCode, Refusal};
use serde_json::{Map, Value, json};

/// A refusal on its way out. Body: `type`, `title`, `status`, `code`, `detail`, and whatever the
/// refusal has for programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The status line.
    pub status: StatusCode,
    /// Stable word.
    pub code: &'static str,
    /// For a person.
    pub detail: String,
    /// When to try again, milliseconds.
    pub retry_after_ms: Option<u64>,
    /// Further fields for programs.
    pub more: Map<String, Value>,
}

/// Words that only HTTP needs; the realtime doors have no such case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Own {
    /// No such page. A session that is unknown or not theirs has its own code.
    NotFound,
    /// The page is there, the method is not.
    MethodNotAllowed,
    /// The session is there, its report is not yet.
    ReportNotReady,
    /// The report was there and was deleted.
    ReportDeleted,
    /// There is a plan with this id.
    PlanExists,
    /// The plan has mistakes; `problems` lists them.
    PlanInvalid,
    /// A body of a kind that is not JSON.
    UnsupportedMediaType,
}

impl Own {
    /// Every one.
    pub const ALL: [Self; 7] = [
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::ReportNotReady,
        Self::ReportDeleted,
        Self::PlanExists,
        Self::PlanInvalid,
        Self::UnsupportedMediaType,
    ];

    /// Its words and what they mean, for the documents made from the descriptions.
    pub const WORDS: Words = Words {
        name: "HttpErrorCode",
        about: "Codes that only HTTP has, beside those of the realtime contract.",
        words: &{
            let mut words = [("", ""); Self::ALL.len()];
            let mut at = 0;
            while at < words.len() {
                words[at] = (Self::ALL[at].code(), Self::ALL[at].text());
                at += 1;
            }
            words
        },
    };

    /// The stable word.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::ReportNotReady => "report_not_ready",
            Self::ReportDeleted => "report_deleted",
            Self::PlanExists => "plan_exists",
            Self::PlanInvalid => "plan_invalid",
            Self::UnsupportedMediaType => "unsupported_media_type",
        }
    }

    /// The status it comes with.
    pub fn status(self) -> StatusCode {
        match self {
            Self::NotFound | Self::ReportNotReady => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::ReportDeleted => StatusCode::GONE,
            Self::PlanExists => StatusCode::CONFLICT,
            Self::PlanInvalid => StatusCode::BAD_REQUEST,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        }
    }

    /// The sentence for a person.
    pub const fn text(self) -> &'static str {
        match self {
            Self::NotFound => "There is nothing at this address.",
            Self::MethodNotAllowed => "This address does not understand that method.",
            Self::ReportNotReady => "There is no report yet. It is made when the interview ends.",
            Self::ReportDeleted => "The report was deleted.",
            Self::PlanExists => "There is a plan with this id. PUT replaces it.",
            Self::PlanInvalid => "There are mistakes in the plan.",
            Self::UnsupportedMediaType => "The body must be JSON.",
        }
    }
}

impl From<Own> for Problem {
    fn from(own: Own) -> Self {
        Self {
            status: own.status(),
            code: own.code(),
            detail: own.text().to_owned(),
            retry_after_ms: None,
            more: Map::new(),
        }
    }
}

impl Problem {
    /// As [`Own::NotFound`].
    pub fn not_found() -> Self {
        Own::NotFound.into()
    }

    /// As [`Own::MethodNotAllowed`].
    pub fn method_not_allowed() -> Self {
        Own::MethodNotAllowed.into()
    }

    /// As [`Own::ReportNotReady`].
    pub fn report_not_ready() -> Self {
        Own::ReportNotReady.into()
    }
}

impl<T: Into<Refusal>> From<T> for Problem {
    fn from(refusal: T) -> Self {
        let refusal: Refusal = refusal.into();
        let more = refusal
            .detail
            .as_deref()
            .map(|fields| format!("{{{fields}}}"));
        Self {
            status: status_of(refusal.code),
            code: refusal.code.as_str(),
            detail: refusal.message,
            retry_after_ms: refusal.retry_after_ms,
            more: more
                .and_then(|json| serde_json::from_str(&json).ok())
                .unwrap_or_default(),
        }
    }
}

/// The HTTP status of a code.
pub fn status_of(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::BadJson
        | ErrorCode::TooDeep
        | ErrorCode::UnknownEvent
        | ErrorCode::MissingField
        | ErrorCode::InvalidField
        | ErrorCode::SessionRequired
        | ErrorCode::BadAudio
        | ErrorCode::UnsupportedSampleRate => StatusCode::BAD_REQUEST,
        ErrorCode::AuthRequired
        | ErrorCode::TokenInvalid
        | ErrorCode::TokenExpired
        | ErrorCode::TokenRevoked => StatusCode::UNAUTHORIZED,
        ErrorCode::OriginNotAllowed | ErrorCode::NotAllowed | ErrorCode::TokenMismatch => {
            StatusCode::FORBIDDEN
        }
        ErrorCode::SessionNotFound | ErrorCode::PlanNotFound => StatusCode::NOT_FOUND,
        ErrorCode::SessionEnded
        | ErrorCode::SessionExists
        | ErrorCode::SessionActive
        | ErrorCode::NotInSession
        | ErrorCode::BadTransition
        | ErrorCode::NoOpenQuestion
        | ErrorCode::NoExtension
        | ErrorCode::ConsentRequired
        | ErrorCode::SeatTaken
        | ErrorCode::TransferInvalid
        | ErrorCode::RoomFull => StatusCode::CONFLICT,
        ErrorCode::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorCode::UnsupportedFormat => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ErrorCode::Limited | ErrorCode::RateLimited | ErrorCode::TakeoverStorm => {
            StatusCode::TOO_MANY_REQUESTS
        }
        ErrorCode::Busy
        | ErrorCode::StoreUnavailable
        | ErrorCode::Draining
        | ErrorCode::SpeechUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::TimedOut => StatusCode::GATEWAY_TIMEOUT,
        ErrorCode::NotSupported => StatusCode::NOT_IMPLEMENTED,
        ErrorCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let own = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or("Error"),
            "status": self.status.as_u16(),
            "code": self.code,
            "detail": self.detail,
        });
        let mut body = self.more;
        if let Value::Object(own) = own {
            body.extend(own);
        }
        if let Some(ms) = self.retry_after_ms {
            body.insert("retryAfterMs".to_owned(), ms.into());
        }
        let mut response = (self.status, Value::Object(body).to_string()).into_response();
        let headers = response.headers_mut();
        let kind = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, kind);
        if let Some(ms) = self.retry_after_ms {
            headers.insert(header::RETRY_AFTER, ms.div_ceil(1000).into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer realm=\"greenroom\"");
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}
