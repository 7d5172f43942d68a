//! `audio:received`, written at most once in each form for a chunk, whoever many hear it.

use bytes::Bytes;
use protocol::json::Hears;
use protocol::json::audio::Received;
use smallvec::SmallVec;

use super::conn::Dialect;

/// The forms of one chunk, each made when somebody wants it.
pub(crate) struct Forms<'a> {
    received: Received<'a>,
    text: Option<Bytes>,
    /// By the room's number on the receiver's connection.
    binary: SmallVec<[(u16, Bytes); 1]>,
}

impl<'a> Forms<'a> {
    pub(crate) fn new(received: Received<'a>) -> Self {
        Self {
            received,
            text: None,
            binary: SmallVec::new(),
        }
    }

    /// The whole frame for a receiver.
    pub(crate) fn bytes(&mut self, dialect: Dialect, hears: Hears, room: u16) -> Bytes {
        match (dialect, hears) {
            (Dialect::Plain, Hears::Json) => {
                let received = &self.received;
                let text = self.text.get_or_insert_with(|| received.text_frame().frame);
                text.clone()
            }
            (Dialect::Plain, Hears::Binary) => {
                if let Some((_, bytes)) = self.binary.iter().find(|(r, _)| *r == room) {
                    return bytes.clone();
                }
                // Base64 that does not decode never passes a door.
                let framed = self.received.binary_frame(room);
                let bytes = framed.map(|framed| framed.frame).unwrap_or_default();
                self.binary.push((room, bytes.clone()));
                bytes
            }
        }
    }
}
