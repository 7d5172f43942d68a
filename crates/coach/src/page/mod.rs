//! The report as a page: one HTML document with its style inside, without script and without
//! anything from elsewhere, made to be read on a phone and to be printed.
//!
//! Everything that was spoken or typed by somebody goes through `text::plain`, which takes
//! the power from control characters, and through the template's escaping, and stands isolated
//! from the text around it (`<bdi>`, or a block with `dir="auto"`). Which words and figures a page shows is `view`'s business;
//! how they are laid out is the templates'.

mod scores;
mod view;

use askama::Template;

use crate::report::Report;

/// The `Content-Security-Policy` the pages are made for.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page of a report, as UTF-8 HTML.
pub fn render(report: &Report) -> String {
    write(&view::ReportPage::of(report))
}

/// The page for a session that has no report yet.
pub fn not_ready() -> String {
    write(&AlonePage {
        title: "The report is not ready yet",
        sentences: &[
            "A report is made when the interview ends. That takes a few seconds.",
            "Wait a moment, then load this page again.",
        ],
        can_retry: true,
    })
}

/// The page for an address without a report, and for one that is not for the reader: the two look
/// the same.
pub fn not_found() -> String {
    write(&AlonePage {
        title: "There is no report here",
        sentences: &[
            "Check the address: it may be mistyped or not complete.",
            "The report may also have been deleted, or it may not be meant for you. \
             If you think you should see it, ask the person who sent you the address.",
        ],
        can_retry: false,
    })
}

#[derive(Template)]
#[template(path = "alone.html", whitespace = "minimize")]
struct AlonePage {
    title: &'static str,
    sentences: &'static [&'static str],
    can_retry: bool,
}

fn write(page: &impl Template) -> String {
    page.render()
        .expect("invariant: writing to a String does not fail")
}
