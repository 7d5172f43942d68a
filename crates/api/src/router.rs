//! The router: every address, and the layers around them. One place, so that the table of routes
//! can be read.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::handler::Handler as Answers;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{MethodFilter, on};
use coach::plan::Shelf;
use protocol::time::Wall;

use crate::auth::Verifier;
use crate::cors::{self, Origins};
use crate::describe::Route;
use crate::extract::BODY_BYTES_MAX;
use crate::guard::Guard;
use crate::handle::{Handle, Records};
use crate::office::Office;
use crate::problem::Problem;
use crate::routes::{
    active, broadcast, contracts, data, documents, life, log, operations, plans, reports,
    revocations, sessions, tickets, transfers, webhooks,
};
use crate::secret::loggable_path;

/// Everything the routes need.
pub struct Api {
    /// The running server.
    pub handle: Arc<dyn Handle>,
    /// What is written down.
    pub records: Arc<dyn Records>,
    /// The operator's desk.
    pub office: Arc<dyn Office>,
    /// Makes tokens.
    pub verifier: Arc<Verifier>,
    /// Judges them.
    pub guard: Arc<Guard>,
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

/// Routes being put together, each with its description.
#[derive(Default)]
pub struct Site {
    router: Router<Arc<Api>>,
    routes: Vec<&'static Route>,
}

impl Site {
    /// Adds a route. There is no other way to add one.
    #[must_use]
    pub fn serve<H, T>(mut self, route: &'static Route, handler: H) -> Self
    where
        H: Answers<T, Arc<Api>>,
        T: 'static,
    {
        // Every method that is described anywhere is one axum knows.
        let filter = MethodFilter::try_from(route.method.clone()).unwrap_or(MethodFilter::GET);
        self.router = self.router.route(route.path, on(filter, handler));
        self.routes.push(route);
        self
    }
}

/// Everything pages may ask.
fn pages() -> Site {
    Site::default()
        .serve(&sessions::LIST, sessions::list)
        .serve(&sessions::CREATE, sessions::create)
        .serve(&active::SHOW, active::show)
        .serve(&active::CLEAR, active::clear)
        .serve(&sessions::SHOW, sessions::show)
        .serve(&sessions::END, sessions::end)
        .serve(&reports::JSON, reports::get)
        .serve(&reports::AGAIN, reports::again)
        .serve(&reports::OPEN, reports::open)
        .serve(&data::DELETE, data::delete)
        .serve(&broadcast::SAY, broadcast::say)
        .serve(&log::SHOW, log::show)
        .serve(&documents::END_SESSION, documents::end_session)
        .serve(&documents::CLOSE_CONNECTION, documents::close_connection)
        .serve(&plans::LIST, plans::list)
        .serve(&plans::CREATE, plans::create)
        .serve(&plans::SHOW, plans::show)
        .serve(&plans::REPLACE, plans::replace)
        .serve(&plans::REMOVE, plans::remove)
        .serve(&plans::QUESTIONS, plans::questions)
        .serve(&tickets::CREATE, tickets::create)
        .serve(&revocations::LIST, revocations::list)
        .serve(&revocations::CREATE, revocations::create)
        .serve(&revocations::REMOVE, revocations::remove)
        .serve(&webhooks::LIST, webhooks::list)
        .serve(&operations::METRICS_JSON, operations::metrics)
        .serve(&life::CLOSURES_ROUTE, life::closures)
        .serve(&life::CLOSED_ROUTE, life::closed)
        .serve(&life::STORY_ROUTE, life::story)
        .serve(&transfers::REDEEM_ROUTE, transfers::redeem)
        .serve(&contracts::OPENAPI, contracts::openapi)
        .serve(&contracts::ASYNCAPI, contracts::asyncapi)
        .serve(&reports::PAGE, reports::page)
}

/// What only whoever runs the server asks.
fn operations() -> Site {
    Site::default()
        .serve(&operations::HEALTHZ, operations::healthz)
        .serve(&operations::READYZ, operations::readyz)
        .serve(&operations::PROMETHEUS, operations::prometheus)
}

/// Every route with its description. The web app is not among them: its files are for browsers.
pub fn routes() -> Vec<&'static Route> {
    [pages().routes, operations().routes].concat()
}

/// The whole router, ready to be served. The listener adds [`crate::extract::Peer`] to requests.
pub fn build(api: Api) -> Router {
    let origins = api.origins.clone();
    let api = Arc::new(api);
    let pages = pages()
        .router
        // Before the layer: a preflight is an OPTIONS no route has.
        .method_not_allowed_fallback(no_such_method)
        .layer(middleware::from_fn_with_state(origins, cors::layer));
    let operations = operations()
        .router
        .method_not_allowed_fallback(no_such_method);
    Router::new()
        .merge(pages)
        .merge(operations)
        .merge(crate::app::routes().method_not_allowed_fallback(no_such_method))
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
