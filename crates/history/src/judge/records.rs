//! What only the end can show: what is in the records, who is settled. Sessions whose row was never
//! noted are passed over here, and by `orphans`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Case, Members, Promise, Session};
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
                .find(|(_, asked)| asked.answer.is_none() && asked.at + settle <= over);
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
