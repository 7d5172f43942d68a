//! Health, metrics, and which pages may ask at all.

use serde_json::json;

use super::fake::{FRONT, bench, json as body, text};

#[tokio::test]
async fn health_asks_nobody_and_readiness_asks_the_records() {
    let bench = bench();
    bench.world.lock().unwrap().away = true;
    let alive = bench.raw("GET /healthz", &[], "").await;
    assert_eq!(
        (alive.status().as_u16(), text(alive).await.as_str()),
        (200, "ok")
    );
    let ready = bench.raw("GET /readyz", &[], "").await;
    assert_eq!(ready.status(), 503);
    let wanted = json!({
        "status": "not_ready", "checks": [{"name": "store", "ok": false, "detail": "as told"}],
    });
    assert_eq!(body(ready).await, wanted);
    bench.world.lock().unwrap().away = false;
    assert_eq!(bench.raw("GET /readyz", &[], "").await.status(), 200);
}

#[tokio::test]
async fn metrics_are_for_this_machine_and_for_admins() {
    let bench = bench();
    let admin = format!("Bearer {}", bench.token("root:admin"));
    let other = format!("Bearer {}", bench.token("ivo:interviewer"));
    for line in ["GET /metrics", "GET /api/metrics"] {
        for (headers, status) in [
            (vec![("peer", "127.0.0.1:9")], 200),
            (vec![("peer", "[::1]:9")], 200),
            (vec![("peer", "[::ffff:127.0.0.1]:9")], 200),
            (vec![("peer", "10.0.0.7:9")], 401),
            (vec![], 401),
            (
                vec![("peer", "127.0.0.1:9"), ("x-forwarded-for", "203.0.113.9")],
                401,
            ),
            (
                vec![("peer", "127.0.0.1:9"), ("forwarded", "for=203.0.113.9")],
                401,
            ),
            (
                vec![("peer", "10.0.0.7:9"), ("x-forwarded-for", "127.0.0.1")],
                401,
            ),
            (
                vec![("peer", "10.0.0.7:9"), ("authorization", admin.as_str())],
                200,
            ),
            (
                vec![("peer", "10.0.0.7:9"), ("authorization", other.as_str())],
                403,
            ),
        ] {
            let response = bench.raw(line, &headers, "").await;
            assert_eq!(
                response.status(),
                status,
                "{line} {:?}",
                &headers[..headers.len().min(1)]
            );
        }
    }
}

#[tokio::test]
async fn the_documents_metrics_have_the_documents_names() {
    let bench = bench();
    let local = [("peer", "127.0.0.1:9")];
    let seen = body(bench.raw("GET /api/metrics", &local, "").await).await;
    let wanted = json!({
        "activeSessions": 3, "questionTimers": 0, "socketMappings": 7,
        "memory": {"rss": 0, "heapTotal": 0, "heapUsed": 0, "external": 0},
        "cleanedUpTotal": 0,
        "activeInterviewSessions": {"rows": 1, "oldestAgeMs": 9},
    });
    assert_eq!(seen, wanted);
    bench.world.lock().unwrap().away = true;
    let response = bench.raw("GET /api/metrics", &local, "").await;
    assert_eq!(response.status(), 200);
    assert_eq!(body(response).await["activeInterviewSessions"], json!(null));
    let prometheus = bench.raw("GET /metrics", &local, "").await;
    assert!(
        prometheus.headers()["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/plain")
    );
    assert!(text(prometheus).await.contains("greenroom_sessions 3"));
}

#[tokio::test]
async fn a_listed_page_may_ask_with_credentials_and_is_told_so_by_name() {
    let bench = bench();
    let bearer = format!("Bearer {}", bench.token("ana"));
    let headers = [("origin", FRONT), ("authorization", bearer.as_str())];
    let response = bench.raw("GET /api/sessions/s1", &headers, "").await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["access-control-allow-origin"], FRONT);
    assert_eq!(
        response.headers()["access-control-allow-credentials"],
        "true"
    );
    assert_eq!(response.headers()["vary"], "origin");
    // A refusal must be readable too, else the page cannot say why.
    let refused = bench.raw("GET /api/sessions/s1", &headers[..1], "").await;
    assert_eq!(refused.status(), 401);
    assert_eq!(refused.headers()["access-control-allow-origin"], FRONT);
}

#[tokio::test]
async fn a_preflight_needs_no_token() {
    let bench = bench();
    let headers = [
        ("origin", FRONT),
        ("access-control-request-method", "DELETE"),
    ];
    let response = bench
        .raw("OPTIONS /api/sessions/active", &headers, "")
        .await;
    assert_eq!(response.status(), 204);
    let methods = response.headers()["access-control-allow-methods"]
        .to_str()
        .unwrap();
    assert!(
        ["GET", "POST", "DELETE"]
            .iter()
            .all(|method| methods.contains(method))
    );
    let allowed = response.headers()["access-control-allow-headers"]
        .to_str()
        .unwrap();
    assert!(allowed.contains("authorization") && allowed.contains("content-type"));
    assert!(response.headers().contains_key("access-control-max-age"));
}

#[tokio::test]
async fn any_other_page_is_refused_and_never_reflected() {
    let bench = bench();
    let bearer = format!("Bearer {}", bench.token("root:admin"));
    for origin in [
        "http://localhost:3001",
        "https://evil.com",
        "null",
        "http://localhost:3000.evil.com",
    ] {
        for line in [
            "GET /api/sessions/s1",
            "POST /api/sessions/s1/end",
            "OPTIONS /api/sessions/s1",
        ] {
            let headers = [
                ("origin", origin),
                ("authorization", bearer.as_str()),
                ("access-control-request-method", "POST"),
            ];
            let response = bench.raw(line, &headers, "").await;
            assert_eq!(response.status(), 403, "{origin} {line}");
            assert!(
                !response
                    .headers()
                    .contains_key("access-control-allow-origin")
            );
            assert_eq!(response.headers()["vary"], "origin");
            assert_eq!(body(response).await["code"], "origin_not_allowed");
        }
    }
    assert!(bench.world.lock().unwrap().ended.is_empty());
    let own = [
        ("origin", "http://h:8080"),
        ("authorization", bearer.as_str()),
    ];
    assert_eq!(
        bench.raw("GET /api/sessions/s1", &own, "").await.status(),
        200
    );
}
