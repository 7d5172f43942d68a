//! The real model on real recordings, and the running machine on both the model and a double.
#![allow(clippy::unwrap_used, clippy::print_stderr, missing_docs)]

mod machine;
mod recordings;
