//! What connections are told, message by message, and whether they may be: no word of another
//! session, none after the last one, no hole, nothing twice, nothing called stored that is not.

use std::sync::Arc;

use protocol::id::{ConnectionId, Generation, Participant, Seq};
use protocol::server::{Joined, Logged, PresenceChange, ServerMessage};
use protocol::value::{EndReason, Role, Status};

use crate::path::Path;
use crate::setup::session_number;
use crate::world::{Holder, World};

impl World {
    /// A message goes out.
    pub(crate) fn said(&mut self, to: &[ConnectionId], message: &ServerMessage) {
        let Some(room) = room_of(message) else {
            self.violate(|| format!("a message of no session: {message:?}"));
            return;
        };
        self.trace.word(room as u64);
        if let ServerMessage::Event(event) = message {
            self.trace.word(event.seq.0);
            self.trace.text(&event.body);
        }
        for conn in to {
            self.trace.word(conn.0);
        }
        self.note(|_| format!("  to {to:?}: {}", short(message)));
        for conn in to {
            self.told(conn.0, room, message);
        }
    }

    fn told(&mut self, conn: u64, room: usize, message: &ServerMessage) {
        let Some(line) = self.conns.get(&conn) else {
            self.violate(|| format!("a word to c{conn}, which never was"));
            return;
        };
        let (open, seated) = (line.open, line.seats.contains_key(&room));
        let link = line.links.get(&room);
        let closed = link.is_some_and(|link| link.closed);
        let last_word = link.and_then(|link| link.last_word);
        let joined = link.is_some_and(|link| link.joined);
        let leftover = link.is_some_and(|link| link.leftover > 0);
        let left = link.is_some() && !seated && !closed;
        if closed {
            self.violate(|| format!("c{conn} was closed for s{room}, and is sent {message:?}"));
        }
        if !open {
            // A dead line: whatever goes there is heard by nobody.
            return;
        }
        self.shows(conn, room, message);
        self.word_down(conn, room, message);
        if !seated && !left {
            self.violate(|| {
                format!("a word of s{room} to c{conn}, which has no seat in it: {message:?}")
            });
            return;
        }
        let joins = matches!(message, ServerMessage::Joined(_));
        if let Some(link) = self.link(conn, room).filter(|_| joins) {
            // Who leaves twice before the first goodbye is told gets one.
            link.leftover = 0;
        }
        if leftover && !joins {
            // It left and is on its way back: what waited for the leaver comes first.
            if let ServerMessage::Left { .. } = message {
                let line = self.conns.get_mut(&conn);
                if let Some(link) = line.and_then(|line| line.links.get_mut(&room)) {
                    link.leftover -= 1;
                }
            }
            return;
        }
        if let Some(word) = last_word {
            self.violate(|| format!("c{conn} was told {word} of s{room}, then: {message:?}"));
        }
        let before_join = matches!(
            message,
            ServerMessage::Joined(_)
                | ServerMessage::ConnectionReplaced { .. }
                | ServerMessage::Left { .. }
        );
        if !joined && !before_join && !matches!(message, ServerMessage::Error { .. }) {
            self.violate(|| format!("c{conn} is told of s{room} before it joined: {message:?}"));
        }
        self.took_in(conn, room, message);
    }

    /// What the message means for this connection.
    fn took_in(&mut self, conn: u64, room: usize, message: &ServerMessage) {
        match message {
            ServerMessage::Joined(joined) => self.told_joined(conn, room, joined),
            ServerMessage::Event(event) if event.provisional => {
                self.told_early(conn, room, event);
            }
            ServerMessage::Event(event) => self.told_event(conn, room, event),
            ServerMessage::Degraded { on, seq, .. } => {
                self.told_degraded(conn, room, *on, *seq);
            }
            ServerMessage::SessionEnded {
                reason, recorded, ..
            } => {
                self.told_end(conn, room, *reason, *recorded);
            }
            ServerMessage::ConnectionReplaced { .. } => {
                self.last_word(conn, room, "connection:replaced");
            }
            ServerMessage::Left { .. } => self.last_word(conn, room, "session:left"),
            ServerMessage::State(view) => {
                let stored = self.rooms[room].mirror.seq();
                if view.seq.0 > stored {
                    self.violate(|| {
                        format!(
                            "s{room} shows c{conn} a state at {}, stored is {stored}",
                            view.seq
                        )
                    });
                }
            }
            ServerMessage::Partial(_) => {
                let role = self.role_on(conn, room);
                let body = r#"{"type":"transcription:result""#;
                if role == Some(Role::Candidate) && self.hides(room, body) {
                    self.violate(|| {
                        format!("a caption of s{room} goes to its candidate, against the plan")
                    });
                }
            }
            ServerMessage::Presence { user, change, .. } => {
                let own = self.name_of(self.conns[&conn].page) == user.as_str();
                if own && *change != PresenceChange::Left {
                    self.violate(|| format!("c{conn} is told of itself: {message:?}"));
                }
            }
            _ => {}
        }
    }

