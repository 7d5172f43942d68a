//! From the plain door's JSON to entries: what a client sent and what came, as [`What`]. One tape
//! serves all connections of a run; the caller says the time.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::entry::{Entry, Makes, MemberState, What};

/// A growing history.
#[derive(Debug, Default)]
pub struct Tape {
    entries: Vec<Entry>,
    conns: u64,
    /// What a request without `sessionId` is about: the connection's last join.
    session_of: BTreeMap<u64, Arc<str>>,
}

impl Tape {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A connection of this user was opened; its number.
    pub fn opened(&mut self, at: u64, user: &str) -> u64 {
        self.conns += 1;
        let conn = self.conns;
        let user = user.into();
        self.note(at, What::Open { conn, user });
        conn
    }

    /// A message was sent. Only requests with a whole number as `ref` are kept: nothing else can be
    /// answered. A ping is none: its `pong` is about the line, not about a session.
    pub fn sent(&mut self, at: u64, conn: u64, message: &Value) {
        let (Some(event), Some(reference)) = (message["type"].as_str(), message["ref"].as_u64())
        else {
            return;
        };
        if event == "ping" {
            return;
        }
        let named = message["sessionId"].as_str().map(Arc::from);
        if let (Some(session), "session:join") = (&named, event) {
            self.session_of.insert(conn, Arc::clone(session));
        }
        let Some(session) = named.or_else(|| self.session_of.get(&conn).cloned()) else {
            return;
        };
        let what = What::Invoke {
            conn,
            session,
            reference,
            event: event.into(),
            id: message["id"].as_str().map(Arc::from),
            from: message["resume"]["seq"].as_u64(),
            makes: promised(event, message),
            canary: canary(&message.to_string()).map(Arc::from),
        };
        self.note(at, what);
    }

    /// A message came.
    pub fn came(&mut self, at: u64, conn: u64, message: &Value) {
        let Some(event) = message["type"].as_str() else {
            return;
        };
        if let (Some(reference), "ok" | "error") = (message["ref"].as_u64(), event) {
            let ok = event == "ok";
            let body = if ok {
                without(message, &["ref"])
            } else {
                message["code"].as_str().unwrap_or_default().into()
            };
            let what = What::Answer {
                conn,
                reference,
                ok,
                body,
            };
            return self.note(at, what);
        }
        let Some(session) = message["sessionId"].as_str().map(Arc::<str>::from) else {
            return;
        };
        let seq = message["seq"].as_u64();
        let what = match event {
            "session:joined" => What::Joined {
                conn,
                session,
                role: role_bit(message["role"].as_str().unwrap_or_default()),
                epoch: number(&message["epoch"]),
                seq: seq.unwrap_or(0),
                recovered: message["recovered"] == true,
                status: message["status"].as_str().unwrap_or_default().into(),
            },
            "session:state" => What::Snapshot {
                conn,
                session,
                seq: seq.unwrap_or(0),
            },
            "session:degraded" => What::Degraded {
                conn,
                session,
                on: message["on"] == true,
                seq,
            },
            "session_ended" => What::Ended {
                conn,
                session,
                reason: message["reason"].as_str().unwrap_or_default().into(),
                recorded: message["recorded"] != false,
            },
            "connection:replaced" => What::Replaced { conn, session },
            "session:left" => What::Left { conn, session },
            _ => {
                let prev = message["prev"].as_u64();
                let logged = seq.is_some() && prev.is_some();
                What::Receive {
                    conn,
                    session,
                    event: event.into(),
                    seq: seq.filter(|_| logged),
                    prev,
                    provisional: message["provisional"] == true,
                    body: match logged {
                        true => without(message, &["seq", "prev", "provisional"]),
                        false => canary(&message.to_string()).unwrap_or_default().into(),
                    },
                }
            }
        };
        let members = match event {
            "session:joined" | "session:state" => members(message).map(|all| (true, all)),
            "user:joined" => changed(message, "connected"),
            "user:disconnected" => changed(message, "disconnected"),
            "user:left" => changed(message, "left"),
            _ => None,
        };
        let of = what.session().cloned();
        self.note(at, what);
        if let (Some((whole, members)), Some(session)) = (members, of) {
            let what = What::Members {
                conn,
                session,
                whole,
                members,
            };
            self.note(at, what);
        }
    }

    /// A connection is over.
    pub fn closed(&mut self, at: u64, conn: u64, code: Option<u16>) {
        self.note(at, What::Close { conn, code });
    }

    /// An event as the records hold it.
    pub fn stored(&mut self, at: u64, session: &str, seq: u64, to: u8, body: &Value) {
        let what = What::Stored {
            session: session.into(),
            seq,
            to,
            body: without(body, &[]),
        };
        self.note(at, what);
    }

    /// Anything else.
    pub fn note(&mut self, at: u64, what: What) {
        self.entries.push(Entry { at, what });
    }

    /// What is on it.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
}

/// The bit of a role by its name; 0 for none.
#[must_use]
pub fn role_bit(role: &str) -> u8 {
    match role {
        "candidate" => 1,
        "interviewer" => 2,
        "observer" => 4,
        _ => 0,
    }
}

