//! The report from rows to JSON, page and summary, through the crate's public face only.
#![allow(clippy::unwrap_used, missing_docs)]

mod ending;
mod figures;
mod fixture;
mod golden;
mod hostile;
mod names;
mod random;
mod schema;
mod scored;
mod written;
