//! What goes wrong, and the parts of a process beside the engine: the disk, reads, speech, the
//! crash and what comes after it.

use engine::Input;
use engine::input::{Ask, Found, SpeechReport};
use history::entry::What;
use protocol::client::ClientMessage;
use protocol::error::{ErrorCode, Refusal};
use protocol::id::{BootId, EffectId, Participant, SessionId, StreamId};
use protocol::record::{EndBegun, Loaded, Saved};
use protocol::value::{EndReason, Status};

use crate::path::Path;
use crate::records::{Job, Luck};
use crate::setup::{Fault, StoreMode, parse, session_number};
use crate::world::{Happening, World};

impl World {
    /// A save reaches the disk, and its answer sets out.
    pub(crate) fn disk(&mut self, job: Job) {
        let session = job.save.session.clone();
        let room = session_number(&session);
        let (done, said) = self.records.carry_out(&job.save, job.luck);
        match job.luck {
            Luck::Away => self.took(Path::SaveFailed),
            Luck::AnswerLost => self.took(Path::AnswerLost),
            Luck::Uncertain => self.took(Path::Uncertain),
            Luck::Twice => self.took(Path::AnsweredTwice),
            Luck::Rejected => {
                self.rooms[room].rejected = true;
                self.rooms[room].reasons = None;
            }
            Luck::Fine | Luck::Lost => {}
        }
        self.note(|_| {
            format!(
                "disk: save {} of {session}: {done:?} ({:?})",
                job.id, job.luck
            )
        });
        self.judge_written(room, &job, done.as_ref());
        let waited = self.rooms[room]
            .saving
            .iter()
            .any(|(id, at)| *id == job.id && self.now - at > 5_000);
        if waited && matches!(done, Some(Saved::Committed(_))) {
            self.took(Path::LateCommit);
        }
        if job.boot != self.boot || self.down {
            return;
        }
        let Some(saved) = said else { return };
        let input = Input::StoreReplied {
            id: job.id,
            session,
            saved,
        };
        let wait = self.rng.between(0, 2);
        if job.luck == Luck::Twice {
            let again = self.rng.between(0, 2_500);
            self.fact_later(wait + again, input.clone());
        }
        self.fact_later(wait, input);
    }

    /// A session is read from the records, as the shell does it.
    pub(crate) fn read_session(&mut self, id: EffectId, session: SessionId) {
        if self.records.reads_fail && self.rng.chance(60) {
            self.took(Path::LoadFailed);
            if self.rng.chance(70) {
                let found = Found::Unavailable;
                self.fact(Input::SessionLoaded { id, session, found });
            }
            return;
        }
        let found = self.find(&session);
        if matches!(found, Found::Unavailable) {
            self.took(Path::LoadFailed);
        }
        self.fact(Input::SessionLoaded { id, session, found });
    }

    fn find(&mut self, session: &SessionId) -> Found {
        let Some(loaded) = self.records.tables.load(session) else {
            return Found::Nothing;
        };
        if loaded.row.status == Status::Ended {
            return Found::Session(Box::new(loaded));
        }
        match self.adopt(loaded) {
            Some(loaded) => Found::Session(Box::new(loaded)),
            None => Found::Unavailable,
        }
    }

    fn adopt(&mut self, mut loaded: Loaded) -> Option<Loaded> {
        let (boot, now) = (self.boot_id(), self.clock());
        let session = loaded.row.session.clone();
        let adopted = self.records.tables.adopt(&session, &boot, now)?;
        loaded.fence = adopted.fence;
        loaded.away_ms = adopted.away_ms;
        let room = &mut self.rooms[session_number(&session)];
        room.fenced = false;
        loaded.unsaved_end = room.kept_end.clone();
        room.lost |= room.kept_end.is_some() && loaded.row.status != Status::Completing;
        Some(loaded)
    }

    /// An end was told that is not stored. Sometimes nothing can be written beside it either.
    pub(crate) fn keep_end(&mut self, session: &SessionId, end: EndBegun) {
        let room = session_number(session);
        if self.rooms[room].mirror.status() == Some(Status::Ended) {
            return;
        }
        if self.rng.chance(90) {
            self.rooms[room].kept_end = Some(end);
        }
        // By itself a process seldom dies just then.
        if self.rng.chance(25) {
            let wait = self.rng.between(10, 2_000);
            let away = self.rng.between(200, 12_000);
            self.later(wait, Happening::Fault(Fault::Crash(away)));
        }
    }

    /// The end is in the records.
    pub(crate) fn forget_end(&mut self, session: &SessionId) {
        let room = session_number(session);
        let status = self.rooms[room].mirror.status();
        if status != Some(Status::Ended) {
            self.violate(|| format!("{session}: its end is forgotten while it is {status:?}"));
        }
        self.rooms[room].kept_end = None;
    }

