//! Plans, questions, forms of a report and deletion, on the whole router.

use serde_json::{Value, json};

use super::fake::{API_KEY, NOW, bench, text};

const ROOT: &str = "root:admin";

fn plan() -> Value {
    json!({
        "id": "mine", "title": "Mine", "mode": "practice",
        "options": {"suggestionsTo": ["observer"]},
        "questions": [{"use": "mistake", "limitMs": 90_000}],
    })
}

#[tokio::test]
async fn a_plan_is_made_shown_replaced_and_taken_out() {
    let bench = bench();
    let body = plan().to_string();
    let (status, made) = bench.ask(ROOT, "POST /api/plans", &body).await;
    assert_eq!((status, &made["id"]), (201, &json!("mine")));
    let (status, again) = bench.ask(ROOT, "POST /api/plans", &body).await;
    assert_eq!((status, &again["code"]), (409, &json!("plan_exists")));

    let (_, shown) = bench
        .ask("ivo:interviewer", "GET /api/plans/mine", "")
        .await;
    assert_eq!(shown["questions"][0]["limitMs"], 90_000);
    assert!(shown["questions"][0]["points"].as_array().unwrap().len() >= 3);
    let (_, outline) = bench.ask("ana", "GET /api/plans/mine", "").await;
    assert_eq!(outline["questionCount"], 1);
    assert!(outline.get("questions").is_none());

    let mut changed = shown.clone();
    changed["title"] = json!("Yours");
    let line = "PUT /api/plans/mine";
    let (status, _) = bench.ask(ROOT, line, &changed.to_string()).await;
    assert_eq!(status, 200, "what is shown can be sent back");
    let (_, shown) = bench.ask(ROOT, "GET /api/plans/mine", "").await;
    assert_eq!(shown["title"], "Yours");

    let bearer = format!("Bearer {}", bench.token(ROOT));
    let headers = [("authorization", bearer.as_str())];
    let gone = bench.raw("DELETE /api/plans/mine", &headers, "").await;
    assert_eq!(gone.status(), 204);
    let (status, none) = bench.ask(ROOT, "GET /api/plans/mine", "").await;
    assert_eq!((status, &none["code"]), (404, &json!("plan_not_found")));
}

#[tokio::test]
async fn a_back_end_with_a_key_makes_replaces_and_takes_out_plans() {
    let bench = bench();
    let key = [("x-api-key", API_KEY)];
    let mut body = plan();
    body["words"] = json!(["Kubernetes"]);
    let made = bench.raw("POST /api/plans", &key, &body.to_string()).await;
    assert_eq!(made.status(), 201);
    body["title"] = json!("Theirs");
    let put = bench
        .raw("PUT /api/plans/mine", &key, &body.to_string())
        .await;
    assert_eq!(put.status(), 200);
    let shown = bench.raw("GET /api/plans/mine", &key, "").await;
    let shown: Value = serde_json::from_str(&text(shown).await).unwrap();
    assert_eq!(shown["title"], "Theirs");
    assert_eq!(shown["words"], json!(["Kubernetes"]));
    let gone = bench.raw("DELETE /api/plans/mine", &key, "").await;
    assert_eq!(gone.status(), 204);
    let wrong = [("x-api-key", "gr_abcdefghijklmnopqrstuvwxyz234567abcdefgX")];
    let refused = bench
        .raw("POST /api/plans", &wrong, &body.to_string())
        .await;
    assert_eq!(refused.status(), 401);
}

#[tokio::test]
async fn a_plan_file_is_taken_too_and_its_mistakes_have_lines() {
    let bench = bench();
    let bearer = format!("Bearer {}", bench.token(ROOT));
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/toml"),
    ];
    let file = "id = \"filed\"\ntitle = \"Filed\"\n\n[[questions]]\nuse = \"mistake\"\n";
    let made = bench.raw("POST /api/plans", &headers, file).await;
    assert_eq!(made.status(), 201);
    let wrong = file.replace("mistake", "mistak");
    let refused = bench.raw("PUT /api/plans/filed", &headers, &wrong).await;
    assert_eq!(refused.status(), 400);
    let problem: Value = serde_json::from_str(&text(refused).await).unwrap();
    assert_eq!(problem["code"], "plan_invalid");
    assert_eq!(problem["problems"][0]["line"], 5);
    let message = problem["problems"][0]["message"].as_str().unwrap();
    assert!(message.contains("did you mean `mistake`?"), "{message}");
}

