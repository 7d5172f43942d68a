//! What all tests of the records share: a rig around each implementation, and rows to save.

mod coaching;
mod conformance;
mod desk;
mod faults;
mod kill;
mod life;
mod model;
mod sqlite;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use parking_lot::Mutex;
use protocol::id::{
    BootId, EffectId, Epoch, Generation, KeyHash, Participant, QuestionId, Seq, SessionId,
    StreamId, UserId,
};
use protocol::record::{
    ActiveChange, AnswerRow, Elsewhere, EventRow, Fence, ParticipantRow, RequestRow, Save, Saved,
    SegmentRow, SessionRow,
};
use protocol::time::{Mono, Now, Wall};
use protocol::value::{Audience, EndReason, Outcome, Role, Status};

use crate::memory::{Memory, Tables};
use crate::sqlite::{Config, Sqlite};
use crate::{Answers, Callbacks, Store};

/// Longest any test waits for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) const NOW: Wall = Wall(1_800_000_000_000);

/// The same moment by both clocks.
pub(crate) fn now() -> Now {
    Now {
        mono: Mono(1_000_000),
        wall: NOW,
    }
}

pub(crate) fn sid(text: &str) -> SessionId {
    SessionId::parse(text).unwrap()
}

pub(crate) fn uid(text: &str) -> UserId {
    UserId::parse(text).unwrap()
}

pub(crate) fn boot(text: &str) -> BootId {
    BootId::parse(text).unwrap()
}

/// What a store tells, as a test waits for it.
pub(crate) struct Told {
    answers: Receiver<Answers>,
    waiting: Mutex<Vec<(EffectId, SessionId, Saved)>>,
    pub(crate) foreign: Receiver<SessionId>,
    pub(crate) lease_failed: Receiver<()>,
}

pub(crate) fn callbacks() -> (Callbacks, Told) {
    let (saved, answers) = channel();
    let (end, foreign) = channel();
    let (lease, lease_failed) = channel();
    let callbacks = Callbacks {
        saved: Box::new(move |batch| drop(saved.send(batch))),
        foreign_end: Box::new(move |session| drop(end.send(session))),
        lease_failed: Box::new(move || _ = lease.send(())),
    };
    (
        callbacks,
        Told {
            answers,
            waiting: Mutex::default(),
            foreign,
            lease_failed,
        },
    )
}

impl Told {
    /// Waits for the next answer.
    pub(crate) fn next(&self) -> (EffectId, SessionId, Saved) {
        let mut waiting = self.waiting.lock();
        if waiting.is_empty() {
            *waiting = self.answers.recv_timeout(PATIENCE).expect("an answer");
        }
        waiting.remove(0)
    }
}

/// What is behind a rig.
pub(crate) enum Kind {
    Memory(Memory),
    Sqlite(Sqlite, tempfile::TempDir),
}

/// One implementation with its answers.
pub(crate) struct Rig {
    pub(crate) kind: Kind,
    pub(crate) told: Told,
    effect: Mutex<u64>,
}

impl Rig {
    pub(crate) fn memory() -> Self {
        let (callbacks, told) = callbacks();
        let memory = Memory::open(Tables::new(), 64, boot("b1"), NOW, callbacks).unwrap();
        Self {
            kind: Kind::Memory(memory),
            told,
            effect: Mutex::new(0),
        }
    }

    pub(crate) fn sqlite() -> Self {
        Self::sqlite_with(|_| {})
    }

    pub(crate) fn sqlite_with(change: impl FnOnce(&mut Config)) -> Self {
        Self::sqlite_in(tempfile::tempdir().unwrap(), "b1", change)
    }

    pub(crate) fn sqlite_in(
        folder: tempfile::TempDir,
        owner: &str,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let mut config = Config::new(folder.path().join("records.db"));
        change(&mut config);
        let (callbacks, told) = callbacks();
        let store = Sqlite::open(&config, boot(owner), now, callbacks).unwrap();
        Self {
            kind: Kind::Sqlite(store, folder),
            told,
            effect: Mutex::new(0),
        }
    }

