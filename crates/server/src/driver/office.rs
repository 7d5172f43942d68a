//! The operator's desk on the running server: revocations carried out, keys of the store kept in
//! force, the log of webhooks read. Rights were judged by the API.

use std::sync::Arc;
use std::time::Duration;

use api::handle::Answer as Boxed;
use api::office::{Office, RevokeDone, Subject};
use api::revoked::REVOCATIONS_MAX;
use engine::effect::Answer;
use engine::input::Ask;
use protocol::error::{ErrorCode, Refusal};
use protocol::id::{SessionId, UserId};
use protocol::value::{EndReason, Status};
use store::desk::{DeliveryFilter, DeliveryRow, RevocationRow, Revokes};
use store::{Store, StoreError};

use super::Driver;

/// How often keys that a command wrote beside us are looked for.
pub(crate) const KEYS_EVERY: Duration = Duration::from_secs(2);

impl Driver {
    /// What was revoked and which keys there are, before anybody is let in. Blocks.
    pub(crate) fn open_desk(&self) -> Result<(), StoreError> {
        for row in self.store.revocations()? {
            self.guard.revoked().add(&row);
        }
        self.guard.keys().replace(&self.store.api_keys()?);
        Ok(())
    }

    /// Looks for keys that were made or taken back since. Blocks.
    pub(crate) fn look_at_keys(&self) {
        match self.store.api_keys() {
            Ok(rows) => {
                if self.guard.keys().replace(&rows) {
                    self.guard.revoked().changed();
                    self.wake_all();
                }
            }
            Err(error) => tracing::debug!(%error, "keys_not_read"),
        }
    }

    /// Every connection looks whether what it came with is still good.
    fn wake_all(&self) {
        if let Some(core) = self.core() {
            for conn in core.conns().all() {
                conn.wake();
            }
        }
    }

    /// The running session a revocation ends: the user's own interview, or the session itself.
    async fn concerned(&self, subject: &Subject) -> Result<Option<SessionId>, Refusal> {
        match subject.kind {
            Revokes::User => {
                let Ok(user) = UserId::parse(&subject.id) else {
                    return Ok(None);
                };
                let row = self.read(move |store| store.active_of(&user)).await?;
                Ok(row.map(|row| row.session))
            }
            Revokes::Session => {
                let Ok(session) = SessionId::parse(&subject.id) else {
                    return Ok(None);
                };
                let id = session.clone();
                let row = self.read(move |store| store.session_row(&id)).await?;
                let runs = row.is_some_and(|row| row.status == Status::Active);
                Ok(runs.then_some(session))
            }
        }
    }

    async fn end_revoked(&self, session: SessionId, by: &str) -> Result<bool, Refusal> {
        let ask = Ask::End {
            reason: EndReason::TokenRevoked,
            by: UserId::parse(by).ok(),
            only_if_allowed: None,
        };
        match self.ask_engine(session, ask).await? {
            Answer::Ended { reason, .. } => Ok(reason == Some(EndReason::TokenRevoked)),
            // The row named a session that is gone: there is nothing to end.
            Answer::Refused(refusal) if refusal.code == ErrorCode::SessionNotFound => Ok(false),
            Answer::Refused(refusal) => Err(refusal),
            Answer::Created | Answer::Transfer { .. } => Err(ErrorCode::Internal.into()),
        }
    }

    async fn revoke(&self, subject: Subject, by: String) -> Result<RevokeDone, Refusal> {
        let row = RevocationRow {
            kind: subject.kind,
            subject: subject.id.clone(),
            before: self.clock.wall(),
            by,
        };
        let kept = row.clone();
        let fits = self
            .read(move |store| store.revoke(kept, REVOCATIONS_MAX))
            .await?;
        if !fits {
            let why = "There are too many revocations. Remove old ones first.";
            return Err(Refusal::because(ErrorCode::Limited, why));
        }
        self.guard.revoked().add(&row);
        self.wake_all();
        let mut ended = None;
        if let Some(session) = self.concerned(&subject).await?
            && self.end_revoked(session.clone(), &row.by).await?
        {
            ended = Some(session);
        }
        Ok(RevokeDone { row, ended })
    }
}

impl Office for Driver {
    fn revoke(&self, subject: Subject, by: String) -> Boxed<'_, Result<RevokeDone, Refusal>> {
        // What was begun is finished, whether or not anybody still waits for the answer.
        let Some(me) = self.me() else {
            return Box::pin(std::future::ready(Err(ErrorCode::Draining.into())));
        };
        Box::pin(async move {
            let work = me.work.clone();
            let done = work.spawn(async move { me.revoke(subject, by).await });
            done.await.unwrap_or(Err(ErrorCode::Internal.into()))
        })
    }

    fn unrevoke(&self, subject: Subject) -> Boxed<'_, Result<bool, Refusal>> {
        Box::pin(async move {
            let (kind, id) = (subject.kind, subject.id.clone());
            let was = self.read(move |store| store.unrevoke(kind, &id)).await?;
            self.guard.revoked().remove(subject.kind, &subject.id);
            Ok(was)
        })
    }

    fn revocations(&self) -> Boxed<'_, Result<Vec<RevocationRow>, Refusal>> {
        Box::pin(self.read(|store: &dyn Store| store.revocations()))
    }

    fn deliveries(&self, filter: DeliveryFilter) -> Boxed<'_, Result<Vec<DeliveryRow>, Refusal>> {
        Box::pin(self.read(move |store| store.deliveries(&filter)))
    }
}

/// Keeps the store's keys in force.
pub(crate) async fn keep_keys(driver: Arc<Driver>) {
    loop {
        tokio::time::sleep(KEYS_EVERY).await;
        let driver = Arc::clone(&driver);
        // A read that died says so itself; the next one is due anyway.
        let _ = tokio::task::spawn_blocking(move || driver.look_at_keys()).await;
    }
}
