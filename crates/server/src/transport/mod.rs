//! Sockets: listeners, HTTP, the handshake, the task of one connection, the beat. Bytes in, typed
//! messages on; frames out. No rules about sessions, no records.

pub(crate) mod beat;
#[cfg(feature = "conformance")]
pub(crate) mod conformance;
pub(crate) mod door;
pub(crate) mod engineio;
pub mod guest;
pub mod handshake;
pub(crate) mod http;
pub mod listener;
pub(crate) mod peer;
pub(crate) mod plain;
pub(crate) mod polling;
pub(crate) mod probe;
pub(crate) mod served;
pub(crate) mod socket;
pub(crate) mod socketio;
mod swift;
