//! The text of a Socket.IO packet: `<type>[<attachments>-][<namespace>,][<ack>][<data>]`. Syntax
//! only.

use super::ATTACHMENTS_MAX;

/// Most digits of an acknowledgement's number.
const ACK_DIGITS_MAX: usize = 16;
/// Longest namespace in bytes; ours has ten.
const NAMESPACE_BYTES_MAX: usize = 128;

/// What a packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `0`: asks to be let into a namespace.
    Connect,
    /// `1`: leaves a namespace.
    Disconnect,
    /// `2` or `5`: something happened.
    Event,
    /// `3` or `6`: answers an event.
    Ack,
}

/// A packet whose attachments may still be on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'b> {
    /// What it is.
    pub kind: Kind,
    /// How many binary messages follow that belong to it.
    pub attachments: usize,
    /// Which namespace; `/` if it names none.
    pub namespace: &'b str,
    /// The number of the acknowledgement, as digits.
    pub ack: Option<&'b str>,
    /// JSON, not yet read; may be empty.
    pub data: &'b str,
}

/// No packet a client may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("This is no Socket.IO packet.")]
pub struct Malformed;

impl<'b> Packet<'b> {
    /// Reads a packet.
    ///
    /// # Errors
    /// [`Malformed`]. The data is looked at no further than its first byte.
    pub fn parse(text: &'b str) -> Result<Self, Malformed> {
        let (digit, rest) = text.split_at_checked(1).ok_or(Malformed)?;
        let (kind, is_binary) = match digit {
            "0" => (Kind::Connect, false),
            "1" => (Kind::Disconnect, false),
            "2" => (Kind::Event, false),
            "3" => (Kind::Ack, false),
            "5" => (Kind::Event, true),
            "6" => (Kind::Ack, true),
            _ => return Err(Malformed),
        };
        let (attachments, rest) = if is_binary {
            let (count, rest) = rest.split_once('-').ok_or(Malformed)?;
            (attachments(count)?, rest)
        } else {
            (0, rest)
        };
        let (namespace, rest) = if rest.starts_with('/') {
            rest.split_once(',').unwrap_or((rest, ""))
        } else {
            ("/", rest)
        };
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (ack, data) = rest.split_at(digits);
        let packet = Self {
            kind,
            attachments,
            namespace,
            ack: (!ack.is_empty()).then_some(ack),
            data,
        };
        if namespace.len() <= NAMESPACE_BYTES_MAX && packet.is_sound() {
            Ok(packet)
        } else {
            Err(Malformed)
        }
    }

    /// Whether what each kind must have, and must not have, is so.
    fn is_sound(&self) -> bool {
        let starts = self.data.bytes().next();
        match self.kind {
            Kind::Connect => self.ack.is_none() && matches!(starts, None | Some(b'{')),
            Kind::Disconnect => self.ack.is_none() && starts.is_none(),
            Kind::Event => {
                starts == Some(b'[') && self.ack.is_none_or(|a| a.len() <= ACK_DIGITS_MAX)
            }
            Kind::Ack => {
                starts == Some(b'[') && self.ack.is_some_and(|a| a.len() <= ACK_DIGITS_MAX)
            }
        }
    }
}

/// A binary packet has attachments: to announce none only makes others wait.
fn attachments(digits: &str) -> Result<usize, Malformed> {
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    let count: usize = digits.parse().map_err(|_| Malformed)?;
    if plain && (1..=ATTACHMENTS_MAX).contains(&count) {
        Ok(count)
    } else {
        Err(Malformed)
    }
}
