//! One HTTP request: `/ws` is answered here, on the io thread; everything else goes to the router
//! on the work runtime, so that no handler can hold an io thread up.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use api::extract::Peer;
use api::problem::Problem;
use axum::Router;
use axum::body::Body;
use axum::response::IntoResponse as _;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use protocol::error::ErrorCode;
use tower::ServiceExt as _;

use super::engineio;
use super::handshake::{self, Doors, Wanted};
use super::listener::Place;
use crate::core::Core;

/// How long a request may take, its body included.
const REQUEST_DEADLINE: Duration = Duration::from_secs(30);

/// What every io thread needs to answer requests.
pub(crate) struct Http {
    pub(crate) core: Arc<Core>,
    pub(crate) doors: Arc<Doors>,
    pub(crate) router: Router,
    pub(crate) work: tokio::runtime::Handle,
    /// Open sockets of this process.
    pub(crate) open: Arc<AtomicUsize>,
}

impl Http {
    /// Answers a request. `place` is held for as long as the socket lives.
    pub(crate) async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: SocketAddr,
        place: Arc<Place>,
    ) -> Result<Response<Body>, Infallible> {
        Ok(match self.doors.of(request.uri().path()) {
            Some(kind) if kind.is_engineio() => {
                engineio::answer(&self, kind, request, peer, place).await
            }
            Some(kind) => handshake::answer(&self, Wanted::Door(kind), request, peer, place),
            None => self.route(request, peer).await,
        })
    }

    async fn route(&self, request: Request<Incoming>, peer: SocketAddr) -> Response<Body> {
        let router = self.router.clone();
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Peer(peer));
        let answer = self.work.spawn(async move {
            tokio::time::timeout(REQUEST_DEADLINE, router.oneshot(request)).await
        });
        match answer.await {
            Ok(Ok(Ok(response))) => response,
            Ok(Ok(Err(never))) => match never {},
            Ok(Err(_late)) => Problem::from(ErrorCode::TimedOut).into_response(),
            Err(error) => {
                tracing::error!(%error, "request_handler_failed");
                Problem::from(ErrorCode::Internal).into_response()
            }
        }
    }
}

/// A refusal as the API writes them (RFC 9457).
pub(crate) fn refusal(
    status: StatusCode,
    code: ErrorCode,
    retry_after_ms: Option<u64>,
) -> Response<Body> {
    error_body(status, code.as_str(), code.text(), retry_after_ms)
}

/// A refusal with a code of its own.
pub(crate) fn error_body(
    status: StatusCode,
    code: &'static str,
    message: &str,
    retry_after_ms: Option<u64>,
) -> Response<Body> {
    Problem {
        status,
        code,
        detail: message.to_owned(),
        retry_after_ms,
        more: serde_json::Map::new(),
    }
    .into_response()
}
