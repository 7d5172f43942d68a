//! What the API asks of the server on behalf of its operator: taking tokens back, and what became
//! of webhooks. Object-safe, as [`crate::handle`] is. No behavior here.

use protocol::error::Refusal;
use protocol::id::SessionId;
use store::desk::{DeliveryFilter, DeliveryRow, RevocationRow, Revokes};

use crate::handle::Answer;

/// Whose tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// A user's or a session's.
    pub kind: Revokes,
    /// The user's or the session's id.
    pub id: String,
}

/// What a revocation did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevokeDone {
    /// What is written down.
    pub row: RevocationRow,
    /// The running session that ends for it.
    pub ended: Option<SessionId>,
}

/// The operator's desk of the running server.
pub trait Office: Send + Sync {
    /// Takes back every token of the subject made up to now: writes it down, closes the
    /// connections that came with one, ends the running session it concerns. `by` is for the
    /// record. Refusals: `limited` when there are too many, `store_unavailable`.
    fn revoke(&self, subject: Subject, by: String) -> Answer<'_, Result<RevokeDone, Refusal>>;

    /// Makes older tokens of the subject good again. Whether they were not.
    fn unrevoke(&self, subject: Subject) -> Answer<'_, Result<bool, Refusal>>;

    /// All revocations, by kind and id.
    fn revocations(&self) -> Answer<'_, Result<Vec<RevocationRow>, Refusal>>;

    /// Webhook deliveries, newest first.
    fn deliveries(&self, filter: DeliveryFilter) -> Answer<'_, Result<Vec<DeliveryRow>, Refusal>>;
}
