//! What was stored of a session, for somebody who comes late: as far as they may see it.

use std::sync::Arc;

use protocol::id::Seq;
use protocol::record::EventRow;
use protocol::value::{Audience, Role, Status};
use serde_json::{Value, json};

use super::fake::{Bench, NOW, bench, id, json as body, record};

fn with_events(events: Vec<(Audience, String)>) -> Bench {
    let bench = bench();
    let mut session = record("late", Status::Active, &[("ana", Role::Candidate)]);
    session.row.seq = Seq(events.len() as u64);
    let rows = events.into_iter().zip(1..).map(|((audience, body), seq)| {
        let row = EventRow {
            seq: Seq(seq),
            at: NOW,
            audience,
            body: Arc::from(body),
        };
        (id("late"), row)
    });
    {
        let mut world = bench.world.lock().unwrap();
        world.events = rows.collect();
        world.sessions.push(session);
    }
    bench
}

async fn log(bench: &Bench, token: &str, query: &str) -> Value {
    let head = format!("Bearer {}", bench.token(token));
    let line = format!("GET /api/sessions/late/events{query}");
    body(bench.raw(&line, &[("authorization", &head)], "").await).await
}

#[tokio::test]
async fn somebody_who_comes_late_reads_what_their_role_may_see_in_order() {
    let said = |what: &str| format!(r#"{{"type":"{what}","sessionId":"late"}}"#);
    let bench = with_events(vec![
        (Audience::ALL, said("question:asked")),
        (Audience::STAFF, said("responses:suggestions")),
        (Audience::ALL, said("transcription:result")),
    ]);
    let event = |what: &str, seq: u64| json!({"type": what, "sessionId": "late", "seq": seq});
    let asked = event("question:asked", 1);
    let advice = event("responses:suggestions", 2);
    let heard = event("transcription:result", 3);
    assert_eq!(
        log(&bench, "ana:candidate", "").await,
        json!({"sessionId": "late", "events": [asked, heard], "next": null})
    );
    assert_eq!(
        log(&bench, "root:admin", "?after=1").await,
        json!({"sessionId": "late", "events": [advice, heard], "next": null})
    );
}

#[tokio::test]
async fn a_stranger_learns_nothing_of_a_log() {
    let bench = with_events(vec![(Audience::ALL, r#"{"type":"x"}"#.to_owned())]);
    assert_eq!(
        log(&bench, "eve:candidate", "").await["code"],
        "session_not_found"
    );
}

#[tokio::test]
async fn a_long_log_comes_in_pages_that_together_are_all_of_it() {
    let long = format!(r#"{{"type":"x","text":"{}"}}"#, "a".repeat(200_000));
    let bench = with_events(vec![(Audience::ALL, long); 7]);
    let mut seen = Vec::new();
    let mut after = 0;
    loop {
        let page = log(&bench, "ana:candidate", &format!("?after={after}")).await;
        let events = page["events"].as_array().unwrap();
        assert!(events.len() < 7, "a page has a bound");
        seen.extend(events.iter().filter_map(|event| event["seq"].as_u64()));
        match page["next"].as_u64() {
            Some(next) => after = next,
            None => break,
        }
    }
    assert_eq!(seen, (1..=7).collect::<Vec<u64>>());
}
