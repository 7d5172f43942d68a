//! What goes for every route there is, also for those that will be added: `Bench::raw` compares each
//! answer with its route's description.

use protocol::contract::Shape;
use serde_json::{Value, json};

use super::fake::{Bench, bench, json as body, text};
use crate::describe::{Route, Who, Why};
use crate::problem::Own;
use crate::router::routes;

/// A line that reaches a route: its parameters are those of the running session.
fn line(route: &Route) -> String {
    format!("{} {}", route.method, path(route))
}

fn path(route: &Route) -> String {
    let parts = route.path.split('/');
    let parts: Vec<&str> = parts
        .map(|part| if part.starts_with('{') { "s1" } else { part })
        .collect();
    parts.join("/")
}

fn example(route: &Route) -> String {
    route
        .body
        .map_or(String::new(), |body| body.example.to_owned())
}

async fn code(bench: &Bench, line: &str, headers: &[(&str, &str)], sent: &str) -> (u16, String) {
    let response = bench.raw(line, headers, sent).await;
    let status = response.status().as_u16();
    let text = text(response).await;
    let value: Value = serde_json::from_str(&text).unwrap_or_default();
    (
        status,
        value["code"].as_str().unwrap_or_default().to_owned(),
    )
}

#[tokio::test]
async fn every_route_that_needs_a_token_refuses_without_one_and_with_a_broken_one() {
    let bench = bench();
    for route in routes() {
        let (none, broken) = (
            code(&bench, &line(route), &[], &example(route)).await,
            code(
                &bench,
                &line(route),
                &[("authorization", "Bearer x")],
                &example(route),
            )
            .await,
        );
        match route.who {
            Who::Anybody => assert!(none.0 < 400 && broken.0 < 400, "{}", route.name),
            Who::BearerOrQuery => assert!(none.0 == 401 && broken.0 == 401, "{}", route.name),
            Who::Bearer | Who::LocalOrAdmin => {
                assert_eq!(none, (401, "auth_required".to_owned()), "{}", route.name);
                assert_eq!(broken, (401, "token_invalid".to_owned()), "{}", route.name);
            }
        }
    }
}

#[tokio::test]
async fn every_route_answers_an_admin_with_something_described() {
    for route in routes() {
        let bench = bench();
        let token = format!("Bearer {}", bench.token("root:admin"));
        let (status, code) = code(
            &bench,
            &line(route),
            &[("authorization", &token)],
            &example(route),
        )
        .await;
        assert!(status < 500, "{}: {status} {code}", route.name);
        assert!(
            code != "bad_json" && code != "missing_field",
            "{}: {code}",
            route.name
        );
    }
}

#[tokio::test]
async fn every_route_says_so_when_the_records_are_away() {
    let bench = bench();
    bench.world.lock().unwrap().away = true;
    let token = format!("Bearer {}", bench.token("root:admin"));
    for route in routes() {
        let got = code(
            &bench,
            &line(route),
            &[("authorization", &token)],
            &example(route),
        )
        .await;
        assert!(got.0 < 500 || got.0 == 503, "{}: {got:?}", route.name);
    }
}