#[tokio::test]
async fn mistakes_of_a_document_are_told_with_their_places() {
    let bench = bench();
    let mut wrong = plan();
    wrong["questions"][0]["limitMs"] = json!("soon");
    wrong["titel"] = json!("x");
    let (status, problem) = bench
        .ask(ROOT, "PUT /api/plans/mine", &wrong.to_string())
        .await;
    assert_eq!((status, &problem["code"]), (400, &json!("plan_invalid")));
    let places: Vec<&str> = problem["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["path"].as_str().unwrap())
        .collect();
    assert!(places.contains(&"questions[0].limitMs"), "{places:?}");
    let (status, problem) = bench
        .ask(ROOT, "PUT /api/plans/other", &plan().to_string())
        .await;
    assert_eq!((status, &problem["code"]), (400, &json!("invalid_field")));
}

#[tokio::test]
async fn only_admins_change_plans_and_only_staff_reads_the_bank() {
    let bench = bench();
    let body = plan().to_string();
    for who in ["ana", "ivo:interviewer", "olga:observer"] {
        for line in ["POST /api/plans", "PUT /api/plans/mine"] {
            let (status, refused) = bench.ask(who, line, &body).await;
            assert_eq!((status, &refused["code"]), (403, &json!("not_allowed")));
        }
        let (status, _) = bench.ask(who, "DELETE /api/plans/practice", "").await;
        assert_eq!(status, 403);
    }
    let (status, _) = bench.ask("ana", "GET /api/questions", "").await;
    assert_eq!(status, 403);
    let (_, bank) = bench.ask("ivo:interviewer", "GET /api/questions", "").await;
    let all = bank["questions"].as_array().unwrap();
    assert!(all.len() >= 24);
    for question in all {
        let points = question["points"].as_array().unwrap().len();
        assert!((3..=8).contains(&points), "{question}");
    }
    for kind in ["behavioral", "technical", "situational"] {
        let line = format!("GET /api/questions?kind={kind}");
        let (_, some) = bench.ask(ROOT, &line, "").await;
        let some = some["questions"].as_array().unwrap();
        assert!(!some.is_empty() && some.iter().all(|q| q["kind"] == kind));
    }
    let (status, _) = bench.ask(ROOT, "GET /api/questions?kind=riddle", "").await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn a_report_comes_in_every_form() {
    let bench = bench();
    let bearer = format!("Bearer {}", bench.token("ana"));
    let headers = [("authorization", bearer.as_str())];
    for (format, kind, begins) in [
        ("json", "application/json", "{"),
        ("md", "text/markdown; charset=utf-8", "# "),
        ("csv", "text/csv; charset=utf-8", ""),
        ("vtt", "text/vtt; charset=utf-8", "WEBVTT"),
    ] {
        for path in ["/api/sessions/done/report", "/reports/done"] {
            let line = format!("GET {path}?format={format}");
            let answer = bench.raw(&line, &headers, "").await;
            assert_eq!(answer.status(), 200, "{line}");
            assert_eq!(answer.headers()["content-type"], kind);
            if format != "json" {
                let name = format!("attachment; filename=\"interview-done.{format}\"");
                assert_eq!(answer.headers()["content-disposition"], name.as_str());
            }
            let body = text(answer).await;
            assert!(body.starts_with(begins) && !body.is_empty(), "{body}");
        }
    }
    let (status, _) = bench
        .ask("ana", "GET /api/sessions/done/report?format=pdf", "")
        .await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn data_is_deleted_by_id_by_kind_and_as_a_whole_and_says_when() {
    let bench = bench();
    let line = "DELETE /api/sessions/done/data?kind=report";
    for who in ["ana", "ivo:interviewer"] {
        assert_eq!(bench.ask(who, line, "").await.0, 403);
    }
    let (status, gone) = bench.ask(ROOT, line, "").await;
    assert_eq!(status, 200);
    assert_eq!(
        gone["deleted"],
        json!([{"kind": "report", "deletedAt": NOW.0}])
    );
    let (status, report) = bench.ask("ana", "GET /api/sessions/done/report", "").await;
    assert_eq!((status, &report["code"]), (410, &json!("report_deleted")));
    assert_eq!(report["deletedAt"], NOW.0);

    let whole = "DELETE /api/sessions/done/data";
    for _ in 0..2 {
        assert_eq!(bench.ask(ROOT, whole, "").await.0, 200, "again is no error");
    }
    let (status, _) = bench.ask(ROOT, "GET /api/sessions/done", "").await;
    assert_eq!(status, 404);
    let running = "DELETE /api/sessions/s1/data";
    let (status, refused) = bench.ask(ROOT, running, "").await;
    assert_eq!((status, &refused["code"]), (409, &json!("bad_transition")));
    let unknown = "DELETE /api/sessions/nowhere/data";
    assert_eq!(bench.ask(ROOT, unknown, "").await.0, 404);
}

#[tokio::test]
async fn how_far_a_report_is_can_be_seen_and_one_given_up_is_tried_again() {
    let bench = bench();
    let (_, shown) = bench.ask("ana", "GET /api/sessions/done", "").await;
    assert_eq!(shown["report"]["state"], "done");
    bench.world.lock().unwrap().reports.clear();
    let (status, problem) = bench.ask("ana", "GET /api/sessions/done/report", "").await;
    assert_eq!(
        (status, &problem["report"]["state"]),
        (404, &json!("failed"))
    );
    let (_, open) = bench.ask(ROOT, "GET /api/reports/open", "").await;
    assert_eq!(open["reports"][0]["sessionId"], "s7");
    assert_eq!(bench.ask("ana", "GET /api/reports/open", "").await.0, 403);
    let again = "POST /api/sessions/done/report";
    let (status, _) = bench.ask(ROOT, again, "").await;
    assert_eq!(status, 202);
    assert_eq!(bench.ask("ana", again, "").await.0, 403);
}
