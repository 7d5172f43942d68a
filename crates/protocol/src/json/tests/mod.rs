//! JSON in both directions: golden vectors, every variant, properties.
//!
//! The vectors in `vectors/messages` are the contract for clients in other languages:
//! `in-*.json` what a client may say (a canonical form, other forms of the same meaning, refused
//! forms with code, addressee and words of the sentence), `out-*.json` what the server says.
//! `UPDATE_VECTORS=1 cargo test -p protocol vectors` writes meanings and outputs anew; the change
//! is to be read like code.

pub(crate) mod audio;
mod properties;
pub(crate) mod samples;
mod syntax;
pub(crate) mod vectors;

/// One message of every kind, for whoever writes them elsewhere.
pub(crate) fn messages() -> Vec<crate::server::ServerMessage> {
    samples::pushes()
}
