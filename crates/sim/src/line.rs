//! The network between server and pages, and what pages make of what arrives. Words take their time,
//! keep their order on one connection and none between connections, and are lost with a line that is
//! cut. A line can also fall silent: its page goes on talking to nobody. What pages ask and hear is
//! written down as a history, and judged by the one judge of histories at the end.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use history::entry::{Entry, Makes, MemberState, What};
use history::judge::{Limits, judge};
use protocol::client::{ClientMessage, Resume};
use protocol::close::{CloseCode, ComeBack};
use protocol::server::{PresenceChange, Reply, ServerMessage, SessionView};

use crate::path::Path;
use crate::world::{Known, World};

/// The slowest way down, milliseconds.
const DOWN_MS_MAX: u64 = 1_500;

/// Something on its way down.
#[derive(Debug)]
pub(crate) enum Down {
    /// A word, and what its page learns from it.
    Word(What, Learn),
    /// The end.
    Close(CloseCode),
}

/// What a page keeps of a word for its next resume.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Learn {
    /// Nothing.
    Nothing,
    /// It joined, and has everything up to here.
    Joined(usize, Known),
    /// It has everything up to here.
    Upto(usize, u64),
    /// It has heard this, which is not stored yet.
    Early(usize, u64),
    /// All up to here is stored.
    Stored(usize, u64),
}

/// A connection's network.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    /// The longest a request takes up and a word takes down, milliseconds.
    pub(crate) up_ms: u64,
    pub(crate) down_ms: u64,
    /// On its way down: when it arrives.
    down: VecDeque<(u64, Down)>,
    /// What is under way upwards is lost.
    pub(crate) up_cut: bool,
    /// Nothing passes any more, and the page has not noticed until then.
    pub(crate) silent_until: Option<u64>,
    /// Provisional words it has heard, by session.
    early: Vec<(usize, u64)>,
}

impl World {
    /// How this connection's network is.
    pub(crate) fn a_wire(&mut self) -> Wire {
        let ways = [(60, 20), (60, 60), (60, 60), (150, 300), (400, DOWN_MS_MAX)];
        let (up_ms, down_ms) = self.rng.pick(&ways);
        Wire {
            up_ms,
            down_ms,
            ..Wire::default()
        }
    }

    /// Adds to the history.
    pub(crate) fn record(&mut self, at: u64, what: What) {
        self.history.push(Entry { at, what });
    }

    fn send_down(&mut self, conn: u64, down: Down) {
        let now = self.now;
        let Some(line) = self.conns.get_mut(&conn).filter(|line| line.heard) else {
            return;
        };
        let before = line.wire.down.back().map_or(0, |(at, _)| *at);
        let most = line.wire.down_ms;
        let at = (now + self.rng.between(0, most)).max(before);
        line.wire.down.push_back((at, down));
    }

    /// Sound sets out to a page, behind the words before it.
    pub(crate) fn sound_down(&mut self, conn: u64, room: usize) {
        let what = What::Receive {
            conn,
            session: Arc::clone(&self.names[room]),
            event: Arc::clone(&self.words.sound),
            seq: None,
            prev: None,
            provisional: false,
            body: Arc::clone(&self.words.nothing),
        };
        self.down_with_the_last(conn, what);
    }

    /// Sets out with the last word under way, or arrives now.
    fn down_with_the_last(&mut self, conn: u64, what: What) {
        let now = self.now;
        if let Some(line) = self.conns.get_mut(&conn).filter(|line| line.heard) {
            let before = line.wire.down.back().map_or(0, |(at, _)| *at);
            let down = Down::Word(what, Learn::Nothing);
            line.wire.down.push_back((now.max(before), down));
        }
    }

    /// What a word says of who is in a session.
    fn members_down(&mut self, conn: u64, room: usize, message: &ServerMessage) {
        let view = |view: &SessionView| {
            let all = view.members.iter();
            all.map(|member| (member.participant.0.into(), member.state.as_str().into()))
                .collect()
        };
        let (whole, members): (bool, Vec<MemberState>) = match message {
            ServerMessage::Joined(joined) => (true, view(&joined.view)),
            ServerMessage::State(state) => (true, view(state)),
            ServerMessage::Presence {
                participant,
                change,
                ..
            } => {
                let state = match change {
                    PresenceChange::Joined => "connected",
                    PresenceChange::Disconnected => "disconnected",
                    PresenceChange::Left => "left",
                };
                (false, vec![(participant.0.into(), state.into())])
            }
            _ => return,
        };
        let what = What::Members {
            conn,
            session: Arc::clone(&self.names[room]),
            whole,
            members,
        };
        self.down_with_the_last(conn, what);
    }

