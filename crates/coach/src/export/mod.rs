//! A report in other formats: Markdown to read and edit, CSV to calculate, WebVTT to lay captions
//! over sound. JSON is [`crate::report::Report::to_json`].
//!
//! Every function is pure. Spoken and typed words are made harmless in the way the format asks
//! for; control characters and overrides of the direction of text are made visible as on the page.

mod csv;
mod markdown;
mod webvtt;

pub use csv::csv;
pub use markdown::markdown;
pub use webvtt::webvtt;
