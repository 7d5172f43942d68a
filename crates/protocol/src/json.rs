//! How messages are written in JSON: `{"type": "<event>", …}`, flat, camelCase.
//!
//! Apart from the doors because both of them (and the HTTP API) say the same things in JSON. No
//! state, no limits that depend on time, no meaning.
//!
//! - text → [`Decoded`]: [`Message::scan`], then [`Message::decode`]; or [`decode`] for both.
//!   A chunk of audio stays in the read buffer and its base64 is not decoded.
//! - [`ServerMessage`](crate::server::ServerMessage) and
//!   [`Reply`](crate::server::Reply) → text: [`encode`], [`encode_reply`].
//! - a chunk of audio → `audio:received`: [`audio::Received`].
//!
//! **Invariants**
//! - Whatever the text, decoding answers with a code and a sentence. Most messages allocate their
//!   ids and nothing else; `questions` and `resume` at most some 16 times their text.
//! - `null` and an absent field are the same. Of a field that comes twice the last one counts.
//!   Unknown fields are ignored.

pub mod audio;
pub mod base64;
mod encode;
mod request;
mod scan;
mod write;

#[cfg(test)]
pub(crate) mod tests;

use std::borrow::Cow;

pub(crate) use self::audio::{finish, room};
pub(crate) use self::encode::{
    closing_into, connect_error, encode_into, encode_reply_into, encode_reply_object, event_name,
};
pub use self::encode::{encode, encode_frame, encode_reply, encode_reply_frame, name};

use self::scan::{Fault, Fields, Raw, Slot};
use crate::client::{AudioIn, ErrorEvent, ReplyKey, Request};
use crate::error::{ErrorCode, Refusal};
use crate::limits::JSON_DEPTH_MAX;

/// A message of a client, understood.
#[derive(Debug, PartialEq)]
pub enum Decoded<'b> {
    /// For the engine.
    Request {
        /// What is asked.
        request: Request,
        /// `session:join` only: the form of audio this connection wants to hear from now on.
        hears: Option<Hears>,
    },
    /// `audio:stream`: for the room's route.
    Audio {
        /// The chunk.
        audio: AudioIn<'b>,
        /// `ok` is due only if this is a `ref`.
        reply: ReplyKey,
    },
    /// `auth`: the first message of a connection that brought no token.
    Auth {
        /// As it came.
        token: Cow<'b, str>,
        /// Whom to answer.
        reply: ReplyKey,
    },
    /// `auth:refresh`: another token on the same connection.
    AuthRefresh {
        /// As it came.
        token: Cow<'b, str>,
        /// Whom to answer.
        reply: ReplyKey,
    },
    /// `ping`.
    Ping {
        /// The `ref` as JSON text.
        reference: Option<Box<str>>,
    },
}

/// In which form a connection hears the audio of others. JSON unless it asked otherwise, with
/// `"audio": "binary"` in a `session:join`; it concerns the whole connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Hears {
    /// `audio:received` with base64.
    #[default]
    Json,
    /// Binary frames.
    Binary,
}

/// A message that was not understood, and whom to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The `ref` if it could be read, else the domain's error event.
    pub reply: ReplyKey,
    /// What was wrong.
    pub refusal: Refusal,
}

/// Room for what cannot be borrowed from the text because it was written with escapes. Empty, and
/// stays so for the messages of ordinary clients.
#[derive(Debug, Default)]
pub struct Scratch {
    payload: String,
    session: String,
}

/// What a message is, as far as limits must know it before it is read in full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `audio:stream`: counted by bytes.
    Audio,
    /// `transcription:request`: counted as an event and by bytes.
    Transcription,
    /// Anything else, also what cannot be read.
    Event,
}

/// A message whose fields were found but not yet read.
#[derive(Debug)]
pub struct Message<'b> {
    fields: Fields<'b>,
    fault: Option<Fault>,
    /// The sound, where it came beside the text and not in it.
    sound: Option<&'b [u8]>,
}

