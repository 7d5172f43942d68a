//! How a route is described. A description stands beside its handler, and
//! [`Site::serve`](crate::router::Site::serve) takes both, so that there is no route without one;
//! `GET /api/openapi.json` and the TypeScript types are made from all of them, and [`check_answer`] says where an answer is not
//! what its description promises. The tests check every answer they get.
//!
//! Why not derived from types: the answers are put together field by field and the realtime contract
//! needs the same vocabulary ([`Shape`]), so one small description serves both documents, and
//! nothing is described that is not checked.
//!
//! To add a route: a `static` [`Route`] and its handler in `routes`, one line in `router`.

use axum::http::{Method, StatusCode};
use protocol::contract::shape::{always, maybe};
use protocol::contract::{Field, Mismatch, Object, Shape, common};
use protocol::error::ErrorCode;
use serde_json::Value;

use crate::problem::{Own, status_of};

pub mod openapi;
mod parts;
pub mod typescript;

pub use self::parts::{
    BUSY, DELIVERY_CURSOR, DRAINING, LIMIT, NO_SESSION, NOT_ALLOWED, PAGE_DEFAULT, PAGE_MAX,
    RECORDS, REPORT_CURSOR, REVOCATION_CURSOR, SESSION_IN_PATH, after, created, json, next, ok,
    page, text,
};

#[cfg(test)]
mod tests;

/// A route: what is asked, by whom, and every way it is answered.
#[derive(Debug)]
pub struct Route {
    /// `GET`, `POST`, `PUT` or `DELETE`.
    pub method: Method,
    /// As the router has it: `/api/sessions/{id}`.
    pub path: &'static str,
    /// Names it in generated clients: `listSessions`.
    pub name: &'static str,
    /// Under which heading it stands.
    pub group: &'static str,
    /// What it does, in a sentence or two.
    pub about: &'static str,
    /// Who may ask at all.
    pub who: Who,
    /// Parameters in the path, by name.
    pub path_fields: &'static [Field],
    /// Parameters in the query string.
    pub query: &'static [Field],
    /// What is sent.
    pub body: Option<Body>,
    /// Every answer that is no refusal.
    pub answers: &'static [Answer],
    /// Every refusal, in groups, beside those that follow from `who`, `query` and `body`.
    pub refusals: &'static [&'static [Why]],
}

/// A route with everything left out, to be filled with `..ROUTE`.
pub const ROUTE: Route = Route {
    method: Method::GET,
    path: "",
    name: "",
    group: "",
    about: "",
    who: Who::Bearer,
    path_fields: &[],
    query: &[],
    body: None,
    answers: &[],
    refusals: &[],
};

/// Who may ask, before any rights are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Anybody.
    Anybody,
    /// Whoever has a token or an API key, in `Authorization: Bearer`; the key also in `X-API-Key`.
    Bearer,
    /// The same, or in `?ticket=` or `?token=`: pages that are opened in a browser.
    BearerOrQuery,
    /// This machine itself, or an admin's token.
    LocalOrAdmin,
}

/// A request's JSON body.
#[derive(Debug, Clone, Copy)]
pub struct Body {
    /// What it may be.
    pub shape: Shape,
    /// A body that is taken, for documents and tests.
    pub example: &'static str,
    /// Whether it may be left out.
    pub optional: bool,
}

/// An answer.
#[derive(Debug, Clone, Copy)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// When it is given.
    pub about: &'static str,
    /// What it holds.
    pub content: Content,
}

/// What an answer holds.
#[derive(Debug, Clone, Copy)]
pub enum Content {
    /// JSON of that shape.
    Json(Shape),
    /// Text of that media type.
    Text(&'static str),
    /// Nothing.
    Empty,
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// With a code the realtime doors have, too.
    Code(ErrorCode),
    /// With a code only HTTP has.
    Own(Own),
}

/// A problem document (RFC 9457).
pub static PROBLEM: Object = Object {
    name: "Problem",
    about: "Why a request was refused (RFC 9457).",
    fields: &[
        always(
            "type",
            Shape::Just("about:blank"),
            "The code says more than a link would.",
        ),
        always("title", Shape::Text(0), "The status in words."),
        always("status", Shape::Whole(400, 599), "The status."),
        always(
            "code",
            Shape::AnyOf(&[common::ERROR_CODE, Shape::Word(&Own::WORDS)]),
            "Stable word for programs.",
        ),
        always("detail", Shape::Text(0), "A sentence for people."),
        common::RETRY_AFTER,
        common::ACTIVE_SESSION,
        maybe(
            "problems",
            Shape::List(&Shape::Open, 50),
            "Mistakes of a plan, each with a `message` and a `path` or `line`.",
        ),
        maybe("deletedAt", Shape::Time, "When it was deleted."),
        maybe("report", Shape::Open, "How far the report is."),
        maybe(
            "requestId",
            common::U32,
            "Which request, where several are under way.",
        ),
    ],
};

impl Why {
    /// The stable word.
    pub fn code(self) -> &'static str {
        match self {
            Self::Code(code) => code.as_str(),
            Self::Own(own) => own.code(),
        }
    }

    /// The status it comes with.
    pub fn status(self) -> StatusCode {
        match self {
            Self::Code(code) => status_of(code),
            Self::Own(own) => own.status(),
        }
    }

