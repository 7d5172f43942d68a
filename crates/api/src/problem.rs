//! Answers that refuse: RFC 9457 problem documents with our stable codes. One table from code to
//! HTTP status, nothing else.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use protocol::error::{ErrorCode, Refusal};
use serde_json::{Map, Value, json};

/// A refusal on its way out. Body: `type`, `title`, `status`, `code`, `detail`, and whatever the
/// refusal has for programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    refusal: Refusal,
}

impl Problem {
    /// With another status than the code's own.
    pub fn with_status(status: StatusCode, refusal: impl Into<Refusal>) -> Self {
        Self {
            status,
            refusal: refusal.into(),
        }
    }

    /// What is refused and why.
    pub fn refusal(&self) -> &Refusal {
        &self.refusal
    }
}

impl<T: Into<Refusal>> From<T> for Problem {
    fn from(refusal: T) -> Self {
        let refusal = refusal.into();
        Self {
            status: status_of(refusal.code),
            refusal,
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
        let refusal = &self.refusal;
        let mut body: Map<String, Value> = refusal
            .detail
            .as_deref()
            .and_then(|fields| serde_json::from_str(&format!("{{{fields}}}")).ok())
            .unwrap_or_default();
        let own = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or("Error"),
            "status": self.status.as_u16(),
            "code": refusal.code.as_str(),
            "detail": refusal.message,
        });
        if let Value::Object(own) = own {
            body.extend(own);
        }
        if let Some(ms) = refusal.retry_after_ms {
            body.insert("retryAfterMs".to_owned(), ms.into());
        }
        let mut response = (self.status, Value::Object(body).to_string()).into_response();
        let headers = response.headers_mut();
        let kind = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, kind);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(ms) = refusal.retry_after_ms {
            headers.insert(header::RETRY_AFTER, ms.div_ceil(1000).into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer realm=\"greenroom\"");
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}
