//! What a back end says into a session: by whom, what, and to whom.

use protocol::value::{Audience, Role};
use serde_json::json;

use super::fake::{FRESH, bench};

const LINE: &str = "POST /api/sessions/s1/events";

#[tokio::test]
async fn an_admin_says_an_event_of_their_own_to_the_roles_they_name() {
    let bench = bench();
    let body = json!({
        "type": "custom:hint", "data": { "text": "Breathe." }, "to": ["interviewer", "observer"],
    });
    let (status, answer) = bench.ask("root:admin", LINE, &body.to_string()).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(
        answer,
        json!({ "sessionId": "s1", "seq": 7, "receivers": 2 })
    );
    let world = bench.world.lock().unwrap();
    let (session, said, audience) = &world.said[0];
    assert_eq!(session.as_str(), "s1");
    assert!(said.durable && said.body.contains(r#""data":{"text":"Breathe."}"#));
    assert_eq!(*audience, Audience::STAFF);
    assert!(!audience.includes(Role::Candidate));
}

#[tokio::test]
async fn an_event_of_the_contract_is_said_in_the_servers_place() {
    let bench = bench();
    let body = json!({ "type": "transcription:processing", "data": { "requestId": 3 } });
    let (status, answer) = bench.ask("root:admin", LINE, &body.to_string()).await;
    assert_eq!((status, &answer["seq"]), (200, &json!(null)), "{answer}");
    assert_eq!(bench.world.lock().unwrap().said[0].2, Audience::ALL);
}

#[tokio::test]
async fn a_session_that_a_join_has_just_made_hears_it_before_it_is_stored() {
    let bench = bench();
    let hint = json!({ "type": "custom:hint" }).to_string();
    let line = format!("POST /api/sessions/{FRESH}/events");
    let (status, answer) = bench.ask("root:admin", &line, &hint).await;
    assert_eq!((status, &answer["receivers"]), (200, &json!(2)), "{answer}");
    assert_eq!(bench.world.lock().unwrap().said[0].0.as_str(), FRESH);
}

#[tokio::test]
async fn nobody_but_admins_says_anything_and_nobody_says_what_only_the_server_knows() {
    let bench = bench();
    let hint = json!({ "type": "custom:hint" }).to_string();
    for who in ["ana", "ivo:interviewer", "olga:observer", "eve"] {
        let (status, refused) = bench.ask(who, LINE, &hint).await;
        assert_eq!(
            (status, &refused["code"]),
            (403, &json!("not_allowed")),
            "{who}"
        );
    }
    for (body, status, code) in [
        (json!({ "type": "session_ended" }), 403, "not_allowed"),
        (json!({ "type": "hint" }), 400, "unknown_event"),
        (json!({ "type": "custom:" }), 400, "invalid_field"),
        (
            json!({ "type": "custom:a", "to": [] }),
            400,
            "invalid_field",
        ),
        (json!({ "type": "transcription:gap" }), 400, "missing_field"),
        (
            json!({ "type": "custom:a", "data": { "x": "y".repeat(17_000) } }),
            413,
            "too_large",
        ),
    ] {
        let got = bench.ask("root:admin", LINE, &body.to_string()).await;
        assert_eq!((got.0, &got.1["code"]), (status, &json!(code)), "{body}");
    }
    for (line, status, code) in [
        ("POST /api/sessions/none/events", 404, "session_not_found"),
        ("POST /api/sessions/done/events", 409, "session_ended"),
    ] {
        let got = bench.ask("root:admin", line, &hint).await;
        assert_eq!((got.0, &got.1["code"]), (status, &json!(code)), "{line}");
    }
    assert!(bench.world.lock().unwrap().said.is_empty());
}