    /// A holder of a seat hears who speaks from now on. They were told before that they have it.
    pub(crate) fn let_hear(&mut self, room: usize, conn: u64, generation: Generation) {
        self.trace.word(conn << 8 | 6);
        self.note(|_| format!("  c{conn} hears s{room}"));
        let mut holders = self.rooms[room].holders.values_mut();
        let held = |holder: &&mut Holder| {
            holder.conn == conn && holder.generation == generation.0 && !holder.hears
        };
        if let Some(holder) = holders.find(held) {
            holder.hears = true;
        } else {
            self.violate(|| {
                format!("c{conn} is to hear s{room} (generation {generation}) in vain")
            });
        }
        let line = self.conns.get(&conn).filter(|line| line.open);
        let link = line.map(|line| line.links.get(&room));
        if link.is_some_and(|link| link.is_none_or(|link| !link.joined)) {
            self.violate(|| format!("c{conn} hears s{room} before its join is answered"));
        }
    }

    /// Somebody speaks: sound goes to all who hear, past everything that waits for the records.
    pub(crate) fn sound(&mut self, room: usize, speaker: Participant) {
        if !self.rooms[room].route_open {
            return;
        }
        let candidate = self.rooms[room].candidates.contains(&speaker);
        let holders = self.rooms[room].holders.values();
        let hearing: Vec<u64> = holders
            .filter(|holder| holder.hears && (holder.role == Role::Candidate) != candidate)
            .map(|holder| holder.conn)
            .collect();
        for conn in hearing {
            self.took(Path::Sound);
            self.sound_down(conn, room);
        }
    }

    fn last_word(&mut self, conn: u64, room: usize, word: &'static str) {
        let line = self.conns.get_mut(&conn);
        if let Some(link) = line.and_then(|line| line.links.get_mut(&room)) {
            link.last_word = Some(word);
        }
    }

    /// The role this connection has or had here, by the data plane.
    pub(crate) fn role_on(&self, conn: u64, room: usize) -> Option<Role> {
        let mut holders = self.rooms[room].holders.values();
        let held = holders.find(|holder| holder.conn == conn);
        held.map(|holder| holder.role)
    }

    /// Whether the candidate may not see words: what the open log says of words like these.
    fn hides(&self, room: usize, prefix: &str) -> bool {
        let mut rows = self.rooms[room].mirror.events.iter().rev();
        let last = rows.find(|row| row.body.starts_with(prefix));
        let hidden = last.is_some_and(|row| !row.audience.includes(Role::Candidate));
        hidden && !self.rooms[room].fenced
    }

    fn link(&mut self, conn: u64, room: usize) -> Option<&mut crate::world::Link> {
        self.conns.get_mut(&conn)?.links.get_mut(&room)
    }

    /// Requests of a connection are answered in their order: this is what the join had shown that
    /// is answered by `session:joined` now.
    fn shows(&mut self, conn: u64, room: usize, message: &ServerMessage) {
        let joined = matches!(message, ServerMessage::Joined(_));
        let Some(line) = self.conns.get_mut(&conn).filter(|_| joined) else {
            return;
        };
        let showing = line.showing(room);
        if let (Some(link), Some(showing)) = (line.links.get_mut(&room), showing) {
            link.resume = showing;
        }
    }

    fn told_joined(&mut self, conn: u64, room: usize, joined: &Joined) {
        let stored = self.rooms[room].mirror.seq();
        let Some(line) = self.conns.get_mut(&conn) else {
            return;
        };
        let Some(link) = line.links.get_mut(&room) else {
            return;
        };
        let again = link.joined;
        let before = link.pos;
        link.joined = true;
        link.epoch = joined.view.epoch;
        link.early.clear();
        link.replayed = 0;
        let shown = link.resume;
        let mut wrong = None;
        match (joined.recovered, shown) {
            (true, Some(resume)) => {
                link.pos = resume.seq.0;
                link.reading = stored > link.pos;
                let right = link.key_before.is_none_or(|key| key == resume.key);
                if !right || resume.epoch != joined.view.epoch {
                    wrong = Some("with a key or epoch that does not fit");
                }
            }
            (true, None) => wrong = Some("though nothing was shown"),
            (false, _) => {
                link.pos = joined.view.seq.0;
                if again && link.pos < before {
                    wrong = Some("and sent back in the log");
                }
            }
        }
        let seq = joined.view.seq.0;
        if let Some(why) = wrong {
            self.violate(|| format!("c{conn} is recovered in s{room} {why}"));
        }
        if seq > stored {
            self.violate(|| {
                format!("s{room} is shown to c{conn} at {seq}, but stored is only {stored}")
            });
        }
    }

