//! Rates: what is refused, what is told, and when it is enough.

use super::{Bench, is_closed, message, shown};
use crate::audio::{Direction, Format, Header};
use crate::close::CloseCode;
use crate::limits::Limits;
use crate::plain::Out;

const LEAVE: &str = r#"{"type":"session:leave","ref":1}"#;

#[test]
fn the_101st_event_at_once_is_refused_and_told_when_to_come_back() {
    let mut bench = Bench::open(Limits::default());
    for _ in 0..100 {
        bench.text(LEAVE);
    }
    assert_eq!(bench.went_up().len(), 100);
    assert!(bench.said().is_empty());
    bench.text(LEAVE);
    let Some(Out::Text(frame)) = bench.out.first() else {
        panic!("no answer");
    };
    let answer = message(frame);
    assert_eq!(
        (&answer["ref"], &answer["code"]),
        (&1.into(), &"rate_limited".into())
    );
    assert_eq!(answer["retryAfterMs"], 20);
    bench.said();
    bench.wait(20);
    bench.text(LEAVE);
    assert_eq!(bench.went_up().len(), 1);
    assert!(bench.said().is_empty());
}

#[test]
fn broken_messages_and_pings_count_like_others() {
    for text in ["{", r#"{"type":"ping"}"#, r#"{"type":"nope"}"#] {
        let mut bench = Bench::open(Limits::default());
        for _ in 0..100 {
            bench.text(text);
        }
        bench.said();
        bench.text(text);
        assert_eq!(bench.said(), ["error rate_limited"]);
    }
}

#[test]
fn who_goes_on_after_a_thousand_refusals_is_closed_with_4429() {
    let mut bench = Bench::open(Limits::default());
    for _ in 0..1_100 {
        bench.text(LEAVE);
    }
    assert!(bench.machine.is_open());
    assert_eq!(bench.said().len(), 1_000);
    bench.text(LEAVE);
    assert_eq!(is_closed(&bench.out), Some(CloseCode::Limited));
    assert!(!bench.machine.is_open());
}

#[test]
fn a_client_that_is_merely_too_fast_is_never_closed() {
    // 90 events a second against 50: 40 refused each second, 400 in the ten seconds that count.
    let mut bench = Bench::open(Limits::default());
    for _ in 0..90 * 60 {
        bench.text(LEAVE);
        bench.now = bench.now.after(11);
        bench.machine.alive();
    }
    assert_eq!(is_closed(&bench.out), None);
    assert!(bench.said().len() > 1_000);
}

fn chunk(bytes: usize, extra: &str) -> String {
    let data = "A".repeat(bytes);
    format!(r#"{{"type":"audio:stream","audioData":"{data}","format":"wav"{extra}}}"#)
}

#[test]
fn too_much_audio_loses_chunks_and_is_told_once_a_second() {
    let mut bench = Bench::open(Limits::default());
    let chunk = chunk(64 * 1024, "");
    for _ in 0..30 {
        bench.text(&chunk);
    }
    assert_eq!(bench.went_up().len(), 7);
    assert_eq!(bench.said(), ["audio:error rate_limited"]);
    bench.wait(999);
    for _ in 0..30 {
        bench.text(&chunk);
    }
    assert!(bench.said().is_empty());
    bench.wait(1);
    for _ in 0..30 {
        bench.text(&chunk);
    }
    assert_eq!(bench.said(), ["audio:error rate_limited"]);
    assert!(bench.machine.is_open());
}

#[test]
fn a_refused_chunk_with_a_reference_gets_its_answer_each_time() {
    let mut bench = Bench::open(Limits::default());
    let chunk = chunk(64 * 1024, r#","ref":7"#);
    for _ in 0..9 {
        bench.text(&chunk);
    }
    assert_eq!(bench.said(), ["error rate_limited", "error rate_limited"]);
}

#[test]
fn audio_takes_nothing_from_the_events_and_tiny_chunks_are_not_free() {
    let mut bench = Bench::open(Limits::default());
    for _ in 0..2_000 {
        bench.text(&chunk(4, ""));
    }
    assert_eq!(bench.went_up().len(), 1_024);
    bench.said();
    for _ in 0..100 {
        bench.text(LEAVE);
    }
    assert_eq!(bench.went_up().len(), 100);
}

#[test]
fn a_piece_to_transcribe_counts_as_event_and_as_audio() {
    let piece = chunk(100 * 1024, "").replace("audio:stream", "transcription:request");
    let mut bench = Bench::open(Limits::default());
    for _ in 0..6 {
        bench.text(&piece);
    }
    assert_eq!(bench.went_up().len(), 5);
    assert_eq!(bench.said(), ["transcription:error rate_limited"]);

    let mut bench = Bench::open(Limits::default());
    for _ in 0..100 {
        bench.text(LEAVE);
    }
    bench.text(&piece);
    assert_eq!(bench.said(), ["transcription:error rate_limited"]);
}

#[test]
fn binary_chunks_count_by_the_same_bucket() {
    let header = Header {
        format: Format::Pcm16,
        is_last: false,
        sender: 0,
        room: 5,
        sample_rate: 16_000,
        stream: 2,
        seq: 3,
        at_ms: 100,
    };
    let mut chunk = header.encode(Direction::ToServer).to_vec();
    chunk.resize(64 * 1024, 0);
    let mut bench = Bench::open(Limits::default());
    for _ in 0..9 {
        bench.binary(&chunk);
    }
    let ups = bench.went_up();
    assert_eq!(ups.len(), 8);
    assert!(ups[0].starts_with("Audio { audio: AudioIn { session: Room(5), payload: Raw("));
    assert!(ups[0].ends_with(
        "sample_rate: 16000, stream: StreamId(2), seq: Some(3), at_ms: Some(100), \
         is_last: false }, reply: Event(Audio) }"
    ));
    let said: Vec<String> = bench.out.iter().map(shown).collect();
    assert_eq!(said, ["audio:error rate_limited"]);
}
