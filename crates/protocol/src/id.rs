//! Names of things: newtypes, so that a session id is never handed over as a user id.
//! No generation of ids here: random ones come from the shell or from the engine's seeded generator.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};

/// Longest id a client or API caller may choose, in bytes.
pub const ID_BYTES_MAX: usize = 64;

/// Why a text is no id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Nothing there.
    #[error("an id must not be empty")]
    Empty,
    /// More than [`ID_BYTES_MAX`] bytes.
    #[error("an id may have at most 64 characters")]
    TooLong,
    /// A character outside the allowed set.
    #[error("an id may hold only letters, digits and . _ : @ + | ~ = -")]
    Character,
}

pub(crate) fn check(text: &str) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty);
    }
    if text.len() > ID_BYTES_MAX {
        return Err(IdError::TooLong);
    }
    let ok = |b: u8| b.is_ascii_alphanumeric() || b"._:@+|~=-".contains(&b);
    if text.bytes().all(ok) {
        Ok(())
    } else {
        Err(IdError::Character)
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks length (1 to 64) and characters (letters, digits, `. _ : @ + | ~ = -`).
            pub fn parse(text: &str) -> Result<Self, IdError> {
                check(text)?;
                Ok(Self(Arc::from(text)))
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

text_id! {
    /// One interview, with one room. Chosen by the caller of the API, or by the server.
    SessionId
}
text_id! {
    /// Who the token says they are (`sub`). Never what a client claims.
    UserId
}
text_id! {
    /// A plan of questions.
    PlanId
}
text_id! {
    /// A question inside a plan.
    QuestionId
}
text_id! {
    /// One run of one server process.
    BootId
}

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

number! {
    /// Position of a durable event in its session's log: 1, 2, 3 … 0 means "before the first".
    Seq(u64)
}
number! {
    /// Incarnation of a session's log. Another value means that what was known of the log is void.
    Epoch(u32)
}
number! {
    /// Growing fence: which connection holds a seat, which node owns a session.
    Generation(u32)
}
number! {
    /// An order of the engine that expects an answer.
    EffectId(u64)
}
number! {
    /// A member's short number inside one session; travels in binary audio frames.
    Participant(u16)
}
number! {
    /// A client's audio stream inside one session; the client chooses it.
    StreamId(u32)
}

impl Seq {
    /// The one after this.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl Generation {
    /// The one after this.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// One open socket of one page; dies with the socket, never reused within a process.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{}", self.0)
    }
}

impl fmt::Debug for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for ConnectionId {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// The private key that tells a resume from a takeover: 128 random bits, one per connection.
/// It does not show itself in logs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ResumeKey(pub u128);

impl ResumeKey {
    /// Reads the 32 hexadecimal digits a client sends back.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 32 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        u128::from_str_radix(text, 16).ok().map(Self)
    }

    /// What is written down of it: enough to know it again, not to make it.
    pub fn hash(self) -> KeyHash {
        use sha2::{Digest as _, Sha256};
        let digest = Sha256::digest(self.0.to_be_bytes());
        let half = digest.first_chunk::<16>().copied().unwrap_or_default();
        KeyHash(u128::from_be_bytes(half))
    }

    /// The text a client is given: 32 hexadecimal digits.
    pub fn reveal(self) -> String {
        format!("{:032x}", self.0)
    }
}

impl fmt::Debug for ResumeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResumeKey(…)")
    }
}

/// The first half of the SHA-256 of a [`ResumeKey`], as it stands in the records.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeyHash(pub u128);
