//! Who reads too slowly, who goes silent, and whose server goes away.

use serde_json::json;

use crate::line::Line;
use crate::program::Client;
use crate::scene::{House, Scene, closes, in_order, is_noted};
use crate::server::{Server, token};
use crate::talks::sound;

/// Sound of one chunk, bytes.
const CHUNK_BYTES: usize = 32 * 1024;
/// More chunks than go out in the time it takes to give a reader up.
const CHUNKS_MAX: u64 = 20_000;

/// Who does not read loses sound first, then the connection, comes back, and has lost nothing that
/// was stored; who speaks notices nothing.
pub(crate) fn slow(house: &House) {
    // Whoever polls and does not fetch is not stuck but silent: that is noticed by the heartbeat.
    let polls = house.kind.polls;
    let server = if polls { &house.nervous } else { &house.server };
    let session = "slow";
    let url = format!("http://{}", server.address);
    let tokens = [token("slow-ana", "candidate", None, 600)];
    let order = json!({"url": url, "tokens": tokens, "join": [session]});
    let mut ana = house.partner.open("slow-ana", order);
    ana.next("open");
    ana.joined();
    ana.must(json!({"type": "interview:start", "questions": []}));

    let line = Line::to(server.address);
    let tokens = [token("slow-eve", "observer", Some(session), 600)];
    let order = json!({"url": line.url(), "tokens": tokens, "join": [session], "hears": "binary"});
    let mut eve = house.program.open("slow-eve", order);
    eve.next("open");
    let since = eve.joined()["seq"].as_u64();
    ana.order("chunk", json!({"stream": 7, "sound": sound()}));
    eve.next("chunk");

    reads(house, &eve, &line, false);
    let mut sent = 0;
    let mut flood = |until: &dyn Fn() -> bool| {
        while !until() {
            assert!(sent < CHUNKS_MAX, "all of it went out");
            let chunks = json!({"from": sent, "chunks": 10, "bytes": CHUNK_BYTES});
            ana.order("flood", chunks);
            sent = ana.next("flooded")["next"].as_u64().expect("a number");
        }
        sent
    };
    flood(&|| server.metric("greenroom_audio_dropped_frames_total") > 0.0);
    // Sound goes first; what is stored waits for whoever can still be reached.
    assert_eq!(server.metric("greenroom_slow_consumers_total"), 0.0);
    server.say(session, "waiting");
    let sent = flood(&|| match polls {
        true => is_noted(server, "slow-eve", (4422, "heartbeat_missed")),
        false => server.metric("greenroom_slow_consumers_total") > 0.0,
    });

    reads(house, &eve, &line, true);
    closes(&mut eve, (4421, "slow_consumer", "resume"), !polls);
    server.say(session, "missed");

    eve.wait("way back", |saw, data| {
        saw == "open" && data["nth"].as_u64() >= Some(2)
    });
    let joined = eve.joined();
    assert_eq!(joined["recovered"], true, "{joined}");
    eve.event("custom:waiting");
    eve.event("custom:missed");
    in_order(&eve, session, since);
    let heard = eve.count(&["chunk"]) as u64;
    assert!(heard < sent, "no sound is missing: {heard} of {sent}");
    assert_eq!(ana.ask(json!({"type": "ping"}))["type"], "pong");
    assert_eq!(ana.count(&["open"]), 1, "the speaker was thrown out, too");
    server.end(session);
}

/// Whether it takes what comes: by itself where it can, else by its line.
fn reads(house: &House, client: &Client<'_>, line: &Line, does: bool) {
    match (house.kind.stops_reading, does) {
        (true, false) => client.order("stop_reading", json!({})),
        (true, true) => client.order("read_on", json!({})),
        (false, does) => line.stall(!does),
    }
}

/// Nothing is heard of it any more: it is let go, hears so where it can, and comes back (4422).
pub(crate) fn silent(house: &House) {
    let mut scene = Scene::begin(house, &house.nervous, "silent", 600);
    scene.line.mute(true);
    scene.noted(4422, "heartbeat_missed");
    scene.something_happens();
    // Who polls asks for what there is to hear, and is not heard asking.
    let told = !house.kind.polls;
    scene.closes((4422, "heartbeat_missed", "resume"), told);
    scene.line.mute(false);
    scene.comes_back(2);
    scene.clear();
}

/// The server is deployed anew and sends everybody away before (4420); then it dies. Both times the
/// client comes back to the same interview.
pub(crate) fn restarts(house: &House) {
    let data = tempfile::tempdir().expect("a folder");
    let mut server = Server::start(data.path(), &house.settings);
    let address = server.address;
    let line = Line::to(address);
    let (user, session) = ("restart-lea", "restart");
    let tokens = [token(user, "candidate", None, 600)];
    let order = json!({"url": line.url(), "tokens": tokens, "join": [session]});
    let mut lea = house.program.open(user, order);
    lea.next("open");
    let since = lea.joined()["seq"].as_u64();
    let question = json!({"text": "Why us?", "limitSeconds": 600});
    lea.must(json!({"type": "interview:start", "questions": [question]}));
    lea.event("question:asked");

    server.stop();
    server.start_again();
    let wait = lea.event("server:draining")["retryAfterMs"].as_u64();
    assert!(wait > Some(0), "{wait:?}");
    closes(&mut lea, (4420, "server_restart", "after_delay"), true);
    server.say(session, "missed");
    lea.next("open");
    assert_eq!(lea.joined()["recovered"], true);
    lea.event("custom:missed");

    server.kill();
    closes(&mut lea, (1006, "", "resume"), false);
    server.start_again();
    server.say(session, "again");
    lea.next("open");
    assert_eq!(lea.joined()["recovered"], true);
    lea.event("custom:again");
    in_order(&lea, session, since);
    server.end(session);
    closes(&mut lea, (1000, "session_over", "no"), true);
}
