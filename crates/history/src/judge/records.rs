//! What only the end can show: what is in the records, who is settled, which session was left alone.
//! Sessions whose row was never noted are passed over here.

use std::sync::Arc;

use super::{Asked, Case, Promise, Session};
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
        self.settled(&sessions);
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

    /// P7: some time after the last connection's end the session is over. Time without a server
    /// counts for nobody.
    fn no_orphan(&mut self, name: &Arc<str>, session: &Session) {
        let (over, Some(row)) = (self.over_at.unwrap_or(self.last_at), &session.row) else {
            return;
        };
        if &*row.status == "scheduled" || row.reason.as_deref() == Some("expired") {
            return;
        }
        let mut last = None;
        for conn in self.conns.values().filter(|conn| {
            // Whoever asked and heard nothing may have been let in all the same.
            let unheard = |asked: &Asked| !asked.answered && asked.session == *name;
            conn.links.contains_key(name) || conn.asked.values().any(unheard)
        }) {
            match conn.closed_at {
                None => return,
                Some(closed) => last = last.max(Some(closed)),
            }
        }
        let Some(last) = last else { return };
        let by = last + self.limits.orphan_ms + self.down_after(last);
        if over < by && &*row.status != "ended" {
            return;
        }
        self.tested(Promise::P7);
        if &*row.status != "ended" {
            let status = Arc::clone(&row.status);
            return self.violate(Promise::P7, over, || {
                format!("{name} is {status}, and nobody was there since {last} ms")
            });
        }
        if let Some(ended) = row.ended_at.filter(|ended| *ended > by) {
            self.violate(Promise::P7, over, || {
                format!(
                    "{name} ended at {ended} ms, nobody was there since {last} ms: due by {by} ms"
                )
            });
        }
    }

    /// Milliseconds without a server after a time.
    fn down_after(&self, at: u64) -> u64 {
        let open = self.down_since.map(|since| (since, self.last_at));
        let all = self.downs.iter().copied().chain(open);
        all.map(|(from, to)| to.saturating_sub(from.max(at))).sum()
    }

    /// P9: some time after the last fault everybody who is there has all there is, and was answered.
    fn settled(&mut self, sessions: &std::collections::BTreeMap<Arc<str>, Session>) {
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