    fn told_event(&mut self, conn: u64, room: usize, event: &Logged) {
        let role = self.role_on(conn, room);
        let (seq, prev) = (event.seq.0, event.prev.0);
        let mirror = &self.rooms[room].mirror;
        let stored = mirror.event(seq);
        if stored.is_none_or(|row| *row.body != *event.body) {
            let is = stored.map(|row| Arc::clone(&row.body));
            let said = Arc::clone(&event.body);
            self.violate(|| {
                format!("s{room} tells c{conn} event {seq} {said}, but stored is {is:?}")
            });
            return;
        }
        let newest = role.map_or(0, |role| mirror.entitled_before(role, u64::MAX));
        let before = role.map_or(0, |role| mirror.entitled_before(role, seq));
        let may = role.is_none_or(|role| stored.is_some_and(|row| row.audience.includes(role)));
        if !may {
            self.violate(|| format!("s{room} event {seq} goes to a {role:?} who may not see it"));
        } else if before > prev {
            self.violate(|| {
                format!("s{room} event {seq} says prev {prev} to c{conn} ({role:?}), but {before} is between")
            });
        }
        let line = self.conns.get_mut(&conn);
        let Some(link) = line.and_then(|line| line.links.get_mut(&room)) else {
            return;
        };
        let pos = link.pos;
        link.pos = pos.max(seq);
        link.early.retain(|early| *early > seq);
        link.replayed += 1;
        let long = link.reading && link.replayed == 65;
        if link.reading && seq >= newest {
            link.reading = false;
        }
        if long {
            self.took(Path::LongReplay);
        }
        if seq <= pos {
            self.violate(|| format!("s{room} event {seq} reaches c{conn}, which was at {pos}"));
        }
        // After our own fault a hole is told as one: the page resumes and gets what stands in it.
        if prev > pos && !self.rooms[room].rejected {
            self.violate(|| {
                format!(
                    "a hole in s{room} for c{conn}: at {pos}, the next event is {seq} after {prev}"
                )
            });
        }
    }

    fn told_early(&mut self, conn: u64, room: usize, event: &Logged) {
        self.took(Path::Provisional);
        let role = self.role_on(conn, room);
        let (seq, prev) = (event.seq.0, event.prev.0);
        let line = self.conns.get_mut(&conn);
        let Some(link) = line.and_then(|line| line.links.get_mut(&room)) else {
            return;
        };
        let top = link.early.last().copied().unwrap_or(0).max(link.pos);
        link.early.push(seq);
        if seq <= top {
            self.violate(|| {
                format!("s{room} provisional event {seq} reaches c{conn}, which had {top}")
            });
        }
        if prev > top && !self.rooms[room].rejected {
            self.violate(|| {
                format!("a hole in s{room} for c{conn}: it has {top}, the next provisional event is {seq} after {prev}")
            });
        }
        let bit = role.map_or(0, |role| 1_u8 << role.index());
        let told = self.rooms[room].early.entry(seq);
        let (roles, body) = told.or_insert_with(|| (0, Arc::clone(&event.body)));
        *roles |= bit;
        let same = **body == *event.body;
        if self.rooms[room].fenced || self.rooms[room].rejected {
            // A session made blindly has a log of its own until its row refuses it.
            return;
        }
        if !same {
            self.violate(|| format!("s{room} provisional event {seq} was told in two ways"));
        }
        if let Some(row) = self.rooms[room].mirror.event(seq) {
            let same = *row.body == *event.body;
            if !same {
                self.violate(|| format!("s{room} event {seq} is told otherwise than it is stored"));
            }
        }
    }

    fn told_degraded(&mut self, conn: u64, room: usize, on: bool, seq: Option<Seq>) {
        let stored = self.rooms[room].mirror.seq();
        let line = self.conns.get_mut(&conn);
        let Some(link) = line.and_then(|line| line.links.get_mut(&room)) else {
            return;
        };
        let was = std::mem::replace(&mut link.degraded, on);
        if on {
            if was {
                self.violate(|| format!("c{conn} is told twice that s{room} is degraded"));
            }
            return;
        }
        let upto = seq.map_or(0, |seq| seq.0);
        for early in std::mem::take(&mut link.early) {
            if early <= upto {
                link.pos = link.pos.max(early);
            } else {
                link.early.push(early);
            }
        }
        let left = link.early.len();
        if self.rooms[room].rejected {
            // What the records called impossible is dropped, and told as such.
            if let Some(link) = self.link(conn, room) {
                link.early.clear();
            }
            self.rooms[room].early.clear();
        } else if left > 0 {
            self.violate(|| {
                format!("s{room} is well at {upto}, but c{conn} holds {left} provisional words")
            });
        }
        if upto > stored {
            self.violate(|| format!("s{room} says all up to {upto} is stored, it is {stored}"));
        }
    }

