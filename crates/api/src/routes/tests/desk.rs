//! Tickets, revocations, webhook deliveries and API keys through the whole router.

use serde_json::json;
use store::desk::{DeliveryRow, HookKind, HookState};

use super::fake::{API_KEY, Bench, NOW, bench, id, json};
use crate::auth::AuthError;
use crate::guard::Judged;
use crate::identity::{Identity, Via};

fn admitted(bench: &Bench, ticket: &str) -> Result<Identity, AuthError> {
    match bench.guard.admit(ticket, NOW) {
        Judged::Now(verdict) => verdict,
        Judged::Later(_) => panic!("a ticket needs no key"),
    }
}

#[tokio::test]
async fn a_ticket_for_yourself_has_the_rights_of_your_token_and_lets_in_once() {
    let bench = bench();
    let (status, body) = bench
        .ask("guest:observer@s1", "POST /api/tickets", "")
        .await;
    assert_eq!(status, 201, "{body}");
    assert_eq!(body["expiresAt"], NOW.after(60_000).0);
    let ticket = body["ticket"].as_str().unwrap();
    let who = admitted(&bench, ticket).unwrap();
    assert_eq!((who.user.as_str(), who.via.clone()), ("guest", Via::Ticket));
    assert_eq!(who.session, Some(id("s1")));
    assert_eq!(body["connectionUntil"], who.expires_at.0);
    assert_eq!(admitted(&bench, ticket), Err(AuthError::Ticket));
}

