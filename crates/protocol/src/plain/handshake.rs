//! What an upgrade request says about who is coming: its token, its page, and what of it may be
//! logged. Pure functions over header values; whether the token is good is not decided here.

use std::borrow::Cow;

use crate::error::{ErrorCode, Refusal};
use crate::limits::TOKEN_BYTES_MAX;

/// The subprotocol of the plain door, the only one the server ever selects.
pub const PROTOCOL: &str = "greenroom.v1";
/// A subprotocol of this form carries a token: browsers can set no other header.
const BEARER_PROTOCOL: &str = "bearer.";
/// Parameters whose value is a secret.
const SECRET_PARAMETERS: &[&str] = &[
    "token",
    "ticket",
    "access_token",
    "jwt",
    "key",
    "apikey",
    "resumekey",
];

/// What a handshake carries. `Debug` does not show the token.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Credentials<'h> {
    /// Not yet checked. None: it must come as the first message.
    pub token: Option<Cow<'h, str>>,
    /// What to answer in `Sec-WebSocket-Protocol`, if anything.
    pub protocol: Option<&'static str>,
}

impl std::fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("token", &self.token.as_ref().map(|_| "…"))
            .field("protocol", &self.protocol)
            .finish()
    }
}

/// Finds the token of a handshake: in `Authorization: Bearer`, else in a subprotocol
/// `bearer.<jwt>`, else in the query's `ticket` or `token`. A ticket may come in each of these
/// places. `protocols` are the names of all
/// `Sec-WebSocket-Protocol` lines, split at commas; `query` is without its `?`.
///
/// # Errors
/// `token_invalid` if what is there is too long or no token at all (close 4401).
pub fn credentials<'h>(
    authorization: Option<&'h str>,
    protocols: &[&'h str],
    query: Option<&'h str>,
) -> Result<Credentials<'h>, Refusal> {
    let offered = |name: &&str| name.trim() == PROTOCOL;
    let protocol = protocols.iter().any(offered).then_some(PROTOCOL);
    let in_protocol = || {
        let mut names = protocols.iter().map(|p| p.trim());
        names.find_map(|name| name.strip_prefix(BEARER_PROTOCOL))
    };
    let token = match authorization {
        Some(value) => Some(Cow::Borrowed(bearer(value)?)),
        None => match in_protocol() {
            Some(token) => Some(Cow::Borrowed(token)),
            None => query
                .and_then(|query| parameter(query, "ticket").or_else(|| parameter(query, "token"))),
        },
    };
    match &token {
        Some(token) if token.len() > TOKEN_BYTES_MAX => Err(Refusal::because(
            ErrorCode::TokenInvalid,
            "The token is longer than 8192 bytes.",
        )),
        Some(token) if token.is_empty() => Err(Refusal::because(
            ErrorCode::TokenInvalid,
            "The token is empty.",
        )),
        _ => Ok(Credentials { token, protocol }),
    }
}

fn bearer(value: &str) -> Result<&str, Refusal> {
    let value = value.trim();
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim()),
        _ => Err(Refusal::because(
            ErrorCode::TokenInvalid,
            "The Authorization header must be `Bearer <token>`.",
        )),
    }
}

/// The first value of a query parameter, percent-decoded.
pub fn parameter<'q>(query: &'q str, name: &str) -> Option<Cow<'q, str>> {
    query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (percent_decoded(key) == name).then(|| percent_decoded(value))
    })
}

/// A path with its query, as it may be logged: values that are secrets are left out.
pub fn redact(path_and_query: &str) -> String {
    let Some((path, query)) = path_and_query.split_once('?') else {
        return path_and_query.to_owned();
    };
    let mut shown = format!("{path}?");
    for (index, pair) in query.split(['&', ';']).enumerate() {
        if index > 0 {
            shown.push('&');
        }
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = percent_decoded(key).to_ascii_lowercase();
        if SECRET_PARAMETERS.contains(&name.trim()) {
            shown.push_str(key);
            shown.push_str("=[redacted]");
        } else if looks_like_token(value) || looks_like_token(key) {
            shown.push_str("[redacted]");
        } else {
            shown.push_str(pair);
        }
    }
    shown
}

/// Whether a text is a JWT in whatever parameter somebody put it: JSON in base64url begins so.
fn looks_like_token(text: &str) -> bool {
    percent_decoded(text).contains("eyJ")
}

fn percent_decoded(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = |b: Option<&u8>| b.and_then(|b| char::from(*b).to_digit(16));
        match (bytes[at], hex(bytes.get(at + 1)), hex(bytes.get(at + 2))) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                at += 3;
                continue;
            }
            (b'+', ..) => out.push(b' '),
            (byte, ..) => out.push(byte),
        }
        at += 1;
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

/// Whether a page of this origin may connect (D6). `configured` are origins
/// (`https://app.example`); `host` is the request's `Host` header; `has_token` says whether the
/// handshake itself carried a token.
///
/// # Errors
/// `origin_not_allowed` (HTTP 403, close 4403).
pub fn check_origin(
    origin: Option<&str>,
    host: Option<&str>,
    configured: &[String],
    has_token: bool,
) -> Result<(), Refusal> {
    let allowed = match origin {
        None => has_token,
        Some(origin) => match parts(origin) {
            None => false,
            Some(origin) => {
                let listed = configured
                    .iter()
                    .filter_map(|c| parts(c))
                    .any(|c| c == origin);
                let same = host.is_some_and(|host| authority(&origin.0, host) == origin.1);
                listed || same
            }
        },
    };
    if allowed {
        Ok(())
    } else if origin.is_none() {
        Err(Refusal::because(
            ErrorCode::OriginNotAllowed,
            "A client without an Origin must bring its token in the handshake.",
        ))
    } else {
        Err(ErrorCode::OriginNotAllowed.into())
    }
}

/// Scheme and authority of an origin, in the one way of writing. None for `null` and anything
/// that is no web origin.
fn parts(origin: &str) -> Option<(String, String)> {
    let (scheme, rest) = origin.trim().split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let plain = !rest.is_empty() && !rest.contains(['/', '?', '#', '@', '\\', ' ', ',']);
    let web = matches!(&*scheme, "http" | "https");
    (plain && web).then(|| {
        let authority = authority(&scheme, rest);
        (scheme, authority)
    })
}

/// Host and port in lower case, the scheme's own port left out.
fn authority(scheme: &str, host: &str) -> String {
    let host = host.trim().to_ascii_lowercase();
    let own_port = if scheme == "https" { ":443" } else { ":80" };
    host.strip_suffix(own_port)
        .map_or(host.clone(), str::to_owned)
}
