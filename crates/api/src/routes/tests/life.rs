//! What happened: ends over time, closed connections, stories; for admins alone.

use serde_json::json;

use super::fake::{NOW, bench, json as body, record};
use protocol::value::{Role, Status};

#[tokio::test]
async fn only_admins_are_told_what_happened() {
    let bench = bench();
    let ivo = format!("Bearer {}", bench.token("ivo:interviewer"));
    for line in [
        "GET /api/analytics/closures",
        "GET /api/connections/closed",
        "GET /api/sessions/s1/story",
    ] {
        let answer = bench.raw(line, &[("authorization", &ivo)], "").await;
        assert_eq!(answer.status(), 403, "{line}");
    }
}

#[tokio::test]
async fn ends_are_told_by_reason_in_stretches_with_totals() {
    let bench = bench();
    let root = format!("Bearer {}", bench.token("root:admin"));
    let head = [("authorization", root.as_str())];
    let (from, to) = (NOW.0, NOW.0 + 3_000);
    let line = format!("GET /api/analytics/closures?from={from}&to={to}&bucket=1000");
    let told = body(bench.raw(&line, &head, "").await).await;
    assert_eq!(
        told,
        json!({
            "from": from, "to": to, "bucketMs": 1000,
            "buckets": [
                {"from": from, "reasons": {"completed": 4, "abandoned": 1}, "durationMs": 50},
                {"from": from + 2000, "reasons": {"completed": 2}, "durationMs": 20},
            ],
            "totals": {"completed": 6, "abandoned": 1},
        })
    );
    for query in [
        "from=2&to=1",
        "bucket=0",
        "from=0&to=9000000&bucket=1",
        "bucket=x",
    ] {
        let line = format!("GET /api/analytics/closures?{query}");
        assert_eq!(bench.raw(&line, &head, "").await.status(), 400, "{query}");
    }
}

#[tokio::test]
async fn a_story_is_told_of_a_session_there_is() {
    let bench = bench();
    let root = format!("Bearer {}", bench.token("root:admin"));
    let head = [("authorization", root.as_str())];
    let ana = record("s7", Status::Active, &[("ana", Role::Candidate)]);
    bench.world.lock().unwrap().sessions.push(ana);
    let told = body(bench.raw("GET /api/sessions/s7/story", &head, "").await).await;
    let line = json!({"at": NOW, "what": "joined", "userId": "ana", "detail": "candidate"});
    assert_eq!(
        told,
        json!({"sessionId": "s7", "lines": [line], "truncated": false})
    );
    let none = bench
        .raw("GET /api/sessions/nowhere/story", &head, "")
        .await;
    assert_eq!(none.status(), 404);
}

#[tokio::test]
async fn closed_connections_say_whose_they_were_and_why_they_closed() {
    let bench = bench();
    let root = format!("Bearer {}", bench.token("root:admin"));
    let head = [("authorization", root.as_str())];
    let told = body(bench.raw("GET /api/connections/closed", &head, "").await).await;
    let one = &told["connections"][0];
    assert_eq!(
        (&one["userId"], &one["reason"]),
        (&json!("ana"), &json!("lost"))
    );
    assert!(one.get("code").is_none());
}

#[tokio::test]
async fn a_code_is_turned_into_a_token_for_that_seat() {
    let bench = bench();
    let moved = bench
        .raw("POST /api/transfers", &[], r#"{"code":"K7QX9M2TRB"}"#)
        .await;
    assert_eq!(moved.status(), 200);
    let moved = body(moved).await;
    assert_eq!(
        (&moved["sessionId"], &moved["role"]),
        (&json!("s1"), &json!("candidate"))
    );
    let wrong = bench
        .raw("POST /api/transfers", &[], r#"{"code":"nothing"}"#)
        .await;
    assert_eq!(wrong.status(), 409);
    assert_eq!(body(wrong).await["code"], "transfer_invalid");
}
