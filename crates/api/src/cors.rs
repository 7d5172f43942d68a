//! Which web pages may talk to this server (D6): one list for the API and for the doors'
//! handshakes, and the headers that tell a browser so. What a page may then do is decided by its
//! token, never by where it came from.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use protocol::error::{ErrorCode, Refusal};

use crate::problem::Problem;

#[cfg(test)]
mod tests;

/// How long a browser may remember the answer to a preflight, seconds.
const MAX_AGE: &str = "600";

/// The origins that are let in, besides the server's own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origins {
    allowed: Vec<String>,
}

/// What is to be done with a request from a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// No `Origin`: no page of another site, or a native client. Needs a token like everybody.
    NoOrigin,
    /// A page of this server itself.
    Same,
    /// A page on the list.
    Listed,
    /// Any other page, `null`, or an `Origin` that cannot be read.
    Refused,
}

impl Origins {
    /// From normalized origins (see [`normalize`]); what is none is left out.
    pub fn new<'a>(origins: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            allowed: origins.into_iter().filter_map(normalize).collect(),
        }
    }

    /// Judges by the headers `Origin` and `Host`. Several `Origin`s are one too many.
    pub fn judge(&self, headers: &HeaderMap) -> Verdict {
        let mut origins = headers.get_all(header::ORIGIN).iter();
        let Some(origin) = origins.next() else {
            return Verdict::NoOrigin;
        };
        let origin = origin.to_str().ok().and_then(normalize);
        let (Some(origin), None) = (origin, origins.next()) else {
            return Verdict::Refused;
        };
        if self.allowed.contains(&origin) {
            return Verdict::Listed;
        }
        let host = headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok());
        // Behind a proxy that ends TLS only the page knows its scheme, so it decides for both.
        let scheme = origin.split("://").next().unwrap_or_default();
        let own = host.and_then(|host| normalize(&format!("{scheme}://{host}")));
        if own.as_ref() == Some(&origin) {
            Verdict::Same
        } else {
            Verdict::Refused
        }
    }
}

/// `scheme://host[:port]` in lower case and without the scheme's own port; none for anything that
/// is no such origin. One trailing slash is forgiven.
pub fn normalize(origin: &str) -> Option<String> {
    let lower = origin.trim().to_ascii_lowercase();
    let (scheme, rest) = lower.split_once("://")?;
    let default_port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return None,
    };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let authority: http::uri::Authority = rest.parse().ok()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._[]:".contains(c);
    let port_is_number = match authority.as_str().rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && !port.ends_with(']') => {
            port.parse::<u16>().is_ok()
        }
        _ => true,
    };
    if authority.host().is_empty() || !rest.chars().all(plain) || !port_is_number {
        return None;
    }
    let rest = rest.strip_suffix(default_port).unwrap_or(rest);
    Some(format!("{scheme}://{rest}"))
}

/// The layer: answers preflights, refuses pages that are not on the list, and puts the headers on
/// every other answer.
pub async fn layer(State(origins): State<Origins>, request: Request, next: Next) -> Response {
    let verdict = origins.judge(request.headers());
    let origin = request.headers().get(header::ORIGIN).cloned();
    let preflight = request.method() == Method::OPTIONS
        && request
            .headers()
            .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = match verdict {
        Verdict::Refused => refused(),
        _ if preflight => StatusCode::NO_CONTENT.into_response(),
        _ => next.run(request).await,
    };
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    if let (Verdict::Listed | Verdict::Same, Some(origin)) = (verdict, origin) {
        allow(headers, origin, preflight);
    }
    response
}

fn allow(headers: &mut HeaderMap, origin: HeaderValue, preflight: bool) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
        HeaderValue::from_static("true"),
    );
    if !preflight {
        let exposed = HeaderValue::from_static("retry-after, location");
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
        return;
    }
    let preflight = [
        (
            header::ACCESS_CONTROL_ALLOW_METHODS,
            "GET, POST, DELETE, OPTIONS",
        ),
        (
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "authorization, content-type",
        ),
        (header::ACCESS_CONTROL_MAX_AGE, MAX_AGE),
    ];
    for (name, value) in preflight {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

fn refused() -> Response {
    let message = "Pages of this address may not use this server. Its operator can add the \
                   address to FRONTEND_URL.";
    Problem::from(Refusal::because(ErrorCode::OriginNotAllowed, message)).into_response()
}
