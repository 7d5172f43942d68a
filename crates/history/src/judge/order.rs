//! What can be judged while it happens: words, places, seats, answers, in the order they were seen.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Asked, Case, Conn, Kind, Link, Members, Promise, Row, Seat};
use crate::entry::{Entry, MemberState, What};
use crate::tape::canary;

/// Statuses in the order of a session's life; unknown words stand before all.
pub(super) fn rank(status: &str) -> usize {
    let all = ["scheduled", "active", "completing", "ended"];
    all.iter()
        .position(|known| *known == status)
        .map_or(0, |at| at + 1)
}

/// Whether an event says that its session runs: that it began, or what becomes of a question.
pub(super) fn runs(body: &str) -> bool {
    let began = r#""type":"session:status:updated""#;
    body.contains(r#""type":"question:"#)
        || (body.contains(began) && body.contains(r#""status":"active""#))
}

/// A durable event as it was told.
struct Told<'e> {
    conn: u64,
    session: &'e Arc<str>,
    seq: u64,
    prev: u64,
    body: &'e Arc<str>,
}

impl Case {
    pub(super) fn see(&mut self, entry: &Entry) {
        let at = entry.at;
        self.last_at = self.last_at.max(at);
        match &entry.what {
            What::Open { conn, user } => {
                let user = Arc::clone(user);
                self.conns.insert(
                    *conn,
                    Conn {
                        user,
                        ..Conn::default()
                    },
                );
            }
            What::Invoke { .. } => self.invoked(at, &entry.what),
            What::Said { session, canary } => {
                let canary = Arc::clone(canary);
                self.session(session).canaries.insert(canary);
            }
            What::Answer {
                conn,
                reference,
                ok,
                body,
            } => {
                self.answered(at, *conn, *reference, *ok, body);
            }
            What::Joined { .. } => self.joined(at, &entry.what),
            What::Receive {
                conn,
                session,
                event,
                seq,
                prev,
                provisional,
                body,
            } => {
                if !self.word(at, *conn, session, event) {
                    return;
                }
                self.marked(at, *conn, session, body);
                if let (Some(seq), Some(prev)) = (*seq, *prev) {
                    let told = Told {
                        conn: *conn,
                        session,
                        seq,
                        prev,
                        body,
                    };
                    if *provisional {
                        self.told_early(at, &told);
                    } else {
                        self.told(at, &told);
                    }
                }
            }
            What::Snapshot { conn, session, seq } => {
                if self.word(at, *conn, session, "session:state") {
                    self.called_stored(session, *seq);
                    if let Some(link) = self.link(*conn, session) {
                        link.pos = link.pos.max(*seq);
                        link.early.retain(|early| early > seq);
                    }
                }
            }
            What::Members {
                conn,
                session,
                whole,
                members,
            } => self.members(at, *conn, session, *whole, members),
            What::Degraded {
                conn,
                session,
                on,
                seq,
            } => {
                if self.word(at, *conn, session, "session:degraded") {
                    self.degraded(*conn, session, *on, *seq);
                }
            }
            What::Ended {
                conn,
                session,
                reason,
                recorded,
            } => {
                if self.word(at, *conn, session, "session_ended") {
                    self.ended(at, *conn, session, reason, *recorded);
                }
            }
            What::Replaced { conn, session } => {
                self.last_word(at, *conn, session, "connection:replaced");
            }
            What::Left { conn, session } => self.last_word(at, *conn, session, "session:left"),
            What::Close { conn, .. } => {
                if let Some(line) = self.conns.get_mut(conn) {
                    line.closed_at.get_or_insert(at);
                }
            }
            What::Lost { conn } => {
                self.notes_losses = true;
                if let Some(line) = self.conns.get_mut(conn) {
                    line.lost_at.get_or_insert(at);
                }
            }
            What::Fault { .. } => {}
            What::Down => self.down_since = Some(at),
            What::Up => {
                if let Some(since) = self.down_since.take() {
                    self.downs.push((since, at));
                }
            }
            What::Peace => self.peace_at = Some(at),
            What::Over => self.over_at = Some(at),
            What::Row {
                session,
                status,
                reason,
                epoch,
                seq,
                ended_at,
                active,
            } => {
                let row = Row {
                    at,
                    status: Arc::clone(status),
                    reason: reason.clone(),
                    epoch: *epoch,
                    seq: *seq,
                    ended_at: *ended_at,
                    active: *active,
                };
                self.row(at, session, row);
            }
            What::Stored {
                session,
                seq,
                to,
                body,
            } => {
                let row = (*to, Arc::clone(body));
                let before = self.session(session).stored.insert(*seq, row.clone());
                // Noted again is as good as once; changed is not.
                if before.is_some_and(|before| before != row) {
                    self.violate(Promise::P1, at, || {
                        format!("{session}: what is stored at {seq} has changed")
                    });
                }
            }
        }
    }

    fn invoked(&mut self, at: u64, what: &What) {
        let What::Invoke {
            conn,
            session,
            reference,
            event,
            id,
            from,
            makes,
            canary,
        } = what
        else {
            return;
        };
        if let Some(canary) = canary {
            self.session(session).canaries.insert(Arc::clone(canary));
        }
        if let Some(makes) = makes {
            self.session(session).hoped.insert(makes.clone());
        }
        let Some(line) = self.conns.get_mut(conn) else {
            return;
        };
        let kind = match &**event {
            "session:join" => Kind::Join,
            "session:leave" => Kind::Leave,
            _ => Kind::Other,
        };
        if kind == Kind::Join {
            line.joins
                .push((Arc::clone(session), *reference, *from, at));
        }
        let asked = Asked {
            session: Arc::clone(session),
            id: id.clone(),
            makes: makes.clone(),
            at,
            kind,
            answer: None,
        };
        line.asked.insert(*reference, asked);
    }

    /// P10: an answer belongs to a question. P8: one answer a question, the same for the same id.
    /// P5: who lost the seat is not served any more.
    fn answered(&mut self, at: u64, conn: u64, reference: u64, ok: bool, body: &Arc<str>) {
        self.tested(Promise::P8);
        let Some(line) = self.conns.get_mut(&conn) else {
            return;
        };
        // `session:joined` goes before the answer. Who asks again where they sit gets none, nor does
        // who left before it could be told.
        let place = { line.joins.iter() }.position(|(_, number, ..)| *number == reference);
        let join = place.map(|place| line.joins.remove(place));
        let user = Arc::clone(&line.user);
        if let Some((of, _, _, asked_at)) = join.filter(|_| ok) {
            if let Some(link) = line.links.get_mut(&of) {
                link.joined_at = link.joined_at.max(asked_at);
            }
            self.took_seat(at, conn, &of, &user, asked_at);
        }
        let Some(line) = self.conns.get_mut(&conn) else {
            return;
        };
        let Some(asked) = line.asked.get_mut(&reference) else {
            return self.violate(Promise::P10, at, || {
                format!("connection {conn} is answered {reference}, which it never asked")
            });
        };
        if asked.answer.replace((at, ok)).is_some() {
            return self.violate(Promise::P8, at, || {
                format!("connection {conn} is answered {reference} twice")
            });
        }
        let (session, asked_at) = (Arc::clone(&asked.session), asked.at);
        let (id, makes) = (asked.id.clone(), asked.makes.clone());
        if !ok {
            return;
        }
        if let Some(makes) = makes {
            self.verdict.acknowledged += 1;
            *self.session(&session).promised.entry(makes).or_default() += 1;
        }
        self.live_seat(at, asked_at, conn, &session, "is served");
        let Some(id) = id else { return };
        let answers = &mut self.session(&session).answers;
        let first = answers
            .entry((user, Arc::clone(&id)))
            .or_insert_with(|| Arc::clone(body));
        if first != body {
            let first = Arc::clone(first);
            self.violate(Promise::P8, at, || {
                format!("{session}: request {id} was answered {first}, now {body}")
            });
        }
    }

    /// A join that was answered `ok` without the news of it had the seat all the same: whoever had
    /// it before has it no more.
    fn took_seat(&mut self, at: u64, conn: u64, of: &Arc<str>, user: &Arc<str>, asked_at: u64) {
        let seats = &mut self.session(of).seats;
        let Some(newest) = seats.get_mut(user).filter(|seat| seat.conn != conn) else {
            return;
        };
        if newest.asked_at <= asked_at {
            *newest = Seat {
                conn,
                asked_at,
                joined_at: at,
            };
        }
    }

    /// P5: nothing for a connection whose seat a newer one took more than a moment ago.
    fn live_seat(&mut self, at: u64, since: u64, conn: u64, session: &Arc<str>, what: &str) {
        let Some(line) = self.conns.get(&conn) else {
            return;
        };
        let Some(link) = line.links.get(session) else {
            return;
        };
        let user = Arc::clone(&line.user);
        let joined_at = link.joined_at;
        let seat = self.session(session).seats.get(&user).copied();
        let Some(seat) = seat.filter(|seat| seat.conn != conn) else {
            return;
        };
        let (holder, taken_at) = (seat.conn, seat.joined_at);
        self.tested(Promise::P5);
        // Which of two that asked at the same time is the newer one, nobody but the server knows.
        let newer = seat.asked_at > joined_at;
        if newer && since > taken_at + self.limits.switch_ms {
            self.violate(Promise::P5, at, || {
                format!(
                    "{session}: connection {conn} of {user} {what}, but {holder} has the seat since {taken_at} ms"
                )
            });
        }
    }

    fn joined(&mut self, at: u64, what: &What) {
        let What::Joined {
            conn,
            session,
            role,
            epoch,
            seq,
            recovered,
            status,
        } = what
        else {
            return;
        };
        let Some(line) = self.conns.get_mut(conn) else {
            return;
        };
        let place = line.joins.iter().position(|(of, ..)| of == session);
        let Some(place) = place else {
            return self.violate(Promise::P2, at, || {
                format!("connection {conn} is put into {session}, which it never asked for")
            });
        };
        let waiting = line.joins.iter().filter(|(of, ..)| of == session).count();
        let (_, _, from, asked_at) = line.joins.remove(place);
        let user = Arc::clone(&line.user);
        let pos = match (recovered, from) {
            (true, Some(from)) => from,
            _ => *seq,
        };
        let link = Link {
            asked_at,
            joined_at: at,
            role: *role,
            epoch: *epoch,
            pos,
            unsure: waiting > 1,
            ..Link::default()
        };
        let again = line.links.insert(Arc::clone(session), link);
        let before = again.filter(|link| link.last_word.is_none() && link.epoch == *epoch);
        if *recovered && from.is_none() {
            self.violate(Promise::P3, at, || {
                format!("connection {conn} is recovered in {session} and had shown nothing")
            });
        }
        if before.is_some_and(|before| !*recovered && pos < before.pos) {
            self.violate(Promise::P3, at, || {
                format!("connection {conn} is sent back to {pos} in {session}")
            });
        }
        self.called_stored(session, *seq);
        let it = self.session(session);
        let seat = Seat {
            conn: *conn,
            asked_at,
            joined_at: at,
        };
        let newest = it.seats.entry(user).or_insert(seat);
        if newest.asked_at <= asked_at {
            *newest = seat;
        }
        let over = it
            .ended
            .clone()
            .filter(|(_, ended_at)| asked_at > *ended_at);
        self.tested(Promise::P6);
        if let Some((reason, _)) = over.filter(|_| rank(status) < rank("completing")) {
            self.violate(Promise::P6, at, || {
                format!("{session} ended {reason}, and connection {conn} is taken in as {status}")
            });
        }
    }

    fn called_stored(&mut self, session: &Arc<str>, seq: u64) {
        let it = self.session(session);
        it.called_stored = it.called_stored.max(seq);
    }

    /// P2: who hears a word of a session, sound too, was told before that they joined it. P3:
    /// nothing comes after the last word, unless they join anew. True if the word may be looked at
    /// further.
    fn word(&mut self, at: u64, conn: u64, session: &Arc<str>, event: &str) -> bool {
        self.tested(Promise::P2);
        let Some(line) = self.conns.get(&conn) else {
            return false;
        };
        let joining = line.joins.iter().any(|(of, ..)| of == session);
        let last_word = line.links.get(session).map(|link| link.last_word);
        if let Some(Some(word)) = last_word.filter(|_| !joining) {
            let (word, _) = word;
            self.violate(Promise::P3, at, || {
                format!("connection {conn} was told {word} of {session}, then {event}")
            });
            return false;
        }
        if last_word != Some(None) {
            // Errors about a session are answers to whoever asked about it.
            let asked = line.asked.values().any(|asked| asked.session == *session);
            if !asked || !event.ends_with("error") {
                self.violate(Promise::P2, at, || {
                    format!("connection {conn} hears {event} of {session}, where it is not")
                });
            }
            return false;
        }
        self.live_seat(at, at, conn, session, "hears");
        true
    }

    /// P2 and P10: a mark is of this session, and somebody put it there.
    fn marked(&mut self, at: u64, conn: u64, session: &Arc<str>, body: &str) {
        let Some(mark) = canary(body) else { return };
        self.tested(Promise::P10);
        let of = mark.split(':').nth(1).unwrap_or_default();
        if of != &**session {
            return self.violate(Promise::P2, at, || {
                format!("connection {conn} hears {mark} in {session}")
            });
        }
        if !self.session(session).canaries.contains(mark) {
            self.violate(Promise::P10, at, || {
                format!("connection {conn} hears {mark}, which nobody said")
            });
        }
    }

    /// P3: no hole. P8: nothing twice. P4: never backwards, and the same for all.
    fn told(&mut self, at: u64, told: &Told<'_>) {
        let Told {
            conn,
            session,
            seq,
            prev,
            body,
        } = *told;
        self.verdict.received += 1;
        self.tested(Promise::P3);
        let Some(link) = self.link(conn, session) else {
            return;
        };
        let (pos, epoch) = (link.pos, link.epoch);
        let unsure = std::mem::take(&mut link.unsure);
        if seq <= pos && !unsure {
            let twice = link.had.binary_search(&seq).is_ok();
            let promise = if twice { Promise::P8 } else { Promise::P4 };
            return self.violate(promise, at, || {
                format!("connection {conn} is at {pos} in {session} and hears {seq}")
            });
        }
        link.pos = seq;
        link.had.push(seq);
        link.early.retain(|early| *early > seq);
        link.saw_run |= runs(body);
        if prev > pos && !unsure {
            self.violate(Promise::P3, at, || {
                format!(
                    "connection {conn} is at {pos} in {session}, the next is {seq} after {prev}"
                )
            });
        }
        self.called_stored(session, seq);
        if runs(body) {
            self.session(session).ran_at.get_or_insert(at);
        }
        let known = self.session(session).told.entry((epoch, seq));
        let (first, whom) = known.or_insert_with(|| (Arc::clone(body), conn));
        if first != body {
            let (first, whom) = (Arc::clone(first), *whom);
            self.violate(Promise::P4, at, || {
                format!("{session} {seq}: connection {whom} heard {first}, {conn} hears {body}")
            });
        } else if *whom != conn {
            self.tested(Promise::P4);
        }
    }

    fn told_early(&mut self, at: u64, told: &Told<'_>) {
        let Told {
            conn,
            session,
            seq,
            prev,
            ..
        } = *told;
        let Some(link) = self.link(conn, session) else {
            return;
        };
        let top = link.early.last().copied().unwrap_or(0).max(link.pos);
        link.early.push(seq);
        if seq <= top {
            return self.violate(Promise::P8, at, || {
                format!("connection {conn} had {top} in {session} and hears {seq} as provisional")
            });
        }
        if prev > top {
            self.violate(Promise::P3, at, || {
                format!("connection {conn} had {top} in {session}, the next provisional is {seq} after {prev}")
            });
        }
    }

    fn degraded(&mut self, conn: u64, session: &Arc<str>, on: bool, seq: Option<u64>) {
        let upto = seq.unwrap_or(0);
        self.called_stored(session, upto);
        let Some(link) = self.link(conn, session) else {
            return;
        };
        link.degraded = on;
        if !on {
            // What was provisional is stored now, as far as it says.
            let had: Vec<u64> = link
                .early
                .iter()
                .copied()
                .filter(|early| *early <= upto)
                .collect();
            link.pos = had.last().copied().unwrap_or(0).max(link.pos);
            link.early.retain(|early| *early > upto);
        }
    }

    fn members(
        &mut self,
        at: u64,
        conn: u64,
        session: &Arc<str>,
        whole: bool,
        told: &[MemberState],
    ) {
        let Some(link) = self.link(conn, session) else {
            return;
        };
        if whole {
            let states = BTreeMap::new();
            link.members = Some(Members { all_at: at, states });
        }
        if let Some(members) = &mut link.members {
            let told = told.iter().cloned();
            members
                .states
                .extend(told.map(|(number, state)| (number, (state, at))));
        }
    }

    /// P6: one reason, told the same to everybody.
    fn ended(&mut self, at: u64, conn: u64, session: &Arc<str>, reason: &Arc<str>, recorded: bool) {
        self.last_word(at, conn, session, "session_ended");
        if !recorded {
            return;
        }
        self.tested(Promise::P6);
        let ended = &mut self.session(session).ended;
        let (first, _) = ended.get_or_insert_with(|| (Arc::clone(reason), at));
        if first != reason {
            let first = Arc::clone(first);
            self.violate(Promise::P6, at, || {
                format!("{session} ended {first}, and connection {conn} is told {reason}")
            });
        }
    }

    fn last_word(&mut self, at: u64, conn: u64, session: &Arc<str>, word: &'static str) {
        if let Some(link) = self.link(conn, session) {
            link.last_word = Some((word, at));
        }
    }

    /// P6: the row moves forward only, and its reason stays.
    fn row(&mut self, at: u64, session: &Arc<str>, row: Row) {
        self.tested(Promise::P6);
        let before = self.session(session).row.replace(row.clone());
        let Some(before) = before else { return };
        if rank(&row.status) < rank(&before.status) {
            self.violate(Promise::P6, at, || {
                format!("{session} was stored {}, now {}", before.status, row.status)
            });
        }
        if before.reason.is_some() && before.reason != row.reason {
            self.violate(Promise::P6, at, || {
                format!(
                    "{session} was stored ended {:?}, now {:?}",
                    before.reason, row.reason
                )
            });
        }
    }
}
