//! Socket.IO 5 over Engine.IO 4: what one connection's packets mean, and when it must be pinged or
//! closed. A machine without IO, the twin of `plain`: it hands the same requests up and the same
//! kind of frames down.
//!
//! [`packet`] has the text of packets, [`assemble`] puts attachments to the events they belong to,
//! [`machine`] knows the states of a connection. The official clients' rules that shape it: a
//! DISCONNECT keeps them away, a closed transport brings them back, CONNECT_ERROR ends an attempt.
//!
//! A connection joins one namespace, `/interview` or its alias `/`. Our sessions are rooms of the
//! engine; Socket.IO's own rooms are a server's affair and do not exist here.

pub mod assemble;
pub mod machine;
pub mod packet;

#[cfg(test)]
mod tests;

pub use self::machine::Machine;

/// The namespace of this server.
pub const NAMESPACE: &str = "/interview";
/// Most attachments of one packet.
pub const ATTACHMENTS_MAX: usize = 4;
