//! Making sessions, and everything that can be wrong with a request.

use protocol::value::Role;
use serde_json::{Value, json};

use super::fake::{NOW, bench, json as body, user};
use crate::auth::{AuthSettings, Verifier};
use crate::extract::BODY_BYTES_MAX;

#[tokio::test]
async fn an_admin_makes_a_session_and_gets_what_its_people_need_to_come_in() {
    let bench = bench();
    let wish = json!({
        "id": "call-7", "title": "Backend, round 2", "candidate": "ana",
        "participants": [{"userId": "ivo", "role": "interviewer"}],
        "questions": [{"text": " Why us? "}, {"id": "depth", "text": "How?", "limitMs": 60000}],
    });
    let (status, made) = bench
        .ask("root:admin", "POST /api/sessions", &wish.to_string())
        .await;
    assert_eq!(status, 201, "{made}");
    assert_eq!(
        (&made["id"], &made["status"]),
        (&json!("call-7"), &json!("scheduled"))
    );
    assert_eq!(made["join"]["path"], "/ws");

    let people = made["join"]["people"].as_array().unwrap();
    assert_eq!(people.len(), 2);
    let secret = "a-secret-of-forty-bytes-for-tests-only!!";
    let verifier = Verifier::new(AuthSettings::with_secret(secret));
    for (person, (name, role)) in people
        .iter()
        .zip([("ana", Role::Candidate), ("ivo", Role::Interviewer)])
    {
        let who = verifier
            .verify(person["token"].as_str().unwrap(), NOW)
            .unwrap();
        assert_eq!(
            (who.user, who.role, who.admin),
            (user(name), Some(role), false)
        );
        assert_eq!(who.session.unwrap().as_str(), "call-7");
        assert_eq!(person["expiresAt"], who.expires_at.0);
    }
    let world = bench.world.lock().unwrap();
    let plan = world.created[0].plan.as_ref().unwrap();
    let questions: Vec<_> = plan
        .questions
        .iter()
        .map(|q| (q.id.as_str(), q.text.as_str(), q.limit_ms))
        .collect();
    assert_eq!(
        questions,
        [("q1", "Why us?", 120_000), ("depth", "How?", 60_000)]
    );
}

#[tokio::test]
async fn an_interviewer_makes_one_for_themselves_and_gets_nobodys_token() {
    let bench = bench();
    let plan = coach::plan::Bank::builtin()
        .list()
        .next()
        .unwrap()
        .id
        .clone();
    let wish = json!({"planId": plan, "candidate": "ana"}).to_string();
    let response = bench
        .raw(
            "POST /api/sessions",
            &[(
                "authorization",
                &format!("Bearer {}", bench.token("ivo:interviewer")),
            )],
            &wish,
        )
        .await;
    assert_eq!(response.status(), 201);
    assert_eq!(
        response.headers()["location"],
        "/api/sessions/made-by-the-server"
    );
    let made = body(response).await;
    assert!(made.get("join").is_none());
    assert_eq!(made["planId"], json!(plan));
    let world = bench.world.lock().unwrap();
    let people = &world.created[0].participants;
    assert_eq!(people.len(), 1);
    assert_eq!(
        (&people[0].user_id, people[0].role),
        (&user("ivo"), Role::Interviewer)
    );
}

#[tokio::test]
async fn nobody_else_makes_sessions() {
    for who in ["ana", "ana:candidate", "olga:observer"] {
        let (status, refused) = bench().ask(who, "POST /api/sessions", "{}").await;
        assert_eq!(
            (status, &refused["code"]),
            (403, &json!("not_allowed")),
            "{who}"
        );
    }
}

#[tokio::test]
async fn a_plain_room_needs_no_fields() {
    let bench = bench();
    let (status, made) = bench.ask("root:admin", "POST /api/sessions", "{}").await;
    assert_eq!((status, &made["id"]), (201, &json!("made-by-the-server")));
    assert!(bench.world.lock().unwrap().created[0].plan.is_none());
}

