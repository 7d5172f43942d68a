//! One pass over the text of a message: is it one JSON object, and where are the fields we know?
//! Values stay in the text; nothing is copied. What they mean is `request`'s business.
//!
//! Unknown fields are checked as JSON and dropped. Of a field that comes twice the last one
//! counts, as in `JSON.parse`.

use std::borrow::Cow;

use memchr::memchr2;

use super::base64;
use crate::limits::JSON_DEPTH_MAX;

/// Why a text is no message at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Not JSON, or not one object. Byte offset of what was not understood.
    Syntax(usize),
    /// More than [`JSON_DEPTH_MAX`] levels.
    TooDeep,
    /// An event with something else than one object.
    Arguments,
}

/// A string in the text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text<'b> {
    /// With its quotes.
    pub(super) quoted: &'b str,
    /// Whether a backslash is in it.
    pub(super) escaped: bool,
    /// Whether it was found to be base64 on the way; false says nothing.
    pub(super) is_base64: bool,
}

impl<'b> Text<'b> {
    /// Between the quotes, as it stands.
    pub(super) fn raw(self) -> &'b str {
        &self.quoted[1..self.quoted.len() - 1]
    }

    /// What it says. None for half a surrogate pair.
    pub(super) fn value(self) -> Option<Cow<'b, str>> {
        if self.escaped {
            serde_json::from_str(self.quoted).ok().map(Cow::Owned)
        } else {
            Some(Cow::Borrowed(self.raw()))
        }
    }
}

/// A value in the text.
#[derive(Debug, Clone, Copy, Default)]
pub(super) enum Raw<'b> {
    /// Not there, or `null`.
    #[default]
    Absent,
    Bool(bool),
    Number(&'b str),
    Text(Text<'b>),
    /// An object or a list, from its opening to its closing bracket.
    Nested(&'b str),
}

macro_rules! slots {
    ($($slot:ident = $name:literal,)+) => {
        /// The fields any request has.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Slot { $($slot,)+ }

        /// Their names, in order.
        pub(super) const NAMES: &[&str] = &[$($name,)+];

        const SLOTS: usize = NAMES.len();

        impl Slot {
            fn of(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$slot),)+ _ => None }
            }

            /// As on the wire.
            pub(super) fn name(self) -> &'static str {
                match self { $(Self::$slot => $name,)+ }
            }
        }
    };
}

slots! {
    Type = "type",
    Ref = "ref",
    Id = "id",
    SessionId = "sessionId",
    AudioData = "audioData",
    Format = "format",
    SampleRate = "sampleRate",
    StreamId = "streamId",
    Seq = "seq",
    AtMs = "atMs",
    IsLast = "isLast",
    Token = "token",
    Resume = "resume",
    Audio = "audio",
    PlanId = "planId",
    Questions = "questions",
    QuestionId = "questionId",
    Skip = "skip",
    Text = "text",
    Status = "status",
    State = "state",
    Version = "version",
}

/// The fields found. After a [`Fault`]: those that came before it.
#[derive(Debug, Default)]
pub(super) struct Fields<'b>([Raw<'b>; SLOTS]);

impl<'b> Fields<'b> {
    pub(super) fn get(&self, slot: Slot) -> Raw<'b> {
        self.0[slot as usize]
    }
}

/// Reads a message.
pub(super) fn scan(text: &str) -> (Fields<'_>, Result<(), Fault>) {
    let mut fields = Fields::default();
    let mut scanner = Scanner { text, at: 0 };
    let result = scanner.object(&mut fields);
    (fields, result)
}

/// A Socket.IO event's text, `["name",{…}]`.
#[derive(Debug)]
pub(super) struct Event<'b> {
    /// A string or a number; absent after a syntax error before it.
    pub(super) name: Raw<'b>,
    /// The fields of its argument.
    pub(super) fields: Fields<'b>,
    /// The argument as it stands, if it is an object.
    pub(super) argument: Option<&'b str>,
}

