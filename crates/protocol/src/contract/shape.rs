//! What a JSON value may look like: a small vocabulary for the documents, and [`Shape::check`],
//! which says where a value is not what was promised. No messages here.

use std::fmt;

use serde_json::{Map, Value};

use crate::id;

/// Largest whole number that every reader of JSON takes exactly.
pub const WHOLE_MAX: u64 = (1 << 53) - 1;
/// The latest and, negative, the earliest time there is, milliseconds since 1970: JavaScript's.
pub const TIME_MAX: u64 = 8_640_000_000_000_000;

/// A list of words with what each means.
#[derive(Debug, Clone, Copy)]
pub struct Words {
    /// Name of the type.
    pub name: &'static str,
    /// What they say.
    pub about: &'static str,
    /// Word and meaning.
    pub words: &'static [(&'static str, &'static str)],
}

/// An object with known fields.
#[derive(Debug, Clone, Copy)]
pub struct Object {
    /// Name of the type.
    pub name: &'static str,
    /// What it says.
    pub about: &'static str,
    /// In the order they are written.
    pub fields: &'static [Field],
}

/// A field of an [`Object`].
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// As on the wire.
    pub name: &'static str,
    /// Whether it is always there.
    pub required: bool,
    /// What it holds.
    pub shape: Shape,
    /// What it means, with its unit.
    pub about: &'static str,
}

/// A field that is always there.
pub const fn always(name: &'static str, shape: Shape, about: &'static str) -> Field {
    Field {
        name,
        required: true,
        shape,
        about,
    }
}

/// A field that may be left out.
pub const fn maybe(name: &'static str, shape: Shape, about: &'static str) -> Field {
    Field {
        name,
        required: false,
        shape,
        about,
    }
}

/// Text of a form of its own.
#[derive(Debug, Clone, Copy)]
pub struct Form {
    /// What it is, in a word or two.
    pub name: &'static str,
    /// As a regular expression.
    pub pattern: &'static str,
    /// Most characters.
    pub most: u32,
    /// Whether a text has it.
    pub fits: fn(&str) -> bool,
}