/// What a Socket.IO event holds.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "lives for one call, and a box would cost an allocation a message"
)]
pub enum Event<'b> {
    /// A message like those of the plain door.
    Message(Message<'b>),
    /// `audio:stream` whose one argument is a chunk in the binary layout (`audio`).
    Chunk(&'b [u8], ReplyKey),
}

/// Not an event at all: no array that begins with a name. No official client sends this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

impl<'b> Message<'b> {
    /// One pass over the text.
    pub fn scan(text: &'b str) -> Self {
        let (fields, result) = scan::scan(text);
        Self {
            fields,
            fault: result.err(),
            sound: None,
        }
    }

    /// The text of a Socket.IO event, `["name",{…}]`; `ack` is the number of the acknowledgement
    /// that is due, `attachments` what came with it. Of those only sound has a place: as the whole
    /// argument of `audio:stream`, or as `audioData` where there may be base64.
    ///
    /// # Errors
    /// [`Malformed`]; whatever else is wrong shows when it is decoded.
    pub fn scan_event(
        text: &'b str,
        ack: Option<&'b str>,
        attachments: &[&'b [u8]],
    ) -> Result<Event<'b>, Malformed> {
        let (event, result) = scan::scan_event(text);
        if matches!(result, Err(Fault::Syntax(_))) {
            return Err(Malformed);
        }
        let attached = |text| placeholder(text).and_then(|num| attachments.get(num).copied());
        let whole = event.argument.and_then(attached);
        let mut fields = event.fields;
        fields.set(Slot::Type, event.name);
        fields.set(Slot::Ref, ack.map_or(Raw::Absent, Raw::Number));
        let sound = match fields.get(Slot::AudioData) {
            Raw::Nested(text) => attached(text),
            _ => None,
        };
        let message = Self {
            fields,
            fault: result.err(),
            sound,
        };
        match whole {
            Some(bytes) if message.kind() == Kind::Audio => {
                Ok(Event::Chunk(bytes, message.reply_key()))
            }
            Some(_) => Ok(Event::Message(Self {
                fault: Some(Fault::Arguments),
                ..message
            })),
            None => Ok(Event::Message(message)),
        }
    }

    /// What limits must know.
    pub fn kind(&self) -> Kind {
        match self.event().as_deref() {
            Some("audio:stream") => Kind::Audio,
            Some("transcription:request") => Kind::Transcription,
            _ => Kind::Event,
        }
    }

    /// How an answer is addressed: the `ref` if there is one that can be used.
    pub fn reply_key(&self) -> ReplyKey {
        match self.reference() {
            Ok(Some(reference)) => ReplyKey::Ref(reference),
            _ => ReplyKey::Event(self.domain()),
        }
    }

    /// Reads the fields.
    ///
    /// # Errors
    /// [`Refused`], ready to be sent: see [`encode_reply`].
    pub fn decode(self, scratch: &'b mut Scratch) -> Result<Decoded<'b>, Refused> {
        let refused = |refusal| Refused {
            reply: self.reply_key(),
            refusal,
        };
        if let Some(fault) = self.fault {
            return Err(refused(explain(fault)));
        }
        request::read(&self, scratch).map_err(refused)
    }

    fn event(&self) -> Option<Cow<'b, str>> {
        match self.fields.get(Slot::Type) {
            Raw::Text(text) => text.value(),
            _ => None,
        }
    }

    fn domain(&self) -> ErrorEvent {
        self.event()
            .map_or(ErrorEvent::General, |e| request::domain(&e))
    }
}

/// Reads a message from its text.
///
/// # Errors
/// [`Refused`], ready to be sent: see [`encode_reply`].
pub fn decode<'b>(text: &'b str, scratch: &'b mut Scratch) -> Result<Decoded<'b>, Refused> {
    Message::scan(text).decode(scratch)
}

/// The `token` of a Socket.IO CONNECT's object, if there is one.
///
/// # Errors
/// What is wrong with it.
pub fn connect_token(text: &str) -> Result<Option<Cow<'_, str>>, Refusal> {
    let message = Message::scan(text);
    match message.fault {
        Some(fault) => Err(explain(fault)),
        None => message.optional_token(),
    }
}

fn explain(fault: Fault) -> Refusal {
    match fault {
        Fault::Syntax(at) => Refusal::because(
            ErrorCode::BadJson,
            format!("The message is not one valid JSON object (at byte {at})."),
        ),
        Fault::TooDeep => Refusal::because(
            ErrorCode::TooDeep,
            format!("The message is nested deeper than {JSON_DEPTH_MAX} levels."),
        ),
        Fault::Arguments => Refusal::because(
            ErrorCode::InvalidField,
            "An event takes one object with its fields and nothing else.",
        ),
    }
}

/// The number in `{"_placeholder":true,"num":…}`, which stands where an attachment belongs.
fn placeholder(text: &str) -> Option<usize> {
    const LONGEST: usize = 64;
    if text.len() > LONGEST {
        return None;
    }
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    let is_one = value.get("_placeholder")?.as_bool()?;
    let num = value.get("num")?.as_u64().filter(|_| is_one)?;
    usize::try_from(num).ok()
}
