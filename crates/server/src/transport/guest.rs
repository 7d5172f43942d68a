//! Who sits behind an open connection, whichever door it came through: until when their token is
//! good, what a new one changes, and the wait for a judge who has to fetch a key first. Whether a
//! token is good is the [`Guard`]'s word; when it runs out is `protocol::pass`'s.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use api::identity::Via;
use engine::input::Identity;
use parking_lot::Mutex;
use protocol::error::{ErrorCode, Refusal};
use protocol::id::ResumeKey;
use protocol::pass::{Due, Pass, Rights, judge_refresh};
use protocol::server::ServerMessage;
use protocol::time::{Mono, Now, Wall};

use crate::core::conn::Conn;

/// How long the judging of one token may take.
const JUDGE_DEADLINE: Duration = Duration::from_secs(5);

/// Who a token says somebody is, and until when.
#[derive(Debug, Clone)]
pub struct Verified {
    /// Who; the engine is shown the same.
    pub who: Arc<Identity>,
    /// What they showed.
    pub via: Via,
    /// When the token was made; 0 where it does not say.
    pub issued_at: Wall,
    /// The token's `exp`.
    pub expires_at: Wall,
    /// `exp` with its leeway: when the connection must close.
    pub until: Wall,
}

/// What became of a token.
pub type Verdict = Result<Verified, Refusal>;

/// A judge's answer.
pub enum Checked {
    /// At once.
    Now(Verdict),
    /// Once a key was fetched. Whoever waits sets the deadline.
    Later(Pin<Box<dyn Future<Output = Verdict> + Send>>),
}

/// Judges tokens, tickets and keys for the doors. Never blocks: it is asked on io threads.
pub trait Guard: Send + Sync {
    /// Whether this lets somebody in.
    fn check(&self, token: &str, now: Wall) -> Checked;

    /// A number that changes whenever something was revoked.
    fn revocations(&self) -> u64;

    /// Whether what somebody came in with was not revoked since.
    ///
    /// # Errors
    /// `token_revoked`.
    fn still_good(&self, came_with: &Verified) -> Result<(), Refusal>;
}

/// Somebody who was let in.
pub(crate) struct Guest {
    verified: Arc<Verified>,
    pub(crate) who: Arc<Identity>,
    /// The connection's private resume key.
    pub(crate) key: ResumeKey,
    pass: Pass,
    /// The number of the last revocation that was looked at.
    seen: u64,
}

/// What a guest's clocks ask for.
#[derive(Debug)]
pub(crate) enum Wish {
    /// Say this.
    Say(ServerMessage),
    /// The token is over: close with 4410.
    Expired,
    /// The token was taken back: say so and close with 4401.
    Revoked(Refusal),
}

impl Guest {
    pub(crate) fn new(verified: Verified, key: ResumeKey, now: Now) -> Self {
        Self {
            who: Arc::clone(&verified.who),
            pass: Pass::new(now, verified.expires_at, verified.until),
            verified: Arc::new(verified),
            key,
            // Something may have been revoked between the verdict and now: the first look looks.
            seen: u64::MAX,
        }
    }

    /// What is to be done now; ask again until it is nothing.
    pub(crate) fn look(&mut self, now: Now, guard: &dyn Guard) -> Option<Wish> {
        let revocations = guard.revocations();
        if revocations != self.seen {
            self.seen = revocations;
            if let Err(refusal) = guard.still_good(&self.verified) {
                return Some(Wish::Revoked(refusal));
            }
        }
        match self.pass.due(now.mono) {
            Due::Nothing => None,
            Due::Warn(expires_at) => Some(Wish::Say(ServerMessage::TokenExpiring {
                expires_at,
                server_now: now.wall,
            })),
            Due::Over => Some(Wish::Expired),
        }
    }

    /// When to look again.
    pub(crate) fn next(&self) -> Mono {
        self.pass.next()
    }

    /// Goes on with another token; its `exp`.
    ///
    /// # Errors
    /// `token_mismatch`: everything stays as it was.
    pub(crate) fn refresh(&mut self, now: Now, verified: Verified) -> Result<Wall, Refusal> {
        judge_refresh(rights(&self.verified.who), rights(&verified.who))?;
        let expires_at = verified.expires_at;
        self.pass = Pass::new(now, expires_at, verified.until);
        self.verified = Arc::new(verified);
        Ok(expires_at)
    }
}

fn rights(who: &Identity) -> Rights<'_> {
    Rights {
        user: &who.user,
        role: who.role,
        admin: who.admin,
        session: who.session.as_ref(),
    }
}

/// A verdict that is on its way; the connection's task is woken when it is there.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pending(Arc<Mutex<Option<Verdict>>>);

impl Pending {
    /// Waits for a verdict on a task of its own, to a deadline.
    pub(crate) fn wait(
        later: Pin<Box<dyn Future<Output = Verdict> + Send>>,
        conn: &Arc<Conn>,
    ) -> Self {
        let pending = Self::default();
        let (slot, conn) = (pending.clone(), Arc::clone(conn));
        tokio::spawn(async move {
            let verdict = in_time(later).await;
            *slot.0.lock() = Some(verdict);
            conn.wake();
        });
        pending
    }

    /// The verdict, if it is there; once.
    pub(crate) fn take(&self) -> Option<Verdict> {
        self.0.lock().take()
    }
}

/// The verdict, or `busy` when the judge takes too long.
pub(crate) async fn in_time(later: Pin<Box<dyn Future<Output = Verdict> + Send>>) -> Verdict {
    match tokio::time::timeout(JUDGE_DEADLINE, later).await {
        Ok(verdict) => verdict,
        Err(_) => Err(unjudged()),
    }
}

fn unjudged() -> Refusal {
    let why = "The token could not be judged in time. Please try again in a moment.";
    Refusal::because(ErrorCode::Busy, why).retry_after(2_000)
}