#[tokio::test]
async fn only_an_administrator_or_a_key_makes_tickets_for_others() {
    let bench = bench();
    let body = r#"{"userId":"ana","role":"candidate","sessionId":"s1","name":"Ana"}"#;
    let (status, answer) = bench
        .ask("ivo:interviewer", "POST /api/tickets", body)
        .await;
    assert_eq!((status, &answer["code"]), (403, &json!("not_allowed")));
    let (status, answer) = bench.ask("root:admin", "POST /api/tickets", body).await;
    assert_eq!(status, 201, "{answer}");
    let who = admitted(&bench, answer["ticket"].as_str().unwrap()).unwrap();
    assert_eq!(who.user.as_str(), "ana");
    assert!(!who.admin);
    for (body, says) in [
        (r#"{"role":"candidate"}"#, "userId"),
        (r#"{"userId":"ana","sessionId":"s1"}"#, "role"),
        (r#"{"userId":"ana","role":"admin"}"#, "role"),
        (r#"{"userid":"ana"}"#, "userid"),
    ] {
        let (status, answer) = bench.ask("root:admin", "POST /api/tickets", body).await;
        let detail = answer["detail"].as_str().unwrap();
        assert!(
            status == 400 && (detail.contains(says) || says == "role"),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn a_ticket_opens_no_page_of_the_api() {
    let bench = bench();
    let (_, body) = bench.ask("root:admin", "POST /api/tickets", "{}").await;
    let ticket = format!("Bearer {}", body["ticket"].as_str().unwrap());
    let headers = [("authorization", ticket.as_str())];
    let answer = bench.raw("GET /api/sessions", &headers, "").await;
    assert_eq!(answer.status(), 401);
    assert!(
        admitted(&bench, &ticket["Bearer ".len()..]).is_ok(),
        "it is not used up"
    );
}

#[tokio::test]
async fn a_ticket_opens_a_page_in_a_browser_once() {
    let bench = bench();
    let (_, body) = bench.ask("root:admin", "POST /api/tickets", "{}").await;
    let line = format!(
        "GET /reports/done?ticket={}",
        body["ticket"].as_str().unwrap()
    );
    assert_eq!(bench.raw(&line, &[], "").await.status(), 200);
    assert_eq!(bench.raw(&line, &[], "").await.status(), 401);
}

#[tokio::test]
async fn an_api_key_has_an_administrators_rights_in_either_header() {
    let bench = bench();
    let bearer = format!("Bearer {API_KEY}");
    for header in [("authorization", bearer.as_str()), ("x-api-key", API_KEY)] {
        let answer = bench.raw("GET /api/sessions", &[header], "").await;
        assert_eq!(answer.status(), 200);
    }
    let wrong = [("x-api-key", "gr_abcdefghijklmnopqrstuvwxyz234567abcdefgX")];
    let answer = bench.raw("GET /api/sessions", &wrong, "").await;
    assert_eq!(answer.status(), 401);
    assert_eq!(json(answer).await["code"], "token_invalid");
    let key = [("x-api-key", API_KEY)];
    let answer = bench.raw("POST /api/sessions/s1/end", &key, "").await;
    assert_eq!(json(answer).await["reason"], "api_ended");
    let answer = bench.raw("POST /api/tickets", &key, "{}").await;
    assert_eq!(
        answer.status(),
        400,
        "a key is nobody a ticket could be for"
    );
}

#[tokio::test]
async fn revocations_are_made_listed_in_pages_and_removed_by_administrators_alone() {
    let bench = bench();
    let line = "POST /api/revocations";
    let (status, _) = bench
        .ask("ivo:interviewer", line, r#"{"userId":"ana"}"#)
        .await;
    assert_eq!(status, 403);
    for body in ["{}", r#"{"userId":"a","sessionId":"b"}"#] {
        let (status, answer) = bench.ask("root:admin", line, body).await;
        assert_eq!((status, &answer["code"]), (400, &json!("invalid_field")));
    }
    for body in [
        r#"{"sessionId":"s1"}"#,
        r#"{"userId":"ana"}"#,
        r#"{"userId":"ivo"}"#,
    ] {
        let (status, answer) = bench.ask("root:admin", line, body).await;
        assert_eq!(status, 201, "{answer}");
        assert_eq!(
            (&answer["before"], &answer["by"]),
            (&json!(NOW), &json!("root"))
        );
    }
    let (_, page) = bench
        .ask("root:admin", "GET /api/revocations?limit=2", "")
        .await;
    assert_eq!(page["revocations"][0]["sessionId"], "s1");
    assert_eq!(page["next"], "user.ana");
    let line = "GET /api/revocations?limit=2&after=user.ana";
    let (_, page) = bench.ask("root:admin", line, "").await;
    assert_eq!(page["revocations"][0]["userId"], "ivo");
    assert_eq!(page["next"], json!(null));
    let line = "DELETE /api/revocations?userId=ana";
    assert_eq!(bench.ask("root:admin", line, "").await.1["removed"], true);
    assert_eq!(bench.ask("root:admin", line, "").await.1["removed"], false);
    assert_eq!(bench.ask("ivo:interviewer", line, "").await.0, 403);
}

#[tokio::test]
async fn a_revoked_token_is_refused_with_its_own_code() {
    let bench = bench();
    bench.guard.revoked().add(&store::desk::RevocationRow {
        kind: store::desk::Revokes::User,
        subject: "ana".to_owned(),
        before: NOW,
        by: "root".to_owned(),
    });
    let (status, answer) = bench.ask("ana", "GET /api/sessions/active", "").await;
    assert_eq!((status, &answer["code"]), (401, &json!("token_revoked")));
    assert_eq!(
        bench.ask("ivo", "GET /api/sessions/active", "").await.0,
        200
    );
}

#[tokio::test]
async fn the_log_of_webhooks_is_for_administrators_and_can_be_filtered() {
    let bench = bench();
    let row = |name: &str, state| DeliveryRow {
        id: name.to_owned(),
        endpoint: "https://hooks.example/x".to_owned(),
        kind: HookKind::Ended,
        session: id("s1"),
        body: r#"{"secret":"body"}"#.into(),
        created_at: NOW,
        state,
        attempts: 2,
        next_at: NOW.after(5_000),
        status: Some(503),
        error: Some("answered 503".to_owned()),
    };
    bench.world.lock().unwrap().deliveries = vec![
        row("msg_b", HookState::Waiting),
        row("msg_a", HookState::Delivered),
    ];
    let line = "GET /api/webhooks/deliveries?limit=1";
    assert_eq!(bench.ask("ivo:interviewer", line, "").await.0, 403);
    let (_, page) = bench.ask("root:admin", line, "").await;
    assert_eq!(page["deliveries"][0]["id"], "msg_b");
    assert_eq!(page["deliveries"][0]["nextAttemptAt"], NOW.after(5_000).0);
    assert_eq!(
        page["next"],
        format!("{}.msg_b.https://hooks.example/x", NOW.0)
    );
    let line = "GET /api/webhooks/deliveries?state=delivered";
    let (_, page) = bench.ask("root:admin", line, "").await;
    assert_eq!(page["deliveries"][0]["id"], "msg_a");
    assert_eq!(page["deliveries"][0]["nextAttemptAt"], json!(null));
    for bad in ["state=odd", "after=odd", "colour=red"] {
        let line = format!("GET /api/webhooks/deliveries?{bad}");
        assert_eq!(bench.ask("root:admin", &line, "").await.0, 400, "{bad}");
    }
}
