//! Everything that lets somebody in, behind one question: is this token good, and who is it? The
//! API and the doors ask the same guard, so that nothing is good at one and not at the other.
//! No IO, no clock of its own.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use protocol::time::Wall;

use crate::auth::{AuthError, Verifier};
use crate::identity::Identity;

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
}

impl Guard {
    /// A guard that goes by this verifier.
    pub fn new(verifier: Arc<Verifier>) -> Self {
        Self { verifier }
    }

    /// Judges and makes tokens.
    pub fn verifier(&self) -> &Arc<Verifier> {
        &self.verifier
    }

    /// Who the bearer of this is. Never blocks.
    pub fn judge(&self, token: &str, now: Wall) -> Judged {
        Judged::Now(self.verifier.verify(token, now))
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
}
