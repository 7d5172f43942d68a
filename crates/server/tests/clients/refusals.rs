//! Who is not let in: without a good token, from a page that is not on the list, or because there
//! is no room.

use serde_json::{Value, json};

use crate::line::Line;
use crate::program::{Client, Door, QUIET};
use crate::scene::{CONNECTIONS_PER_USER, House, closes, stays_away};
use crate::server::{candidate, token};

/// Waits until it hears why it may not come in, and that it shall stay away.
fn refused(client: &mut Client<'_>, error: &str, code: u16, reason: &str) {
    if client.kind().door == Door::Plain {
        assert_eq!(client.event("connection:error")["code"], error);
        closes(client, (code, reason, "no"), true);
        return;
    }
    let refused = client.next("connect_error");
    assert_eq!(refused["data"]["code"], error, "{refused}");
    assert_eq!(refused["data"]["message"], refused["message"], "{refused}");
}

/// A token that is bad, over, or missing: it is told so, and does not try again.
pub(crate) fn stays_away_when_refused(house: &House) {
    let over = token("refused-kim", "candidate", None, -30);
    let cases: [(&str, Vec<String>, &str); 3] = [
        (
            "refused-bad",
            vec!["no.good.token".to_owned()],
            "token_invalid",
        ),
        ("refused-over", vec![over], "token_expired"),
        ("refused-none", vec![], "auth_required"),
    ];
    let mut all: Vec<_> = cases
        .into_iter()
        .map(|(name, tokens, error)| {
            let line = Line::to(house.server.address);
            let order = json!({"url": line.url(), "tokens": tokens, "join": ["refused"]});
            (house.program.open(name, order), line, error)
        })
        .collect();
    for (client, _, error) in &mut all {
        refused(client, error, 4401, "not_authenticated");
    }
    for (client, line, _) in &all {
        stays_away(client, line, 0);
    }
}

/// As many connections as a user may have, and one more: that one waits as long as it was told,
/// and comes in once there is room (4429).
pub(crate) fn waits_for_a_place(house: &House) {
    let user = "crowded-lea";
    let line = Line::to(house.server.address);
    let open = |name: &str, join: &[&str]| {
        let order = json!({"url": line.url(), "tokens": [candidate(user)], "join": join});
        house.program.open(name, order)
    };
    let mut inside: Vec<_> = (0..CONNECTIONS_PER_USER)
        .map(|nth| open(&format!("crowded-{nth}"), &[]))
        .collect();
    for client in &mut inside {
        client.next("open");
    }
    let mut last = open("crowded-last", &["crowded"]);
    let mut told_ms = 0;
    if house.kind.door == Door::Plain {
        let error = last.event("connection:error");
        assert_eq!(error["code"], "limited", "{error}");
        told_ms = error["retryAfterMs"].as_u64().expect("a time to wait");
        closes(&mut last, (4429, "limited", "after_delay"), true);
    } else {
        // It finds the transport closed and tries again by itself; Python's tells nothing of it.
        crate::server::until("it knocked again", || {
            line.handshakes() > CONNECTIONS_PER_USER + 1
        });
    }
    let since = std::time::Instant::now();
    assert_eq!(last.count(&["open"]), 0, "there is no room");
    inside.pop().expect("one inside").order("leave", json!({}));
    last.next("open");
    last.joined();
    assert!(
        since.elapsed().as_millis() + 500 >= u128::from(told_ms),
        "it did not wait"
    );
    house.server.end("crowded");
}

/// Which pages may come (D6): those on the list and the server's own; without an origin who has a
/// token; no other, and `null` never.
pub(crate) fn an_origin_decides(house: &House) {
    let welcome = house.settings[0].1.as_str();
    let own = format!("http://{}", house.server.address);
    let tries: &[(Value, bool)] = &if house.kind.is_browser() {
        [
            (json!({"page": "listed"}), true),
            (json!({"page": "own"}), true),
            (json!({"page": "stranger"}), false),
            (json!({"page": "none"}), false),
        ]
    } else {
        assert!(house.kind.sets_origin);
        [
            (json!({"origin": welcome}), true),
            (json!({"origin": own}), true),
            (json!({"origin": "https://evil.example"}), false),
            (json!({"origin": "null"}), false),
        ]
    };
    for (nth, (how, is_welcome)) in tries.iter().enumerate() {
        let user = format!("origin-{nth}");
        let mut order = how.clone();
        order["url"] = own.clone().into();
        order["tokens"] = json!([candidate(&user)]);
        let mut client = house.program.open(&user, order);
        if *is_welcome {
            client.next("open");
            client.order("leave", json!({}));
            continue;
        }
        let polls_first = house.kind.door == Door::SocketIo && !house.kind.frames;
        if polls_first {
            // A browser shows a page nothing of an answer that is not meant for it, so all that
            // can be done is to let nobody in.
            client.next("connect_error");
            std::thread::sleep(QUIET);
        } else {
            refused(&mut client, "origin_not_allowed", 4403, "not_allowed");
        }
        assert_eq!(client.count(&["open"]), 0, "{how}");
        if polls_first {
            client.order("leave", json!({}));
        }
    }
}