    /// Speech says something in a session it listens to.
    pub(crate) fn speech(&mut self, room: usize) {
        let pace = self.setup.speech_ms;
        if self.peace || self.rooms[room].listening.is_none() {
            self.rooms[room].speech_running = false;
            return;
        }
        let wait = self.rng.between(pace / 2, pace * 2);
        self.later(wait, Happening::Speech(room));
        if self.down || self.speech_deaf {
            return;
        }
        let session = self.rooms[room].id.clone();
        let participant = Participant(u16::try_from(self.rng.between(1, 3)).unwrap_or(1));
        let stream = StreamId(1);
        self.sound(room, participant);
        let report = match self.rng.below(12) {
            0..=2 => SpeechReport::Voiced { participant },
            3..=5 => SpeechReport::Partial {
                participant,
                stream,
                utterance: self.rooms[room].utterance,
                text: format!("words of s{room}"),
                stable: 1,
                start_ms: 0,
                end_ms: 10,
            },
            6 if self.rng.chance(30) => SpeechReport::Gap {
                participant,
                stream,
                start_ms: 0,
                end_ms: 10,
            },
            7 if self.rng.chance(30) => SpeechReport::Failed {
                participant,
                refusal: Refusal::new(ErrorCode::BadAudio),
            },
            8 => {
                let seq = self.rooms[room].utterance;
                return self.fact(Input::AudioStored {
                    session,
                    participant,
                    stream,
                    seq,
                });
            }
            _ => {
                let back = self.rng.pick(&[0, 200, 5_000]);
                if back == 5_000 {
                    self.took(Path::LateFinal);
                }
                self.final_words(room, back)
            }
        };
        self.fact(Input::Speech { session, report });
    }

    /// A fault begins.
    pub(crate) fn go_wrong(&mut self, fault: Fault) {
        if self.peace {
            return;
        }
        self.faults += 1;
        if self.down {
            return;
        }
        self.note(|_| format!("fault: {fault:?}"));
        match fault {
            Fault::Store(mode, ms) => {
                self.records.mode = mode;
                self.later(ms, Happening::StoreWell);
            }
            Fault::Crash(ms) => self.crash(ms),
            Fault::Fence(room) => self.steal(room),
            Fault::WallJump(ms) => {
                self.took(Path::WallJump);
                self.wall_offset += ms;
            }
            Fault::Drain => {
                self.draining = true;
                self.drained = true;
                self.fact(Input::Drain);
            }
            Fault::ForeignEnd(room) => self.end_from_outside(room),
            Fault::Lull(ms) => {
                for page in &mut self.pages {
                    page.quiet_until = page.quiet_until.max(self.now + ms);
                }
                self.speech_deaf = true;
                self.later(ms, Happening::SpeechWell);
            }
            Fault::Reads(ms) => {
                self.records.reads_fail = true;
                self.later(ms, Happening::ReadsWell);
            }
            Fault::Deaf(ms) => {
                self.speech_deaf = true;
                self.later(ms, Happening::SpeechWell);
            }
            Fault::NoReports(ms) => {
                self.no_reports = true;
                self.later(ms, Happening::ReportsWell);
            }
            Fault::Reject => self.records.reject_next = true,
            Fault::LongLoss(room) => self.long_loss(room),
            Fault::Rival => {
                self.records.mode = StoreMode::Fails;
                let ms = self.rng.between(1_000, 4_000);
                self.later(ms, Happening::StoreWell);
                self.start_a_rival();
            }
        }
    }

    /// Everybody's line in a session is dead for a while in which much is said.
    fn long_loss(&mut self, room: usize) {
        let grace = self.setup.config.grace_ms;
        for page in 0..self.pages.len() {
            if self.setup.pages[page].targets.first() == Some(&room) && self.rng.chance(60) {
                self.vanish(page, 0, 300);
                let back = grace.min(12_000).saturating_sub(1_000).max(500);
                self.pages[page].quiet_until = self.now + back;
            }
        }
        if self.rooms[room].listening.is_some() {
            for n in 0..self.rng.between(20, 110) {
                let report = self.final_words(room, 0);
                let session = self.rooms[room].id.clone();
                self.fact_later(n * 20, Input::Speech { session, report });
            }
        }
    }

    fn end_from_outside(&mut self, room: usize) {
        let (session, wall) = (self.rooms[room].id.clone(), self.wall());
        if !self.records.tables.end_from_outside(&session, wall) {
            return;
        }
        self.took(Path::ForeignEnd);
        let boot = self.boot_id();
        for session in self.records.tables.ended_elsewhere(&boot) {
            let room = session_number(&session);
            let what = Ask::End {
                reason: EndReason::ClosedExternally,
                by: None,
                only_if_allowed: None,
            };
            self.ask(room, false, what);
        }
    }

    /// Another process takes the session; it dies at once, so that ours may take it back.
    fn steal(&mut self, room: usize) {
        let now = self.clock();
        let wall = now.wall;
        let session = self.rooms[room].id.clone();
        let own = self.boot_id();
        let thief: BootId = parse(BootId::parse("thief"));
        let tables = &mut self.records.tables;
        tables.lease(&own, protocol::time::Wall(wall.0 - 1));
        let taken = tables.adopt(&session, &thief, now);
        tables.lease(&own, protocol::time::Wall(wall.0 + 1_000_000_000));
        if taken.is_some() {
            self.rooms[room].fenced = true;
            self.rooms[room].strange = true;
            self.rooms[room].reasons = None;
        }
    }

