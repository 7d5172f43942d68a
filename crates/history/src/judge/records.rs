//! What only the end can show: what is in the records, who is settled, which session was left alone.
//! Sessions whose row was never noted are passed over here.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::order::runs;
use super::{Asked, Case, Link, Members, Promise, Session};
use crate::entry::Makes;

impl Case {
    pub(super) fn close(&mut self) {
        let sessions = std::mem::take(&mut self.sessions);
        for (name, session) in &sessions {
            if session.row.is_some() {
                self.kept(name, session);
                self.promised(name, session);
                self.one_end(name, session);
                self.no_orphan(name, session);
            }
        }
        self.noticed();
        self.settled(&sessions);
        self.know_each_other(&sessions);
        self.sessions = sessions;
    }

    /// P1: everything told for good stands in the log where it was told, word by word; the log has
    /// no hole and reaches as far as it was said to. P10 is the same seen from the other side.
    fn kept(&mut self, name: &Arc<str>, session: &Session) {
        let (at, Some(row)) = (self.last_at, &session.row) else {
            return;
        };
        self.tested(Promise::P1);
        let last = session.stored.last_key_value().map_or(0, |(seq, _)| *seq);
        if session.stored.len() as u64 != last {
            let many = session.stored.len();
            self.violate(Promise::P1, at, || {
                format!("{name}: {many} events up to {last}: a hole")
            });
        }
        if session.called_stored > last {
            let called = session.called_stored;
            self.violate(Promise::P1, at, || {
                format!("{name}: all up to {called} was called stored, the log ends at {last}")
            });
        }
        if row.seq > last {
            let says = row.seq;
            self.violate(Promise::P1, at, || {
                format!("{name}: its row says {says}, its log ends at {last}")
            });
        }
        for ((epoch, seq), (body, conn)) in &session.told {
            if *epoch != row.epoch {
                self.violate(Promise::P1, at, || {
                    format!("{name} {seq} was told in log {epoch}, which is lost")
                });
                continue;
            }
            match session.stored.get(seq) {
                Some((_, stored)) if stored == body => {}
                Some((_, stored)) => self.violate(Promise::P10, at, || {
                    format!("{name} {seq}: connection {conn} heard {body}, stored is {stored}")
                }),
                None => self.violate(Promise::P1, at, || {
                    format!("{name} {seq} was told to connection {conn} and is not stored: {body}")
                }),
            }
        }
    }