    fn told_end(&mut self, conn: u64, room: usize, reason: EndReason, recorded: bool) {
        let role = self.role_on(conn, room);
        let it = &self.rooms[room];
        let stored = (
            it.mirror.status(),
            it.mirror.row.as_ref().and_then(|row| row.reason),
        );
        let last = role.map_or(0, |role| it.mirror.entitled_before(role, u64::MAX));
        let (allowed, route_open) = (it.reasons.clone(), it.route_open);
        // A session made blindly, under an id that is taken, ends for itself alone.
        let other = it.told.filter(|told| *told != reason && !it.fenced);
        if recorded && stored != (Some(Status::Ended), Some(reason)) {
            self.violate(|| {
                format!(
                    "c{conn} is told that the end of s{room} ({reason}) is stored, it is {stored:?}"
                )
            });
        }
        if let Some(other) = other {
            self.violate(|| format!("s{room} ended {other}, and now it ended {reason}"));
        }
        if allowed.is_some_and(|allowed| !allowed.contains(&reason)) {
            self.violate(|| {
                format!("s{room} says it ended {reason}, but that is not what ended it first")
            });
        }
        if route_open {
            self.violate(|| format!("s{room} says it ended while its audio route is open"));
        }
        if recorded {
            self.rooms[room].told = Some(reason);
        } else {
            self.rooms[room].told_unrecorded = Some(reason);
        }
        let line = self.conns.get_mut(&conn);
        let Some(link) = line.and_then(|line| line.links.get_mut(&room)) else {
            return;
        };
        let top = link.early.last().copied().unwrap_or(0).max(link.pos);
        link.last_word = Some("session_ended");
        // Nobody waits longer than a read may take for a member whose log is still being read.
        let patient = self.setup.config.load_ms;
        let waited = { self.rooms[room].ended_at }.is_some_and(|at| self.now >= at + patient);
        if recorded && top < last && !waited {
            self.violate(|| {
                format!("s{room} ended at {last}, but c{conn} was given only up to {top}")
            });
        }
    }
}

/// The session a message is about.
fn room_of(message: &ServerMessage) -> Option<usize> {
    let session = match message {
        ServerMessage::Event(event) => {
            let (_, rest) = event.body.split_once("\"sessionId\":\"s")?;
            let digits = rest.split('"').next()?;
            return digits.parse().ok();
        }
        ServerMessage::Joined(joined) => &joined.view.session,
        ServerMessage::State(view) => &view.session,
        ServerMessage::Partial(caption) => &caption.session,
        ServerMessage::Error { session, .. } => session.as_ref()?,
        ServerMessage::ConnectionReplaced { session }
        | ServerMessage::Left { session }
        | ServerMessage::Presence { session, .. }
        | ServerMessage::Visibility { session, .. }
        | ServerMessage::ConsentRequest { session, .. }
        | ServerMessage::Expiring { session, .. }
        | ServerMessage::Degraded { session, .. }
        | ServerMessage::SessionEnded { session, .. }
        | ServerMessage::TranscriptionProcessing { session, .. }
        | ServerMessage::TranscriptionResult { session, .. }
        | ServerMessage::AudioAck { session, .. } => session,
        ServerMessage::ConnectionSuccess(_)
        | ServerMessage::ConnectionError(_)
        | ServerMessage::TokenExpiring { .. }
        | ServerMessage::Draining { .. }
        | ServerMessage::Said(_)
        | ServerMessage::Pong { .. } => return None,
    };
    Some(session_number(session))
}

fn short(message: &ServerMessage) -> String {
    match message {
        ServerMessage::Event(event) => {
            let mark = if event.provisional { "~" } else { "" };
            format!("{mark}{}<{} {}", event.prev, event.seq, event.body)
        }
        ServerMessage::Joined(joined) => {
            let view = &joined.view;
            format!(
                "joined {} recovered={} at {}",
                view.status, joined.recovered, view.seq
            )
        }
        ServerMessage::State(view) => format!("state {} at {}", view.status, view.seq),
        other => format!("{other:?}"),
    }
}
