//! A session's whole life out of its rows (X6): its log, what happened beside it, how it began and
//! ended, in order. Pure. Never a word that somebody said.

use api::handle::{Story, StoryLine};
use protocol::id::UserId;
use protocol::record::{EventRow, HappeningRow, SessionRow};
use protocol::server::EventBody;

/// Bytes of events that are read for one story.
pub(crate) const STORY_BYTES: usize = 4 << 20;

/// The story. `events` may stop before the log does.
pub(crate) fn tell(row: &SessionRow, events: &[EventRow], beside: &[HappeningRow]) -> Story {
    let line = |at, what: &str, detail: String| StoryLine {
        at,
        what: what.to_owned(),
        seq: None,
        user_id: None,
        detail,
    };
    let mut lines = vec![StoryLine {
        user_id: row.candidate.clone(),
        ..line(row.created_at, "created", String::new())
    }];
    // Each list is in its own order, which clocks that were set meanwhile do not change.
    let (mut events_left, mut beside_left) = (events.iter().peekable(), beside.iter().peekable());
    loop {
        let event_first = match (events_left.peek(), beside_left.peek()) {
            (None, None) => break,
            (Some(event), Some(happening)) => event.at < happening.at,
            (event, _) => event.is_some(),
        };
        if event_first {
            lines.extend(events_left.next().map(of_event));
        } else {
            lines.extend(beside_left.next().map(of_happening));
        }
    }
    let told = events.last().map_or(0, |event| event.seq.0);
    if let (Some(at), Some(reason)) = (row.ended_at, row.reason) {
        let after = row.duration_ms.map(|ms| format!(" after {ms} ms"));
        lines.push(StoryLine {
            user_id: row.ended_by.clone(),
            ..line(
                at,
                "ended",
                format!("{reason}{}", after.unwrap_or_default()),
            )
        });
    }
    Story {
        lines,
        truncated: told < row.seq.0,
    }
}

fn of_happening(row: &HappeningRow) -> StoryLine {
    StoryLine {
        at: row.at,
        what: row.what.as_str().to_owned(),
        seq: None,
        user_id: row.user.clone(),
        detail: row.detail.to_string(),
    }
}

fn of_event(row: &EventRow) -> StoryLine {
    let (what, user_id, detail) = facts(&row.body);
    StoryLine {
        at: row.at,
        what,
        seq: Some(row.seq.0),
        user_id,
        detail,
    }
}

/// Name, whom, and the figures of an event, without words.
fn facts(body: &str) -> (String, Option<UserId>, String) {
    let value: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    let name = value["type"].as_str().unwrap_or("unreadable").to_owned();
    let event: Option<EventBody> = serde_json::from_value(value).ok();
    let (user, detail) = match event {
        Some(EventBody::StatusUpdated { status, reason, .. }) => {
            let reason = reason.map(|reason| format!(" {reason}"));
            (None, format!("{status}{}", reason.unwrap_or_default()))
        }
        Some(EventBody::QuestionAsked { asked, .. }) => {
            let (id, nth, of) = (asked.question_id, asked.index + 1, asked.total);
            (None, format!("{id}, {nth} of {of}"))
        }
        Some(EventBody::QuestionExtended { question_id, .. }) => (None, question_id.to_string()),
        Some(EventBody::QuestionClosed {
            question_id,
            outcome,
            used_ms,
            ..
        }) => (None, format!("{question_id} {outcome} after {used_ms} ms")),
        Some(EventBody::Transcript {
            user_id,
            stream_id,
            start_ms,
            end_ms,
            words,
            ..
        }) => {
            let words = words.len();
            let detail = format!("{words} words of stream {stream_id}, {start_ms} to {end_ms} ms");
            (Some(user_id), detail)
        }
        Some(EventBody::Gap {
            user_id,
            stream_id,
            start_ms,
            end_ms,
            ..
        }) => {
            let detail = format!("stream {stream_id}, {start_ms} to {end_ms} ms");
            (Some(user_id), detail)
        }
        Some(EventBody::InterviewEnded { result, .. }) => {
            let (answered, asked) = (result.answered, result.asked);
            (None, format!("{answered} of {asked} answered"))
        }
        _ => (None, String::new()),
    };
    (name, user, detail)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use protocol::id::Seq;
    use protocol::time::Wall;
    use protocol::value::Audience;

    #[test]
    fn words_that_were_said_are_counted_and_not_told() {
        let body = r#"{"type":"transcription:result","sessionId":"s1","userId":"ana","streamId":3,
            "utterance":0,"isFinal":true,"text":"a secret","words":[{"text":"secret","startMs":1,
            "endMs":2,"confidence":1.0}],"startMs":10,"endMs":20,"atMs":15,"confidence":0.5}"#;
        let line = of_event(&EventRow {
            seq: Seq(4),
            at: Wall(9),
            audience: Audience::ALL,
            body: Arc::from(body),
        });
        assert_eq!(line.what, "transcription:result");
        assert_eq!(line.user_id.unwrap().as_str(), "ana");
        assert_eq!(line.detail, "1 words of stream 3, 10 to 20 ms");
    }
}
