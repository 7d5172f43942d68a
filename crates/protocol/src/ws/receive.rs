//! The receiving half: bytes as they come from the socket → messages and control frames.
//!
//! A frame that lies whole in the given bytes is unmasked there and handed out as a borrow. Only a
//! frame cut by the end of a read, or a message in several fragments, is copied; what that needs
//! sits in one box that exists for exactly as long as something is unfinished.

use super::header::{self, Expected, HEADER_BYTES_MAX, Header};
use super::{Opcode, Violation, is_close_code, unmask};

/// Up to this many announced bytes are reserved before they have arrived.
const EAGER_BYTES: usize = 16 * 1024;

const NOT_UTF8: Violation = Violation::text("Text is not valid UTF-8.");

/// What one connection may ask of our memory and patience. All bounds are inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest payload of one data frame in bytes.
    pub frame_bytes_max: u32,
    /// Largest message, all fragments together, in bytes.
    pub message_bytes_max: u32,
    /// Most frames a message may come in.
    pub fragments_max: u32,
    /// How long a frame or message may stay unfinished, in milliseconds.
    pub unfinished_ms_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            frame_bytes_max: 256 * 1024,
            message_bytes_max: 256 * 1024,
            fragments_max: 1024,
            unfinished_ms_max: 10_000,
        }
    }
}

