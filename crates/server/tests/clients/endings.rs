//! The table of endings: how a connection ends, what its client hears, and whether it comes back.
//! What comes back resumes: it has its seat again, and every stored event once.

use serde_json::{Value, json};

use crate::program::{Door, Kind};
use crate::scene::{House, Scene};
use crate::server::candidate;

/// One way of ending.
pub(crate) struct Ending {
    pub(crate) name: &'static str,
    /// Code, reason, and what to do: as in the table of close codes.
    close: (u16, &'static str, &'static str),
    /// Whether it can happen to this client.
    pub(crate) fits: fn(&Kind) -> bool,
    /// Whether the server's last words get through to it.
    told: fn(&Kind) -> bool,
    cause: fn(&mut Scene<'_>),
}

const OVER: (u16, &str, &str) = (1000, "session_over", "no");

fn always(_: &Kind) -> bool {
    true
}

fn never(_: &Kind) -> bool {
    false
}

fn frames(kind: &Kind) -> bool {
    kind.frames
}

/// Where a WebSocket's close frame is seen, and Socket.IO's clients do not look at it.
fn plain(kind: &Kind) -> bool {
    kind.door == Door::Plain
}

const fn row(
    name: &'static str,
    close: (u16, &'static str, &'static str),
    cause: fn(&mut Scene<'_>),
) -> Ending {
    Ending {
        name,
        close,
        fits: always,
        told: always,
        cause,
    }
}

/// Every way.
pub(crate) static TABLE: &[Ending] = &[
    row("ended by the candidate", OVER, |scene| {
        scene.client.must(json!({"type": "end_interview"}));
        ended(scene, "candidate_ended");
    }),
    row("completed", OVER, |scene| {
        scene
            .client
            .must(json!({"type": "answer:done", "questionId": "q1"}));
        ended(scene, "completed");
    }),
    row("ended by a back end", OVER, |scene| {
        scene.server.end(&scene.session);
        ended(scene, "api_ended");
    }),
    row("closed by a back end", OVER, |scene| {
        let body = json!({"sessionId": scene.session});
        scene
            .server
            .order("POST", "/api/websocket/close-connection", &body);
        ended(scene, "closed_by_api");
    }),
    row("cleared by the candidate", OVER, |scene| {
        let token = candidate(&scene.user);
        let (status, answer) =
            scene
                .server
                .ask("DELETE", "/api/sessions/active", &token, &Value::Null);
        assert_eq!(status, 200, "{answer}");
        ended(scene, "cleared_by_user");
    }),
    row("revoked", (4401, "not_authenticated", "no"), |scene| {
        let body = json!({"userId": scene.user});
        scene.server.order("POST", "/api/revocations", &body);
        let error = scene.client.event("connection:error");
        assert_eq!(error["code"], "token_revoked", "{error}");
    }),
    row("replaced", (4409, "replaced", "no"), replaced),
    // The first token is over by now.
    row(
        "token over",
        (4410, "token_expired", "with_new_token"),
        |_| {},
    ),
    row("flooding", (4429, "limited", "after_delay"), |scene| {
        scene.client.order("storm", json!({"requests": 1_400}));
    }),
    row("too big", (1009, "too_big", "no"), |scene| {
        scene.client.order("big", json!({"bytes": 400_000}));
    }),
    Ending {
        fits: frames,
        ..row("not UTF-8", (1007, "invalid_data", "no"), |scene| {
            scene
                .line
                .say_to_server(&[0x81, 0x82, 0, 0, 0, 0, 0xff, 0xfe]);
        })
    },
    Ending {
        fits: frames,
        ..row("not masked", (1002, "protocol_error", "no"), |scene| {
            scene.line.say_to_server(&[0x81, 0x02, b'{', b'}']);
        })
    },
    Ending {
        fits: frames,
        ..row("never finished", (1008, "policy", "no"), |scene| {
            scene.line.say_to_server(&[0x01, 0x81, 0, 0, 0, 0, b'{']);
        })
    },
    Ending {
        told: never,
        ..row("cut off", (1006, "", "resume"), |scene| scene.line.cut())
    },
    // What stands between may close, too.
    Ending {
        fits: frames,
        told: plain,
        ..row("gone", (1001, "", "resume"), |scene| {
            from_between(scene, 1001)
        })
    },
    Ending {
        fits: frames,
        told: plain,
        ..row("service restart", (1012, "", "resume"), |scene| {
            from_between(scene, 1012)
        })
    },
    Ending {
        fits: frames,
        told: plain,
        ..row("server error", (1011, "", "resume"), |scene| {
            from_between(scene, 1011)
        })
    },
];

/// The session's end comes first, with its reason.
fn ended(scene: &mut Scene<'_>, reason: &str) {
    let ended = scene.client.event("session_ended");
    assert_eq!(ended["reason"], reason, "{ended}");
    assert_eq!(ended["message"], "Session has been terminated", "{ended}");
}

/// A newer page of the same user takes the seat.
fn replaced(scene: &mut Scene<'_>) {
    let url = format!("http://{}", scene.server.address);
    let order = json!({"url": url, "tokens": [candidate(&scene.user)], "join": [scene.session]});
    let mut newer = scene
        .house
        .program
        .open(&format!("{}-newer", scene.user), order);
    newer.next("open");
    newer.joined();
    scene.client.event("connection:replaced");
    assert_eq!(newer.ask(json!({"type": "ping"}))["type"], "pong");
    newer.order("leave", json!({}));
}

/// A close frame that the server never sent, and then nothing more.
fn from_between(scene: &mut Scene<'_>, code: u16) {
    let [high, low] = code.to_be_bytes();
    scene.line.end_with(&[0x88, 2, high, low]);
}

/// One row of the table, from an interview that runs to what the client makes of it.
pub(crate) fn play(house: &House, ending: &Ending) {
    let (code, reason, back) = ending.close;
    // With the leeway this is over soon after everything is ready.
    let seconds = if back == "with_new_token" { 4 } else { 600 };
    let mut scene = Scene::begin(house, &house.server, ending.name, seconds);
    (ending.cause)(&mut scene);
    scene.closes(ending.close, (ending.told)(&house.kind));
    if back == "no" {
        scene.noted(code, reason);
        scene.stays_away();
    } else {
        scene.something_happens();
        scene.line.mend();
        scene.comes_back(2);
    }
    scene.clear();
}

/// The session ends while nobody can be told: who comes back is refused, and lets it be.
pub(crate) fn ended_while_away(house: &House) {
    let mut scene = Scene::begin(house, &house.server, "away", 600);
    scene.line.cut();
    scene.closes((1006, "", "resume"), false);
    scene.server.end(&scene.session);
    scene.line.mend();
    let refused = scene.client.next("refused");
    assert_eq!(refused["code"], "session_ended", "{refused}");
    scene.client.wait("the way out", |saw, data| {
        saw == "closed" || saw == "disconnect" && data["reason"] != "transport close"
    });
    crate::scene::stays_away(&scene.client, &scene.line, 2);
}

/// Codes whose ways of ending are no row here, but deeds of their own: `refusals` and `losses`.
const ELSEWHERE: [u16; 4] = [4403, 4420, 4421, 4422];
/// In the contract for what other servers and clients send; this one never does.
const NEVER_SENT: [u16; 1] = [1003];

#[test]
fn every_code_of_the_contract_is_an_ending_and_says_the_same_here() {
    use protocol::close::{CloseCode, SEEN};
    for ending in TABLE {
        let (number, reason, back) = ending.close;
        let code = CloseCode::from_number(number);
        let seen = SEEN.iter().find(|(seen, ..)| *seen == number);
        let come_back = code.map_or_else(|| seen.unwrap().2, CloseCode::come_back);
        assert_eq!(come_back.as_str(), back, "{}", ending.name);
        if let Some(code) = code.filter(|_| !reason.is_empty()) {
            assert_eq!(code.reason(), reason, "{}", ending.name);
        }
    }
    for number in CloseCode::ALL.iter().map(|code| code.number()) {
        let is_row = TABLE.iter().any(|ending| ending.close.0 == number);
        let is_known = ELSEWHERE.contains(&number) || NEVER_SENT.contains(&number);
        assert!(is_row != is_known, "{number}");
    }
}
