//! The shell around the engine and the binary `greenroom`.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::print_stdout))]

pub mod cli;
pub mod config;
pub mod telemetry;
