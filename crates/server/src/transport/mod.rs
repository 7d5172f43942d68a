//! Sockets: listeners, HTTP, the handshake, the task of one connection, the beat. Bytes in, typed
//! messages on; frames out. No rules about sessions, no records.

pub(crate) mod beat;
pub mod guest;
pub mod handshake;
pub(crate) mod http;
pub mod listener;
pub(crate) mod plain;
pub(crate) mod socket;
