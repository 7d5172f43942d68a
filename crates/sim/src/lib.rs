//! Seeded worlds around the real engine: pages, people, programs, records and faults, all made of
//! dice from one seed; and after every step a look at what must hold.
//!
//! Read first: [`run::run`], then `world` (state and clockwork), `act` (what people do), `carry`
//! (what orders do), `hear` (what connections are told), `line` (the network and what pages see), `doors` (the doors
//! between both), `judge` (what must hold), `trouble`
//! (faults). No threads, no clocks, no IO here; the binary adds those around whole worlds.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::print_stdout))]

mod act;
pub mod bench;
mod carry;
mod coach;
mod doors;
mod hear;
mod judge;
mod line;
pub mod many;
pub mod path;
mod polls;
mod records;
mod rng;
pub mod run;
mod setup;
#[cfg(test)]
mod tests;
mod trace;
mod trouble;
mod world;
