//! Rights: who sees and ends what, and that a foreign session is an unknown one.

use protocol::value::EndReason;
use serde_json::json;

use super::fake::{FRESH, NOW, bench, id, json as body, user};

const OUTSIDERS: [&str; 5] = [
    "eve",
    "eve:candidate",
    "eve:interviewer",
    "eve:observer@other",
    "ana2:candidate",
];

#[tokio::test]
async fn a_session_that_a_join_has_just_made_is_ended_by_those_who_are_in_it() {
    for (who, reason) in [
        ("ana", Some(EndReason::CandidateEnded)),
        ("root:admin", Some(EndReason::AdminEnded)),
        ("guest:interviewer@fresh", Some(EndReason::InterviewerEnded)),
        ("guest:observer@fresh", None),
        ("eve", None),
        ("ivo:interviewer", None),
    ] {
        let bench = bench();
        let named = json!({ "sessionId": FRESH }).to_string();
        let (status, answer) = bench
            .ask(who, "POST /api/session/end-session", &named)
            .await;
        assert_eq!((status, &answer["status"]), (200, &json!("ended")), "{who}");
        let ended = bench.world.lock().unwrap().ended.clone();
        let ended: Vec<EndReason> = ended.iter().map(|(_, reason, _)| *reason).collect();
        assert_eq!(ended, Vec::from_iter(reason), "{who}");
        let line = format!("POST /api/sessions/{FRESH}/end");
        let (status, _) = bench.ask(who, &line, "").await;
        assert_eq!(status == 200, reason.is_some(), "{who}: {status}");
    }
}

#[tokio::test]
async fn a_foreign_session_is_an_unknown_one_to_the_letter() {
    let bench = bench();
    for line in [
        "GET /api/sessions/NAME",
        "POST /api/sessions/NAME/end",
        "GET /api/sessions/NAME/report",
    ] {
        for who in OUTSIDERS {
            let (status, foreign) = bench.ask(who, &line.replace("NAME", "s1"), "").await;
            assert_eq!(status, 404, "{who} {line}");
            assert_eq!(foreign["code"], "session_not_found");
            let (_, unknown) = bench.ask(who, &line.replace("NAME", "nowhere"), "").await;
            let (_, odd) = bench.ask(who, &line.replace("NAME", "no%20id"), "").await;
            assert_eq!(foreign, unknown);
            assert_eq!(foreign, odd);
        }
    }
    assert!(bench.world.lock().unwrap().ended.is_empty());
}

#[tokio::test]
async fn whoever_is_in_a_session_sees_it_with_its_people_and_its_room() {
    let bench = bench();
    for who in ["ana", "ivo", "olga", "root:admin", "guest:observer@s1"] {
        let (status, seen) = bench.ask(who, "GET /api/sessions/s1", "").await;
        assert_eq!(status, 200, "{who}");
        assert_eq!(seen["id"], "s1");
        assert_eq!(seen["status"], "active");
        assert_eq!(seen["createdAt"], NOW.0);
        assert_eq!(seen["participants"][0]["userId"], "ana");
        assert_eq!(seen["members"][0]["state"], "connected");
        assert!(seen.get("reportUrl").is_none() && seen.get("reason").is_none());
    }
    let (_, done) = bench.ask("ana", "GET /api/sessions/done", "").await;
    assert_eq!(done["reportUrl"], "/reports/done");
    assert_eq!(done["reason"], "completed");
}

#[tokio::test]
async fn an_invitation_by_token_must_name_session_and_role() {
    let bench = bench();
    for (who, status) in [
        ("guest@s1", 404),
        ("guest:observer", 404),
        ("guest:observer@done", 404),
        ("guest:observer@s1", 200),
    ] {
        assert_eq!(
            bench.ask(who, "GET /api/sessions/s1", "").await.0,
            status,
            "{who}"
        );
    }
}

#[tokio::test]
async fn the_list_of_people_outranks_the_role_in_a_token() {
    let bench = bench();
    let (status, _) = bench
        .ask("olga:interviewer@s1", "POST /api/sessions/s1/end", "")
        .await;
    assert_eq!(status, 403, "an observer stays one");
}

#[tokio::test]
async fn an_end_has_the_reason_of_whoever_asked() {
    for (who, reason) in [
        ("ana", EndReason::CandidateEnded),
        ("ivo", EndReason::InterviewerEnded),
        ("root:admin", EndReason::AdminEnded),
    ] {
        let bench = bench();
        let (status, ended) = bench.ask(who, "POST /api/sessions/s1/end", "").await;
        assert_eq!(status, 200);
        let wanted = json!({
            "sessionId": "s1", "status": "ended", "reason": reason.as_str(), "recorded": true,
        });
        assert_eq!(ended, wanted);
        // Twice is no error, and the first reason stays.
        let (status, again) = bench.ask("ivo", "POST /api/sessions/s1/end", "").await;
        assert_eq!((status, again), (200, wanted));
        assert_eq!(bench.world.lock().unwrap().ended.len(), 1);
    }
    let (status, refused) = bench().ask("olga", "POST /api/sessions/s1/end", "").await;
    assert_eq!((status, &refused["code"]), (403, &json!("not_allowed")));
}