    /// The process dies, with or without what was queued for the disk.
    fn crash(&mut self, ms: u64) {
        self.took(Path::Crash);
        self.down = true;
        self.record(self.now, What::Down);
        let jobs = self.take_disk_jobs();
        let survive = self.rng.below(jobs.len() + 1);
        for (n, job) in jobs.into_iter().enumerate() {
            if n < survive && job.luck == Luck::Fine {
                if !job.save.events.is_empty() {
                    self.took(Path::CrashAfterCommit);
                }
                let (done, _) = self.records.carry_out(&job.save, job.luck);
                let room = session_number(&job.save.session);
                self.judge_written(room, &job, done.as_ref());
            }
        }
        self.records.restart(self.now);
        let (boot, now) = (self.boot_id(), self.clock());
        self.records.tables.gone(&boot, now);
        self.nodes.clear();
        self.asks.clear();
        for room in &mut self.rooms {
            room.cut_off();
            room.holders.clear();
            // A dead process counts seats from what it wrote.
            room.generations.clear();
            // And knows the keys it wrote, which need not be the last ones.
            room.keys.clear();
            room.route_open = false;
            // An end that is not stored begins anew.
            if room.mirror.status() < Some(Status::Completing) {
                room.ends_at = None;
            }
        }
        self.lines_die();
        let lines: Vec<u64> = self.conns.keys().copied().collect();
        for conn in lines {
            let Some(line) = self.conns.get_mut(&conn) else {
                continue;
            };
            let was_open = std::mem::replace(&mut line.open, false);
            line.pending.clear();
            line.seats.clear();
            let page = line.page;
            line.heard = false;
            if was_open {
                self.record(self.now, What::Lost { conn });
            }
            if self.pages[page].conn == Some(conn) {
                self.pages[page].conn = None;
                let wait = ms + self.rng.between(100, 5_000);
                self.pages[page].quiet_until = self.now + wait;
            }
        }
        self.conns.clear();
        self.later(ms, Happening::Restart);
    }

    /// A fresh process on the same tables: what the dead one left is ended first.
    pub(crate) fn restart(&mut self) {
        self.start_process();
        self.record(self.now, What::Up);
        self.note(|w| format!("a fresh process, boot {}", w.boot));
        let (boot, wall) = (self.boot_id(), self.wall());
        let left = self
            .records
            .tables
            .unfinished_of_other_boots(&boot, wall, 1_000);
        for session in left {
            let Some(loaded) = self.records.tables.load(&session) else {
                continue;
            };
            if loaded.row.status == Status::Scheduled && self.rng.chance(50) {
                continue;
            }
            if let Some(loaded) = self.adopt(loaded) {
                let loaded = Box::new(loaded);
                self.fact(Input::Recover { loaded });
            }
        }
    }

    /// Nothing goes wrong any more, and nobody does anything.
    pub(crate) fn make_peace(&mut self) {
        self.peace = true;
        for page in 0..self.pages.len() {
            self.notice_silence(page, true);
        }
        self.records.mode = StoreMode::Well;
        self.records.reads_fail = false;
        self.records.reject_next = false;
        self.speech_deaf = false;
        self.no_reports = false;
        if self.down {
            self.restart();
        }
        let known: Vec<u64> = self.conns.keys().copied().collect();
        for conn in known {
            let deaf = { &self.conns[&conn] }.open && !self.conns[&conn].heard;
            if deaf {
                self.later(1_000, Happening::Gone(conn));
            }
        }
        self.record(self.now, What::Peace);
        self.note(|_| "peace".to_owned());
    }

    /// Everybody goes home.
    pub(crate) fn everybody_leaves(&mut self) {
        for page in 0..self.pages.len() {
            if let Some(conn) = self.pages[page].conn {
                let by_word = self.rng.chance(10);
                if by_word {
                    let targets = self.setup.pages[page].targets.clone();
                    for room in targets {
                        self.send(conn, room, ClientMessage::Leave, None);
                    }
                }
                let conns = &mut self.conns;
                if let Some(line) = conns.get_mut(&conn) {
                    line.heard = false;
                }
                self.pages[page].conn = None;
                let wait = self.rng.between(200, 1_000);
                self.later(wait, Happening::Gone(conn));
            }
        }
    }

    /// What is still scheduled in the records is read back when its time is over, and expires.
    pub(crate) fn reap(&mut self) {
        // Later than every deadline, also one that was written while the wall clock was ahead.
        self.now += self.setup.config.scheduled_ttl_ms + 400_000;
        self.wall_offset = 0;
        let wall = self.wall();
        let boot = self.boot_id();
        let tables = &mut self.records.tables;
        tables.reap_active(wall, 900_000);
        let mut late = tables.overdue(wall, 1_000);
        late.extend(tables.unfinished_of_other_boots(&boot, wall, 1_000));
        for session in late {
            let Some(loaded) = self.records.tables.load(&session) else {
                continue;
            };
            if let Some(loaded) = self.adopt(loaded) {
                let loaded = Box::new(loaded);
                self.fact(Input::Recover { loaded });
            }
        }
    }
}
