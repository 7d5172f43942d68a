//! The table. A row is a name, what is sent, and what is promised.

mod frames;
mod handshakes;
mod payloads;
mod tokens;

use crate::input::Input;
use crate::outcome::Promise;

/// One bad input.
pub(crate) struct Row {
    /// What is bad about it.
    pub(crate) name: &'static str,
    /// What is sent.
    pub(crate) input: Input,
    /// What must come of it.
    pub(crate) promise: Promise,
}

const fn row(name: &'static str, input: Input, promise: Promise) -> Row {
    Row {
        name,
        input,
        promise,
    }
}

/// Kind of input, how many rows of it there must be, and the rows.
pub(crate) const GROUPS: &[(&str, usize, &[Row])] = &[
    ("handshakes", 15, handshakes::ROWS),
    ("tokens", 15, tokens::ROWS),
    ("frames", 20, frames::ROWS),
    ("payloads", 20, payloads::ROWS),
];