#[tokio::test]
async fn the_documents_routes_answer_to_the_letter() {
    let bench = bench();
    let line = "POST /api/session/end-session";
    let (status, ended) = bench.ask("ana", line, r#"{"sessionId":"s1"}"#).await;
    assert_eq!(status, 200);
    let wanted =
        json!({"message": "Session ended successfully", "sessionId": "s1", "status": "ended"});
    assert_eq!(ended, wanted);
    let ends = vec![(id("s1"), EndReason::CandidateEnded, user("ana"))];
    assert_eq!(bench.world.lock().unwrap().ended, ends);
    let (status, again) = bench.ask("ana", line, r#"{"sessionId":"s1"}"#).await;
    assert_eq!((status, again), (200, wanted));
    assert_eq!(bench.world.lock().unwrap().ended, ends, "one end");
}

#[tokio::test]
async fn closing_the_connection_ends_the_session_as_closed_by_api() {
    let bench = bench();
    let line = "POST /api/websocket/close-connection";
    let wanted = json!({"message": "WebSocket connection closed successfully"});
    for _ in 0..2 {
        let answer = bench.ask("ivo", line, r#"{"sessionId":"s1","x":1}"#).await;
        assert_eq!(answer, (200, wanted.clone()));
    }
    let ends = vec![(id("s1"), EndReason::ClosedByApi, user("ivo"))];
    assert_eq!(bench.world.lock().unwrap().ended, ends);
}

#[tokio::test]
async fn the_documents_routes_tell_outsiders_nothing_and_do_nothing() {
    let bench = bench();
    for line in [
        "POST /api/session/end-session",
        "POST /api/websocket/close-connection",
    ] {
        for who in OUTSIDERS.iter().chain(&["olga"]) {
            let (status, foreign) = bench.ask(who, line, r#"{"sessionId":"s1"}"#).await;
            let (_, unknown) = bench.ask(who, line, r#"{"sessionId":"s2"}"#).await;
            assert_eq!(status, 200);
            let told = foreign.to_string().replace("s1", "s2");
            assert_eq!(told, unknown.to_string());
        }
        let refused = bench.raw(line, &[], r#"{"sessionId":"s1"}"#).await;
        assert_eq!(refused.status(), 401);
    }
    assert!(bench.world.lock().unwrap().ended.is_empty());
}

#[tokio::test]
async fn without_a_good_token_nothing_but_health_answers() {
    let bench = bench();
    let lines = [
        "POST /api/sessions",
        "GET /api/sessions",
        "GET /api/sessions/s1",
        "POST /api/sessions/s1/end",
        "GET /api/sessions/s1/report",
        "GET /api/sessions/active",
        "DELETE /api/sessions/active",
        "POST /api/session/end-session",
        "POST /api/websocket/close-connection",
        "GET /api/plans",
        "GET /metrics",
        "GET /api/metrics",
    ];
    for line in lines {
        let response = bench.raw(line, &[], "{}").await;
        assert_eq!(response.status(), 401, "{line}");
        assert!(response.headers().contains_key("www-authenticate"));
        let answer = body(response).await;
        assert_eq!(answer["code"], "auth_required");
        let bad = [("authorization", "Bearer x.y.z")];
        assert_eq!(
            body(bench.raw(line, &bad, "{}").await).await["code"],
            "token_invalid"
        );
        let query = format!("{line}?token={}", bench.token("root:admin"));
        assert_eq!(
            bench.raw(&query, &[], "{}").await.status(),
            401,
            "{line}: not by query"
        );
    }
    assert_eq!(bench.raw("GET /healthz", &[], "").await.status(), 200);
    assert_eq!(bench.raw("GET /readyz", &[], "").await.status(), 200);
}

#[tokio::test]
async fn the_active_session_is_ones_own_and_anybodys_for_an_admin() {
    let bench = bench();
    let (status, own) = bench.ask("ana", "GET /api/sessions/active", "").await;
    assert_eq!(status, 200);
    assert_eq!(own["active"]["sessionId"], "s1");
    assert_eq!(own["active"]["title"], "Backend");
    assert_eq!(own["active"]["createdAt"], NOW.0);
    let (_, none) = bench.ask("ivo", "GET /api/sessions/active", "").await;
    assert_eq!(none, json!({"active": null}));
    let (status, _) = bench
        .ask("ivo", "GET /api/sessions/active?user=ana", "")
        .await;
    assert_eq!(status, 403);
    let (_, seen) = bench
        .ask("root:admin", "GET /api/sessions/active?user=ana", "")
        .await;
    assert_eq!(seen["active"]["sessionId"], "s1");

    assert_eq!(
        bench
            .ask("ivo", "DELETE /api/sessions/active?user=ana", "")
            .await
            .0,
        403
    );
    let (_, cleared) = bench.ask("ana", "DELETE /api/sessions/active", "").await;
    assert_eq!(cleared, json!({"cleared": "s1"}));
    let (status, again) = bench.ask("ana", "DELETE /api/sessions/active", "").await;
    assert_eq!((status, again), (200, json!({"cleared": null})));
    assert_eq!(
        bench.world.lock().unwrap().cleared,
        [user("ana"), user("ana")]
    );
}

#[tokio::test]
async fn a_row_without_a_session_can_still_be_seen_and_cleared() {
    let bench = bench();
    bench.world.lock().unwrap().sessions.clear();
    let (status, own) = bench.ask("ana", "GET /api/sessions/active", "").await;
    assert_eq!((status, &own["active"]["sessionId"]), (200, &json!("s1")));
    assert_eq!(own["active"]["title"], json!(null));
    let (_, cleared) = bench.ask("ana", "DELETE /api/sessions/active", "").await;
    assert_eq!(cleared["cleared"], "s1");
}