#[tokio::test]
async fn every_body_is_judged_field_by_field() {
    for route in routes() {
        let Some(described) = &route.body else {
            continue;
        };
        let bench = bench();
        let token = format!("Bearer {}", bench.token("root:admin"));
        let headers = [("authorization", token.as_str())];
        let ask = async |sent: String| code(&bench, &line(route), &headers, &sent).await;

        assert_eq!(
            ask("{".to_owned()).await,
            (400, "bad_json".to_owned()),
            "{}",
            route.name
        );
        let (Shape::Of(object) | Shape::Closed(object)) = described.shape else {
            continue;
        };
        let whole: Value = serde_json::from_str(described.example).unwrap();
        // Mistakes of a plan are told all at once, under a code of their own.
        let is_plan = route.whys().contains(&Why::Own(Own::PlanInvalid));
        let [wrong, missing] = match is_plan {
            true => ["plan_invalid", "plan_invalid"],
            false => ["invalid_field", "missing_field"],
        };
        let wrong = (400, wrong.to_owned());
        for field in object.fields {
            let at = format!("{}.{}", route.name, field.name);
            let mut odd = whole.clone();
            odd[field.name] = match field.shape {
                Shape::Open | Shape::Of(_) | Shape::Closed(_) | Shape::Map(_) => json!("odd"),
                _ => json!({ "odd": [1] }),
            };
            assert_eq!(ask(odd.to_string()).await, wrong, "{at}");
            let mut less = whole.clone();
            less.as_object_mut().unwrap().remove(field.name);
            let got = ask(less.to_string()).await;
            if field.required {
                assert_eq!(got, (400, missing.to_owned()), "{at}");
            } else if !(is_plan && field.name == "id") {
                assert_ne!(got.1, missing, "{at}");
            }
        }
        let mut more = whole.clone();
        more["unheardOf"] = json!(1);
        let got = ask(more.to_string()).await;
        let closed = matches!(described.shape, Shape::Closed(_));
        assert_eq!(got == wrong, closed, "{}: {got:?}", route.name);
    }
}

#[tokio::test]
async fn a_body_that_says_it_is_no_json_is_not_read() {
    let bench = bench();
    let token = format!("Bearer {}", bench.token("root:admin"));
    for route in routes() {
        if route.body.is_none() {
            continue;
        }
        for kind in [
            "application/x-www-form-urlencoded",
            "multipart/form-data",
            "text/html",
        ] {
            let headers = [("authorization", token.as_str()), ("content-type", kind)];
            let got = code(&bench, &line(route), &headers, &example(route)).await;
            let wanted = (415, "unsupported_media_type".to_owned());
            assert_eq!(got, wanted, "{}: {kind}", route.name);
        }
        for kind in [
            "application/json",
            "text/plain;charset=UTF-8",
            "application/vnd.a+json",
        ] {
            let headers = [("authorization", token.as_str()), ("content-type", kind)];
            let got = code(&bench, &line(route), &headers, &example(route)).await;
            assert_ne!(got.0, 415, "{}: {kind}", route.name);
        }
    }
}

#[tokio::test]
async fn every_query_is_judged_by_its_fields() {
    let bench = bench();
    let token = format!("Bearer {}", bench.token("root:admin"));
    let headers = [("authorization", token.as_str())];
    for route in routes() {
        // A page opens whatever else its link carries.
        if route.query.is_empty() || route.name == "reportPage" {
            continue;
        }
        let unknown = format!("{}?unheardOf=1", line(route));
        let got = code(&bench, &unknown, &headers, &example(route)).await;
        assert_eq!(got, (400, "invalid_field".to_owned()), "{}", route.name);
        for field in route.query {
            let odd = format!("{}?{}=%20", line(route), field.name);
            let got = code(&bench, &odd, &headers, &example(route)).await;
            let wanted = (400, "invalid_field".to_owned());
            assert_eq!(got, wanted, "{}?{}", route.name, field.name);
        }
    }
}

#[tokio::test]
async fn the_asyncapi_document_is_served_to_anybody() {
    let response = bench().raw("GET /api/asyncapi.json", &[], "").await;
    assert_eq!(response.headers()["content-type"], "application/json");
    assert_eq!(body(response).await["asyncapi"], "3.0.0");
}

#[tokio::test]
async fn the_openapi_document_is_served_to_anybody() {
    let response = bench().raw("GET /api/openapi.json", &[], "").await;
    assert_eq!(response.headers()["content-type"], "application/json");
    let document = body(response).await;
    assert_eq!(document["openapi"], "3.1.0");
    assert!(document["paths"]["/api/openapi.json"]["get"].is_object());
}
