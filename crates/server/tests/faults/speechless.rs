//! No speech model is installed.

use serde_json::json;

use crate::Pair;
use crate::harness::records::Records;
use crate::harness::server::Setup;
use crate::harness::{SOON, sound};
use history::judge::Limits;

#[test]
fn without_a_speech_model_everything_but_speech_works_and_it_says_so() {
    let data = tempfile::tempdir().unwrap();
    let nowhere = data.path().join("no-models");
    let server = Setup::new(data.path())
        .with("speech.enabled", "auto")
        .with("speech.models", &nowhere.to_string_lossy())
        .start();
    assert_eq!(server.ready(), 200);
    let mut pair = Pair::start(&server, "speechless", &[600, 600]);
    let (ana, ben) = (&mut pair.candidate, &mut pair.interviewer);
    // Sound is passed on and kept; whoever speaks learns once that nobody writes it down.
    for seq in 0..30 {
        ana.send_binary(&sound::binary(1, seq, &[1; 3_200]));
        assert_eq!(ben.expect("audio:received")["seq"], seq);
    }
    assert_eq!(
        ana.expect("transcription:error")["code"],
        "speech_unavailable"
    );
    ana.wait("an acknowledgement", SOON, |m| {
        m["type"] == "audio:ack" && m["seq"] == 29
    });
    let asked = ana.ask(
        json!({"type": "transcription:request", "audioData": "AAAAAAAA",
        "format": "pcm16", "sampleRate": 16000}),
    );
    let refused = ana.expect("transcription:error");
    assert_eq!(refused["code"], "speech_unavailable", "{refused}");
    assert_eq!(asked["requestId"], refused["requestId"], "{refused}");
    ana.settle();
    let told = ana
        .all()
        .into_iter()
        .filter(|m| m["type"] == "transcription:error")
        .count();
    assert_eq!(told, 2, "once for the stream, once for the request");

    for question in ["q1", "q2"] {
        ana.ask(json!({"type": "answer:done", "questionId": question}));
    }
    let ended = ana.expect("interview_ended");
    assert!(ended["reportUrl"].is_string(), "{ended}");
    for member in [&*ana, &*ben] {
        assert_eq!(member.expect("session_ended")["reason"], "completed");
        assert_eq!(member.ended(SOON), Some((1000, "session_over".to_owned())));
    }
    let report = server.json("/api/sessions/speechless/report");
    let stored = Records::of(data.path())
        .report("speechless")
        .expect("a report");
    assert!(report.is_object() && stored.is_object());
    assert_eq!(
        Records::of(data.path())
            .session("speechless")
            .unwrap()
            .status,
        "ended"
    );
    server
        .run
        .judge(data.path(), &["speechless"], Limits::default());
}
