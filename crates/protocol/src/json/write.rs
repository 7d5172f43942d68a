//! Appends JSON to a buffer, field by field. Knows syntax, no messages.

use std::fmt::Display;
use std::io::Write as _;

use crate::time::Wall;

/// An object (and those inside it) being written. Every `open`, `list` and `item` needs its `end`.
pub(super) struct Json<'o>(&'o mut Vec<u8>);

impl<'o> Json<'o> {
    /// Begins a message.
    pub(super) fn event(out: &'o mut Vec<u8>, name: &str) -> Self {
        out.extend_from_slice(b"{\"type\":\"");
        out.extend_from_slice(name.as_bytes());
        out.push(b'"');
        Self(out)
    }

    /// Goes on with an object of which something is written.
    pub(super) fn after(out: &'o mut Vec<u8>) -> Self {
        Self(out)
    }

    /// A string that needs no escapes: ids, words of our tables, base64.
    pub(super) fn word(&mut self, key: &str, value: &str) {
        self.key(key);
        self.0.push(b'"');
        self.0.extend_from_slice(value.as_bytes());
        self.0.push(b'"');
    }

    /// As [`Json::word`], for what only shows itself by `Display`.
    pub(super) fn display(&mut self, key: &str, value: impl Display) {
        self.word(key, &value.to_string());
    }

    /// Any string.
    pub(super) fn text(&mut self, key: &str, value: &str) {
        self.key(key);
        self.0.push(b'"');
        escape_into(self.0, value);
        self.0.push(b'"');
    }

    pub(super) fn number(&mut self, key: &str, value: u64) {
        self.key(key);
        number_into(self.0, value);
    }

    pub(super) fn time(&mut self, key: &str, value: Wall) {
        self.key(key);
        if value.0 < 0 {
            self.0.push(b'-');
        }
        number_into(self.0, value.0.unsigned_abs());
    }

    /// A share from 0 to 1, with three decimals at most; `null` if it is no number.
    pub(super) fn fraction(&mut self, key: &str, value: f32) {
        self.key(key);
        if value.is_finite() {
            let rounded = (f64::from(value) * 1_000.0).round() / 1_000.0;
            // Writing to memory does not fail.
            let _ = write!(self.0, "{rounded}");
        } else {
            self.0.extend_from_slice(b"null");
        }
    }

    pub(super) fn flag(&mut self, key: &str, value: bool) {
        self.raw(key, if value { "true" } else { "false" });
    }

    /// A value that is JSON text.
    pub(super) fn raw(&mut self, key: &str, value: &str) {
        self.key(key);
        self.0.extend_from_slice(value.as_bytes());
    }

    /// Fields that are JSON text, without braces; may be empty.
    pub(super) fn spliced(&mut self, fields: &str) {
        if !fields.is_empty() {
            self.comma();
            self.0.extend_from_slice(fields.as_bytes());
        }
    }

    /// A list of any strings.
    pub(super) fn texts(&mut self, key: &str, values: &[String]) {
        self.list(key);
        for value in values {
            self.comma();
            self.0.push(b'"');
            escape_into(self.0, value);
            self.0.push(b'"');
        }
        self.end_list();
    }

    /// Begins an object inside.
    pub(super) fn open(&mut self, key: &str) {
        self.key(key);
        self.0.push(b'{');
    }

    /// Begins an object inside a list.
    pub(super) fn item(&mut self) {
        self.comma();
        self.0.push(b'{');
    }

    /// Ends the innermost object.
    pub(super) fn end(&mut self) {
        self.0.push(b'}');
    }

    /// Begins a list.
    pub(super) fn list(&mut self, key: &str) {
        self.key(key);
        self.0.push(b'[');
    }

    /// Ends the innermost list.
    pub(super) fn end_list(&mut self) {
        self.0.push(b']');
    }

    fn key(&mut self, key: &str) {
        self.comma();
        self.0.push(b'"');
        self.0.extend_from_slice(key.as_bytes());
        self.0.extend_from_slice(b"\":");
    }

    fn comma(&mut self) {
        if !matches!(self.0.last(), Some(b'{' | b'[')) {
            self.0.push(b',');
        }
    }
}

/// Appends the inside of a JSON string.
fn escape_into(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    let mut from = 0;
    for (at, &b) in bytes.iter().enumerate() {
        if b >= 0x20 && b != b'"' && b != b'\\' {
            continue;
        }
        out.extend_from_slice(&bytes[from..at]);
        from = at + 1;
        match b {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                out.extend_from_slice(b"\\u00");
                out.push(HEX[usize::from(b >> 4)]);
                out.push(HEX[usize::from(b & 15)]);
            }
        }
    }
    out.extend_from_slice(&bytes[from..]);
}

fn number_into(out: &mut Vec<u8>, value: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = value;
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}
