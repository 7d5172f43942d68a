//! Everything that lets somebody in, behind one question: is this token good, and who is it? JSON
//! Web Tokens, one-time tickets, API keys, and what of them was taken back. The API and the doors
//! ask the same guard, so that nothing is good at one and not at the other. No IO, no clock.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use protocol::id::{SessionId, UserId};
use protocol::time::Wall;

use crate::apikey::{self, ApiKeys};
use crate::auth::{AuthError, Verifier};
use crate::identity::{Identity, Via};
use crate::revoked::Revoked;
use crate::ticket::{self, Tickets};

/// A verdict that takes a while.
pub type Later = Pin<Box<dyn Future<Output = Result<Identity, AuthError>> + Send>>;

/// What became of a token.
pub enum Judged {
    /// At once.
    Now(Result<Identity, AuthError>),
    /// Once a key was fetched. Whoever waits sets the deadline.
    Later(Later),
}

/// The guard.
#[derive(Debug)]
pub struct Guard {
    verifier: Arc<Verifier>,
    keys: ApiKeys,
    tickets: Tickets,
    revoked: Arc<Revoked>,
}

impl Guard {
    /// A guard that goes by this verifier and knows no API key.
    pub fn new(verifier: Arc<Verifier>) -> Self {
        Self::with_keys(verifier, ApiKeys::default())
    }

    /// A guard that knows these API keys.
    pub fn with_keys(verifier: Arc<Verifier>, keys: ApiKeys) -> Self {
        Self {
            verifier,
            keys,
            tickets: Tickets::default(),
            revoked: Arc::default(),
        }
    }

    /// Judges and makes tokens.
    pub fn verifier(&self) -> &Arc<Verifier> {
        &self.verifier
    }

    /// The API keys in force.
    pub fn keys(&self) -> &ApiKeys {
        &self.keys
    }

    /// The tickets that wait to be used.
    pub fn tickets(&self) -> &Tickets {
        &self.tickets
    }

    /// What was taken back.
    pub fn revoked(&self) -> &Revoked {
        &self.revoked
    }

    /// Who the bearer of this token or API key is. Never blocks.
    pub fn judge(&self, token: &str, now: Wall) -> Judged {
        if token.starts_with(apikey::PREFIX) {
            return Judged::Now(self.keys.check(token));
        }
        match self.verifier.verify(token, now) {
            Err(error @ (AuthError::UnknownKey | AuthError::NoKeys)) => {
                self.judge_later(token, now, error)
            }
            verdict => Judged::Now(verdict.and_then(|who| unless_revoked(&self.revoked, who))),
        }
    }

    /// Judges again once the keys were fetched.
    fn judge_later(&self, token: &str, now: Wall, error: AuthError) -> Judged {
        let Some(fetching) = self.verifier.refetch() else {
            return Judged::Now(Err(error));
        };
        let (verifier, revoked) = (Arc::clone(&self.verifier), Arc::clone(&self.revoked));
        let token = token.to_owned();
        Judged::Later(Box::pin(async move {
            fetching.await;
            let who = verifier.verify(&token, now)?;
            unless_revoked(&revoked, who)
        }))
    }

    /// As [`Guard::judge`], for whoever knocks at a door: a ticket is good there, too, and used up.
    pub fn admit(&self, token: &str, now: Wall) -> Judged {
        if !token.starts_with(ticket::PREFIX) {
            return self.judge(token, now);
        }
        Judged::Now(self.redeem(token, now))
    }

    /// Who the bearer of this ticket is; it is used up.
    ///
    /// # Errors
    /// It is none, or is good no more.
    pub fn redeem(&self, ticket: &str, now: Wall) -> Result<Identity, AuthError> {
        unless_revoked(&self.revoked, self.tickets.redeem(ticket, now)?)
    }

    /// As [`Guard::judge`], waiting where that takes a while.
    ///
    /// # Errors
    /// What is wrong with the token.
    pub async fn judged(&self, token: &str, now: Wall) -> Result<Identity, AuthError> {
        match self.judge(token, now) {
            Judged::Now(verdict) => verdict,
            Judged::Later(later) => later.await,
        }
    }

    /// Whether what somebody was let in with is still good.
    pub fn still_good(
        &self,
        user: &UserId,
        session: Option<&SessionId>,
        issued_at: Wall,
        via: &Via,
    ) -> bool {
        match via {
            Via::Key(id) => self.keys.stands(id),
            Via::Token | Via::Ticket => !self.revoked.has(user, session, issued_at),
        }
    }
}

fn unless_revoked(revoked: &Revoked, who: Identity) -> Result<Identity, AuthError> {
    if revoked.has(&who.user, who.session.as_ref(), who.issued_at) {
        return Err(AuthError::Revoked);
    }
    Ok(who)
}
