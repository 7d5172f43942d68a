//! What the recovery card needs to know of the candidate's other interview (L7): when it began, how
//! far it is, where it is open or was last seen. Read from its rows; nothing is decided here.

use protocol::record::Elsewhere;
use protocol::time::{Now, Wall};
use serde::Serialize;

use super::snapshot;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Card<'a> {
    active_session_id: &'a str,
    active: Active<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Active<'a> {
    session_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<Wall>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_activity_at: Option<Wall>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline_at: Option<Wall>,
    questions_asked: u32,
    questions_total: u32,
    /// Somebody with the candidate's name is connected to it now.
    connected: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_seen_at: Option<Wall>,
}

/// The fields of a `session_active` refusal, without braces.
pub(super) fn fields(elsewhere: &Elsewhere, now: Now) -> String {
    let row = elsewhere.row.as_ref();
    let kept = row.and_then(|row| snapshot::restore(&row.snapshot));
    let seat = elsewhere.seat.as_ref().filter(|seat| seat.key.is_some());
    let connected = seat.is_some_and(|seat| seat.seated && seat.away_since.is_none());
    let last_seen_at = match seat {
        Some(_) if connected => Some(now.wall),
        Some(seat) => seat.away_since,
        None => None,
    };
    let total = kept.as_ref().and_then(|kept| kept.plan.as_ref());
    let card = Card {
        active_session_id: elsewhere.session.as_str(),
        active: Active {
            session_id: elsewhere.session.as_str(),
            title: row.map(|row| &*row.title),
            status: row.map(|row| row.status.as_str()),
            started_at: row.and_then(|row| row.started_at),
            last_activity_at: row.map(|row| row.last_activity_at),
            deadline_at: row.and_then(|row| row.deadline_at),
            questions_asked: kept.as_ref().map_or(0, |kept| kept.flow.next_index()),
            questions_total: total.map_or(0, |plan| {
                u32::try_from(plan.questions.len()).unwrap_or(u32::MAX)
            }),
            connected,
            last_seen_at,
        },
    };
    // Our own types with string keys: they always serialize, and to an object.
    let text = serde_json::to_string(&card).unwrap_or_default();
    let inner = text.strip_prefix('{').and_then(|t| t.strip_suffix('}'));
    inner.unwrap_or_default().to_owned()
}
