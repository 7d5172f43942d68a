//! Taking requests apart: who asks, which session, what body. Every way this can fail is a
//! [`Problem`] with a stable code.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse as _;
use protocol::error::{ErrorCode, Refusal};
use protocol::id::SessionId;
use serde::de::DeserializeOwned;

use crate::auth::{self, AuthError};
use crate::identity::Identity;
use crate::problem::{Own, Problem};
use crate::router::Api;

/// Largest body of a request, bytes.
pub const BODY_BYTES_MAX: usize = 256 * 1024;

/// The peer's address. The listener puts it into each request's extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// Who asks, by `Authorization: Bearer` with a token or an API key, or by `X-API-Key`.
#[derive(Debug)]
pub struct Caller(pub Identity);

impl FromRequestParts<Arc<Api>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Problem> {
        let token = auth::bearer(&parts.headers);
        let token = token.or_else(|| auth::api_key(&parts.headers));
        identify(api, token).await.map(Self)
    }
}

/// Who asks, by the header or, for pages opened in a browser, by `?ticket=` or `?token=`.
#[derive(Debug)]
pub struct Reader(pub Identity);

impl FromRequestParts<Arc<Api>> for Reader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Problem> {
        let token = auth::bearer(&parts.headers);
        let token = token.or_else(|| auth::api_key(&parts.headers));
        let query = parts.uri.query();
        if let (None, Some(ticket)) = (token, auth::query_value(query, "ticket")) {
            return Ok(Self(api.guard.redeem(ticket, api.now())?));
        }
        let token = token.or_else(|| auth::query_value(query, "token"));
        identify(api, token).await.map(Self)
    }
}

pub(crate) async fn identify(api: &Api, token: Option<&str>) -> Result<Identity, Problem> {
    let token = token.ok_or(AuthError::Required)?;
    Ok(api.guard.judged(token, api.now()).await?)
}

/// A session's id out of the path. What is no id is an unknown session.
#[derive(Debug)]
pub struct PathId(pub SessionId);

impl<S: Send + Sync> FromRequestParts<S> for PathId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = axum::extract::Path::<String>::from_request_parts(parts, state).await;
        path.ok()
            .and_then(|path| SessionId::parse(&path).ok())
            .map(Self)
            .ok_or_else(|| Problem::from(ErrorCode::SessionNotFound))
    }
}

/// A JSON body. The documents' own client sends no `Content-Type`, and a browser makes that
/// `text/plain`; what says it is something else is not read.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        parse(&read(request, state).await?).map(Self)
    }
}

impl<T: DeserializeOwned> Body<T> {
    /// What a body that was taken as bytes says.
    ///
    /// # Errors
    /// `unsupported_media_type`, `bad_json`, `too_deep`, `missing_field`, `invalid_field`.
    pub fn read(headers: &HeaderMap, bytes: &[u8]) -> Result<T, Problem> {
        if !may_be_json(headers) {
            return Err(Own::UnsupportedMediaType.into());
        }
        parse(bytes)
    }
}

/// A body as it came, of whatever kind it says it is.
#[derive(Debug)]
pub struct Raw(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for Raw {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        bytes(request, state).await.map(Self)
    }
}

/// A part of the path as text.
#[derive(Debug)]
pub struct Path<T>(pub T);

impl<S: Send + Sync> FromRequestParts<S> for Path<String> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = axum::extract::Path::<String>::from_request_parts(parts, state).await;
        path.map(|path| Self(path.0))
            .map_err(|_| Problem::not_found())
    }
}

/// A JSON body that may be left out.
#[derive(Debug)]
pub struct MaybeBody<T>(pub T);

impl<T: DeserializeOwned + Default, S: Send + Sync> FromRequest<S> for MaybeBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let bytes = read(request, state).await?;
        match bytes.is_empty() {
            true => Ok(Self(T::default())),
            false => parse(&bytes).map(Self),
        }
    }
}

async fn read<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Problem> {
    if !may_be_json(request.headers()) {
        return Err(Own::UnsupportedMediaType.into());
    }
    bytes(request, state).await
}

async fn bytes<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Problem> {
    let bytes = Bytes::from_request(request, state).await;
    bytes.map_err(|rejection| match rejection.into_response().status() {
        http::StatusCode::PAYLOAD_TOO_LARGE => Problem::from(ErrorCode::TooLarge),
        _ => Problem::from(Refusal::because(
            ErrorCode::BadJson,
            "The body broke off before it was complete.",
        )),
    })
}

fn may_be_json(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(header::CONTENT_TYPE) else {
        return true;
    };
    let kind = kind.to_str().unwrap_or("?").to_ascii_lowercase();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    matches!(kind, "" | "application/json" | "text/plain" | "text/json") || kind.ends_with("+json")
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(bytes).map_err(|error| {
        let text = error.to_string();
        let code = match error.classify() {
            serde_json::error::Category::Data if text.starts_with("missing field") => {
                ErrorCode::MissingField
            }
            serde_json::error::Category::Data => ErrorCode::InvalidField,
            _ if text.starts_with("recursion limit") => ErrorCode::TooDeep,
            _ => ErrorCode::BadJson,
        };
        Problem::from(Refusal::because(
            code,
            format!("The body cannot be used: {text}."),
        ))
    })
}

/// A query string. A mistake in it is the caller's.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = axum::extract::Query::<T>::try_from_uri(&parts.uri);
        query.map(|query| Self(query.0)).map_err(|rejection| {
            let text = format!("The query cannot be used: {}.", rejection.body_text());
            Problem::from(Refusal::because(ErrorCode::InvalidField, text))
        })
    }
}

/// Whether the request comes from this machine itself. One that was passed on by a proxy does not,
/// however near the proxy is.
pub fn is_local(parts: &Parts) -> bool {
    let peer = parts.extensions.get::<Peer>();
    peer.is_some_and(|peer| peer.0.ip().to_canonical().is_loopback())
        && !was_forwarded(&parts.headers)
}

fn was_forwarded(headers: &HeaderMap) -> bool {
    let names = ["x-forwarded-for", "x-forwarded-host", "x-real-ip"];
    headers.contains_key(header::FORWARDED)
        || headers.contains_key(header::VIA)
        || names.iter().any(|name| headers.contains_key(*name))
}