/// Reads an event. [`Fault::Syntax`] means that it is none at all.
pub(super) fn scan_event(text: &str) -> (Event<'_>, Result<(), Fault>) {
    let mut event = Event {
        name: Raw::Absent,
        fields: Fields::default(),
        argument: None,
    };
    let mut scanner = Scanner { text, at: 0 };
    let result = scanner.event(&mut event);
    (event, result)
}

impl<'b> Fields<'b> {
    pub(super) fn set(&mut self, slot: Slot, value: Raw<'b>) {
        self.0[slot as usize] = value;
    }
}

struct Scanner<'b> {
    text: &'b str,
    at: usize,
}

impl<'b> Scanner<'b> {
    fn object(&mut self, fields: &mut Fields<'b>) -> Result<(), Fault> {
        self.space();
        self.members(fields)?;
        self.end()
    }

    fn event(&mut self, event: &mut Event<'b>) -> Result<(), Fault> {
        self.space();
        self.expect(b'[')?;
        self.space();
        event.name = self.value()?;
        if !matches!(event.name, Raw::Text(_) | Raw::Number(_)) {
            return Err(Fault::Syntax(1));
        }
        let (mut arguments, mut are_usable) = (0, true);
        loop {
            match self.next_after_space()? {
                b',' => self.space(),
                b']' => break,
                _ => return Err(self.fault_behind()),
            }
            arguments += 1;
            let start = self.at;
            if arguments == 1 && self.peek() == Some(b'{') {
                self.members(&mut event.fields)?;
                event.argument = Some(&self.text[start..self.at]);
            } else {
                let value = self.value()?;
                are_usable &= arguments == 1 && matches!(value, Raw::Absent);
            }
        }
        self.end()?;
        if are_usable {
            Ok(())
        } else {
            Err(Fault::Arguments)
        }
    }

