//! The web app: files that were compiled in (`build.rs`), sent packed where the browser can unpack,
//! under a policy that runs no script but these files. No rule lives here, and nothing is asked of
//! the server: the app is a client like any other.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::get;

use crate::problem::Problem;
use crate::router::Api;

#[cfg(test)]
mod tests;

include!(concat!(env!("OUT_DIR"), "/app.rs"));

/// The addresses at which the app opens. Which page it shows then is its own business.
pub const PAGES: [&str; 9] = [
    "/",
    "/interview",
    "/interview/{id}",
    "/watch",
    "/watch/{ids}",
    "/report/{id}",
    "/admin",
    "/admin/{page}",
    "/check",
];

/// What the app may do: run its own files, talk to this server, play sound it made itself.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' \
     data:; connect-src 'self'; media-src 'self' blob:; worker-src 'self'; manifest-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A file of the app.
#[derive(Debug)]
struct File {
    /// Its path below `/`.
    name: &'static str,
    /// Its `Content-Type`.
    kind: &'static str,
    /// Its `ETag`, in quotes.
    tag: &'static str,
    plain: &'static [u8],
    gzip: Option<&'static [u8]>,
    brotli: Option<&'static [u8]>,
}

/// The app's addresses.
pub fn routes() -> Router<Arc<Api>> {
    let mut router = Router::new();
    for page in PAGES {
        router = router.route(page, get(index));
    }
    router
        .route("/assets/{*path}", get(asset))
        .route("/icon.svg", get(icon))
}

/// Whether the app was compiled in.
pub fn is_there() -> bool {
    find("index.html").is_some()
}

fn find(name: &str) -> Option<&'static File> {
    FILES.iter().find(|file| file.name == name)
}

async fn index(headers: HeaderMap) -> Response {
    match find("index.html") {
        Some(file) => file.answer(&headers, "no-cache"),
        None => without(),
    }
}

async fn icon(headers: HeaderMap) -> Response {
    let file = find("icon.svg").ok_or_else(Problem::not_found);
    file.map(|file| file.answer(&headers, "max-age=86400"))
        .into_response()
}

/// Their names change with their content, so a browser may keep them.
async fn asset(Path(path): Path<String>, headers: HeaderMap) -> Response {
    let file = find(&format!("assets/{path}")).ok_or_else(Problem::not_found);
    file.map(|file| file.answer(&headers, "public, max-age=31536000, immutable"))
        .into_response()
}

impl File {
    fn answer(&self, asked: &HeaderMap, keep: &'static str) -> Response {
        let (bytes, packed) = self.packed_for(asked);
        let known = asked.get(header::IF_NONE_MATCH).map(HeaderValue::as_bytes);
        let unchanged = known == Some(self.tag.as_bytes());
        let mut response = if unchanged {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            Bytes::from_static(bytes).into_response()
        };
        let always: [(HeaderName, &'static str); 6] = [
            (header::CONTENT_TYPE, self.kind),
            (header::ETAG, self.tag),
            (header::CACHE_CONTROL, keep),
            (header::VARY, "accept-encoding"),
            (header::CONTENT_SECURITY_POLICY, POLICY),
            (
                HeaderName::from_static("permissions-policy"),
                "microphone=(self), camera=(), geolocation=()",
            ),
        ];
        let headers = response.headers_mut();
        for (name, value) in always {
            headers.insert(name, HeaderValue::from_static(value));
        }
        if let (Some(packed), false) = (packed, unchanged) {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(packed));
        }
        response
    }

    /// The smallest form the browser says it can read, and its name.
    fn packed_for(&self, asked: &HeaderMap) -> (&'static [u8], Option<&'static str>) {
        let accepted = asked
            .get(header::ACCEPT_ENCODING)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        match (self.brotli, self.gzip) {
            (Some(bytes), _) if accepts(accepted, "br") => (bytes, Some("br")),
            (_, Some(bytes)) if accepts(accepted, "gzip") => (bytes, Some("gzip")),
            _ => (self.plain, None),
        }
    }
}

/// Whether a list like `gzip, br;q=0` has this one in it. What is only covered by `*` is left: it
/// would be a guess.
fn accepts(list: &str, wanted: &str) -> bool {
    list.split(',').any(|item| {
        let mut parts = item.split(';').map(str::trim);
        let named = parts
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case(wanted));
        let refused = parts.any(|part| {
            part.strip_prefix("q=")
                .and_then(|weight| weight.parse::<f32>().ok())
                .is_some_and(|weight| weight <= 0.0)
        });
        named && !refused
    })
}

/// For a program that was built where there was no Node.
fn without() -> Response {
    let page = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
        <meta name=\"viewport\" content=\"width=device-width\"><title>Greenroom</title>\
        <h1>Greenroom is running</h1>\
        <p>The web app is not in this program, because it was built without it. To put it in, \
        install Node 20.19 or later where the program is built, and run:</p>\
        <pre>make app\nmake build</pre>\
        <p>Everything else works: the API under <code>/api</code>, the WebSocket at \
        <code>/ws</code>, reports under <code>/reports</code>.</p></html>";
    Html(page).into_response()
}
