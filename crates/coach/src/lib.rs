//! What an interview asks and what is told about it afterwards: the plan bank and the report.
//!
//! Place in the flow: plans go into the engine when a session is made; the rows of a session that
//! ends come here once, as a [`report::ReportInput`], and leave as JSON text for the store. The
//! page and the terminal summary are drawn from that JSON alone, whenever somebody asks.
//!
//! What must never be here: clocks, randomness, sockets, SQL. Everything is a pure function of its
//! argument but [`plan::Bank::load_dir`], which reads files.
//!
//! Read first: [`plan::Bank`], [`report::Report`].
//!
//! Tests: `src/**/tests.rs` for the parts, `tests/it` for the golden report, page and schema.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod export;
mod hash;
pub mod page;
pub mod plan;
pub mod report;
pub mod rubric;
pub mod score;
pub mod suggest;
mod summary;
pub mod text;

pub use summary::summary;