    /// An object, from bracket to bracket.
    fn members(&mut self, fields: &mut Fields<'b>) -> Result<(), Fault> {
        self.expect(b'{')?;
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
        } else {
            loop {
                self.field(fields)?;
                match self.next_after_space()? {
                    b',' => self.space(),
                    b'}' => break,
                    _ => return Err(self.fault_behind()),
                }
            }
        }
        Ok(())
    }

    /// Nothing but space is left.
    fn end(&mut self) -> Result<(), Fault> {
        self.space();
        if self.at == self.text.len() {
            Ok(())
        } else {
            Err(self.fault())
        }
    }

    fn field(&mut self, fields: &mut Fields<'b>) -> Result<(), Fault> {
        self.expect(b'"')?;
        let key = self.string()?;
        let slot = match key.value() {
            Some(name) => Slot::of(&name),
            None => None,
        };
        self.space();
        self.expect(b':')?;
        self.space();
        let value = if slot == Some(Slot::AudioData) {
            self.payload()?
        } else {
            self.value()?
        };
        if let Some(slot) = slot {
            fields.0[slot as usize] = value;
        }
        Ok(())
    }

    /// A value that is most likely base64: its end is found by what may not be in base64, so that
    /// the one look at it is also its check.
    fn payload(&mut self) -> Result<Raw<'b>, Fault> {
        let start = self.at;
        if self.peek() == Some(b'"') {
            let rest = &self.text.as_bytes()[start + 1..];
            let digits = base64::run(rest);
            let padding = rest[digits..]
                .iter()
                .take(2)
                .take_while(|&&b| b == b'=')
                .count();
            let end = digits + padding;
            if rest.get(end) == Some(&b'"') {
                self.at = start + end + 2;
                return Ok(Raw::Text(Text {
                    quoted: &self.text[start..self.at],
                    escaped: false,
                    is_base64: base64::fits(digits, padding),
                }));
            }
        }
        self.value()
    }

    fn value(&mut self) -> Result<Raw<'b>, Fault> {
        let start = self.at;
        match self.peek() {
            Some(b'"') => {
                self.at += 1;
                self.string().map(Raw::Text)
            }
            Some(b'{' | b'[') => {
                self.nested()?;
                Ok(Raw::Nested(&self.text[start..self.at]))
            }
            Some(b't') => self.word("true").map(|()| Raw::Bool(true)),
            Some(b'f') => self.word("false").map(|()| Raw::Bool(false)),
            Some(b'n') => self.word("null").map(|()| Raw::Absent),
            _ => {
                self.number()?;
                Ok(Raw::Number(&self.text[start..self.at]))
            }
        }
    }

    /// Passes over an object or list, checking it. No recursion: one bit a level says whether that
    /// level is an object.
    fn nested(&mut self) -> Result<(), Fault> {
        let mut objects = 0_u64;
        let mut depth = 1; // the message itself
        loop {
            // A value is due here.
            match self.peek() {
                Some(open @ (b'{' | b'[')) => {
                    self.at += 1;
                    depth += 1;
                    if depth > JSON_DEPTH_MAX {
                        return Err(Fault::TooDeep);
                    }
                    objects = (objects << 1) | u64::from(open == b'{');
                    self.space();
                    let close = if open == b'{' { b'}' } else { b']' };
                    if self.peek() == Some(close) {
                        self.at += 1;
                        depth -= 1;
                        objects >>= 1;
                    } else {
                        self.key_if(objects & 1 == 1)?;
                        continue;
                    }
                }
                _ => {
                    self.value()?;
                }
            }
            // A value is over here.
            loop {
                if depth == 1 {
                    return Ok(());
                }
                let in_object = objects & 1 == 1;
                match self.next_after_space()? {
                    b',' => {
                        self.space();
                        self.key_if(in_object)?;
                        break;
                    }
                    b'}' if in_object => {}
                    b']' if !in_object => {}
                    _ => return Err(self.fault_behind()),
                }
                depth -= 1;
                objects >>= 1;
            }
        }
    }

    fn key_if(&mut self, in_object: bool) -> Result<(), Fault> {
        if in_object {
            self.expect(b'"')?;
            self.string()?;
            self.space();
            self.expect(b':')?;
            self.space();
        }
        Ok(())
    }

    /// From behind the opening quote to behind the closing one.
    fn string(&mut self) -> Result<Text<'b>, Fault> {
        let bytes = self.text.as_bytes();
        let start = self.at - 1;
        let mut escaped = false;
        loop {
            let rest = &bytes[self.at..];
            let Some(len) = memchr2(b'"', b'\\', rest) else {
                return Err(Fault::Syntax(bytes.len()));
            };
            if rest[..len].iter().fold(false, |any, &b| any | (b < 0x20)) {
                return Err(self.fault());
            }
            self.at += len + 1;
            if rest[len] == b'"' {
                return Ok(Text {
                    quoted: &self.text[start..self.at],
                    escaped,
                    is_base64: false,
                });
            }
            escaped = true;
            self.escape()?;
        }
    }

    /// What follows a backslash.
    fn escape(&mut self) -> Result<(), Fault> {
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 1;
                Ok(())
            }
            Some(b'u') => {
                self.at += 1;
                let digits = self.text.as_bytes().get(self.at..self.at + 4);
                if digits.is_some_and(|d| d.iter().all(u8::is_ascii_hexdigit)) {
                    self.at += 4;
                    Ok(())
                } else {
                    Err(self.fault())
                }
            }
            _ => Err(self.fault()),
        }
    }

    fn number(&mut self) -> Result<(), Fault> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Fault> {
        let start = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start {
            return Err(self.fault());
        }
        Ok(())
    }

    fn word(&mut self, word: &str) -> Result<(), Fault> {
        if self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            Ok(())
        } else {
            Err(self.fault())
        }
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn next_after_space(&mut self) -> Result<u8, Fault> {
        self.space();
        let next = self.peek().ok_or(self.fault())?;
        self.at += 1;
        Ok(next)
    }

    fn expect(&mut self, byte: u8) -> Result<(), Fault> {
        if self.peek() != Some(byte) {
            return Err(self.fault());
        }
        self.at += 1;
        Ok(())
    }

    fn fault(&self) -> Fault {
        Fault::Syntax(self.at)
    }

    fn fault_behind(&self) -> Fault {
        Fault::Syntax(self.at - 1)
    }
}
