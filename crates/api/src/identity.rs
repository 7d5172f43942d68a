//! Who somebody is, as their token says. No cryptography, no rights: those are judged where the
//! session is known.

use std::sync::Arc;

use protocol::id::{SessionId, UserId};
use protocol::time::Wall;
use protocol::value::Role;

use crate::secret::Private;

/// What a valid token says about its bearer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Who (`sub`, or the claim configured for it).
    pub user: UserId,
    /// What to call them, at most [`NAME_CHARS_MAX`] characters.
    pub name: Option<Private<Arc<str>>>,
    /// Role inside sessions. None: whatever the session's list of participants says.
    pub role: Option<Role>,
    /// The role `admin`: outside sessions; inside one they are an observer.
    pub admin: bool,
    /// The one session this token is an invitation to.
    pub session: Option<SessionId>,
    /// What they came with.
    pub via: Via,
    /// The token's `iat`; 0 where it does not say.
    pub issued_at: Wall,
    /// The token's `exp`, without leeway.
    pub expires_at: Wall,
}

/// What somebody showed to be let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Via {
    /// A JSON Web Token.
    Token,
    /// A one-time ticket.
    Ticket,
    /// The API key of this id.
    Key(Arc<str>),
}

/// Longest name that is kept of a token's `name`; the rest is cut off.
pub const NAME_CHARS_MAX: usize = 80;

/// Roles a token may name: those of a session, and `admin`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenRole {
    /// A role inside sessions.
    Session(Role),
    /// May see and end every session.
    Admin,
}

impl TokenRole {
    /// The words a token may use.
    pub const WORDS: [&'static str; 4] = ["candidate", "interviewer", "observer", "admin"];

    /// The word in the token.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Session(role) => role.as_str(),
            Self::Admin => "admin",
        }
    }

    /// The role of a word.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "admin" {
            return Some(Self::Admin);
        }
        Role::parse(text).map(Self::Session)
    }
}

impl Identity {
    /// The role the token names, `admin` included.
    pub fn token_role(&self) -> Option<TokenRole> {
        if self.admin {
            return Some(TokenRole::Admin);
        }
        self.role.map(TokenRole::Session)
    }
}