    pub(crate) fn store(&self) -> &dyn Store {
        match &self.kind {
            Kind::Memory(store) => store,
            Kind::Sqlite(store, _) => store,
        }
    }

    /// Saves and waits for the answer.
    pub(crate) fn save(&self, save: &Save) -> Saved {
        let id = self.submit(save);
        let (answered, session, saved) = self.told.next();
        assert_eq!((answered, &session), (id, &save.session));
        saved
    }

    pub(crate) fn submit(&self, save: &Save) -> EffectId {
        let mut effect = self.effect.lock();
        *effect += 1;
        let id = EffectId(*effect);
        self.store()
            .submit(id, save.clone())
            .expect("room in the queue");
        id
    }

    /// The SQLite behind it.
    pub(crate) fn sqlite_store(&self) -> &Sqlite {
        let Kind::Sqlite(store, _) = &self.kind else {
            panic!("only SQLite")
        };
        store
    }

    /// Stops it without a farewell and gives back its folder.
    pub(crate) fn into_folder(self) -> tempfile::TempDir {
        let Kind::Sqlite(store, folder) = self.kind else {
            panic!("only SQLite has a file")
        };
        drop(store);
        folder
    }

    /// A connection as another program has one; SQLite only.
    pub(crate) fn outsider(&self) -> rusqlite::Connection {
        let Kind::Sqlite(_, folder) = &self.kind else {
            panic!("only SQLite has a file")
        };
        rusqlite::Connection::open(folder.path().join("records.db")).unwrap()
    }

    /// Another program ends the session.
    pub(crate) fn end_from_outside(&self, session: &SessionId) {
        match &self.kind {
            Kind::Memory(memory) => memory.end_from_outside(session, NOW),
            Kind::Sqlite(..) => {
                let sql = "UPDATE sessions SET status = 'ended' WHERE session = ?1";
                assert_eq!(self.outsider().execute(sql, [session.as_str()]).unwrap(), 1);
            }
        }
    }

    /// Another program drops the table.
    pub(crate) fn drop_active_table(&self) {
        match &self.kind {
            Kind::Memory(memory) => memory.with_tables(Tables::drop_active_table),
            Kind::Sqlite(..) => {
                self.outsider()
                    .execute_batch("DROP TABLE active_interview_sessions")
                    .unwrap();
            }
        }
    }

    /// The lease of a boot is over.
    pub(crate) fn boot_died(&self, dead: &BootId) {
        match &self.kind {
            Kind::Memory(memory) => memory.with_tables(|tables| tables.lease(dead, Wall(0))),
            Kind::Sqlite(..) => {
                let sql = "UPDATE nodes SET lease_until = 0 WHERE boot_id = ?1";
                assert_eq!(self.outsider().execute(sql, [dead.as_str()]).unwrap(), 1);
            }
        }
    }
}

