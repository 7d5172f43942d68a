//! Whole servers on real sockets: each test starts its own on port 0 with a folder of its own.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::panic
)]

mod arrive;
mod coaching;
mod comeback;
mod documents;
mod door;
mod hooks;
mod jwks;
mod life;
mod limits;
mod race;
mod secrets;
mod socketio;
mod support;
mod taken_back;
mod tokens;
mod wire;
