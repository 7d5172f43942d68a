//! The rules. A [`Node`] owns the sessions of one shard; a session is one interview. Inputs with
//! the time beside them go in, effects come out; there is no IO, no clock, no lock, no `async`,
//! and no randomness but a seeded generator.
//!
//! The contract, in words:
//! 1. **One, then drain.** After one `handle_*`, call [`Node::poll_effect`] and
//!    [`Node::poll_event`] until both say `None`; then read [`Node::poll_timeout`].
//! 2. **Time is an argument.** The monotonic part never goes back; an earlier one counts as the
//!    last one. The wall part may jump; it only stamps records.
//! 3. **Inputs are facts, effects are orders, events are news.**
//! 4. **Every order that expects an answer has an id and a deadline.** No answer is an answer.
//! 5. **Say it after it is safe.** While an event is uncommitted, every text of the session waits
//!    behind it. Only `session::log` can send.
//! 6. **Everything is bounded**, by a constant in [`config`] or a setting.
//! 7. **No panic on input; a panic is our bug.** One session's turn is wrapped: it ends alone, as
//!    `internal_error`.
//! 8. **The same inputs give the same outputs.**
//!
//! Read first: [`input::Input`], [`effect::Effect`], `session::Session`. Proved by `tests` here
//! and by the crate `sim`.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::print_stdout, clippy::panic))]

mod by_id;
pub mod config;
pub mod effect;
pub mod event;
pub mod gate;
pub mod input;
mod node;
pub mod planted;
mod rng;
mod session;

#[cfg(test)]
mod tests;

pub use config::Config;
pub use effect::Effect;
pub use event::Event;
pub use input::Input;
pub use node::{Counts, Look, Node, Plans, Reason};
