//! Puts binary messages to the packet that announced them. Bounded in number, bytes and time; while
//! a packet waits for its attachments no other may come.

use crate::close::CloseCode;
use crate::limits::Limits;
use crate::time::Mono;

use super::packet::Packet;

/// What is unfinished; nothing is kept while nothing is.
#[derive(Debug, Default)]
pub struct Assembler(Option<Box<Pending>>);

#[derive(Debug)]
struct Pending {
    /// The packet that waits.
    text: Box<str>,
    /// How many attachments it announced.
    wanted: usize,
    /// Those that came, without the last one.
    came: Vec<Box<[u8]>>,
    /// Bytes kept.
    bytes: usize,
    since: Mono,
}

impl Assembler {
    /// A text packet. It is handed back if it is whole; else it is kept.
    ///
    /// # Errors
    /// The code to close with.
    pub fn text<'b>(&mut self, now: Mono, text: &'b str) -> Result<Option<Packet<'b>>, CloseCode> {
        let packet = Packet::parse(text).map_err(|_| CloseCode::Protocol)?;
        if self.0.is_some() {
            return Err(CloseCode::Protocol);
        }
        if packet.attachments == 0 {
            return Ok(Some(packet));
        }
        self.0 = Some(Box::new(Pending {
            text: text.into(),
            wanted: packet.attachments,
            came: Vec::new(),
            bytes: text.len(),
            since: now,
        }));
        Ok(None)
    }

    /// A binary message. If it is the last one of a packet, `whole` gets the packet with all of its
    /// attachments and the bytes they took together; the last one is never copied.
    ///
    /// # Errors
    /// The code to close with.
    pub fn binary(
        &mut self,
        bytes: &[u8],
        limits: &Limits,
        whole: impl FnOnce(Packet<'_>, &[&[u8]], usize),
    ) -> Result<(), CloseCode> {
        let mut pending = self.0.take().ok_or(CloseCode::Protocol)?;
        pending.bytes += bytes.len();
        if pending.bytes > limits.message_bytes as usize {
            return Err(CloseCode::TooBig);
        }
        if pending.came.len() + 1 < pending.wanted {
            pending.came.push(bytes.into());
            self.0 = Some(pending);
            return Ok(());
        }
        // It was read once, so it can be read again.
        let packet = Packet::parse(&pending.text).map_err(|_| CloseCode::Protocol)?;
        let came = pending.came.iter().map(|bytes| &**bytes);
        let all: Vec<&[u8]> = came.chain([bytes]).collect();
        whole(packet, &all, pending.bytes);
        Ok(())
    }

    /// Bytes kept.
    pub fn held_bytes(&self) -> usize {
        self.0.as_ref().map_or(0, |pending| pending.bytes)
    }

    /// Until when what is unfinished must be complete.
    pub fn poll_timeout(&self, limits: &Limits) -> Option<Mono> {
        let pending = self.0.as_ref()?;
        Some(pending.since.after(limits.message_timeout_ms.into()))
    }
}
