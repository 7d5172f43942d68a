//! Faults against the real binary: processes killed, frozen and told to stop, a database locked, a
//! disk full, networks that go silent, readers that do not read. Every wait has a limit, every
//! child is killed by its own id when its test is over.
//!
//! `harness` is what the tests are made of; each other module is one fault.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

mod harness;
