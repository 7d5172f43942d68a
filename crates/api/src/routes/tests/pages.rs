//! The report, as JSON and as a page, and the headers around everything.

use super::fake::{bench, json as body, text};

#[tokio::test]
async fn the_report_is_handed_out_as_it_is_stored() {
    let bench = bench();
    for who in ["ana", "ivo", "olga", "root:admin"] {
        let (status, report) = bench.ask(who, "GET /api/sessions/done/report", "").await;
        assert_eq!(status, 200);
        assert_eq!(report["schema"], "greenroom.report/1");
    }
    let (status, problem) = bench.ask("ana", "GET /api/sessions/s1/report", "").await;
    assert_eq!(
        (status, problem["code"].as_str().unwrap()),
        (404, "report_not_ready")
    );
}

#[tokio::test]
async fn a_browser_opens_the_page_with_the_token_in_the_address() {
    let bench = bench();
    let line = format!("GET /reports/done?token={}", bench.token("ana"));
    let response = bench.raw(&line, &[], "").await;
    assert_eq!(response.status(), 200);
    let headers = response.headers().clone();
    assert_eq!(headers["content-type"], "text/html; charset=utf-8");
    assert_eq!(headers["referrer-policy"], "no-referrer");
    assert_eq!(headers["cache-control"], "no-store");
    assert_eq!(
        headers["content-security-policy"],
        coach::page::CONTENT_SECURITY_POLICY
    );
    let page = text(response).await;
    assert!(page.starts_with("<!doctype html>") || page.starts_with("<!DOCTYPE html>"));
    assert!(!page.contains("eyJ"), "the token is not in the page");
    let bearer = format!("Bearer {}", bench.token("ana"));
    let by_header = bench
        .raw("GET /reports/done", &[("authorization", &bearer)], "")
        .await;
    assert_eq!(text(by_header).await, page);
}

#[tokio::test]
async fn a_page_that_is_foreign_unknown_or_without_token_looks_the_same() {
    let bench = bench();
    let eve = bench.token("eve");
    let mut pages = Vec::new();
    for (line, status) in [
        (format!("GET /reports/done?token={eve}"), 404),
        (format!("GET /reports/nowhere?token={eve}"), 404),
        (format!("GET /reports/no%20id?token={eve}"), 404),
        ("GET /reports/done".to_owned(), 401),
        ("GET /reports/done?token=x.y.z".to_owned(), 401),
    ] {
        let response = bench.raw(&line, &[], "").await;
        assert_eq!(response.status(), status, "{line}");
        assert_eq!(
            response.headers()["content-type"],
            "text/html; charset=utf-8"
        );
        pages.push(text(response).await);
    }
    assert!(pages.iter().all(|page| *page == coach::page::not_found()));
}

#[tokio::test]
async fn a_page_that_is_not_there_yet_says_so() {
    let bench = bench();
    let line = format!("GET /reports/s1?token={}", bench.token("ana"));
    let response = bench.raw(&line, &[], "").await;
    assert_eq!(response.status(), 404);
    assert_eq!(text(response).await, coach::page::not_ready());
    bench.world.lock().unwrap().away = true;
    assert_eq!(bench.raw(&line, &[], "").await.status(), 503);
}

#[tokio::test]
async fn a_form_that_is_none_is_refused_and_other_words_in_a_link_are_not() {
    let bench = bench();
    let token = bench.token("ana");
    for (form, status) in [("format=", 400), ("format=doc", 400), ("from=mail", 200)] {
        let line = format!("GET /reports/done?{form}&token={token}");
        assert_eq!(bench.raw(&line, &[], "").await.status(), status, "{form}");
    }
    let nobody = bench.raw("GET /reports/done?format=doc", &[], "").await;
    assert_eq!(nobody.status(), 401);
}

#[tokio::test]
async fn every_answer_forbids_framing_sniffing_caching_and_referring() {
    let bench = bench();
    for line in [
        "GET /healthz",
        "GET /api/sessions/s1",
        "GET /nowhere",
        "GET /reports/s1",
    ] {
        let response = bench.raw(line, &[], "").await;
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(response.headers()[name], value, "{line}");
        }
        let policy = response.headers()["content-security-policy"]
            .to_str()
            .unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
    }
}

#[tokio::test]
async fn a_report_that_cannot_be_read_is_our_fault_and_no_panic() {
    let bench = bench();
    bench.world.lock().unwrap().reports[0].1 = "{\"schema\":\"other\"}".into();
    let line = format!("GET /reports/done?token={}", bench.token("ana"));
    assert_eq!(bench.raw(&line, &[], "").await.status(), 500);
    let bearer = format!("Bearer {}", bench.token("ana"));
    let headers = [("authorization", bearer.as_str())];
    let line = "GET /api/sessions/done/report?format=md";
    let response = bench.raw(line, &headers, "").await;
    assert_eq!(response.status(), 500);
    assert_eq!(body(response).await["code"], "internal");
}