    /// A word sets out to a page.
    pub(crate) fn word_down(&mut self, conn: u64, room: usize, message: &ServerMessage) {
        self.write_word(conn, message);
        let session = Arc::clone(&self.names[room]);
        let word = |event: &Arc<str>, body: &Arc<str>| What::Receive {
            conn,
            session: Arc::clone(&session),
            event: Arc::clone(event),
            seq: None,
            prev: None,
            provisional: false,
            body: Arc::clone(body),
        };
        let (what, learn) = match message {
            ServerMessage::Joined(joined) => {
                let Some(line) = self.conns.get(&conn) else {
                    return;
                };
                let shown = line.links.get(&room).and_then(|link| link.resume);
                let seq = joined.view.seq.0;
                let known = Known {
                    key: line.key,
                    epoch: joined.view.epoch,
                    seq: shown
                        .filter(|_| joined.recovered)
                        .map_or(seq, |shown| shown.seq.0),
                };
                let what = What::Joined {
                    conn,
                    session,
                    role: 1 << joined.role.index(),
                    epoch: joined.view.epoch.0.into(),
                    seq,
                    recovered: joined.recovered,
                    status: joined.view.status.as_str().into(),
                };
                (what, Learn::Joined(room, known))
            }
            ServerMessage::Event(event) => {
                let what = What::Receive {
                    conn,
                    session,
                    event: Arc::clone(&self.words.event),
                    seq: Some(event.seq.0),
                    prev: Some(event.prev.0),
                    provisional: event.provisional,
                    body: Arc::clone(&event.body),
                };
                let learn = match event.provisional {
                    true => Learn::Early(room, event.seq.0),
                    false => Learn::Upto(room, event.seq.0),
                };
                (what, learn)
            }
            ServerMessage::State(view) => {
                let seq = view.seq.0;
                (
                    What::Snapshot { conn, session, seq },
                    Learn::Upto(room, seq),
                )
            }
            ServerMessage::Degraded { on, seq, .. } => {
                let seq = seq.map(|seq| seq.0);
                let learn = match seq {
                    Some(upto) if !on => Learn::Stored(room, upto),
                    _ => Learn::Nothing,
                };
                let on = *on;
                (
                    What::Degraded {
                        conn,
                        session,
                        on,
                        seq,
                    },
                    learn,
                )
            }
            ServerMessage::SessionEnded {
                reason, recorded, ..
            } => {
                let (reason, recorded) = (reason.as_str().into(), *recorded);
                let what = What::Ended {
                    conn,
                    session,
                    reason,
                    recorded,
                };
                (what, Learn::Nothing)
            }
            ServerMessage::ConnectionReplaced { .. } => {
                (What::Replaced { conn, session }, Learn::Nothing)
            }
            ServerMessage::Left { .. } => (What::Left { conn, session }, Learn::Nothing),
            ServerMessage::Error { .. } => {
                (word(&self.words.error, &self.words.nothing), Learn::Nothing)
            }
            _ => (word(&self.words.word, &self.words.nothing), Learn::Nothing),
        };
        self.send_down(conn, Down::Word(what, learn));
        self.members_down(conn, room, message);
    }

    /// An answer sets out to a page.
    pub(crate) fn answer_down(&mut self, conn: u64, number: u32, reply: &Reply) {
        let (ok, body) = match reply {
            Reply::Ok(fields) => (true, Arc::clone(fields)),
            Reply::Refused(refusal) => (false, refusal.code.as_str().into()),
        };
        let reference = number.into();
        let what = What::Answer {
            conn,
            reference,
            ok,
            body,
        };
        self.send_down(conn, Down::Word(what, Learn::Nothing));
    }

    /// The end of a connection sets out to its page.
    pub(crate) fn close_down(&mut self, conn: u64, code: CloseCode) {
        self.write_close(conn, code);
        self.send_down(conn, Down::Close(code));
    }

    /// A request is sent by a page.
    pub(crate) fn record_request(
        &mut self,
        conn: u64,
        room: usize,
        number: u32,
        message: &ClientMessage,
        id: Option<&str>,
    ) {
        let from = match message {
            ClientMessage::Join {
                resume: Some(Resume { seq, .. }),
            } => Some(seq.0),
            _ => None,
        };
        let starts = matches!(message, ClientMessage::Start { .. });
        let words = &self.words;
        let event = match message {
            ClientMessage::Join { .. } => &words.join,
            ClientMessage::Leave => &words.leave,
            _ => &words.word,
        };
        let what = What::Invoke {
            conn,
            session: Arc::clone(&self.names[room]),
            reference: number.into(),
            event: Arc::clone(event),
            id: id.map(Arc::from),
            from,
            makes: starts.then(|| words.starts.clone()),
            canary: None,
        };
        self.record(self.now, what);
    }

