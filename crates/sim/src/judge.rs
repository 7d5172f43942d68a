//! What must hold: after every step, at every answer, and when the world is quiet again.

use engine::effect::Answer;
use engine::input::AskId;
use protocol::error::ErrorCode;
use protocol::id::{ConnectionId, EffectId};
use protocol::record::{Save, Saved};
use protocol::server::Reply;
use protocol::value::{EndReason, Role, Status};

use crate::path::Path;
use crate::records::Job;
use crate::world::World;

/// A question may be open this much longer than its limit: saves that show its end may be late.
const QUESTION_SLACK_MS: u64 = 12_000;

impl World {
    /// After every step.
    pub(crate) fn judge_step(&mut self) {
        if self.down || self.failed.is_some() {
            return;
        }
        for shard in 0..self.nodes.len() {
            if let Err(what) = self.nodes[shard].audit() {
                self.violate(|| what);
            }
        }
        let bound = self.setup.config.held_bytes * 4 + 16 * 1_024;
        for room in 0..self.rooms.len() {
            let shard = self.shard_of(room);
            let look = self.nodes[shard].look(&self.rooms[room].id);
            let Some(look) = look else { continue };
            if look.waiting_bytes > bound {
                let bytes = look.waiting_bytes;
                self.violate(|| format!("s{room} holds {bytes} bytes, the bound is {bound}"));
            }
            let late = { self.rooms[room].question_by }.filter(|by| self.now > *by);
            if let Some(by) = late.filter(|_| look.status == Status::Active) {
                self.violate(|| {
                    format!("s{room}: a question that had to be over by {by} is still open")
                });
            }
        }
    }

    /// A save sets out: what it says about the session must make sense.
    pub(crate) fn watch_save(&mut self, room: usize, id: EffectId, save: &Save) {
        let now = self.now;
        let young = { self.rooms[room].saving.iter() }.any(|(_, at)| now - at < 5_000);
        if young && !self.rooms[room].rejected {
            self.violate(|| format!("s{room} has two saves under way"));
        }
        self.rooms[room].saving.push((id, now));
        if save.fence.generation.0 == 0 && self.rooms[room].mirror.row.is_some() {
            // Made blindly by a join while the records were away: its own row may refuse it.
            self.rooms[room].fenced = true;
            self.rooms[room].reasons = None;
        }
        self.watch_consent(room, save);
        for event in &save.events {
            if event.seq.0 > self.rooms[room].seen {
                self.rooms[room].seen = event.seq.0;
                self.watch_question(room, &event.body);
                self.watch_suggestion(room, event);
                if !event.audience.includes(Role::Candidate) {
                    self.took(Path::Hidden);
                }
            }
        }
    }

