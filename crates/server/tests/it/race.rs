//! Two pages of one user at the same seat at the same moment, ten thousand times: one of them has
//! it, the other is told.

use std::collections::BTreeMap;

use protocol::value::Role;
use serde_json::{Value, json};

use crate::support::{Client, Got, TestServer};

const RACES: usize = 10_000;
/// Seats that are raced for at once.
const AT_ONCE: usize = 50;

/// Reads until the pong of a ping sent now; everything that came before it.
fn settle(client: &mut Client) -> Vec<Value> {
    client.send(json!({"type": "ping", "ref": "settled"}));
    let mut came = Vec::new();
    loop {
        match client.next() {
            Got::Json(value) if value["ref"] == "settled" => return came,
            Got::Json(value) => came.push(value),
            Got::Ping | Got::Pong | Got::Binary(_) => {}
            other => panic!("a page that sits elsewhere stays connected, not {other:?}"),
        }
    }
}

/// Reads until so many answers have come; what came beside them.
fn answers(client: &mut Client, mut count: usize) -> Vec<Value> {
    let mut beside = Vec::new();
    while count > 0 {
        let value = client.json();
        match value["type"].as_str() {
            Some("ok") => count -= 1,
            Some("error") => panic!("{value}"),
            _ => beside.push(value),
        }
    }
    beside
}

fn of_session<'a>(came: &'a [Value], kind: &str) -> impl Iterator<Item = &'a str> {
    let kind = kind.to_owned();
    let fits = move |value: &&Value| value["type"] == *kind;
    { came.iter() }
        .filter(fits)
        .filter_map(|value| value["sessionId"].as_str())
}

#[test]
fn of_two_pages_racing_for_one_seat_one_has_it_and_the_other_is_told_ten_thousand_times() {
    let server = TestServer::with(|settings| {
        settings.limits.events_per_second = 1_000_000;
        settings.limits.events_burst = 1_000_000;
        settings.engine.grace_ms = 0;
    });
    // A seat elsewhere keeps the one connected who loses a race.
    let mut pages = ["a", "b"].map(|name| {
        let mut page = server.client("ana", Role::Candidate);
        page.join(&format!("home-{name}"));
        page
    });
    let mut won = [0, 0];
    for batch in 0..RACES / AT_ONCE {
        let names: Vec<String> = (0..AT_ONCE).map(|n| format!("r{batch}-{n}")).collect();
        for (n, name) in names.iter().enumerate() {
            // Neither is always the first.
            for page in [n % 2, (n + 1) % 2] {
                let join = json!({"type": "session:join", "sessionId": name, "ref": "join"});
                pages[page].send(join);
            }
        }
        let mut came = pages.each_mut().map(|page| answers(page, AT_ONCE));
        for (page, came) in pages.iter_mut().zip(&mut came) {
            came.extend(settle(page));
        }
        let mut losers: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (page, came) in came.iter().enumerate() {
            for name in of_session(came, "connection:replaced") {
                losers.entry(name).or_default().push(page);
            }
            let joined = of_session(came, "session:joined").count();
            assert_eq!(joined, AT_ONCE, "everybody had the seat for a moment");
        }
        let members = server.running().core().gauges().members;
        assert_eq!(members, 2 + AT_ONCE, "two homes, and one in each seat");
        for name in &names {
            let [loser] = losers[name.as_str()][..] else {
                panic!("{name}: {losers:?}");
            };
            let winner = 1 - loser;
            won[winner] += 1;
            let leave = json!({"type": "session:leave", "sessionId": name, "ref": "leave"});
            pages[winner].send(leave);
            answers(&mut pages[winner], 1);
        }
    }
    println!("won: {won:?}");
    assert_eq!(won[0] + won[1], RACES);
    assert!(won.iter().all(|wins| *wins > 0), "{won:?}");
    drop(pages);
    server.wait_until_empty();
}
