//! `audio:received`, written at most once in each form for a chunk, whoever many hear it.

use bytes::Bytes;
use protocol::dialect::{DIALECTS, Dialect};
use protocol::json::Hears;
use protocol::json::audio::Received;
use smallvec::SmallVec;

/// The forms of one chunk, each made when somebody wants it.
pub(crate) struct Forms<'a> {
    received: Received<'a>,
    text: [Option<Bytes>; DIALECTS],
    /// By dialect and the room's number on the receiver's connection.
    binary: SmallVec<[(Dialect, u16, Bytes); 1]>,
}

impl<'a> Forms<'a> {
    pub(crate) fn new(received: Received<'a>) -> Self {
        Self {
            received,
            text: Default::default(),
            binary: SmallVec::new(),
        }
    }

    /// The whole frame for a receiver.
    pub(crate) fn bytes(&mut self, dialect: Dialect, hears: Hears, room: u16) -> Bytes {
        match hears {
            Hears::Json => {
                let received = &self.received;
                self.text[dialect as usize]
                    .get_or_insert_with(|| received.text_frame(dialect).frame)
                    .clone()
            }
            Hears::Binary => {
                let is_it = |form: &&(Dialect, u16, Bytes)| (form.0, form.1) == (dialect, room);
                if let Some((_, _, bytes)) = self.binary.iter().find(is_it) {
                    return bytes.clone();
                }
                // Base64 that does not decode never passes a door.
                let framed = self.received.binary_frame(dialect, room);
                let bytes = framed.map(|framed| framed.frame).unwrap_or_default();
                self.binary.push((dialect, room, bytes.clone()));
                bytes
            }
        }
    }
}