    /// P1: what an `ok` promised is there. P8: and not more than once.
    fn promised(&mut self, name: &Arc<str>, session: &Session) {
        let at = self.last_at;
        let found = |makes: &Makes| {
            let kind = format!(r#""type":"{}""#, makes.event);
            let fits = |body: &str| {
                body.contains(&kind)
                    && makes
                        .holds
                        .as_ref()
                        .is_none_or(|part| body.contains(&**part))
            };
            session
                .stored
                .values()
                .filter(|(_, body)| fits(body))
                .count()
        };
        for makes in &session.hoped {
            let many = found(makes);
            let ok = session.promised.get(makes).copied().unwrap_or(0);
            self.tested(Promise::P8);
            if ok > 0 && many == 0 {
                self.violate(Promise::P1, at, || {
                    format!("{name}: acknowledged {ok} times and not stored: {makes:?}")
                });
            }
            if many > 1 {
                self.violate(Promise::P8, at, || {
                    format!("{name}: stored {many} times: {makes:?}")
                });
            }
        }
    }

    /// P6: the reason that was told is the one that is stored, and the end came once. P7: no row of
    /// an ended session is left in the table of active ones.
    fn one_end(&mut self, name: &Arc<str>, session: &Session) {
        let (at, Some(row)) = (self.last_at, &session.row) else {
            return;
        };
        if let Some((told, _)) = &session.ended {
            self.tested(Promise::P6);
            if &*row.status != "ended" || row.reason.as_ref() != Some(told) {
                let (status, reason) = (Arc::clone(&row.status), row.reason.clone());
                self.violate(Promise::P6, at, || {
                    format!("{name} was told ended {told}, stored is {status} {reason:?}")
                });
            }
        }
        if &*row.status == "ended" && row.reason.is_none() {
            self.violate(Promise::P6, at, || {
                format!("{name} is stored ended without a reason")
            });
        }
        if &*row.status == "ended" && row.active {
            self.violate(Promise::P7, at, || {
                format!("{name} has ended and is in the table of active sessions")
            });
        }
    }

    /// P7: some time after the last connection's end the session's end begins, and soon after that
    /// it is over. Time without a server counts for nobody.
    fn no_orphan(&mut self, name: &Arc<str>, session: &Session) {
        let (over, Some(row)) = (self.over_at.unwrap_or(self.last_at), &session.row) else {
            return;
        };
        let ran = session.ran_at.is_some() || session.stored.values().any(|(_, body)| runs(body));
        let waits = &*row.status == "scheduled" || row.reason.as_deref() == Some("expired");
        if waits || (&*row.status == "ended" && !ran) {
            return;
        }
        let (mut last, mut held) = (None, false);
        for conn in self.conns.values() {
            // Whoever asked and heard nothing may have been let in all the same.
            let unheard = |asked: &Asked| !asked.answered && asked.session == *name;
            let unheard = conn.asked.values().any(unheard);
            let link = conn.links.get(name);
            if link.is_none() && !unheard {
                continue;
            }
            let word = link.and_then(|link| link.last_word);
            // A goodbye may be told late: what it ends was over so much earlier.
            let (end, late) = match word.filter(|_| !unheard) {
                Some((_, at)) => (Some(at), self.limits.switch_ms),
                None if self.notes_losses => (conn.lost_at, 0),
                None => (conn.closed_at, 0),
            };
            let Some(end) = end else { return };
            last = last.max(Some(end));
            held |= session.ran_at.is_some_and(|ran_at| ran_at + late < end)
                && link.is_some_and(|link| link.role & 1 != 0 && self.is_known(link, end));
        }
        let Some(last) = last else { return };
        let seen = over.min(row.at);
        let clocks = if held { 0 } else { self.limits.clocks_ms };
        let most = self.limits.orphan_ms + clocks;
        // What a dead process had not stored, an end or that somebody was gone, the next one finds
        // anew: from its start on it has as long again.
        let restarts = self.downs.iter().map(|(_, until)| *until);
        let restart = restarts.filter(|until| *until >= last).max().unwrap_or(0);
        let by = (last + self.down_after(last)).max(restart) + most;
        let late = match &*row.status {
            "ended" => row.ended_at.is_some_and(|ended| ended > by),
            // Its end has begun, and every step of it has its own deadline.
            "completing" => seen >= by + self.limits.settle_ms,
            _ => seen >= by,
        };
        if late {
            let (status, ended) = (Arc::clone(&row.status), row.ended_at);
            self.violate(Promise::P7, over, || {
                format!("{name} is {status} ({ended:?} ms), nobody was there since {last} ms: due by {by} ms")
            });
        }
        if late || &*row.status == "ended" || seen >= by {
            self.tested(Promise::P7);
        }
    }

    /// Whether the records knew that this member was there until then, should a process have died
    /// meanwhile: its seat was written long before, and nothing waited for the store.
    fn is_known(&self, link: &Link, end: u64) -> bool {
        let joined = link.joined_at;
        let open = self.down_since.into_iter();
        let downs = self.downs.iter().map(|(since, _)| *since).chain(open);
        let death = downs.filter(|since| *since >= joined).min();
        death.is_none_or(|death| {
            let calm = !link.degraded && link.early.is_empty();
            calm && joined + self.limits.settle_ms <= death.min(end)
        })
    }

    /// P7 counts from when the server knows; so it must know in time.
    fn noticed(&mut self) {
        if !self.notes_losses {
            return;
        }
        let over = self.over_at.unwrap_or(self.last_at);
        let mut wrong = Vec::new();
        for (number, conn) in &self.conns {
            let Some(closed) = conn.closed_at else {
                continue;
            };
            let by = closed + self.limits.notice_ms + self.down_after(closed);
            let known = conn.lost_at.unwrap_or(over);
            if known > by {
                wrong.push(format!(
                    "connection {number} was over at {closed} ms, the server knew at {known} ms"
                ));
            }
        }
        for what in wrong {
            self.violate(Promise::P7, over, || what);
        }
    }

    /// Milliseconds without a server after a time.
    fn down_after(&self, at: u64) -> u64 {
        let open = self.down_since.map(|since| (since, self.last_at));
        let all = self.downs.iter().copied().chain(open);
        all.map(|(from, to)| to.saturating_sub(from.max(at))).sum()
    }

    /// P9: all who are there know the same of who else is there.
    fn know_each_other(&mut self, sessions: &BTreeMap<Arc<str>, Session>) {
        let Some(over) = self.over_at.filter(|_| self.peace_at.is_some()) else {
            return;
        };
        let mut rooms: BTreeMap<&Arc<str>, (u64, &Members)> = BTreeMap::new();
        let mut wrong = Vec::new();
        let there = self.conns.iter();
        for (number, conn) in there.filter(|(_, conn)| conn.closed_at.is_none()) {
            let links = conn.links.iter();
            for (name, link) in links.filter(|(_, link)| link.last_word.is_none()) {
                let judged = sessions.get(name).is_some_and(|of| of.row.is_some());
                let Some(mine) = link.members.as_ref().filter(|_| judged) else {
                    continue;
                };
                let (other, theirs) = *rooms.entry(name).or_insert((*number, mine));
                let settled = over.saturating_sub(self.limits.settle_ms);
                if let Some(member) = mine.differ(theirs, settled) {
                    wrong.push(format!(
                        "connections {number} and {other} know two things of member {member} of {name}: {mine:?}, {theirs:?}"
                    ));
                }
            }
        }
        for what in wrong {
            self.violate(Promise::P9, over, || what);
        }
    }

    /// P9: some time after the last fault everybody who is there has all there is, and was answered.
    fn settled(&mut self, sessions: &BTreeMap<Arc<str>, Session>) {
        let (Some(peace), Some(over)) = (self.peace_at, self.over_at) else {
            return;
        };
        if over < peace + self.limits.settle_ms {
            return self.violate(Promise::P9, over, || {
                format!("peace at {peace} ms, over at {over} ms: too soon to tell")
            });
        }
        let settle = self.limits.settle_ms;
        let mut wrong = Vec::new();
        let mut looked = 0;
        for (number, conn) in self
            .conns
            .iter()
            .filter(|(_, conn)| conn.closed_at.is_none())
        {
            let silent = conn
                .asked
                .iter()
                .find(|(_, asked)| !asked.answered && asked.at + settle <= over);
            if let Some((reference, asked)) = silent {
                let session = &asked.session;
                wrong.push(format!(
                    "connection {number} was never answered {reference} in {session}"
                ));
            }
            for (name, link) in &conn.links {
                let Some(session) = sessions.get(name) else {
                    continue;
                };
                let Some(row) = session.row.as_ref().filter(|_| link.last_word.is_none()) else {
                    continue;
                };
                looked += 1;
                let mut mine = session.stored.iter().rev();
                let last = mine.find(|(_, (to, _))| to & link.role != 0);
                let last = last.map_or(0, |(seq, _)| *seq);
                if link.pos < last && !link.unsure {
                    let pos = link.pos;
                    wrong.push(format!(
                        "connection {number} is at {pos} in {name}, stored is {last}"
                    ));
                }
                if link.degraded {
                    wrong.push(format!(
                        "connection {number} believes that {name} is degraded"
                    ));
                }
                if &*row.status == "ended" {
                    wrong.push(format!(
                        "connection {number} was not told that {name} ended"
                    ));
                }
            }
        }
        *self.verdict.tested.entry(Promise::P9).or_default() += looked;
        for what in wrong {
            self.violate(Promise::P9, over, || what);
        }
    }
}
