//! The shell: sockets, clocks, processes, wiring. One binary, `greenroom`, around the engine.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::print_stdout))]

pub mod cli;
pub mod config;
pub mod core;
pub mod driver;
pub mod guard;
pub mod hooks;
pub mod identity;
pub mod jwks;
pub mod run;
pub mod telemetry;
pub mod transport;
