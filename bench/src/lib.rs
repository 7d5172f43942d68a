//! Benchmarks of the running server: the load generator, the raw relay it is
//! compared with, and the judge that holds each figure against `limits.toml`.
//!
//! Nothing of the product may depend on this crate, and no rule of the product
//! lives here: it drives the released binary from outside, over sockets.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        reason = "a test may stop at the first thing that is not as it says"
    )
)]

pub mod child;
pub mod churn;
pub mod crowd;
pub mod faults;
pub mod fleet;
pub mod floor;
pub mod idle;
pub mod joins;
pub mod judge;
pub mod limits;
pub mod payload;
pub mod prometheus;
mod reaper;
pub mod relay;
pub mod restart;
pub mod scale;
pub mod self_test;
pub mod soak;
pub mod speech;
pub mod stand;
pub mod starts;
pub mod stats;
pub mod sys;
pub mod takeover;
pub mod target;
pub mod wsclient;
