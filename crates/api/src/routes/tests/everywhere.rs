//! What goes for every route in the same way: how it refuses, and how lists come in pages.
//! `Bench::raw` compares each answer with its route's description, so a refusal that is no problem
//! document, or whose code is described nowhere, fails wherever it is met.

use protocol::contract::{Object, Shape};
use serde_json::{Value, json};
use store::desk::{DeliveryRow, HookKind, HookState, RevocationRow, Revokes};

use super::fake::{Bench, NOW, bench, id, json as body};
use crate::describe::{Content, PAGE_MAX, Route};
use crate::extract::BODY_BYTES_MAX;
use crate::guard::Judged;
use crate::router::routes;

const ROOT: &str = "root:admin";

fn path(route: &Route) -> String {
    let parts = route.path.split('/');
    let parts = parts.map(|part| if part.starts_with('{') { "s1" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

/// Status, code and whether it says what the problem is, of a refusal.
async fn refused(bench: &Bench, line: &str, headers: &[(&str, &str)], sent: &str) -> (u16, String) {
    let response = bench.raw(line, headers, sent).await;
    let status = response.status().as_u16();
    let kind = response.headers()["content-type"]
        .to_str()
        .unwrap()
        .to_owned();
    assert_eq!(kind, "application/problem+json", "{line}");
    let problem = body(response).await;
    assert_eq!(problem["status"], status, "{line}");
    let said = |name: &str| problem[name].as_str().is_some_and(|text| !text.is_empty());
    assert!(said("type") && said("title") && said("detail"), "{problem}");
    (status, problem["code"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn an_address_that_no_route_has_is_a_problem() {
    let bench = bench();
    for route in routes() {
        let line = format!("{} {}/no/where", route.method, path(route));
        let got = refused(&bench, &line, &[], "").await;
        assert_eq!(got, (404, "not_found".to_owned()), "{line}");
    }
}

#[tokio::test]
async fn a_method_that_no_route_has_is_a_problem_that_says_which_there_are() {
    let bench = bench();
    for route in routes() {
        let line = format!("PATCH {}", path(route));
        let got = refused(&bench, &line, &[], "").await;
        assert_eq!(got, (405, "method_not_allowed".to_owned()), "{line}");
        let response = bench.raw(&line, &[], "").await;
        let allowed = response.headers()["allow"].to_str().unwrap();
        let mut allowed = allowed.split(',').map(str::trim);
        assert!(allowed.any(|one| one == route.method.as_str()), "{line}");
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_or_of_another_kind_is_a_problem() {
    let bench = bench();
    let token = format!("Bearer {}", bench.token(ROOT));
    let large = format!("\"{}\"", "x".repeat(BODY_BYTES_MAX));
    for route in routes().into_iter().filter(|route| route.body.is_some()) {
        let line = format!("{} {}", route.method, path(route));
        for (kind, wanted) in [
            ("application/json", (413, "too_large")),
            ("text/html", (415, "unsupported_media_type")),
        ] {
            let headers = [("authorization", token.as_str()), ("content-type", kind)];
            let sent = if wanted.0 == 413 { &large } else { "{}" };
            let got = refused(&bench, &line, &headers, sent).await;
            assert_eq!((got.0, got.1.as_str()), wanted, "{line}");
        }
    }
}

#[tokio::test]
async fn a_page_of_another_site_is_a_problem_on_every_route_that_pages_may_ask() {
    let bench = bench();
    let token = format!("Bearer {}", bench.token(ROOT));
    for route in routes() {
        if !(route.path.starts_with("/api/") || route.path.starts_with("/reports/")) {
            continue;
        }
        let line = format!("{} {}", route.method, path(route));
        let headers = [
            ("authorization", token.as_str()),
            ("origin", "https://evil.example"),
        ];
        let got = refused(&bench, &line, &headers, "").await;
        assert_eq!(got, (403, "origin_not_allowed".to_owned()), "{line}");
    }
}

#[tokio::test]
async fn too_many_of_something_is_a_problem() {
    let bench = bench();
    let token = bench.token("ana");
    let Judged::Now(Ok(ana)) = bench.guard.admit(&token, NOW) else {
        panic!("a token needs no key that is not here");
    };
    let tickets = bench.guard.tickets();
    let fits = |nth: &u32| tickets.issue(ana.clone(), &nth.to_string(), NOW).is_ok();
    assert!((0..1_000_u32).take_while(fits).count() < 1_000);
    let token = format!("Bearer {token}");
    let headers = [("authorization", token.as_str())];
    let got = refused(&bench, "POST /api/tickets", &headers, "").await;
    assert_eq!(got, (429, "limited".to_owned()));
}

/// The object a route answers with, and its list, where it is a page of one.
fn page_of(route: &Route) -> Option<(&'static Object, &'static str, u32)> {
    let mut answers = route.answers.iter();
    let object = answers.find_map(|answer| match answer.content {
        Content::Json(Shape::Of(object)) => Some(object),
        _ => None,
    })?;
    object.field("next")?;
    object.fields.iter().find_map(|field| match field.shape {
        Shape::List(_, most) => Some((object, field.name, most)),
        _ => None,
    })
}

/// Three of everything there are lists of.
fn filled() -> Bench {
    let bench = bench();
    {
        let mut world = bench.world.lock().unwrap();
        world.deliveries = ["msg_c", "msg_b", "msg_a"]
            .map(|name| DeliveryRow {
                id: name.to_owned(),
                endpoint: "https://hooks.example/x".to_owned(),
                kind: HookKind::Ended,
                session: id("s1"),
                body: "{}".into(),
                created_at: NOW,
                state: HookState::Delivered,
                attempts: 1,
                next_at: NOW,
                status: Some(204),
                error: None,
            })
            .to_vec();
        world.revocations = [
            (Revokes::User, "eve"),
            (Revokes::Session, "s1"),
            (Revokes::User, "ana"),
        ]
        .map(|(kind, subject)| RevocationRow {
            kind,
            subject: subject.to_owned(),
            before: NOW,
            by: "root".to_owned(),
        })
        .to_vec();
    }
    bench
}

#[tokio::test]
async fn every_list_has_pages_with_a_bound_and_each_entry_is_on_one_of_them() {
    let bench = filled();
    let mut lists = 0;
    for route in routes() {
        let Some((_, list, most)) = page_of(route) else {
            assert!(
                !route.name.starts_with("list"),
                "{} has no pages",
                route.name
            );
            continue;
        };
        let limited = route.query.iter().any(|field| field.name == "limit");
        if !limited {
            // By bytes, which its own tests look at.
            assert_eq!(route.name, "sessionLog");
            continue;
        }
        lists += 1;
        assert_eq!(most, PAGE_MAX, "{}", route.name);
        let line = format!("GET {}", path(route));
        for bad in [
            "limit=0",
            "limit=201",
            "limit=-1",
            "limit=x",
            "after=%20",
            "after=",
        ] {
            let (status, problem) = bench.ask(ROOT, &format!("{line}?{bad}"), "").await;
            assert_eq!(
                (status, &problem["code"]),
                (400, &json!("invalid_field")),
                "{line} {bad}"
            );
        }
        let (_, all) = bench.ask(ROOT, &format!("{line}?limit=200"), "").await;
        let all = all[list].as_array().unwrap().clone();
        assert!(all.len() >= 2, "{}: {all:?}", route.name);
        let (mut paged, mut after) = (Vec::new(), String::new());
        loop {
            assert!(paged.len() <= all.len(), "{}: no end", route.name);
            let (status, page) = bench.ask(ROOT, &format!("{line}?limit=1{after}"), "").await;
            assert_eq!(status, 200, "{}: {page}", route.name);
            let entries = page[list].as_array().unwrap();
            assert!(entries.len() <= 1, "{}", route.name);
            paged.extend(entries.iter().cloned());
            match &page["next"] {
                Value::String(next) => {
                    let next = next.replace('+', "%2B").replace('&', "%26");
                    after = format!("&after={next}");
                }
                end => {
                    assert!(end.is_null());
                    break;
                }
            }
        }
        assert_eq!(paged, all, "{}", route.name);
    }
    assert_eq!(lists, 7);
}