/// The first mark in a text: `canary:<session>:<letters, digits, hyphens>`.
#[must_use]
pub fn canary(text: &str) -> Option<&str> {
    let from = text.find("canary:")?;
    let rest = &text[from..];
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
    let to = rest.find(|c| !fits(c)).unwrap_or(rest.len());
    Some(&rest[..to])
}

/// What the `ok` to a request promises to be in the record.
#[must_use]
pub fn promised(event: &str, message: &Value) -> Option<Makes> {
    let makes = |event: &str, holds: String| Makes {
        event: event.into(),
        holds: Some(holds.into()),
    };
    match event {
        "interview:start" => Some(makes(
            "session:status:updated",
            r#""status":"active""#.into(),
        )),
        "answer:done" => {
            let question = message["questionId"].as_str()?;
            Some(makes(
                "question:closed",
                format!(r#""questionId":"{question}""#),
            ))
        }
        "end_interview" => Some(makes(
            "session:status:updated",
            r#""status":"completing""#.into(),
        )),
        _ => None,
    }
}

/// The members that a snapshot names, with their states.
fn members(message: &Value) -> Option<Vec<MemberState>> {
    let all = message["members"].as_array()?.iter();
    let member = |m: &Value| Some((m["participant"].as_u64()?, m["state"].as_str()?.into()));
    all.map(member).collect()
}

/// The one member of whom something has changed.
fn changed(message: &Value, state: &str) -> Option<(bool, Vec<MemberState>)> {
    let number = message["participant"].as_u64()?;
    Some((false, vec![(number, state.into())]))
}

/// A number, also one written as text.
fn number(value: &Value) -> u64 {
    let text = value.as_str().and_then(|text| text.parse().ok());
    value.as_u64().or(text).unwrap_or(0)
}

fn without(message: &Value, fields: &[&str]) -> Arc<str> {
    let mut message = message.clone();
    if let Some(object) = message.as_object_mut() {
        for field in fields {
            object.remove(*field);
        }
    }
    message.to_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_clients_talk_becomes_entries() {
        let mut tape = Tape::new();
        let ana = tape.opened(1, "ana");
        tape.sent(
            2,
            ana,
            &json!({"type": "session:join", "ref": 1, "sessionId": "s1",
            "resume": {"key": "k", "epoch": 1, "seq": 4}}),
        );
        tape.came(
            3,
            ana,
            &json!({"type": "session:joined", "sessionId": "s1", "role": "candidate",
            "epoch": 1, "seq": 6, "recovered": true, "status": "active"}),
        );
        tape.sent(
            4,
            ana,
            &json!({"type": "answer:done", "ref": 2, "id": "a", "questionId": "q1"}),
        );
        tape.came(
            5,
            ana,
            &json!({"type": "question:closed", "sessionId": "s1", "questionId": "q1",
            "seq": 7, "prev": 6}),
        );
        tape.came(6, ana, &json!({"type": "ok", "ref": 2, "sessionId": "s1"}));
        tape.sent(7, ana, &json!({"type": "ping", "ref": 3}));
        tape.came(8, ana, &json!({"type": "pong", "ref": 3}));
        let kinds: Vec<&What> = tape.entries().iter().map(|entry| &entry.what).collect();
        assert_eq!(kinds.len(), 6, "{kinds:#?}");
        assert!(matches!(kinds[1], What::Invoke { from: Some(4), .. }));
        assert!(matches!(
            kinds[2],
            What::Joined {
                role: 1,
                recovered: true,
                ..
            }
        ));
        let What::Invoke { session, makes, .. } = kinds[3] else {
            panic!("{:?}", kinds[3]);
        };
        assert_eq!(&**session, "s1");
        assert_eq!(
            makes.as_ref().unwrap().holds.as_deref(),
            Some(r#""questionId":"q1""#)
        );
        let What::Receive {
            seq, prev, body, ..
        } = kinds[4]
        else {
            panic!("{:?}", kinds[4]);
        };
        assert_eq!((*seq, *prev), (Some(7), Some(6)));
        assert!(
            !body.contains("prev") && body.contains("questionId"),
            "{body}"
        );
        assert!(matches!(
            kinds[5],
            What::Answer {
                ok: true,
                reference: 2,
                ..
            }
        ));
    }

    #[test]
    fn who_is_in_a_session_is_kept_from_snapshots_and_changes() {
        let mut tape = Tape::new();
        let ana = tape.opened(1, "ana");
        let members = json!([{"participant": 1, "state": "connected"}]);
        let joined = json!({"type": "session:joined", "sessionId": "s1", "members": members});
        tape.came(2, ana, &joined);
        let left = json!({"type": "user:left", "sessionId": "s1", "participant": 2});
        tape.came(3, ana, &left);
        let told: Vec<(bool, u64, &str)> = { tape.entries().iter() }
            .filter_map(|entry| match &entry.what {
                What::Members { whole, members, .. } => {
                    Some((*whole, members[0].0, &*members[0].1))
                }
                _ => None,
            })
            .collect();
        assert_eq!(told, [(true, 1, "connected"), (false, 2, "left")]);
    }

    #[test]
    fn a_mark_is_found_wherever_it_stands() {
        assert_eq!(
            canary(r#"{"text":"canary:s1:7 and more"}"#),
            Some("canary:s1:7")
        );
        assert_eq!(canary("nothing"), None);
    }
}
