//! One thing that happened in a run, and its line of JSON. No judgment here.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// One line of a history. Entries stand in the order in which they happened where they were seen;
/// those of one connection are in that connection's order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Milliseconds since the run began.
    pub at: u64,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// What a request's `ok` promises to be in the record: one event of this type that holds this text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Makes {
    /// Type of the event, as on the wire.
    pub event: Arc<str>,
    /// A piece of its JSON that tells it from others of its type, as in `"questionId":"q1"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holds: Option<Arc<str>>,
}

/// A member by their number: `connected`, `disconnected` or `left`.
pub type MemberState = (u64, Arc<str>);

/// What can happen. `conn` numbers connections over the whole run, none is used twice; roles are
/// bits: 1 candidate, 2 interviewer, 4 observer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum What {
    /// A connection was opened for this user.
    Open {
        /// Which.
        conn: u64,
        /// Whose.
        user: Arc<str>,
    },
    /// A request was sent.
    Invoke {
        /// Through which connection.
        conn: u64,
        /// About which session.
        session: Arc<str>,
        /// To find its answer by; unique on its connection.
        reference: u64,
        /// Its type, as on the wire.
        event: Arc<str>,
        /// The id that makes it safe to repeat.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<Arc<str>>,
        /// A join's resume: the last place it has seen.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<u64>,
        /// What its `ok` promises.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        makes: Option<Makes>,
        /// A mark inside what was sent: `canary:<session>:<anything>`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        canary: Option<Arc<str>>,
    },
    /// Something was put into a session by other means than a request: words that were spoken.
    Said {
        /// Where.
        session: Arc<str>,
        /// The mark inside it.
        canary: Arc<str>,
    },
    /// A request was answered.
    Answer {
        /// On which connection.
        conn: u64,
        /// Which request.
        reference: u64,
        /// `ok`, else an error.
        ok: bool,
        /// The answer's fields, or the error's code.
        body: Arc<str>,
    },
    /// `session:joined`.
    Joined {
        /// Who joined.
        conn: u64,
        /// Where.
        session: Arc<str>,
        /// As what, a bit.
        role: u8,
        /// Incarnation of the log.
        epoch: u64,
        /// The last stored event.
        seq: u64,
        /// What was missed follows without a gap.
        recovered: bool,
        /// Where the session is in its life.
        status: Arc<str>,
    },
    /// An event of the session's log, or any other word of a session.
    Receive {
        /// On which connection.
        conn: u64,
        /// Of which session.
        session: Arc<str>,
        /// Its type.
        event: Arc<str>,
        /// Its place in the log; none: not of the log.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seq: Option<u64>,
        /// The last place this member was entitled to before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        prev: Option<u64>,
        /// Told before it was stored.
        #[serde(default, skip_serializing_if = "is_false")]
        provisional: bool,
        /// Its JSON without `seq`, `prev` and `provisional`, written the same way as in [`What::Stored`].
        /// May be empty where it is not of the log.
        body: Arc<str>,
    },
    /// `session:state`: everything at once, in place of what cannot follow in order.
    Snapshot {
        /// To whom.
        conn: u64,
        /// Of which session.
        session: Arc<str>,
        /// Where it stands in the log.
        seq: u64,
    },
    /// Who is in a session, as a connection was told.
    Members {
        /// Which connection.
        conn: u64,
        /// Which session.
        session: Arc<str>,
        /// These are all, as in a snapshot; else those of whom something has changed.
        whole: bool,
        /// What it was told of them.
        members: Vec<MemberState>,
    },
    /// `session:degraded`.
    Degraded {
        /// To whom.
        conn: u64,
        /// Of which session.
        session: Arc<str>,
        /// Begins or is over.
        on: bool,
        /// When over: all up to here is stored.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seq: Option<u64>,
    },
    /// `session_ended`.
    Ended {
        /// To whom.
        conn: u64,
        /// Which session.
        session: Arc<str>,
        /// Why.
        reason: Arc<str>,
        /// The end is in the record.
        recorded: bool,
    },
    /// `connection:replaced`.
    Replaced {
        /// Who lost the seat.
        conn: u64,
        /// In which session.
        session: Arc<str>,
    },
    /// `session:left`.
    Left {
        /// Who left.
        conn: u64,
        /// Which session.
        session: Arc<str>,
    },
    /// The connection is over for its owner.
    Close {
        /// Which.
        conn: u64,
        /// The code it was closed with; none: without a word, or by its owner.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<u16>,
    },
    /// The server knows that this connection is over: it closed it, or noticed. Where a run notes
    /// any, it notes all.
    Lost {
        /// Which.
        conn: u64,
    },
    /// Something was made to go wrong.
    Fault {
        /// In words.
        what: Arc<str>,
    },
    /// No server runs from here …
    Down,
    /// … to here, where one answers again.
    Up,
    /// No fault is at work from here on.
    Peace,
    /// The session's row as the records hold it. May be noted again and again; the last one counts,
    /// and earlier ones may not contradict it.
    Row {
        /// Which session.
        session: Arc<str>,
        /// `scheduled`, `active`, `completing` or `ended`.
        status: Arc<str>,
        /// Why it ended.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Arc<str>>,
        /// Incarnation of the log.
        epoch: u64,
        /// The last place of the log.
        seq: u64,
        /// When it ended, milliseconds since the run began.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ended_at: Option<u64>,
        /// The table of active interviews has a row of it.
        #[serde(default, skip_serializing_if = "is_false")]
        active: bool,
    },
    /// An event of a session's log as the records hold it, noted once, after the run.
    Stored {
        /// Of which session.
        session: Arc<str>,
        /// Its place.
        seq: u64,
        /// Who may see it, bits.
        to: u8,
        /// Its JSON.
        body: Arc<str>,
    },
    /// Nobody does or looks at anything any more; what follows is the records alone.
    Over,
}