/// What a value may be.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// An id: 1 to 64 of letters, digits and `. _ : @ + | ~ = -`.
    Id,
    /// Text of at most so many characters; 0: no bound of its own.
    Text(u32),
    /// Text of at most so many characters, none of them a control character.
    Line(u32),
    /// Text of at most so many characters that is more than space.
    Saying(u32),
    /// Text of a form of its own.
    Form(&'static Form),
    /// Where a list goes on: made by the server, to be sent back as it is.
    Cursor,
    /// Base64 of the standard alphabet, with or without padding.
    Base64,
    /// Hexadecimal digits, so many.
    Hex(u32),
    /// `true` or `false`.
    Flag,
    /// A whole number between these.
    Whole(u64, u64),
    /// Any number between these.
    Number(u32, u32),
    /// A share from 0 to 1 with three decimals at most; `null` if unknown.
    Share,
    /// Milliseconds since 1970-01-01 UTC.
    Time,
    /// A duration in milliseconds.
    Millis,
    /// One of these words.
    Word(&'static Words),
    /// This word and no other.
    Just(&'static str),
    /// This truth value and no other.
    Only(bool),
    /// An object of that kind; in requests, fields it does not know are passed over.
    Of(&'static Object),
    /// An object of that kind; in requests, fields it does not know are refused.
    Closed(&'static Object),
    /// An object of that kind with further fields, which are somebody else's.
    AtLeast(&'static Object),
    /// A list of at most so many; 0: no bound of its own.
    List(&'static Shape, u32),
    /// That or `null`.
    Or(&'static Shape),
    /// Whatever one of these may be.
    AnyOf(&'static [Shape]),
    /// A `ref`: a string of at most 64 characters, or a whole number.
    Ref,
    /// Any object: its fields are somebody else's.
    Open,
    /// An object whose keys are free and whose values are these.
    Map(&'static Shape),
    /// An object whose keys are some of these words and whose values are these.
    ByWord(&'static Words, &'static Shape),
}

/// Where a value is not what was promised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// The field, from the outside in.
    pub at: String,
    /// What is wrong.
    pub why: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.at, self.why)
    }
}

impl Object {
    /// Checks an object: every required field is there, every field that is there is described
    /// and has its shape.
    ///
    /// # Errors
    /// The first field that is not as described.
    pub fn check(&self, value: &Value, at: &str) -> Result<(), Mismatch> {
        let Value::Object(map) = value else {
            return wrong(at, "is no object");
        };
        self.check_fields(map, at, &[])
    }

    /// As [`Object::check`], with fields beside its own that were checked elsewhere.
    ///
    /// # Errors
    /// As there.
    pub fn check_fields(
        &self,
        map: &Map<String, Value>,
        at: &str,
        beside: &[&str],
    ) -> Result<(), Mismatch> {
        check_fields(self.fields, map, at, beside)
    }

    /// The field of that name.
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

/// Checks an object against these fields; `beside`: names that were checked elsewhere.
///
/// # Errors
/// As [`Object::check`].
pub fn check_fields(
    fields: &[Field],
    map: &Map<String, Value>,
    at: &str,
    beside: &[&str],
) -> Result<(), Mismatch> {
    let path = |name: &str| {
        if at.is_empty() {
            name.to_owned()
        } else {
            format!("{at}.{name}")
        }
    };
    for field in fields {
        match map.get(field.name) {
            Some(value) => field.shape.check(value, &path(field.name))?,
            None if field.required => return wrong(&path(field.name), "is missing"),
            None => {}
        }
    }
    for name in map.keys() {
        let known = fields.iter().any(|field| field.name == name);
        if !known && !beside.contains(&name.as_str()) {
            return wrong(&path(name), "is described nowhere");
        }
    }
    Ok(())
}

impl Words {
    /// Whether it is one of them.
    pub fn has(&self, word: &str) -> bool {
        self.words.iter().any(|(known, _)| *known == word)
    }
}

impl Shape {
    /// Checks a value.
    ///
    /// # Errors
    /// The first place where it is not as described.
    pub fn check(&self, value: &Value, at: &str) -> Result<(), Mismatch> {
        let fits = match self {
            Self::Id => value.as_str().is_some_and(|text| id::check(text).is_ok()),
            Self::Text(most) => value.as_str().is_some_and(|text| {
                *most == 0 || u32::try_from(text.chars().count()).is_ok_and(|n| n <= *most)
            }),
            Self::Line(most) => value.as_str().is_some_and(|text| {
                !text.contains(char::is_control) && text.chars().count() <= *most as usize
            }),
            Self::Saying(most) => value.as_str().is_some_and(|text| {
                !text.trim().is_empty() && text.chars().count() <= *most as usize
            }),
            Self::Form(form) => value.as_str().is_some_and(form.fits),
            Self::Cursor => value.as_str().is_some_and(|text| cursor(text).is_some()),
            Self::Base64 => value.as_str().is_some_and(crate::json::base64::is_sound),
            Self::Hex(digits) => value.as_str().is_some_and(|text| {
                text.len() == *digits as usize && text.bytes().all(|b| b.is_ascii_hexdigit())
            }),
            Self::Flag => value.is_boolean(),
            Self::Whole(least, most) => {
                whole(value).is_some_and(|number| (*least..=*most).contains(&number))
            }
            Self::Number(least, most) => value
                .as_f64()
                .is_some_and(|number| (f64::from(*least)..=f64::from(*most)).contains(&number)),
            Self::Share => {
                let number = value.as_f64();
                value.is_null() || number.is_some_and(|share| (0.0..=1.0).contains(&share))
            }
            Self::Time => value
                .as_i64()
                .is_some_and(|ms| ms.unsigned_abs() <= TIME_MAX),
            Self::Millis => value.is_u64(),
            Self::Word(words) => value.as_str().is_some_and(|word| words.has(word)),
            Self::Just(word) => value.as_str() == Some(word),
            Self::Only(flag) => value.as_bool() == Some(*flag),
            Self::Ref => match value {
                Value::String(text) => text.chars().count() <= crate::limits::REF_CHARS_MAX,
                _ => value.is_i64() || value.is_u64(),
            },
            Self::Open => value.is_object(),
            Self::Or(_) if value.is_null() => true,
            Self::Or(shape) => return shape.check(value, at),
            Self::AnyOf(shapes) => return any_of(shapes, value, at),
            Self::Of(object) | Self::Closed(object) => return object.check(value, at),
            Self::AtLeast(object) => return at_least(object, value, at),
            Self::List(item, most) => return list(item, *most, value, at),
            Self::Map(item) => return map(None, item, value, at),
            Self::ByWord(words, item) => return map(Some(words), item, value, at),
        };
        if fits {
            Ok(())
        } else {
            wrong(
                at,
                &format!("is not {}: {}", self.in_words(), shortened(value)),
            )
        }
    }

    /// For people: what it is, with unit and bounds.
    pub fn in_words(&self) -> String {
        match self {
            Self::Id => "id".to_owned(),
            Self::Text(0) => "text".to_owned(),
            Self::Text(most) => format!("text, at most {most} characters"),
            Self::Line(most) => format!("one line, at most {most} characters"),
            Self::Saying(most) => format!("text, 1 to {most} characters, not only space"),
            Self::Form(form) => form.name.to_owned(),
            Self::Cursor => "cursor".to_owned(),
            Self::Base64 => "base64".to_owned(),
            Self::Hex(digits) => format!("{digits} hexadecimal digits"),
            Self::Flag => "true or false".to_owned(),
            Self::Whole(0, u64::MAX) => "whole number".to_owned(),
            Self::Whole(least, most) => format!("whole number, {least} to {most}"),
            Self::Number(least, most) => format!("number, {least} to {most}"),
            Self::Share => "share, 0 to 1, or null".to_owned(),
            Self::Time => "time, ms since 1970".to_owned(),
            Self::Millis => "duration, ms".to_owned(),
            Self::Word(words) => {
                let words: Vec<String> = words
                    .words
                    .iter()
                    .map(|(word, _)| format!("`{word}`"))
                    .collect();
                if words.len() > 6 {
                    return "one of the words of its table".to_owned();
                }
                words.join(" or ")
            }
            Self::Just(word) => format!("`{word}`"),
            Self::Only(flag) => format!("always {flag}"),
            Self::Of(object) | Self::Closed(object) | Self::AtLeast(object) => {
                format!("object {}", object.name)
            }
            Self::List(item, 0) => format!("list of {}", item.in_words()),
            Self::List(item, most) => format!("list of at most {most}: {}", item.in_words()),
            Self::Or(shape) => format!("{}, or null", shape.in_words()),
            Self::AnyOf(shapes) => {
                let words: Vec<String> = shapes.iter().map(Self::in_words).collect();
                words.join(", or ")
            }
            Self::Ref => "text of at most 64 characters, or a whole number".to_owned(),
            Self::Open => "object".to_owned(),
            Self::Map(item) => format!("object, each value: {}", item.in_words()),
            Self::ByWord(words, item) => {
                format!("object by {}, each value: {}", words.name, item.in_words())
            }
        }
    }
}

fn at_least(object: &Object, value: &Value, at: &str) -> Result<(), Mismatch> {
    let Value::Object(map) = value else {
        return wrong(at, "is no object");
    };
    let names: Vec<&str> = map.keys().map(String::as_str).collect();
    object.check_fields(map, at, &names)
}

/// Fits one of them, or says what is wrong for the first.
fn any_of(shapes: &[Shape], value: &Value, at: &str) -> Result<(), Mismatch> {
    let mut first = Ok(());
    for shape in shapes {
        match shape.check(value, at) {
            Ok(()) => return Ok(()),
            wrong if first.is_ok() => first = wrong,
            Err(_) => {}
        }
    }
    first
}

fn list(item: &Shape, most: u32, value: &Value, at: &str) -> Result<(), Mismatch> {
    let Value::Array(items) = value else {
        return wrong(at, "is no list");
    };
    if most != 0 && items.len() > most as usize {
        return wrong(at, &format!("has more than {most} entries"));
    }
    for (index, value) in items.iter().enumerate() {
        item.check(value, &format!("{at}[{index}]"))?;
    }
    Ok(())
}

fn map(keys: Option<&Words>, item: &Shape, value: &Value, at: &str) -> Result<(), Mismatch> {
    let Value::Object(entries) = value else {
        return wrong(at, "is no object");
    };
    for (key, value) in entries {
        if keys.is_some_and(|keys| !keys.has(key)) {
            return wrong(at, &format!("has the unknown key `{key}`"));
        }
        item.check(value, &format!("{at}.{key}"))?;
    }
    Ok(())
}

/// The time and the id of a cursor: `1790000000000.s1`.
pub fn cursor(text: &str) -> Option<(i64, &str)> {
    let (time, id) = text.split_once('.')?;
    let digits = (1..=18).contains(&time.len()) && time.bytes().all(|b| b.is_ascii_digit());
    (digits && id::check(id).is_ok()).then_some((time.parse().ok()?, id))
}

/// A number without a fraction, however it is written.
fn whole(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| {
        let number = value.as_f64()?;
        (number.fract() == 0.0 && (0.0..9e15).contains(&number)).then_some(number as u64)
    })
}

fn wrong<T>(at: &str, why: &str) -> Result<T, Mismatch> {
    Err(Mismatch {
        at: at.to_owned(),
        why: why.to_owned(),
    })
}

fn shortened(value: &Value) -> String {
    value.to_string().chars().take(80).collect()
}
