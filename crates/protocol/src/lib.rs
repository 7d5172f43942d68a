//! Placeholder while the house is laid out.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::print_stdout))]

pub mod audio;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzz;
pub mod outbox;
pub mod ws;