impl What {
    /// The session this is about; none: about a connection or the whole run. An answer does not say.
    #[must_use]
    pub fn session(&self) -> Option<&Arc<str>> {
        match self {
            Self::Invoke { session, .. }
            | Self::Said { session, .. }
            | Self::Joined { session, .. }
            | Self::Receive { session, .. }
            | Self::Snapshot { session, .. }
            | Self::Members { session, .. }
            | Self::Degraded { session, .. }
            | Self::Ended { session, .. }
            | Self::Replaced { session, .. }
            | Self::Left { session, .. }
            | Self::Row { session, .. }
            | Self::Stored { session, .. } => Some(session),
            Self::Open { .. }
            | Self::Answer { .. }
            | Self::Close { .. }
            | Self::Lost { .. }
            | Self::Fault { .. }
            | Self::Down
            | Self::Up
            | Self::Peace
            | Self::Over => None,
        }
    }
}

fn is_false(value: &bool) -> bool {
    !value
}

/// A line that is no entry.
#[derive(Debug, thiserror::Error)]
#[error("line {line} of the history does not read: {why}")]
pub struct BadLine {
    /// Which, counted from 1.
    pub line: usize,
    /// Why.
    pub why: serde_json::Error,
}

impl fmt::Display for Entry {
    /// The entry's line of JSON, without its end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = serde_json::to_string(self).map_err(|_| fmt::Error)?;
        f.write_str(&line)
    }
}

/// Reads a history, a line of JSON an entry; empty lines are passed over.
///
/// # Errors
/// [`BadLine`] for the first line that is no entry.
pub fn read(text: &str) -> Result<Vec<Entry>, BadLine> {
    let lines = text.lines().enumerate();
    let full = lines.filter(|(_, line)| !line.trim().is_empty());
    let entries = full
        .map(|(n, line)| serde_json::from_str(line).map_err(|why| BadLine { line: n + 1, why }));
    entries.collect()
}

/// Writes a history, a line of JSON an entry.
pub fn write(entries: &[Entry]) -> String {
    let mut text = String::new();
    for entry in entries {
        text.push_str(&entry.to_string());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_and_a_bad_line_is_named() {
        let entries = vec![
            Entry {
                at: 1,
                what: What::Open {
                    conn: 7,
                    user: "ana".into(),
                },
            },
            Entry {
                at: 2,
                what: What::Invoke {
                    conn: 7,
                    session: "s1".into(),
                    reference: 1,
                    event: "session:join".into(),
                    id: None,
                    from: Some(3),
                    makes: None,
                    canary: None,
                },
            },
            Entry {
                at: 3,
                what: What::Peace,
            },
        ];
        let text = write(&entries);
        assert!(
            text.starts_with(r#"{"at":1,"kind":"open","conn":7,"user":"ana"}"#),
            "{text}"
        );
        assert_eq!(read(&text).unwrap(), entries);
        let bad = read(&format!("{text}\n{{\"at\":4}}\n")).unwrap_err();
        assert_eq!(bad.line, 5);
    }
}
