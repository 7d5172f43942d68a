//! The wire: words and how they are written. Client and server messages, error and close codes,
//! limits, records as plain values, and the doors as machines without IO.
//!
//! Place in the flow: bytes → frames (`ws`) → packets → typed messages (`plain`, `json`) → engine,
//! and back. What must never be here: tokio, sockets, clocks, randomness, SQL, rules of a session.
//!
//! Read first: [`client::ClientMessage`], [`server::ServerMessage`].
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::print_stdout,
        clippy::disallowed_methods,
        reason = "tests read and refresh golden vectors"
    )
)]

pub mod audio;
pub mod client;
pub mod close;
pub mod contract;
pub mod dialect;
pub mod door;
pub mod engineio;
pub mod error;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzz;
pub mod id;
pub mod json;
pub mod limits;
pub mod outbox;
pub mod pass;
pub mod plain;
pub mod rate;
pub mod record;
pub mod said;
pub mod server;
pub mod socketio;
pub mod time;
pub mod value;
pub mod ws;