/// Defines each test once for memory and once for SQLite.
macro_rules! on_both {
    ($($name:ident)+) => {
        mod on_memory {
            $(#[test] fn $name() { super::$name(&crate::tests::Rig::memory()); })+
        }
        mod on_sqlite {
            $(#[test] fn $name() { super::$name(&crate::tests::Rig::sqlite()); })+
        }
    };
}
pub(crate) use on_both;

/// A save of an active session, with events up to `seq` and none yet.
pub(crate) fn save(session: &str, candidate: &str, seq: u64) -> Save {
    Save {
        session: sid(session),
        fence: Fence {
            boot: boot("b1"),
            generation: Generation(1),
        },
        row: SessionRow {
            session: sid(session),
            status: Status::Active,
            reason: None,
            ended_by: None,
            candidate: Some(uid(candidate)),
            title: "Interview".into(),
            snapshot: "{\"v\":1}".into(),
            epoch: Epoch(1),
            seq: Seq(seq),
            created_at: NOW,
            started_at: Some(NOW.after(5)),
            ended_at: None,
            duration_ms: None,
            deadline_at: Some(NOW.after(600_000)),
            last_activity_at: NOW.after(10 * seq),
        },
        events: Vec::new(),
        active: ActiveChange::Keep,
        participants: Vec::new(),
        answers: Vec::new(),
        segments: Vec::new(),
        requests: Vec::new(),
        report: None,
        happenings: Vec::new(),
    }
}

/// An answer without what is only shown to people.
pub(crate) fn plain(saved: Saved) -> Saved {
    match saved {
        Saved::ActiveElsewhere(other) => elsewhere(other.session),
        saved => saved,
    }
}

/// The plain answer to a start that collides with this session.
pub(crate) fn elsewhere(session: SessionId) -> Saved {
    Saved::ActiveElsewhere(Box::new(Elsewhere {
        session,
        row: None,
        seat: None,
    }))
}

pub(crate) fn event(seq: u64) -> EventRow {
    let audience = if seq.is_multiple_of(3) {
        Audience::STAFF
    } else {
        Audience::ALL
    };
    EventRow {
        seq: Seq(seq),
        at: NOW.after(seq),
        audience,
        body: Arc::from(format!(
            "{{\"type\":\"e\",\"n\":{seq},\"say\":\"'quoted' \\u00e9 é\"}}"
        )),
    }
}

/// The same with events `from..=seq`.
pub(crate) fn save_events(session: &str, candidate: &str, from: u64, seq: u64) -> Save {
    Save {
        events: (from..=seq).map(event).collect(),
        ..save(session, candidate, seq)
    }
}

/// The same, beginning the interview.
pub(crate) fn start(session: &str, candidate: &str) -> Save {
    let active = ActiveChange::Upsert {
        status: Status::Active,
        force: false,
    };
    Save {
        active,
        ..save_events(session, candidate, 1, 1)
    }
}

/// The end of a session whose last event is `seq`.
pub(crate) fn end(session: &str, candidate: &str, seq: u64, reason: EndReason) -> Save {
    let mut save = save_events(session, candidate, seq, seq);
    save.row.status = Status::Ended;
    save.row.reason = Some(reason);
    save.row.ended_at = Some(NOW.after(1000));
    save.row.duration_ms = Some(995);
    save.row.deadline_at = None;
    save.active = ActiveChange::Delete;
    save.report = Some("{\"schema\":1}".into());
    save
}

pub(crate) fn seat(user: &str, number: u16, role: Role) -> ParticipantRow {
    ParticipantRow {
        user: uid(user),
        participant: Participant(number),
        role,
        generation: Generation(u32::from(number)),
        joined_at: (number != 2).then_some(NOW),
        key: (number == 1).then_some(KeyHash(u128::MAX - 7)),
        away_since: (number == 2).then_some(NOW),
        seated: number < 3,
    }
}

pub(crate) fn answer(question: &str, index: u32) -> AnswerRow {
    AnswerRow {
        question: QuestionId::parse(question).unwrap(),
        index,
        outcome: Outcome::Answered,
        from_ms: 10,
        to_ms: 20,
        limit_ms: 60_000,
    }
}

pub(crate) fn segment(seq: u64) -> SegmentRow {
    SegmentRow {
        seq: Seq(seq),
        user: uid("ana"),
        stream: StreamId(u32::MAX),
        utterance: 7,
        question: (seq != 2).then(|| QuestionId::parse("q1").unwrap()),
        start_ms: 100,
        end_ms: 900,
    }
}

pub(crate) fn request(user: &str, id: &str, reply: &str) -> RequestRow {
    RequestRow {
        user: uid(user),
        id: Box::from(id),
        reply: Arc::from(reply),
    }
}
