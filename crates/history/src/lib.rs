//! Histories of runs and the one judge of them.
//!
//! Whoever drives sessions (simulated pages, clients against the real binary, the soak) writes what
//! it asked, what it was answered, what it received and how connections closed in one form,
//! [`entry::Entry`]: a line of JSON each. At the end it adds what the records hold. [`judge::judge`]
//! reads that and nothing else, and says which of the promises P1 to P10 does not hold.
//!
//! No IO, no clock, no knowledge of the server's rules lives here: a history of another program
//! that makes the same promises could be judged as well.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod entry;
pub mod judge;
pub mod tape;
