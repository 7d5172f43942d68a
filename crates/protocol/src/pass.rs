//! The time a connection's token has left, and whether a newer token may take its place (A4). The
//! doors share it, so that a token means the same on each. Pure: no clock, no cryptography; what
//! is in a token was judged before.
//!
//! The order of calls: [`Pass::new`] when the connection is let in, [`Pass::due`] whenever
//! [`Pass::next`] is reached, [`judge_refresh`] when `auth:refresh` brings another good token, and
//! then [`Pass::new`] again.

use crate::error::{ErrorCode, Refusal};
use crate::id::{SessionId, UserId};
use crate::time::{Mono, Now, Wall};
use crate::value::Role;

/// `connection:token_expiring` goes out so long before the token's `exp`, milliseconds.
pub const WARN_MS: u64 = 60_000;

/// How long a connection may stay. A clock that is set meanwhile changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pass {
    expires_at: Wall,
    ends: Mono,
    /// None: it was said.
    warn: Option<Mono>,
}

/// What has to be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Nothing yet.
    Nothing,
    /// Say `connection:token_expiring` with this time. Handed out once.
    Warn(Wall),
    /// Close with 4410.
    Over,
}

impl Pass {
    /// For a token with this `exp` that is let in up to `until` (`exp` and the leeway). One with
    /// less than [`WARN_MS`] left is warned about at once.
    pub fn new(now: Now, expires_at: Wall, until: Wall) -> Self {
        let left = |at: Wall| u64::try_from(at.0.saturating_sub(now.wall.0)).unwrap_or(0);
        let warn = left(expires_at).saturating_sub(WARN_MS);
        Self {
            expires_at,
            ends: now.mono.after(left(until)),
            warn: Some(now.mono.after(warn)),
        }
    }

    /// The token's `exp`.
    pub fn expires_at(&self) -> Wall {
        self.expires_at
    }

    /// What is due; the end comes before the warning.
    pub fn due(&mut self, now: Mono) -> Due {
        if now >= self.ends {
            return Due::Over;
        }
        match self.warn {
            Some(at) if now >= at => {
                self.warn = None;
                Due::Warn(self.expires_at)
            }
            _ => Due::Nothing,
        }
    }

    /// When to look again.
    pub fn next(&self) -> Mono {
        self.warn.unwrap_or(self.ends)
    }
}

/// What a token allows, as far as a refresh is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rights<'a> {
    /// Whose it is.
    pub user: &'a UserId,
    /// Its role inside sessions.
    pub role: Option<Role>,
    /// An administrator's.
    pub admin: bool,
    /// The one session it is an invitation to.
    pub session: Option<&'a SessionId>,
}

/// Whether a connection that came with one token may go on with another. Seats were given by what
/// the first one allowed, so the second must allow the same.
///
/// # Errors
/// `token_mismatch`; the connection keeps the token it has.
pub fn judge_refresh(held: Rights<'_>, new: Rights<'_>) -> Result<(), Refusal> {
    if held.user != new.user {
        let why = "The new token is somebody else's. Connect anew with it.";
        return Err(Refusal::because(ErrorCode::TokenMismatch, why));
    }
    if held != new {
        let why = "The new token has another role or session. Connect anew with it.";
        return Err(Refusal::because(ErrorCode::TokenMismatch, why));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Now = Now {
        mono: Mono(5_000),
        wall: Wall(1_000_000),
    };

    #[test]
    fn the_warning_comes_a_minute_before_the_expiry_and_once() {
        let mut pass = Pass::new(NOW, Wall(1_100_000), Wall(1_105_000));
        assert_eq!(pass.next(), Mono(45_000));
        assert_eq!(pass.due(Mono(44_999)), Due::Nothing);
        assert_eq!(pass.due(Mono(45_000)), Due::Warn(Wall(1_100_000)));
        assert_eq!(pass.due(Mono(45_000)), Due::Nothing);
        assert_eq!(pass.next(), Mono(110_000));
        assert_eq!(pass.due(Mono(109_999)), Due::Nothing);
        assert_eq!(pass.due(Mono(110_000)), Due::Over);
    }

    #[test]
    fn a_short_token_is_warned_about_at_once() {
        let mut pass = Pass::new(NOW, Wall(1_030_000), Wall(1_035_000));
        assert_eq!(pass.next(), NOW.mono);
        assert_eq!(pass.due(NOW.mono), Due::Warn(Wall(1_030_000)));
    }

    #[test]
    fn a_token_that_is_over_already_ends_the_connection_without_a_warning() {
        let mut pass = Pass::new(NOW, Wall(0), Wall(999_000));
        assert_eq!(pass.due(NOW.mono), Due::Over);
    }

    #[test]
    fn only_the_same_user_with_the_same_rights_may_go_on() {
        let (ana, ivo) = (UserId::parse("ana").unwrap(), UserId::parse("ivo").unwrap());
        let session = SessionId::parse("s1").unwrap();
        let held = Rights {
            user: &ana,
            role: Some(Role::Candidate),
            admin: false,
            session: Some(&session),
        };
        assert_eq!(judge_refresh(held, held), Ok(()));
        for other in [
            Rights { user: &ivo, ..held },
            Rights { role: None, ..held },
            Rights {
                role: Some(Role::Interviewer),
                ..held
            },
            Rights {
                admin: true,
                ..held
            },
            Rights {
                session: None,
                ..held
            },
        ] {
            let refused = judge_refresh(held, other).unwrap_err();
            assert_eq!(refused.code, ErrorCode::TokenMismatch);
        }
    }
}
