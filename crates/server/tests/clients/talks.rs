//! Joining, speaking, being relayed across doors, and the answers to what is wrong.

use serde_json::json;

use crate::program::{Client, Door};
use crate::scene::{House, closes};
use crate::server::{candidate, token};

/// 320 bytes of sound, as base64.
pub(crate) fn sound() -> String {
    use base64::Engine as _;
    let bytes: Vec<u8> = (0..320_u16)
        .map(|n| u8::try_from(n % 251).expect("small"))
        .collect();
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// A member right at the server, without a line between.
pub(crate) fn member<'h>(
    house: &'h House,
    of_partner: bool,
    (user, role): (&str, &str),
    sessions: &[&str],
) -> Client<'h> {
    let token = match (role, sessions) {
        ("candidate", _) => candidate(user),
        (role, [only]) => token(user, role, Some(only), 600),
        (role, _) => token(user, role, None, 600),
    };
    let program = if of_partner {
        &house.partner
    } else {
        &house.program
    };
    let url = format!("http://{}", house.server.address);
    let order = json!({"url": url, "tokens": [token], "join": sessions});
    let mut client = program.open(user, order);
    client.next("open");
    for _ in sessions {
        client.joined();
    }
    client
}

/// What is said through one door is heard through the other, in every form.
pub(crate) fn across_doors(house: &House) {
    let (session, sound) = ("talks", sound());
    let mut ana = member(house, false, ("talks-ana", "candidate"), &[session]);
    let mut ben = member(house, true, ("talks-ben", "interviewer"), &[session]);
    assert_eq!(ana.event("user:joined")["userId"], "talks-ben");

    let speak = |seq: u32, data: serde_json::Value| {
        json!({"type": "audio:stream", "format": "pcm16", "sampleRate": 16_000, "streamId": 1,
               "seq": seq, "audioData": data})
    };
    let said = ana.must(speak(0, json!(sound)));
    assert_eq!(
        (&said["streamId"], &said["seq"]),
        (&json!(1), &json!(0)),
        "{said}"
    );
    ana.order("chunk", json!({"seq": 1, "sound": sound}));
    let mut last = 1;
    if house.kind.door == Door::SocketIo {
        ana.must(speak(2, json!({ "bytes": sound })));
        last = 2;
    }
    for seq in 0..=last {
        let heard = ben.event("audio:received");
        assert_eq!(
            (&heard["seq"], &heard["audioData"]),
            (&json!(seq), &json!(sound))
        );
        assert_eq!(
            (&heard["userId"], &heard["sessionId"]),
            (&json!("talks-ana"), &json!(session))
        );
    }

    // And back: base64 unless it asked for binary.
    ben.must(speak(0, json!(sound)));
    assert_eq!(ana.event("audio:received")["audioData"], sound);
    ana.must(json!({"type": "session:join", "sessionId": session, "audio": "binary"}));
    let joined = ana.joined();
    ben.must(speak(1, json!(sound)));
    let chunk = ana.next("chunk");
    assert_eq!(
        (&chunk["kind"], &chunk["room"]),
        (&json!(0x81), &joined["room"]),
        "{chunk}"
    );
    assert_eq!(
        (&chunk["seq"], &chunk["sound"]),
        (&json!(1), &json!(sound)),
        "{chunk}"
    );

    // Whoever leaves is missed; the end reaches who is there.
    ana.order("leave", json!({}));
    assert_eq!(ben.event("user:disconnected")["userId"], "talks-ana");
    house.server.end(session);
    assert_eq!(ben.event("session_ended")["reason"], "api_ended");
    closes(&mut ben, (1000, "session_over", "no"), true);
}

/// What is wrong gets an answer with a code, and the connection lives on.
pub(crate) fn errors_are_answered(house: &House) {
    let mut max = member(house, false, ("errors-max", "candidate"), &[]);
    for (message, code) in [
        (json!({"type": "session:join"}), "missing_field"),
        (
            json!({"type": "session:join", "sessionId": 5}),
            "invalid_field",
        ),
        (json!({"type": "no:such"}), "unknown_event"),
        (json!({"type": "end_interview"}), "not_in_session"),
    ] {
        let answer = max.ask(message);
        assert_eq!(
            (&answer["type"], &answer["code"]),
            (&json!("error"), &json!(code)),
            "{answer}"
        );
    }
    // Its own sign of life (L4).
    assert_eq!(max.ask(json!({"type": "ping"}))["type"], "pong");
    max.order("leave", json!({}));
}

/// Socket.IO's namespace `/` is the same door.
pub(crate) fn joins_the_alias(house: &House) {
    let (user, session) = ("alias-rob", "alias");
    let url = format!("http://{}", house.server.address);
    let order =
        json!({"url": url, "tokens": [candidate(user)], "join": [session], "namespace": "/"});
    let mut rob = house.program.open(user, order);
    rob.next("open");
    rob.joined();
    house.server.end(session);
    closes(&mut rob, (1000, "session_over", "no"), true);
}