    fn watch_question(&mut self, room: usize, body: &str) {
        if body.starts_with(r#"{"type":"question:closed""#) {
            self.rooms[room].question_by = None;
            if body.contains("timed_out") {
                self.took(Path::QuestionTimeout);
            } else if body.contains("skipped") {
                self.took(Path::Skipped);
            }
            return;
        }
        let extended = body.starts_with(r#"{"type":"question:extended""#);
        if extended {
            self.took(Path::Extended);
        }
        if !extended && !body.starts_with(r#"{"type":"question:asked""#) {
            return;
        }
        // The clock of a plan that pauses stands still for as long as its candidate is away.
        if body.contains(r#""questionId":"p"#) {
            return;
        }
        let deadline = number_after(body, "\"deadlineAt\":");
        let from = number_after(body, "\"serverNow\":");
        let left = deadline.saturating_sub(from);
        self.rooms[room].question_by = Some(self.now + left + QUESTION_SLACK_MS);
    }

    /// The tables have taken or refused a save.
    pub(crate) fn judge_written(&mut self, room: usize, job: &Job, done: Option<&Saved>) {
        let now = self.now;
        let save = &job.save;
        self.rooms[room]
            .saving
            .retain(|(id, at)| *id != job.id || now - at > 5_000);
        match done {
            Some(Saved::Committed(_)) => {}
            // Made blindly under an id that is taken.
            Some(Saved::Rejected) if self.rooms[room].fenced => {
                self.rooms[room].rejected = true;
                return;
            }
            Some(Saved::Rejected) if !self.rooms[room].rejected => {
                let seq = save.row.seq;
                let events: Vec<u64> = save.events.iter().map(|event| event.seq.0).collect();
                self.violate(|| {
                    format!("the tables call a save of s{room} impossible: row at {seq}, events {events:?}")
                });
                return;
            }
            _ => return,
        }
        self.took_down(room, save);
    }

    fn took_down(&mut self, room: usize, save: &Save) {
        if let Err(what) = self.rooms[room].mirror.write(save) {
            self.violate(|| what);
            return;
        }
        let upto = self.rooms[room].mirror.seq();
        let early = std::mem::take(&mut self.rooms[room].early);
        for (seq, (roles, body)) in early {
            if seq > upto {
                self.rooms[room].early.insert(seq, (roles, body));
                continue;
            }
            let Some(row) = self.rooms[room].mirror.event(seq) else {
                continue;
            };
            let (stored, audience) = (row.body.clone(), row.audience.0);
            let lenient = self.rooms[room].rejected || self.rooms[room].fenced;
            if stored != body && !lenient {
                self.violate(|| {
                    format!("s{room} event {seq} was told early as {body}, stored as {stored}")
                });
            }
            if roles & !audience != 0 && !lenient {
                self.violate(|| {
                    format!("s{room} event {seq} was told early to roles that may not see it")
                });
            }
            // Kept: a late joiner may still be given it, marked.
            self.rooms[room].early.insert(seq, (roles, body));
        }
        if save.row.status == Status::Ended {
            let now = self.now;
            self.rooms[room].ended_at.get_or_insert(now);
            self.judge_end_row(room, save.row.reason);
        }
        if save.row.status != Status::Ended && save.row.deadline_at.is_none() {
            let status = save.row.status;
            self.violate(|| format!("s{room} is stored {status} without a deadline"));
        }
    }

    fn judge_end_row(&mut self, room: usize, reason: Option<EndReason>) {
        let it = &self.rooms[room];
        let (allowed, told) = (it.reasons.clone(), it.told_unrecorded);
        let (cut, rejected, fenced) = (it.cut, it.rejected, it.fenced);
        let lost = it.lost;
        let Some(reason) = reason else {
            self.violate(|| format!("s{room} is stored ended without a reason"));
            return;
        };
        if allowed.is_some_and(|allowed| !allowed.contains(&reason)) {
            self.violate(|| {
                format!("s{room} is stored ended {reason}, but that is not what ended it first")
            });
        }
        if told.is_some_and(|told| told != reason) && !cut && !rejected {
            self.violate(|| {
                format!("s{room} was told ended {told:?} and is stored ended {reason}")
            });
        }
        if (reason == EndReason::StoreLost) != lost && !rejected && !fenced {
            self.violate(|| {
                format!("s{room} is stored ended {reason}, an end of it was found beside: {lost}")
            });
        }
        self.took_end(reason);
    }

    fn took_end(&mut self, reason: EndReason) {
        match reason {
            EndReason::Expired => self.took(Path::Expired),
            EndReason::Inactivity => self.took(Path::Inactivity),
            EndReason::Abandoned => self.took(Path::Abandoned),
            EndReason::MaxDuration => self.took(Path::MaxDuration),
            EndReason::Completed => self.took(Path::Completed),
            EndReason::Declined => self.took(Path::Declined),
            EndReason::ReplacedByNewSession => self.took(Path::Replaced),
            EndReason::StoreLost => self.took(Path::EndLost),
            _ => {}
        }
    }

    /// A request is answered.
    pub(crate) fn judge_reply(&mut self, conn: u64, number: u32, reply: &Reply) {
        let Some(line) = self.conns.get_mut(&conn).filter(|line| line.open) else {
            return;
        };
        let page = line.page;
        self.answer_down(conn, number, reply);
        let Some(line) = self.conns.get_mut(&conn) else {
            return;
        };
        let Some(pending) = line.pending.remove(&number) else {
            self.violate(|| format!("c{conn} gets a second answer to its request {number}"));
            return;
        };
        let room = pending.room;
        let what = pending.what;
        if let Some(shown) = line.shown.get_mut(&room) {
            shown.remove(&number);
        }
        match reply {
            Reply::Ok(fields) => {
                let durable = pending.status.is_some();
                let mirror = &self.rooms[room].mirror;
                let (seq, status) = (mirror.seq(), mirror.status());
                if durable && pending.need.is_some_and(|need| seq < need) {
                    let need = pending.need;
                    self.violate(|| {
                        format!("c{conn} gets ok to {what} in s{room}, which needs {need:?}, stored is {seq}")
                    });
                }
                if durable && status < pending.status {
                    let promised = pending.status;
                    self.violate(|| {
                        format!("c{conn} gets ok to {what} in s{room}: promised {promised:?}, stored {status:?}")
                    });
                }
                let Some(id) = pending.id else { return };
                let user = self.setup.pages[page].who.user.clone();
                let row = |(of, known, _): &(_, Box<str>, _)| *of == user && *known == id;
                let lasts = durable || matches!(what, "transcribe" | "consent");
                if lasts && !self.rooms[room].mirror.requests.iter().any(row) {
                    self.violate(|| {
                        format!(
                            "c{conn} gets ok to {what} {id} in s{room}, but its id is not stored"
                        )
                    });
                }
                let key = (user.as_str().into(), id.clone());
                let first = self.rooms[room].answers.get(&key).cloned();
                match first {
                    Some(first) if first == *fields => self.took(Path::Repeated),
                    // A session made blindly forgets with its own log.
                    Some(_) if self.rooms[room].fenced => {}
                    Some(first) => self.violate(|| {
                        format!("request {id} in s{room} was answered {first}, now {fields}")
                    }),
                    None => {
                        self.rooms[room].answers.insert(key, fields.clone());
                    }
                }
            }
            Reply::Refused(refusal) => self.took_refusal(page, refusal.code),
        }
    }

    fn took_refusal(&mut self, page: usize, code: ErrorCode) {
        match code {
            ErrorCode::Busy => self.took(Path::Busy),
            ErrorCode::SessionActive => self.took(Path::StartRefused),
            ErrorCode::RoomFull => self.took(Path::RoomFull),
            ErrorCode::Draining => self.took(Path::Draining),
            ErrorCode::NotAllowed => self.took(Path::NotAllowed),
            ErrorCode::SessionNotFound if self.name_of(page) == "eve" => self.took(Path::Stranger),
            _ => {}
        }
    }

    /// The API is answered.
    pub(crate) fn judge_answer(&mut self, ask: AskId, answer: &Answer) {
        let Some(asked) = self.asks.remove(&ask) else {
            self.violate(|| format!("the API's {} is answered twice", ask.0));
            return;
        };
        let room = asked.room;
        let mirror = &self.rooms[room].mirror;
        let stored = (mirror.status(), mirror.row.as_ref().and_then(|r| r.reason));
        match answer {
            Answer::Created => {
                if stored.0.is_none() || !asked.create {
                    self.violate(|| format!("s{room} is called made, stored is {stored:?}"));
                }
            }
            Answer::Ended {
                recorded: true,
                reason,
                ..
            } => {
                if stored != (Some(Status::Ended), *reason) {
                    let outside = self.records.row(&self.rooms[room].id);
                    let outside =
                        outside.is_some_and(|row| row.reason == Some(EndReason::ClosedExternally));
                    if !outside {
                        self.violate(|| {
                            format!("the API is told that s{room} ended {reason:?}, stored is {stored:?}")
                        });
                    }
                }
            }
            Answer::Said { seq: Some(seq), .. } => {
                if mirror.event(seq.0).is_none() {
                    self.violate(|| {
                        format!("what the API said into s{room} is called {seq}, and is not stored")
                    });
                }
            }
            Answer::Said { seq: None, .. }
            | Answer::Ended { .. }
            | Answer::Transfer { .. }
            | Answer::Refused(_) => {}
        }
    }

    /// A seat was taken over: not more than three times in ten seconds.
    pub(crate) fn judge_takeover(&mut self, room: usize, conn: ConnectionId, _role: Role) {
        let now = self.now;
        let Some(line) = self.conns.get(&conn.0) else {
            return;
        };
        let user = self.name_of(line.page);
        let times = self.rooms[room]
            .takeovers
            .entry(user.as_str().into())
            .or_default();
        times.retain(|at| now - at < 10_000);
        times.push(now);
        let many = times.len();
        if many > 3 {
            self.violate(|| {
                format!("{user}'s seat in s{room} was taken over {many} times in 10 s")
            });
        }
        if !self.setup.config.takeover_newest {
            self.violate(|| format!("{user}'s seat in s{room} was taken over against the policy"));
        }
    }

    /// Peace has lasted: who was told that a session is degraded was told that it is well again.
    pub(crate) fn judge_peace(&mut self) {
        let mut wrong = Vec::new();
        for (conn, line) in &self.conns {
            for (room, link) in &line.links {
                let there = line.open && line.seats.contains_key(room);
                if there && link.degraded {
                    wrong.push(format!("c{conn} still believes that s{room} is degraded"));
                }
            }
            if let Some((number, pending)) = line.pending.first_key_value().filter(|_| line.open) {
                wrong.push(format!(
                    "c{conn} never got an answer to its request {number} ({} in s{})",
                    pending.what, pending.room
                ));
            }
        }
        for (room, it) in self.rooms.iter().enumerate() {
            let deaf = it.holders.values().filter(|holder| !holder.hears);
            let deaf = deaf.map(|holder| holder.conn);
            wrong.extend(deaf.map(|conn| format!("c{conn} sits in s{room} and hears nobody")));
        }
        for (shard, node) in self.nodes.iter().enumerate() {
            if node.counts().degraded > 0 {
                wrong.push(format!("node {shard} is still degraded"));
            }
        }
        if let Some(ask) = self.asks.values().next().filter(|ask| ask.create) {
            wrong.push(format!("the API never heard of s{}", ask.room));
        }
        if let Some(what) = wrong.into_iter().next() {
            self.violate(|| what);
        }
    }

    /// Everybody went home long ago: nothing is left in memory.
    pub(crate) fn judge_quiet(&mut self) {
        for shard in 0..self.nodes.len() {
            let node = &self.nodes[shard];
            if !node.is_empty() {
                let counts = node.counts();
                self.violate(|| {
                    format!("quiet for long, but node {shard} is not empty: {counts:?}")
                });
            }
        }
        if let Some(ask) = self.asks.values().next().copied() {
            self.violate(|| format!("the API never got an answer about s{}", ask.room));
        }
        for room in 0..self.rooms.len() {
            if let Some(holder) = self.rooms[room].holders.values().next().copied() {
                self.violate(|| format!("c{} still has a seat in s{room}", holder.conn));
            }
        }
    }

    /// The records at the very end: every session ended, no active row, and what they hold is what
    /// was written and told.
    pub(crate) fn judge_records(&mut self) {
        let wall = self.wall();
        let active = self.records.tables.active_rows(wall).count;
        if active > 0 {
            self.violate(|| format!("{active} active rows are left of no running session"));
        }
        for room in 0..self.rooms.len() {
            let it = &self.rooms[room];
            let loaded = self.records.tables.load(&it.id);
            let Some(loaded) = loaded else {
                if it.mirror.row.is_some() {
                    self.violate(|| format!("s{room} was stored and is gone"));
                }
                continue;
            };
            let events = { &self.records.tables }.log(&it.id, Default::default(), usize::MAX);
            if events != it.mirror.events {
                self.violate(|| format!("s{room}: the stored log is not what was written"));
                continue;
            }
            if loaded.row.status != Status::Ended {
                let status = loaded.row.status;
                self.violate(|| format!("s{room} is left {status} in the records"));
                continue;
            }
            let outside = loaded.row.reason == Some(EndReason::ClosedExternally);
            if it.mirror.row.as_ref() != Some(&loaded.row) && !outside {
                self.violate(|| format!("s{room}: the stored row is not what was written"));
                continue;
            }
            let told = it.told.filter(|told| Some(*told) != loaded.row.reason);
            if let Some(told) = told {
                let reason = loaded.row.reason;
                self.violate(|| format!("s{room} was told ended {told}, stored is {reason:?}"));
            }
        }
    }
}

/// The number that follows a key in a JSON text made by us.
fn number_after(body: &str, key: &str) -> u64 {
    let Some((_, rest)) = body.split_once(key) else {
        return 0;
    };
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next();
    digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
}