#[tokio::test]
async fn every_wrong_body_has_its_code() {
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let many = json!({"questions": vec![json!({"text": "?"}); 51]}).to_string();
    let crowd: Vec<Value> = (0..33)
        .map(|n| json!({"userId": format!("u{n}"), "role": "observer"}))
        .collect();
    let crowd = json!({"participants": crowd}).to_string();
    let long = json!({"title": "x".repeat(201)}).to_string();
    let cases: [(&str, u16, &str); 25] = [
        ("", 400, "bad_json"),
        ("{", 400, "bad_json"),
        ("nonsense", 400, "bad_json"),
        ("{\"id\":\"\u{0}\"}", 400, "bad_json"),
        (&deep, 400, "invalid_field"),
        ("[]", 400, "invalid_field"),
        (r#"{"nope":1}"#, 400, "invalid_field"),
        (r#"{"id":7}"#, 400, "invalid_field"),
        (r#"{"id":"a b"}"#, 400, "invalid_field"),
        (r#"{"id":"active"}"#, 400, "invalid_field"),
        (r#"{"id":""}"#, 400, "invalid_field"),
        (&long, 400, "invalid_field"),
        (r#"{"title":"a\nb"}"#, 400, "invalid_field"),
        (r#"{"candidate":"a/b"}"#, 400, "invalid_field"),
        (r#"{"participants":[{"userId":"a"}]}"#, 400, "missing_field"),
        (
            r#"{"participants":[{"userId":"a","role":"boss"}]}"#,
            400,
            "invalid_field",
        ),
        (
            r#"{"candidate":"a","participants":[{"userId":"a","role":"observer"}]}"#,
            400,
            "invalid_field",
        ),
        (
            r#"{"participants":[{"userId":"a","role":"candidate"},{"userId":"b","role":"candidate"}]}"#,
            400,
            "invalid_field",
        ),
        (&crowd, 400, "invalid_field"),
        (r#"{"planId":"no-such-plan"}"#, 404, "plan_not_found"),
        (r#"{"planId":"x","questions":[]}"#, 400, "invalid_field"),
        (r#"{"questions":[{"text":"  "}]}"#, 400, "invalid_field"),
        (
            r#"{"questions":[{"text":"a","limitMs":4999}]}"#,
            400,
            "invalid_field",
        ),
        (
            r#"{"questions":[{"text":"a","id":"q"},{"text":"b","id":"q"}]}"#,
            400,
            "invalid_field",
        ),
        (&many, 400, "invalid_field"),
    ];
    let bench = bench();
    for (wrong, status, code) in cases {
        let (got, problem) = bench.ask("root:admin", "POST /api/sessions", wrong).await;
        assert_eq!(
            (got, problem["code"].as_str().unwrap()),
            (status, code),
            "{wrong}: {problem}"
        );
    }
    assert!(bench.world.lock().unwrap().created.is_empty());
}

#[tokio::test]
async fn a_problem_is_a_problem_document() {
    let bench = bench();
    let response = bench.raw("GET /api/sessions/s1", &[], "").await;
    assert_eq!(
        response.headers()["content-type"],
        "application/problem+json"
    );
    let wanted = json!({
        "type": "about:blank", "title": "Unauthorized", "status": 401,
        "code": "auth_required", "detail": "Please send a token first.",
    });
    assert_eq!(body(response).await, wanted);
    for (line, status, code) in [
        ("GET /nowhere", 404, "not_found"),
        ("GET /api/nowhere", 404, "not_found"),
        ("PUT /api/sessions", 405, "method_not_allowed"),
        ("POST /healthz", 405, "method_not_allowed"),
        ("DELETE /reports/s1", 405, "method_not_allowed"),
    ] {
        let response = bench.raw(line, &[], "").await;
        assert_eq!(response.status(), status, "{line}");
        assert_eq!(
            response.headers()["content-type"],
            "application/problem+json"
        );
        assert_eq!(
            status == 405,
            response.headers().contains_key("allow"),
            "{line}"
        );
        assert_eq!(body(response).await["code"], code, "{line}");
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_unread() {
    let bench = bench();
    let fits = format!("{{\"title\":\"{}\"}}", "x".repeat(BODY_BYTES_MAX - 12));
    assert_eq!(fits.len(), BODY_BYTES_MAX);
    assert_eq!(
        bench.ask("root:admin", "POST /api/sessions", &fits).await.0,
        400
    );
    let (status, problem) = bench
        .ask("root:admin", "POST /api/sessions", &format!("{fits} "))
        .await;
    assert_eq!((status, &problem["code"]), (413, &json!("too_large")));
}

#[tokio::test]
async fn a_refusal_of_the_server_keeps_its_delay() {
    let bench = bench();
    bench.world.lock().unwrap().draining = true;
    let bearer = format!("Bearer {}", bench.token("root:admin"));
    let headers = [("authorization", bearer.as_str())];
    let response = bench.raw("POST /api/sessions", &headers, "{}").await;
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "3");
    let problem = body(response).await;
    assert_eq!(
        (&problem["code"], &problem["retryAfterMs"]),
        (&json!("draining"), &json!(2500))
    );
}

#[tokio::test]
async fn records_that_are_away_are_503_and_never_404() {
    let bench = bench();
    bench.world.lock().unwrap().away = true;
    for line in [
        "GET /api/sessions/s1",
        "GET /api/sessions/s1/report",
        "GET /api/sessions/active",
        "POST /api/sessions/s1/end",
    ] {
        let (status, problem) = bench.ask("ana", line, "").await;
        assert_eq!(
            (status, &problem["code"]),
            (503, &json!("store_unavailable")),
            "{line}"
        );
    }
    let line = "POST /api/session/end-session";
    assert_eq!(bench.ask("ana", line, r#"{"sessionId":"s1"}"#).await.0, 503);
}

#[tokio::test]
async fn an_admin_lists_sessions_page_by_page() {
    let bench = bench();
    assert_eq!(
        bench
            .ask("ivo:interviewer", "GET /api/sessions", "")
            .await
            .0,
        403
    );
    let (status, page) = bench
        .ask("root:admin", "GET /api/sessions?limit=1", "")
        .await;
    assert_eq!(status, 200);
    assert_eq!(page["sessions"].as_array().unwrap().len(), 1);
    let next = page["next"].as_str().unwrap();
    assert_eq!(next, format!("{}.s1", NOW.0));
    let (_, ended) = bench
        .ask("root:admin", "GET /api/sessions?status=ended", "")
        .await;
    assert_eq!(ended["sessions"][0]["id"], "done");
    assert_eq!(ended["next"], json!(null));
    for bad in [
        "status=over",
        "limit=x",
        "limit=0",
        "limit=201",
        "after=x",
        "nope=1",
    ] {
        let line = format!("GET /api/sessions?{bad}");
        let (status, problem) = bench.ask("root:admin", &line, "").await;
        assert_eq!(
            (status, &problem["code"]),
            (400, &json!("invalid_field")),
            "{bad}"
        );
    }
}

#[tokio::test]
async fn plans_show_their_questions_only_to_those_who_ask_them() {
    let bench = bench();
    let (status, seen) = bench.ask("ana:candidate", "GET /api/plans", "").await;
    assert_eq!(status, 200);
    let plans = seen["plans"].as_array().unwrap();
    assert!(plans.len() >= 3);
    assert!(plans.iter().all(|plan| plan.get("questions").is_none()));
    assert!(
        plans
            .iter()
            .all(|plan| plan["questionCount"].as_u64().unwrap() > 0)
    );
    for who in ["ivo:interviewer", "root:admin"] {
        let (_, seen) = bench.ask(who, "GET /api/plans", "").await;
        assert!(seen["plans"][0]["questions"][0]["text"].is_string());
    }
}