    /// The sentence that goes with it where no better one is at hand.
    pub fn text(self) -> &'static str {
        match self {
            Self::Code(code) => code.text(),
            Self::Own(own) => own.text(),
        }
    }
}

impl Route {
    /// Every way it refuses, each once.
    pub fn whys(&self) -> Vec<Why> {
        let mut all: Vec<Why> = Vec::new();
        let codes = |codes: &[ErrorCode]| codes.iter().copied().map(Why::Code).collect::<Vec<_>>();
        // Pages of other sites are refused wherever a page may ask; see `cors`.
        if self.path.starts_with("/api/") || self.path.starts_with("/reports/") {
            all.push(Why::Code(ErrorCode::OriginNotAllowed));
        }
        if self.who != Who::Anybody {
            all.extend(codes(&[
                ErrorCode::AuthRequired,
                ErrorCode::TokenInvalid,
                ErrorCode::TokenExpired,
                ErrorCode::TokenRevoked,
                // The keys to check a token with cannot be fetched.
                ErrorCode::Busy,
            ]));
        }
        if self.who == Who::LocalOrAdmin {
            all.push(Why::Code(ErrorCode::NotAllowed));
        }
        if !self.query.is_empty() {
            all.push(Why::Code(ErrorCode::InvalidField));
        }
        if self.body.is_some() {
            all.extend(codes(&[
                ErrorCode::BadJson,
                ErrorCode::TooDeep,
                ErrorCode::MissingField,
                ErrorCode::InvalidField,
                ErrorCode::TooLarge,
            ]));
            all.push(Why::Own(Own::UnsupportedMediaType));
        }
        // Its body came too slowly, or its handler broke; see the listener.
        all.extend(codes(&[ErrorCode::TimedOut, ErrorCode::Internal]));
        all.extend(self.refusals.iter().copied().flatten().copied());
        let mut once: Vec<Why> = Vec::new();
        for why in all {
            if !once.contains(&why) {
                once.push(why);
            }
        }
        once
    }

    /// Whether a path is one of this route's.
    pub fn fits(&self, method: &Method, path: &str) -> bool {
        *method == self.method && fits(self.path, path)
    }
}

fn fits(template: &str, path: &str) -> bool {
    let (mut wanted, mut got) = (template.split('/'), path.split('/'));
    loop {
        match (wanted.next(), got.next()) {
            (None, None) => return true,
            (Some(wanted), Some(got)) if wanted.starts_with('{') => {
                if got.is_empty() {
                    return false;
                }
            }
            (Some(wanted), Some(got)) if wanted == got => {}
            _ => return false,
        }
    }
}

/// Checks an answer against the description of its route.
///
/// # Errors
/// What is not as described.
pub fn check_answer(
    routes: &[&Route],
    method: &Method,
    path: &str,
    status: StatusCode,
    media: Option<&str>,
    body: &[u8],
) -> Result<(), Mismatch> {
    let wrong = |why: String| {
        Err(Mismatch {
            at: format!("{method} {path} → {status}"),
            why,
        })
    };
    // The more exact template wins, as it does in the router: the one with fewer parameters.
    let fitting = routes.iter().filter(|route| route.fits(method, path));
    let Some(route) = fitting.min_by_key(|route| route.path.matches('{').count()) else {
        let known = routes.iter().any(|route| fits(route.path, path));
        let why = if known {
            Own::MethodNotAllowed
        } else {
            Own::NotFound
        };
        return problem(&[Why::Own(why)], status, media, body).or_else(wrong);
    };
    let media = media.map(|media| media.split(';').next().unwrap_or_default().trim());
    let fits = |answer: &&&Answer| match answer.content {
        Content::Json(_) => media == Some("application/json"),
        Content::Text(kind) => media == Some(kind),
        Content::Empty => body.is_empty(),
    };
    // Several forms may come with one status.
    let same = || {
        route
            .answers
            .iter()
            .filter(|answer| answer.status == status)
    };
    let answer = { same() }.find(|answer| fits(&answer)).or(same().next());
    match answer.map(|answer| answer.content) {
        None => problem(&route.whys(), status, media, body).or_else(wrong),
        // What the layers around a page refuse is no page.
        Some(Content::Text(_)) if media == Some("application/problem+json") => {
            problem(&route.whys(), status, media, body).or_else(wrong)
        }
        Some(Content::Empty) if body.is_empty() => Ok(()),
        Some(Content::Text(kind)) if media == Some(kind) => Ok(()),
        Some(Content::Json(shape)) if media == Some("application/json") => {
            let value: Value = serde_json::from_slice(body).unwrap_or_default();
            shape.check(&value, route.name)
        }
        Some(_) => wrong(format!("is {media:?}, {} bytes", body.len())),
    }
}

fn problem(
    whys: &[Why],
    status: StatusCode,
    media: Option<&str>,
    body: &[u8],
) -> Result<(), String> {
    if media != Some("application/problem+json") {
        return Err(format!(
            "is described nowhere, and no problem but {media:?}"
        ));
    }
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    PROBLEM
        .check(&value, "problem")
        .map_err(|mismatch| mismatch.to_string())?;
    let code = value["code"].as_str().unwrap_or_default();
    let known = whys.iter().find(|why| why.code() == code);
    match known {
        Some(why) if why.status() == status && value["status"] == status.as_u16() => Ok(()),
        Some(why) => Err(format!("`{code}` comes with {}", why.status())),
        None => Err(format!("the code `{code}` is described nowhere")),
    }
}
