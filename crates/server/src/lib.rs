//! The shell: sockets, clocks, processes, wiring. One binary around the engine.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::print_stdout))]

pub mod core;
pub mod driver;
pub mod transport;
