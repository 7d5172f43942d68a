//! The router: every address, and the layers around them. One place, so that the table of routes
//! can be read.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{delete, get, post};
use coach::plan::Shelf;
use protocol::time::Wall;

use crate::auth::Verifier;
use crate::cors::{self, Origins};
use crate::extract::BODY_BYTES_MAX;
use crate::handle::{Handle, Records};
use crate::problem::Problem;
use crate::routes::{active, data, documents, operations, plans, reports, sessions};
use crate::secret::loggable_path;

/// Everything the routes need.
pub struct Api {
    /// The running server.
    pub handle: Arc<dyn Handle>,
    /// What is written down.
    pub records: Arc<dyn Records>,
    /// Judges tokens.
    pub verifier: Arc<Verifier>,
    /// Pages that may ask.
    pub origins: Origins,
    /// Plans by name.
    pub plans: Arc<Shelf>,
    /// The wall clock.
    pub clock: fn() -> Wall,
    /// Makes an id for a session nobody named; 22 characters or more of randomness.
    pub new_id: fn() -> String,
}

impl Api {
    /// The time.
    pub fn now(&self) -> Wall {
        (self.clock)()
    }
}

/// The whole router, ready to be served. The listener adds [`crate::extract::Peer`] to requests.
pub fn build(api: Api) -> Router {
    let origins = api.origins.clone();
    let api = Arc::new(api);
    let pages = Router::new()
        .route("/api/sessions", get(sessions::list).post(sessions::create))
        .route(
            "/api/sessions/active",
            get(active::show).delete(active::clear),
        )
        .route("/api/sessions/{id}", get(sessions::show))
        .route("/api/sessions/{id}/end", post(sessions::end))
        .route(
            "/api/sessions/{id}/report",
            get(reports::get).post(reports::again),
        )
        .route("/api/sessions/{id}/data", delete(data::delete))
        .route("/api/reports/open", get(reports::open))
        .route("/api/session/end-session", post(documents::end_session))
        .route(
            "/api/websocket/close-connection",
            post(documents::close_connection),
        )
        .route("/api/plans", get(plans::list).post(plans::create))
        .route(
            "/api/plans/{id}",
            get(plans::show).put(plans::replace).delete(plans::remove),
        )
        .route("/api/questions", get(plans::questions))
        .route("/api/metrics", get(operations::metrics))
        .route("/reports/{id}", get(reports::page))
        // Before the layer: a preflight is an OPTIONS no route has.
        .method_not_allowed_fallback(no_such_method)
        .layer(middleware::from_fn_with_state(origins, cors::layer));
    let operations = Router::new()
        .route("/healthz", get(operations::healthz))
        .route("/readyz", get(operations::readyz))
        .route("/metrics", get(operations::prometheus))
        .method_not_allowed_fallback(no_such_method);
    Router::new()
        .merge(pages)
        .merge(operations)
        .fallback(async || Problem::not_found())
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn(around))
        .with_state(api)
}

async fn no_such_method() -> Problem {
    Problem::method_not_allowed()
}

/// Headers every answer has, unless its route knows better; and the log.
async fn around(request: Request, next: Next) -> Response {
    const ALWAYS: [(HeaderName, &str); 5] = [
        (header::CACHE_CONTROL, "no-store"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        ),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ];
    let method = request.method().clone();
    let path = loggable_path(request.uri()).to_owned();
    let mut response = next.run(request).await;
    for (name, value) in ALWAYS {
        let headers = response.headers_mut();
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    tracing::debug!(%method, path, status = response.status().as_u16(), "answered");
    response
}
