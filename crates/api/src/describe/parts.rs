//! What the descriptions of many routes have in common: answers in a line, the fields of pages and
//! their cursors, groups of refusals.

use axum::http::StatusCode;
use protocol::contract::shape::{Form, always, maybe};
use protocol::contract::{Field, Object, Shape};
use protocol::error::ErrorCode;
use protocol::id::SessionId;

use super::{Answer, Content, Why};

/// Most entries of a page.
pub const PAGE_MAX: u32 = 200;
/// Entries of a page where nothing is said.
pub const PAGE_DEFAULT: u32 = 50;

/// The records could not be read or written in time.
pub const RECORDS: &[Why] = &[
    Why::Code(ErrorCode::StoreUnavailable),
    Why::Code(ErrorCode::TimedOut),
    Why::Code(ErrorCode::Internal),
];

/// There is no such session for the one who asks.
pub const NO_SESSION: &[Why] = &[Why::Code(ErrorCode::SessionNotFound)];

/// Their role is not enough.
pub const NOT_ALLOWED: &[Why] = &[Why::Code(ErrorCode::NotAllowed)];

/// There is no room for it now; again later.
pub const BUSY: &[Why] = &[Why::Code(ErrorCode::Busy)];

/// The server is about to stop and begins nothing.
pub const DRAINING: &[Why] = &[Why::Code(ErrorCode::Draining)];

/// A session's id in the path.
pub const SESSION_IN_PATH: &[Field] = &[always("id", Shape::Id, "The session.")];

/// A JSON answer.
pub const fn json(status: StatusCode, about: &'static str, object: &'static Object) -> Answer {
    Answer {
        status,
        about,
        content: Content::Json(Shape::Of(object)),
    }
}

/// A JSON answer with 200.
pub const fn ok(about: &'static str, object: &'static Object) -> Answer {
    json(StatusCode::OK, about, object)
}

/// A JSON answer with 201.
pub const fn created(about: &'static str, object: &'static Object) -> Answer {
    json(StatusCode::CREATED, about, object)
}

/// Text of this media type, with 200.
pub const fn text(about: &'static str, kind: &'static str) -> Answer {
    page(StatusCode::OK, about, kind)
}

/// Text of this media type, with any status.
pub const fn page(status: StatusCode, about: &'static str, kind: &'static str) -> Answer {
    Answer {
        status,
        about,
        content: Content::Text(kind),
    }
}

/// How many entries a page may have.
pub const LIMIT: Field = maybe(
    "limit",
    Shape::Whole(1, PAGE_MAX as u64),
    "At most so many; left out: 50.",
);

/// Where a page begins.
pub const fn after(cursor: Shape) -> Field {
    maybe("after", cursor, "`next` of the page before.")
}

/// Where the next page begins.
pub const fn next(cursor: &'static Shape) -> Field {
    always(
        "next",
        Shape::Or(cursor),
        "Send it as `after` to go on; null: that was all.",
    )
}

/// A kind of tokens taken back, and whose.
pub static REVOCATION_CURSOR: Form = Form {
    name: "cursor",
    pattern: "^(user|session)\\.[A-Za-z0-9._:@+|~=-]{1,64}$",
    most: 72,
    fits: |text| {
        let parts = text.split_once('.');
        parts.is_some_and(|(kind, id)| {
            matches!(kind, "user" | "session") && SessionId::parse(id).is_ok()
        })
    },
};

/// Whether a report was given up, when it is due, and of which session.
pub static REPORT_CURSOR: Form = Form {
    name: "cursor",
    pattern: "^(failed|open)\\.[0-9]{1,18}\\.[A-Za-z0-9._:@+|~=-]{1,64}$",
    most: 90,
    fits: |text| {
        let parts = text.split_once('.');
        parts.is_some_and(|(state, place)| {
            matches!(state, "failed" | "open") && protocol::contract::shape::cursor(place).is_some()
        })
    },
};

/// When a delivery was made, its id, and where it goes.
pub static DELIVERY_CURSOR: Form = Form {
    name: "cursor",
    pattern: "^[0-9]{1,18}\\.[A-Za-z0-9_]{1,64}\\.[!-~]{1,2048}$",
    most: 2_132,
    fits: |text| {
        let mut parts = text.splitn(3, '.');
        let time = parts.next().unwrap_or_default();
        let id = parts.next().unwrap_or_default();
        let endpoint = parts.next().unwrap_or_default();
        (1..=18).contains(&time.len())
            && time.bytes().all(|b| b.is_ascii_digit())
            && (1..=64).contains(&id.len())
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
            && (1..=2_048).contains(&endpoint.len())
            && endpoint.bytes().all(|b| b.is_ascii_graphic())
    },
};