    /// A page takes in what has arrived until now.
    pub(crate) fn deliver(&mut self, conn: u64) {
        self.deliver_until(conn, self.now);
    }

    fn deliver_until(&mut self, conn: u64, until: u64) {
        loop {
            let Some(line) = self.conns.get_mut(&conn).filter(|line| line.heard) else {
                return;
            };
            let due = |(at, _): &(u64, Down)| *at <= until;
            if !line.wire.down.front().is_some_and(due) {
                return;
            }
            let Some((at, down)) = line.wire.down.pop_front() else {
                return;
            };
            self.poll(conn);
            match down {
                Down::Word(what, learn) => {
                    self.record(at, what);
                    self.learn(conn, learn);
                }
                Down::Close(code) => return self.page_is_closed(at, conn, code),
            }
        }
    }

    fn learn(&mut self, conn: u64, learn: Learn) {
        let Some(line) = self.conns.get_mut(&conn) else {
            return;
        };
        let (page, early) = (line.page, &mut line.wire.early);
        let known = &mut self.pages[page].known;
        match learn {
            Learn::Nothing => {}
            Learn::Joined(room, what) => {
                early.retain(|(of, _)| *of != room);
                known.insert(room, what);
            }
            Learn::Upto(room, seq) => {
                if let Some(known) = known.get_mut(&room) {
                    known.seq = known.seq.max(seq);
                }
            }
            Learn::Early(room, seq) => early.push((room, seq)),
            Learn::Stored(room, upto) => {
                let mine = early.iter().filter(|(of, seq)| *of == room && *seq <= upto);
                let top = mine.map(|(_, seq)| *seq).max().unwrap_or(0);
                early.retain(|(of, seq)| *of != room || *seq > upto);
                if let Some(known) = known.get_mut(&room) {
                    known.seq = known.seq.max(top);
                }
            }
        }
    }

    fn page_is_closed(&mut self, at: u64, conn: u64, code: CloseCode) {
        let Some(line) = self.conns.get_mut(&conn) else {
            return;
        };
        let page = line.page;
        line.heard = false;
        let code_number = Some(code.number());
        self.record(
            at,
            What::Close {
                conn,
                code: code_number,
            },
        );
        if self.pages[page].conn != Some(conn) {
            return;
        }
        self.pages[page].conn = None;
        let wait = match code.come_back() {
            ComeBack::No => {
                self.pages[page].sent_away = true;
                self.rng.between(200, 8_000)
            }
            _ => self.rng.between(20, 2_000),
        };
        self.pages[page].quiet_until = self.now + wait;
    }

    /// The line is dead for its page from now on: what is under way to it is lost, maybe also what
    /// is under way from it.
    pub(crate) fn cut(&mut self, conn: u64) {
        self.deliver(conn);
        let up_cut = self.rng.chance(40);
        let Some(line) = self.conns.get_mut(&conn) else {
            return;
        };
        let heard = std::mem::replace(&mut line.heard, false);
        line.wire.up_cut |= up_cut;
        let lost = !line.wire.down.is_empty();
        line.wire.down.clear();
        let silent = line.wire.silent_until.take().is_some();
        if lost {
            self.took(Path::WordLost);
        }
        if heard || silent {
            self.record(self.now, What::Close { conn, code: None });
        }
    }

    /// Nothing passes any more, and neither end knows.
    pub(crate) fn fall_silent(&mut self, page: usize) {
        let Some(conn) = self.pages[page].conn else {
            return;
        };
        self.deliver(conn);
        let page_notices = self.now + self.rng.between(3_000, 20_000);
        let Some(line) = self.conns.get_mut(&conn).filter(|line| line.heard) else {
            return;
        };
        line.heard = false;
        line.wire.up_cut = true;
        line.wire.down.clear();
        line.wire.silent_until = Some(page_notices);
        self.took(Path::HalfOpen);
        // The server's door will find out.
        self.note(|_| format!("c{conn} falls silent"));
    }

    /// A page with a silent line notices, if it is time.
    pub(crate) fn notice_silence(&mut self, page: usize, at_once: bool) {
        let Some(conn) = self.pages[page].conn else {
            return;
        };
        let Some(line) = self.conns.get_mut(&conn) else {
            return;
        };
        let now = self.now;
        if line
            .wire
            .silent_until
            .is_some_and(|until| at_once || until <= now)
        {
            line.wire.silent_until = None;
            self.pages[page].conn = None;
            self.record(now, What::Close { conn, code: None });
        }
    }

