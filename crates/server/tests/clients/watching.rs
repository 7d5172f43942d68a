//! One connection in three sessions at once (S10).

use serde_json::json;

use crate::line::Line;
use crate::scene::{House, closes, stays_away};
use crate::server::admin;
use crate::talks::{member, sound};

/// It hears whose sound is whose, is lost and has all three again, and is sent away only when the
/// last of them is over.
pub(crate) fn three_sessions(house: &House) {
    let sessions = ["watched-1", "watched-2", "watched-3"];
    let people = ["watched-ana", "watched-ben", "watched-cem"];
    let mut people: Vec<_> = sessions
        .iter()
        .zip(people)
        .map(|(session, user)| member(house, true, (user, "candidate"), &[*session]))
        .collect();
    let line = Line::to(house.server.address);
    let order = json!({"url": line.url(), "tokens": [admin()], "join": sessions});
    let mut watcher = house.program.open("watcher", order);
    watcher.next("open");
    let mut rooms: Vec<_> = sessions
        .iter()
        .map(|_| watcher.joined()["room"].as_u64())
        .collect();
    rooms.sort_unstable();
    rooms.dedup();
    assert_eq!(
        rooms.len(),
        3,
        "each session has a number of its own: {rooms:?}"
    );

    let speak = json!({"type": "audio:stream", "format": "pcm16", "sampleRate": 16_000,
                       "audioData": sound()});
    for (person, session) in people.iter_mut().zip(sessions) {
        person.must(speak.clone());
        assert_eq!(watcher.event("audio:received")["sessionId"], session);
    }
    // In three it must say which.
    assert_eq!(
        watcher.ask(json!({"type": "session:leave"}))["code"],
        "session_required"
    );

    line.cut();
    closes(&mut watcher, (1006, "", "resume"), false);
    for session in sessions {
        house.server.say(session, "missed");
    }
    line.mend();
    watcher.next("open");
    for _ in sessions {
        let joined = watcher.joined();
        assert_eq!(joined["recovered"], true, "{joined}");
    }
    for session in sessions {
        watcher.wait("what was missed", |saw, data| {
            saw == "event" && data["type"] == "custom:missed" && data["sessionId"] == session
        });
    }
    let lost = ["closed", "disconnect"];
    let before = watcher.count(&lost);
    for (person, session) in people.iter_mut().zip(sessions) {
        assert_eq!(watcher.count(&lost), before, "it is still in {session}");
        person.must(json!({"type": "end_interview"}));
        let ended = watcher.event("session_ended");
        assert_eq!(ended["sessionId"], session, "{ended}");
    }
    closes(&mut watcher, (1000, "session_over", "no"), true);
    stays_away(&watcher, &line, 2);
}
