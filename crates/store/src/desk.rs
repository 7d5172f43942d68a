//! What is kept for the operator beside the interviews: API keys, revocations, and webhook
//! deliveries. The trait [`Desk`], its rows, and which saves are worth a webhook. No rule about
//! who may do what, no network.

use std::sync::Arc;

use protocol::id::SessionId;
use protocol::record::Save;
use protocol::time::Wall;
use protocol::value::Status;

use crate::error::StoreError;

/// An API key as it is kept: its hash, never itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeyRow {
    /// Public name of the key: the first letters of its secret part.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// SHA-256 of the whole key, in hexadecimal.
    pub hash: String,
    /// When it was made.
    pub created_at: Wall,
    /// When it was taken back.
    pub revoked_at: Option<Wall>,
}

/// Whose tokens are taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Revokes {
    /// All tokens of a user.
    User,
    /// All tokens that are an invitation to a session.
    Session,
}

impl Revokes {
    /// The word in the table and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Session => "session",
        }
    }

    /// The kind of a word.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "user" => Some(Self::User),
            "session" => Some(Self::Session),
            _ => None,
        }
    }
}

/// Tokens of a user or a session that were made up to a moment are good no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevocationRow {
    /// Of what.
    pub kind: Revokes,
    /// Of whom: a user's or a session's id.
    pub subject: String,
    /// Tokens made at this moment or before it.
    pub before: Wall,
    /// Who took them back.
    pub by: String,
}

/// What a webhook can be about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HookKind {
    /// An interview began.
    Started,
    /// A session is over.
    Ended,
    /// Its report is there.
    Report,
}

impl HookKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Started, Self::Ended, Self::Report];

    /// The word in the table and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Started => "session.started",
            Self::Ended => "session.ended",
            Self::Report => "report.ready",
        }
    }

    /// The kind of a word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// Something that was committed and that nobody was told of yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookEventRow {
    /// Its place in the order of commits.
    pub place: u64,
    /// Which session.
    pub session: SessionId,
    /// What.
    pub kind: HookKind,
    /// When it was committed or, for a memory, when it was saved.
    pub at: Wall,
}

/// How a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HookState {
    /// To be sent, or sent again.
    Waiting,
    /// Somebody took it.
    Delivered,
    /// Given up.
    Failed,
}

impl HookState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Waiting, Self::Delivered, Self::Failed];

    /// The word in the table and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }

    /// The state of a word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// One message to one endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryRow {
    /// The message's id: the same on every attempt and at every endpoint.
    pub id: String,
    /// Where to.
    pub endpoint: String,
    /// About what.
    pub kind: HookKind,
    /// About which session.
    pub session: SessionId,
    /// What is sent.
    pub body: Arc<str>,
    /// When it was put here.
    pub created_at: Wall,
    /// How it stands.
    pub state: HookState,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next, while it waits.
    pub next_at: Wall,
    /// The HTTP status of the last answer.
    pub status: Option<u16>,
    /// Why the last attempt failed.
    pub error: Option<String>,
}

/// Which deliveries to list, newest first.
#[derive(Debug, Clone, Default)]
pub struct DeliveryFilter {
    /// Only of this session.
    pub session: Option<SessionId>,
    /// Only those that stand so.
    pub state: Option<HookState>,
    /// Go on behind this one: its `created_at`, id and endpoint.
    pub after: Option<(Wall, String, String)>,
    /// At most so many.
    pub limit: u32,
}

/// What the operator's desk keeps. Every method blocks; what was written is on disk when it
/// returns.
pub trait Desk: Send + Sync {
    /// All API keys, the revoked ones too, oldest first.
    fn api_keys(&self) -> Result<Vec<ApiKeyRow>, StoreError>;

    /// Keeps a key. False: one with this id or hash is there already.
    fn add_api_key(&self, key: ApiKeyRow) -> Result<bool, StoreError>;

    /// Takes a key back. False: there is none of that id, or it was taken back before.
    fn revoke_api_key(&self, id: &str, now: Wall) -> Result<bool, StoreError>;

    /// All revocations.
    fn revocations(&self) -> Result<Vec<RevocationRow>, StoreError>;

    /// Writes a revocation; of two for the same subject the later moment counts. False: there are
    /// `most` already and this would be one more.
    fn revoke(&self, row: RevocationRow, most: u32) -> Result<bool, StoreError>;

    /// Forgets a revocation: older tokens are good again. Whether there was one.
    fn unrevoke(&self, kind: Revokes, subject: &str) -> Result<bool, StoreError>;

    /// What was committed and not put into deliveries yet, in order. Empty unless the store was
    /// opened with webhooks.
    fn hook_events(&self, limit: u32) -> Result<Vec<HookEventRow>, StoreError>;

    /// Puts deliveries in the place of all events up to `upto`; a message that is there already
    /// stays as it is. Of more than `most` waiting ones the oldest are given up. How many were.
    fn queue_deliveries(
        &self,
        upto: u64,
        rows: Vec<DeliveryRow>,
        most: u32,
    ) -> Result<u64, StoreError>;

    /// Deliveries to this endpoint whose time has come, earliest first.
    fn due_deliveries(
        &self,
        endpoint: &str,
        now: Wall,
        limit: u32,
    ) -> Result<Vec<DeliveryRow>, StoreError>;

    /// Writes how a delivery stands after an attempt: state, attempts, next time, status, error.
    fn delivery_done(&self, row: DeliveryRow) -> Result<(), StoreError>;

    /// Deliveries, newest first.
    fn deliveries(&self, filter: &DeliveryFilter) -> Result<Vec<DeliveryRow>, StoreError>;

    /// Deletes deliveries that are over and older than `before`, and the oldest of those beyond
    /// `most`. How many went.
    fn trim_deliveries(&self, before: Wall, most: u32) -> Result<u64, StoreError>;
}

/// What a save that is committed is worth telling of, in order. `status` and `sealed` are those of
/// the row before; none: there was no row.
pub(crate) fn worth_telling(save: &Save, before: Option<(Status, bool)>) -> Vec<HookKind> {
    let mut found = Vec::new();
    let began = save.row.started_at.is_some();
    let had_begun = before.is_some_and(|(status, _)| status != Status::Scheduled);
    if began && !had_begun {
        found.push(HookKind::Started);
    }
    let was_over = before.is_some_and(|(status, sealed)| status == Status::Ended && sealed);
    if save.row.status == Status::Ended && !was_over {
        found.push(HookKind::Ended);
        if save.report.is_some() {
            found.push(HookKind::Report);
        }
    }
    found
}
