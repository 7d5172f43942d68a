//! A member's place in a session: who may have it, who has it, and how often it changed hands.

use std::sync::Arc;

use protocol::id::{
    ConnectionId, EffectId, Generation, KeyHash, Participant, Seq, SessionId, UserId,
};
use protocol::record::ParticipantRow;
use protocol::time::{Mono, Wall};
use protocol::value::Role;

use crate::config::{STORM_MS, STORM_TAKEOVERS};
use crate::input::Identity;

/// A seat. It outlives the connection that holds it, by the grace.
#[derive(Debug, Clone)]
pub(crate) struct Seat {
    pub(crate) user: UserId,
    pub(crate) role: Role,
    pub(crate) participant: Participant,
    /// The one live connection in it.
    pub(crate) conn: Option<ConnectionId>,
    /// Counts holders; goes into the row.
    pub(crate) generation: Generation,
    /// What the key a resume must show is known by.
    pub(crate) key: Option<KeyHash>,
    /// Read back and not yet taken: its last holder may have had a newer key than the one that was
    /// written, so a page of this user that knows the log's place is believed.
    pub(crate) unproven: bool,
    /// The last durable event that was looked at for this member: given, or not for them.
    pub(crate) cursor: Seq,
    /// The last durable event this member was given.
    pub(crate) given: Seq,
    /// Missed events are still to be given; live ones wait in the log.
    pub(crate) catching: bool,
    /// Their turn has come: the snapshot before them was said.
    pub(crate) replaying: bool,
    /// Missed events that are being read from the store.
    pub(crate) loading: Option<(EffectId, Mono)>,
    /// When the seat is given up, while nobody is in it.
    pub(crate) gone_at: Option<Mono>,
    /// Since when nobody is in it, by the wall clock.
    pub(crate) away_since: Option<Wall>,
    /// When this member first came.
    pub(crate) joined_at: Wall,
    /// The latest takeovers, oldest first.
    takeovers: [Option<Mono>; STORM_TAKEOVERS],
}

impl Seat {
    pub(crate) fn new(user: UserId, role: Role, participant: Participant, at: Wall) -> Self {
        Self {
            user,
            role,
            participant,
            conn: None,
            generation: Generation(0),
            key: None,
            unproven: false,
            cursor: Seq(0),
            given: Seq(0),
            catching: false,
            replaying: false,
            loading: None,
            gone_at: None,
            away_since: None,
            joined_at: at,
            takeovers: [None; STORM_TAKEOVERS],
        }
    }

    /// A seat as the records have it, kept until `gone_at`.
    pub(crate) fn restored(row: ParticipantRow, gone_at: Mono, at: Wall) -> Self {
        Self {
            generation: row.generation,
            key: row.key,
            unproven: true,
            gone_at: Some(gone_at),
            away_since: Some(row.away_since.unwrap_or(at)),
            ..Self::new(
                row.user,
                row.role,
                row.participant,
                row.joined_at.unwrap_or(at),
            )
        }
    }

    /// The seat as it is to be written down.
    pub(crate) fn row(&self) -> ParticipantRow {
        ParticipantRow {
            user: self.user.clone(),
            participant: self.participant,
            role: self.role,
            generation: self.generation,
            joined_at: Some(self.joined_at),
            key: self.key,
            away_since: self.away_since,
            seated: true,
        }
    }

    /// Counts a takeover; `false` when the seat changes hands too fast (L3).
    pub(crate) fn may_take_over(&mut self, now: Mono) -> bool {
        let [oldest, ..] = self.takeovers;
        if oldest.is_some_and(|oldest| now.since(oldest) < STORM_MS) {
            return false;
        }
        self.takeovers.rotate_left(1);
        if let Some(latest) = self.takeovers.last_mut() {
            *latest = Some(now);
        }
        true
    }

    /// Whether a connection is in it.
    pub(crate) fn is_live(&self) -> bool {
        self.conn.is_some()
    }
}

/// What a role may do: the contract's table.
pub(crate) trait Rights {
    fn may_speak(self) -> bool;
    fn may_start(self) -> bool;
    fn may_end(self) -> bool;
    fn may_answer(self) -> bool;
    fn may_set_status(self) -> bool;
    fn keeps_awake(self) -> bool;
}

impl Rights for Role {
    fn may_speak(self) -> bool {
        matches!(self, Self::Candidate | Self::Interviewer)
    }

    fn may_start(self) -> bool {
        matches!(self, Self::Candidate | Self::Interviewer)
    }

    fn may_end(self) -> bool {
        matches!(self, Self::Candidate | Self::Interviewer)
    }

    fn may_answer(self) -> bool {
        matches!(self, Self::Candidate)
    }

    fn may_set_status(self) -> bool {
        matches!(self, Self::Interviewer)
    }

    fn keeps_awake(self) -> bool {
        matches!(self, Self::Candidate | Self::Interviewer)
    }
}

/// The role a token alone gives in a session, without an invitation (A5).
pub(crate) fn role_by_token(who: &Arc<Identity>, session: &SessionId) -> Option<Role> {
    if who.session.as_ref() == Some(session) {
        return Some(who.role.unwrap_or(Role::Candidate));
    }
    who.admin.then_some(Role::Observer)
}

/// Whether this user's join of an unknown id may create the session, where that is on.
pub(crate) fn may_create(who: &Arc<Identity>, session: &SessionId) -> bool {
    let role_fits = matches!(who.role, None | Some(Role::Candidate)) && !who.admin;
    let named = who.session.as_ref().is_none_or(|named| named == session);
    role_fits && named
}