    /// The process died: what it had sent may still arrive, then every line is over.
    pub(crate) fn lines_die(&mut self) {
        let lines: Vec<u64> = self.conns.keys().copied().collect();
        for conn in lines {
            let until = if self.rng.chance(50) {
                self.now + DOWN_MS_MAX
            } else {
                self.now
            };
            self.deliver_until(conn, until);
            let silent = { &self.conns[&conn] }.wire.silent_until.is_some();
            if silent || self.conns[&conn].heard {
                self.record(self.now, What::Close { conn, code: None });
            }
        }
    }

    /// What everybody has seen and what the records hold goes to the judge of histories. Sessions
    /// that another process took, or whose save a fault called impossible, have no say in it.
    pub(crate) fn judge_history(&mut self) {
        let lines: Vec<u64> = self.conns.keys().copied().collect();
        for conn in lines {
            self.deliver_until(conn, self.now + DOWN_MS_MAX);
        }
        // Nothing may have happened for the rest of the peace.
        let peace = { self.history.iter().rev() }.find(|entry| entry.what == What::Peace);
        let settled = peace.map_or(0, |entry| entry.at + 20_000);
        self.record(settled.max(self.now + DOWN_MS_MAX), What::Over);
        let strange = |room: &crate::world::Room| room.strange || room.fenced || room.rejected;
        let strange: Vec<Arc<str>> = { self.rooms.iter().zip(&self.names) }
            .filter(|(room, _)| strange(room))
            .map(|(_, name)| Arc::clone(name))
            .collect();
        let mut entries = std::mem::take(&mut self.history);
        for (room, name) in self.rooms.iter().zip(&self.names) {
            // As the tables have it: another program may have ended it there.
            let Some(row) = self.records.row(&room.id) else {
                continue;
            };
            let what = What::Row {
                session: Arc::clone(name),
                status: row.status.as_str().into(),
                reason: row.reason.map(|reason| reason.as_str().into()),
                epoch: row.epoch.0.into(),
                seq: row.seq.0,
                ended_at: room.ends_at,
                active: false,
            };
            entries.push(Entry { at: self.now, what });
            for event in &room.mirror.events {
                let what = What::Stored {
                    session: Arc::clone(name),
                    seq: event.seq.0,
                    to: event.audience.0,
                    body: Arc::clone(&event.body),
                };
                entries.push(Entry { at: self.now, what });
            }
        }
        if !strange.is_empty() {
            without(&mut entries, &strange);
        }
        let config = &self.setup.config;
        // A node that is to stop keeps all places that are empty then for the next one.
        let kept_ms = if self.drained { config.drain_ms } else { 0 };
        let limits = Limits {
            switch_ms: 1_000 + DOWN_MS_MAX,
            orphan_ms: config.grace_ms + kept_ms + 1_000,
            clocks_ms: config.max_duration_ms,
            most: 1,
            ..Limits::default()
        };
        let verdict = judge(&entries, limits);
        if let Some(violation) = verdict.violations.into_iter().next() {
            self.violate(|| format!("history: {violation}"));
        }
    }
}

/// Takes sessions out of a history, with the answers to what was asked in them.
fn without(entries: &mut Vec<Entry>, sessions: &[Arc<str>]) {
    let mut asked = BTreeSet::new();
    entries.retain(|entry| match &entry.what {
        What::Answer {
            conn, reference, ..
        } => !asked.contains(&(*conn, *reference)),
        what => {
            let out = what.session().is_some_and(|of| sessions.contains(of));
            if let What::Invoke {
                conn, reference, ..
            } = what
                && out
            {
                asked.insert((*conn, *reference));
            }
            !out
        }
    });
}

/// Texts the history needs again and again.
#[derive(Debug)]
pub(crate) struct Words {
    join: Arc<str>,
    leave: Arc<str>,
    event: Arc<str>,
    error: Arc<str>,
    word: Arc<str>,
    sound: Arc<str>,
    nothing: Arc<str>,
    starts: Makes,
}

impl Default for Words {
    fn default() -> Self {
        Self {
            join: "session:join".into(),
            leave: "session:leave".into(),
            event: "event".into(),
            error: "session:error".into(),
            word: "word".into(),
            sound: "audio:received".into(),
            nothing: "".into(),
            starts: Makes {
                event: "session:status:updated".into(),
                holds: Some(r#""status":"active""#.into()),
            },
        }
    }
}
