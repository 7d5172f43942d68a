//! Answers that refuse: RFC 9457 problem documents with our stable codes. One table from code to
//! HTTP status, nothing else.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use protocol::error::{ErrorCode, Refusal};
use protocol::time::Wall;
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

impl Problem {
    /// No such page. A session that is unknown or not theirs has its own code.
    pub fn not_found() -> Self {
        let detail = "There is nothing at this address.";
        Self::only_here(StatusCode::NOT_FOUND, "not_found", detail)
    }

    /// The page is there, the method is not.
    pub fn method_not_allowed() -> Self {
        let detail = "This address does not understand that method.";
        Self::only_here(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
    }

    /// The session is there, its report is not yet.
    pub fn report_not_ready() -> Self {
        let detail = "There is no report yet. It is made when the interview ends.";
        Self::only_here(StatusCode::NOT_FOUND, "report_not_ready", detail)
    }

    /// The report was there and was deleted, at this time.
    pub fn report_deleted(at: Wall) -> Self {
        let detail = "The report was deleted.";
        let mut gone = Self::only_here(StatusCode::GONE, "report_deleted", detail);
        gone.more.insert("deletedAt".to_owned(), at.0.into());
        gone
    }

    /// There is a plan with this id.
    pub fn plan_exists() -> Self {
        let detail = "There is a plan with this id. PUT replaces it.";
        Self::only_here(StatusCode::CONFLICT, "plan_exists", detail)
    }

    /// A plan that cannot be used: how many mistakes, and where.
    pub fn plan_invalid(many: usize, problems: Vec<Value>) -> Self {
        let detail = match many {
            1 => "There is a mistake in the plan.".to_owned(),
            n => format!("There are {n} mistakes in the plan."),
        };
        let mut refused = Self::only_here(StatusCode::BAD_REQUEST, "plan_invalid", &detail);
        refused.more.insert("problems".to_owned(), problems.into());
        refused
    }

    /// Words that only HTTP needs; the realtime doors have no such case.
    fn only_here(status: StatusCode, code: &'static str, detail: &str) -> Self {
        Self {
            status,
            code,
            detail: detail.to_owned(),
            retry_after_ms: None,
            more: Map::new(),
        }
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
        ErrorCode::AuthRequired | ErrorCode::TokenInvalid | ErrorCode::TokenExpired => {
            StatusCode::UNAUTHORIZED
        }
        ErrorCode::OriginNotAllowed | ErrorCode::NotAllowed => StatusCode::FORBIDDEN,
        ErrorCode::SessionNotFound | ErrorCode::PlanNotFound => StatusCode::NOT_FOUND,
        ErrorCode::SessionEnded
        | ErrorCode::SessionActive
        | ErrorCode::NotInSession
        | ErrorCode::BadTransition
        | ErrorCode::NoOpenQuestion
        | ErrorCode::NoExtension
        | ErrorCode::ConsentRequired
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
