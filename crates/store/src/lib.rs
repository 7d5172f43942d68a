//! What lasts: the records of interviews, and the audio of answers until it is text.
//!
//! Place in the flow: the engine orders a [`protocol::record::Save`]; the shell hands it to
//! [`Store::submit`]; one thread commits it in a group and the answer comes back through
//! [`Callbacks`]. Readers (HTTP, recovery, resume) ask the other methods, which block, so they
//! belong on a runtime that may block. [`audio`] keeps answers as files until their words are
//! committed.
//!
//! Without the feature `disk` only [`memory::Tables`] and its rows are left: a plain value, for
//! simulations that must reach no IO.
//!
//! What must never be here: rules of a session, async, wall clocks (time is an argument).
//!
//! Read first: [`Store`], [`sqlite::Sqlite`], [`memory::Tables`]. One contract suite runs on every
//! implementation: `tests/conformance.rs`.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::print_stdout))]

#[cfg(feature = "disk")]
pub mod audio;
#[cfg(feature = "disk")]
mod coaching;
#[cfg(feature = "disk")]
mod contract;
#[cfg(feature = "disk")]
pub mod desk;
#[cfg(feature = "disk")]
pub mod ends;
#[cfg(feature = "disk")]
pub mod error;
mod judge;
pub mod memory;
#[cfg(feature = "disk")]
pub mod metrics;
pub mod rows;
#[cfg(feature = "disk")]
pub mod sqlite;
#[cfg(test)]
mod tests;

#[cfg(feature = "disk")]
pub use crate::coaching::Coaching;
#[cfg(feature = "disk")]
pub use crate::contract::{Answers, Callbacks, Store};
#[cfg(feature = "disk")]
pub use crate::desk::Desk;
#[cfg(feature = "disk")]
pub use crate::error::StoreError;
