//! The API's guard as the doors see it: an identity becomes what the engine knows of one, an error
//! becomes what a client is told. No judgement of its own.

use std::sync::Arc;

use api::auth::AuthError;
use api::guard::Judged;
use api::identity::Identity;
use protocol::error::{ErrorCode, Refusal};
use protocol::time::Wall;

use crate::transport::guest::{Checked, Guard, Verdict, Verified};

/// The doors' view of the guard.
#[derive(Debug)]
pub struct DoorGuard {
    guard: Arc<api::guard::Guard>,
    leeway_ms: u64,
}

impl DoorGuard {
    /// `leeway_ms`: how long after its `exp` a token keeps its connection open.
    pub fn new(guard: Arc<api::guard::Guard>, leeway_ms: u64) -> Self {
        Self { guard, leeway_ms }
    }
}

impl Guard for DoorGuard {
    fn check(&self, token: &str, now: Wall) -> Checked {
        let leeway_ms = self.leeway_ms;
        match self.guard.admit(token, now) {
            Judged::Now(judged) => Checked::Now(verdict(judged, leeway_ms)),
            Judged::Later(later) => {
                Checked::Later(Box::pin(async move { verdict(later.await, leeway_ms) }))
            }
        }
    }

    fn revocations(&self) -> u64 {
        self.guard.revoked().changes()
    }

    fn still_good(&self, came_with: &Verified) -> Result<(), Refusal> {
        let Verified {
            who,
            issued_at,
            via,
            ..
        } = came_with;
        let session = who.session.as_ref();
        if self.guard.still_good(&who.user, session, *issued_at, via) {
            return Ok(());
        }
        Err(ErrorCode::TokenRevoked.into())
    }
}

fn verdict(judged: Result<Identity, AuthError>, leeway_ms: u64) -> Verdict {
    let known = judged?;
    Ok(Verified {
        via: known.via.clone(),
        issued_at: known.issued_at,
        expires_at: known.expires_at,
        until: known.expires_at.after(leeway_ms),
        who: Arc::new(engine(known)),
    })
}

/// An identity as the engine knows it.
pub fn engine(known: Identity) -> engine::input::Identity {
    engine::input::Identity {
        user: known.user,
        role: known.role,
        admin: known.admin,
        session: known.session,
    }
}