/// A whole message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packet<'b> {
    /// Checked UTF-8.
    Text(&'b str),
    /// Anything.
    Binary(&'b [u8]),
}

/// What came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WsIn<'b> {
    /// A message.
    Packet(Packet<'b>),
    /// To be answered with [`super::frame::pong`] and the same payload (at most 125 bytes).
    Ping(&'b [u8]),
    /// The peer is alive.
    Pong,
    /// The peer will send nothing more; to be answered with a close frame unless one was sent.
    Close {
        /// The peer's code, already checked to be one that may be on the wire.
        code: Option<u16>,
        /// The peer's words, at most 123 bytes.
        reason: &'b str,
    },
}

/// What the receiver of a [`WsIn`] wants next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// The next one.
    Continue,
    /// Nothing more but the peer's close frame: see [`Ws::stop`].
    Stop,
}

/// The receiving state of one connection.
///
/// Inputs: [`receive`](Self::receive), [`handle_timeout`](Self::handle_timeout),
/// [`stop`](Self::stop). Outputs: the closure of `receive`, and
/// [`poll_timeout`](Self::poll_timeout), to be asked again after every input.
#[derive(Debug)]
pub struct Ws {
    limits: Limits,
    /// Whatever is unfinished; absent while the connection is between messages.
    pending: Option<Box<Pending>>,
    phase: Phase,
    /// We are the server, so what we get is masked.
    masked: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Everything is delivered.
    Open,
    /// We are closing: all but the peer's close frame is thrown away.
    Closing,
    /// A close frame or a violation was the last thing.
    Done,
}

/// The unfinished things of one connection.
#[derive(Debug)]
struct Pending {
    /// When the first byte of the oldest of them came, in milliseconds.
    since_ms: u64,
    /// A header cut by a read.
    head: [u8; HEADER_BYTES_MAX],
    head_len: usize,
    /// A payload cut by a read.
    cut: Option<Cut>,
    /// The payload so far, if the cut frame is a control frame.
    control: Vec<u8>,
    /// The message so far, of all data frames together.
    message: Option<Message>,
}

#[derive(Clone, Copy, Debug)]
struct Cut {
    header: Header,
    /// Payload bytes that have come.
    got: u64,
}

#[derive(Debug)]
struct Message {
    is_text: bool,
    bytes: Vec<u8>,
    /// The first so many bytes are whole, valid characters.
    checked: usize,
    /// Frames begun.
    fragments: u32,
}

impl Ws {
    /// The server's end, which gets masked frames.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            pending: None,
            phase: Phase::Open,
            masked: true,
        }
    }

    /// The client's end, which gets unmasked frames.
    pub fn for_client(limits: Limits) -> Self {
        Self {
            masked: false,
            ..Self::new(limits)
        }
    }

    /// Takes the bytes of one read, in order; they are unmasked in place and their content is
    /// unspecified afterwards. Calls `on` for each thing that is complete.
    ///
    /// # Errors
    /// The first rule the peer broke. Everything before it was delivered, nothing will be after it.
    pub fn receive(
        &mut self,
        now_ms: u64,
        bytes: &mut [u8],
        on: &mut impl FnMut(WsIn<'_>) -> Flow,
    ) -> Result<(), Violation> {
        let result = self.frames(now_ms, bytes, on);
        if result.is_err() {
            self.finish();
        }
        result
    }

    /// Until when the unfinished frame or message must be complete, in milliseconds.
    pub fn poll_timeout(&self) -> Option<u64> {
        match (&self.pending, self.phase) {
            (Some(pending), Phase::Open) => Some(
                pending
                    .since_ms
                    .saturating_add(u64::from(self.limits.unfinished_ms_max)),
            ),
            _ => None,
        }
    }

    /// Tells the time; does nothing before [`poll_timeout`](Self::poll_timeout).
    ///
    /// # Errors
    /// 1008 if something has been unfinished for too long.
    pub fn handle_timeout(&mut self, now_ms: u64) -> Result<(), Violation> {
        if self.poll_timeout().is_none_or(|due_ms| now_ms < due_ms) {
            return Ok(());
        }
        self.finish();
        Err(Violation::policy(
            "A message stayed unfinished for too long.",
        ))
    }

    /// From now on only the peer's close frame is delivered; what is unfinished is given up.
    ///
    /// For the time between our close frame and the peer's: frames are still told apart, but not
    /// looked into, and there is no timeout (the closer has its own).
    pub fn stop(&mut self) {
        if self.phase != Phase::Open {
            return;
        }
        self.phase = Phase::Closing;
        if let Some(pending) = &mut self.pending {
            pending.message = None;
        }
        self.release();
    }

    /// Whether nothing more can be delivered.
    pub fn is_done(&self) -> bool {
        self.phase == Phase::Done
    }

    /// Heap bytes held for unfinished things; 0 between messages.
    pub fn held_bytes(&self) -> usize {
        self.pending.as_ref().map_or(0, |pending| {
            let message = pending
                .message
                .as_ref()
                .map_or(0, |message| message.bytes.capacity());
            size_of::<Pending>() + pending.control.capacity() + message
        })
    }

    fn frames(
        &mut self,
        now_ms: u64,
        mut bytes: &mut [u8],
        on: &mut impl FnMut(WsIn<'_>) -> Flow,
    ) -> Result<(), Violation> {
        while !bytes.is_empty() && self.phase != Phase::Done {
            let (header, rest) = match &mut self.pending {
                Some(pending) if pending.cut.is_some() => {
                    bytes = self.more_payload(bytes, on)?;
                    continue;
                }
                Some(pending) if pending.head_len > 0 => match self.more_header(bytes)? {
                    Some(done) => done,
                    None => return Ok(()),
                },
                _ => match header::parse(bytes, self.expected())? {
                    Some(header) => (header, &mut bytes[header.len..]),
                    None => {
                        self.pending(now_ms).keep_head(bytes);
                        return Ok(());
                    }
                },
            };
            self.check_size(&header)?;
            if header.payload > rest.len() as u64 {
                self.pending(now_ms).cut = Some(Cut { header, got: 0 });
                self.begin_data(now_ms, &header);
                bytes = rest;
                continue;
            }
            let (payload, after) = rest.split_at_mut(header.payload as usize);
            unmask(payload, header.key, 0);
            self.whole_frame(now_ms, &header, payload, on)?;
            self.release();
            bytes = after;
        }
        Ok(())
    }

    /// Completes a header that an earlier read left cut; `None` if it still is.
    fn more_header<'b>(
        &mut self,
        bytes: &'b mut [u8],
    ) -> Result<Option<(Header, &'b mut [u8])>, Violation> {
        let expected = self.expected();
        let Some(pending) = &mut self.pending else {
            return Ok(None);
        };
        let before = pending.head_len;
        pending.keep_head(bytes);
        let Some(header) = header::parse(&pending.head[..pending.head_len], expected)? else {
            return Ok(None);
        };
        pending.head_len = 0;
        Ok(Some((header, &mut bytes[header.len - before..])))
    }

    /// Takes the next bytes of a cut frame; returns what lies behind it.
    fn more_payload<'b>(
        &mut self,
        bytes: &'b mut [u8],
        on: &mut impl FnMut(WsIn<'_>) -> Flow,
    ) -> Result<&'b mut [u8], Violation> {
        let message_bytes_max = self.limits.message_bytes_max as usize;
        let Some(pending) = &mut self.pending else {
            return Ok(bytes);
        };
        let Some(cut) = &mut pending.cut else {
            return Ok(bytes);
        };
        let due = cut.header.payload - cut.got;
        let here = due.min(bytes.len() as u64) as usize;
        let (chunk, after) = bytes.split_at_mut(here);
        unmask(chunk, cut.header.key, (cut.got % 4) as usize);
        cut.got += here as u64;
        if cut.header.opcode.is_control() {
            pending.control.extend_from_slice(chunk);
        } else if let Some(message) = &mut pending.message {
            message.append(chunk, due as usize, message_bytes_max)?;
        }
        if here as u64 == due {
            let header = cut.header;
            pending.cut = None;
            let control = std::mem::take(&mut pending.control);
            if header.opcode.is_control() {
                self.control(header.opcode, &control, on)?;
            } else if header.is_final {
                self.message_complete(on)?;
            }
            self.release();
        }
        Ok(after)
    }

    fn whole_frame(
        &mut self,
        now_ms: u64,
        header: &Header,
        payload: &[u8],
        on: &mut impl FnMut(WsIn<'_>) -> Flow,
    ) -> Result<(), Violation> {
        if header.opcode.is_control() {
            return self.control(header.opcode, payload, on);
        }
        if self.phase != Phase::Open {
            return Ok(());
        }
        if header.is_final && header.opcode != Opcode::Continuation {
            let packet = packet(header.opcode == Opcode::Text, payload)?;
            self.tell(WsIn::Packet(packet), on);
            return Ok(());
        }
        self.begin_data(now_ms, header);
        let message_bytes_max = self.limits.message_bytes_max as usize;
        if let Some(Pending {
            message: Some(message),
            ..
        }) = self.pending.as_deref_mut()
        {
            message.append(payload, payload.len(), message_bytes_max)?;
        }
        if header.is_final {
            self.message_complete(on)
        } else {
            Ok(())
        }
    }

    /// Hands out the message whose last byte has come.
    fn message_complete(&mut self, on: &mut impl FnMut(WsIn<'_>) -> Flow) -> Result<(), Violation> {
        let taken = self
            .pending
            .as_mut()
            .and_then(|pending| pending.message.take());
        self.release();
        if let Some(message) = taken {
            self.tell(WsIn::Packet(packet(message.is_text, &message.bytes)?), on);
        }
        Ok(())
    }

    fn control(
        &mut self,
        opcode: Opcode,
        payload: &[u8],
        on: &mut impl FnMut(WsIn<'_>) -> Flow,
    ) -> Result<(), Violation> {
        match opcode {
            Opcode::Close => {
                let close = close(payload)?;
                self.finish();
                on(close);
            }
            _ if self.phase != Phase::Open => {}
            Opcode::Ping => self.tell(WsIn::Ping(payload), on),
            _ => self.tell(WsIn::Pong, on),
        }
        Ok(())
    }

    fn tell(&mut self, event: WsIn<'_>, on: &mut impl FnMut(WsIn<'_>) -> Flow) {
        if on(event) == Flow::Stop {
            self.stop();
        }
    }

    fn check_size(&self, header: &Header) -> Result<(), Violation> {
        if self.phase != Phase::Open || header.opcode.is_control() {
            return Ok(());
        }
        if header.payload > u64::from(self.limits.frame_bytes_max) {
            return Err(Violation::size("The frame is too large."));
        }
        let (held, fragments) = match self.pending.as_deref() {
            Some(Pending {
                message: Some(message),
                ..
            }) => (message.bytes.len() as u64, message.fragments),
            _ => (0, 0),
        };
        if held + header.payload > u64::from(self.limits.message_bytes_max) {
            return Err(Violation::size("The message is too large."));
        }
        if fragments >= self.limits.fragments_max {
            return Err(Violation::policy(
                "The message comes in too many fragments.",
            ));
        }
        Ok(())
    }

    /// Opens the message a data frame begins, or counts the frame to the one that is open.
    fn begin_data(&mut self, now_ms: u64, header: &Header) {
        if self.phase != Phase::Open || header.opcode.is_control() {
            return;
        }
        let is_text = header.opcode == Opcode::Text;
        let message = self.pending(now_ms).message.get_or_insert_with(|| Message {
            is_text,
            bytes: Vec::new(),
            checked: 0,
            fragments: 0,
        });
        message.fragments += 1;
    }

    fn expected(&self) -> Expected {
        let message_open = self
            .pending
            .as_ref()
            .is_some_and(|pending| pending.message.is_some());
        Expected {
            masked: self.masked,
            message_open: (self.phase == Phase::Open).then_some(message_open),
        }
    }

    fn pending(&mut self, now_ms: u64) -> &mut Pending {
        self.pending
            .get_or_insert_with(|| Box::new(Pending::new(now_ms)))
    }

    /// Gives the box back if nothing is unfinished.
    fn release(&mut self) {
        if self
            .pending
            .as_ref()
            .is_some_and(|pending| pending.is_idle())
        {
            self.pending = None;
        }
    }

    fn finish(&mut self) {
        self.phase = Phase::Done;
        self.pending = None;
    }
}

impl Pending {
    fn new(since_ms: u64) -> Self {
        Self {
            since_ms,
            head: [0; HEADER_BYTES_MAX],
            head_len: 0,
            cut: None,
            control: Vec::new(),
            message: None,
        }
    }

    fn is_idle(&self) -> bool {
        self.head_len == 0 && self.cut.is_none() && self.message.is_none()
    }

    /// Appends as many of `bytes` as a header can have.
    fn keep_head(&mut self, bytes: &[u8]) {
        let end = HEADER_BYTES_MAX.min(self.head_len + bytes.len());
        self.head[self.head_len..end].copy_from_slice(&bytes[..end - self.head_len]);
        self.head_len = end;
    }
}

impl Message {
    /// Appends `chunk`; `due` bytes, these included, are still to come in this frame.
    fn append(&mut self, chunk: &[u8], due: usize, max: usize) -> Result<(), Violation> {
        let expected = if due <= EAGER_BYTES { due } else { chunk.len() };
        if self.bytes.capacity() - self.bytes.len() < expected {
            let doubled = (2 * self.bytes.capacity()).min(max);
            let wanted = doubled.max(self.bytes.len() + expected);
            self.bytes.reserve_exact(wanted - self.bytes.len());
        }
        self.bytes.extend_from_slice(chunk);
        if self.is_text {
            // Wrong text is refused at the byte that makes it wrong, not when the message ends.
            match simdutf8::compat::from_utf8(&self.bytes[self.checked..]) {
                Ok(_) => self.checked = self.bytes.len(),
                Err(error) if error.error_len().is_none() => self.checked += error.valid_up_to(),
                Err(_) => return Err(NOT_UTF8),
            }
        }
        Ok(())
    }
}

fn packet(is_text: bool, payload: &[u8]) -> Result<Packet<'_>, Violation> {
    if !is_text {
        return Ok(Packet::Binary(payload));
    }
    simdutf8::basic::from_utf8(payload)
        .map(Packet::Text)
        .map_err(|_| NOT_UTF8)
}

fn close(payload: &[u8]) -> Result<WsIn<'_>, Violation> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return if payload.is_empty() {
            Ok(WsIn::Close {
                code: None,
                reason: "",
            })
        } else {
            Err(Violation::protocol(
                "A close frame has no code or a whole one.",
            ))
        };
    };
    let code = u16::from_be_bytes(*code);
    if !is_close_code(code) {
        return Err(Violation::protocol(
            "The close code must not be on the wire.",
        ));
    }
    let reason = simdutf8::basic::from_utf8(reason)
        .map_err(|_| Violation::text("The reason of the close is not valid UTF-8."))?;
    Ok(WsIn::Close {
        code: Some(code),
        reason,
    })
}
