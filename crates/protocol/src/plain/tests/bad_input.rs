//! Bad input on an open connection: what it is answered, and that the connection stays. A mistake
//! in one message never disturbs the next one.

use serde_json::Value;

use super::Bench;
use crate::limits::Limits;

/// Text in → what goes out.
const TEXTS: &[(&str, &str)] = &[
    ("", "error bad_json"),
    ("hello", "error bad_json"),
    ("[1,2]", "error bad_json"),
    ("{\"type\":\"ping\"", "error bad_json"),
    ("{\"type\":\"ping\"}x", "error bad_json"),
    ("{\"type\":\"session:leave\",}", "session:error bad_json"),
    (
        "{\"type\":\"audio:stream\",\"audioData\":\"AA",
        "audio:error bad_json",
    ),
    ("{\"ref\":1,\"type\":}", "error bad_json"),
    ("{\"a\":\"\\ud83\"}", "error bad_json"),
    ("{}", "error missing_field"),
    ("{\"type\":7}", "error invalid_field"),
    ("{\"type\":\"shutdown\"}", "error unknown_event"),
    (
        "{\"type\":\"session:steal\"}",
        "session:error unknown_event",
    ),
    ("{\"type\":\"audio:received\"}", "audio:error unknown_event"),
    (
        "{\"type\":\"session:joined\"}",
        "session:error unknown_event",
    ),
    ("{\"type\":\"connection:success\"}", "error unknown_event"),
    ("{\"type\":\"ok\",\"ref\":1}", "error unknown_event"),
    ("{\"type\":\"session:join\"}", "session:error missing_field"),
    (
        "{\"type\":\"session:join\",\"sessionId\":{}}",
        "session:error invalid_field",
    ),
    (
        "{\"type\":\"session:join\",\"sessionId\":\"../etc\"}",
        "session:error invalid_field",
    ),
    (
        "{\"type\":\"session:join\",\"sessionId\":\"a\\u0000\"}",
        "session:error invalid_field",
    ),
    (
        "{\"type\":\"session:join\",\"sessionId\":\"s\",\"ref\":[]}",
        "session:error invalid_field",
    ),
    (
        "{\"type\":\"session:join\",\"sessionId\":\"s\",\"resume\":\"k\"}",
        "session:error invalid_field",
    ),
    (
        "{\"type\":\"session:join\",\"sessionId\":\"s\",\"resume\":{}}",
        "session:error missing_field",
    ),
    (
        "{\"type\":\"session:join\",\"sessionId\":\"s\",\"audio\":1}",
        "session:error invalid_field",
    ),
    (
        "{\"type\":\"interview:start\",\"planId\":\"\"}",
        "session:error invalid_field",
    ),
    (
        "{\"type\":\"interview:start\",\"questions\":7}",
        "session:error invalid_field",
    ),
    (
        "{\"type\":\"interview:start\",\"questions\":[{}]}",
        "session:error missing_field",
    ),
    (
        "{\"type\":\"answer:done\",\"questionId\":\"?\"}",
        "session:error invalid_field",
    ),
    (
        "{\"type\":\"answer:done\",\"skip\":0}",
        "session:error invalid_field",
    ),
    (
        "{\"type\":\"session:status\"}",
        "session:error missing_field",
    ),
    (
        "{\"type\":\"session:status\",\"status\":\"done\"}",
        "session:error invalid_field",
    ),
    (
        "{\"type\":\"user:visibility\",\"state\":\"asleep\"}",
        "session:error invalid_field",
    ),
    ("{\"type\":\"audio:stream\"}", "audio:error missing_field"),
    (
        "{\"type\":\"audio:stream\",\"audioData\":[]}",
        "audio:error invalid_field",
    ),
    (
        "{\"type\":\"audio:stream\",\"audioData\":\"AAA\",\"format\":\"pcm16\"}",
        "audio:error missing_field",
    ),
    (
        "{\"type\":\"audio:stream\",\"audioData\":\"A!\",\"format\":\"wav\"}",
        "audio:error bad_audio",
    ),
    (
        "{\"type\":\"audio:stream\",\"audioData\":\"AAAA\",\"format\":\"aiff\"}",
        "audio:error unsupported_format",
    ),
    (
        "{\"type\":\"audio:stream\",\"audioData\":\"AAA\",\"format\":\"pcm16\",\"sampleRate\":44}",
        "audio:error unsupported_sample_rate",
    ),
    (
        "{\"type\":\"audio:stream\",\"audioData\":\"AAA\",\"format\":\"pcm16\",\"sampleRate\":1e9}",
        "audio:error unsupported_sample_rate",
    ),
    (
        "{\"type\":\"audio:stream\",\"audioData\":\"AAA\",\"format\":\"wav\",\"streamId\":-1}",
        "audio:error invalid_field",
    ),
    (
        "{\"type\":\"transcription:request\"}",
        "transcription:error missing_field",
    ),
    (
        "{\"type\":\"transcription:request\",\"audioData\":\"%\",\"format\":\"wav\"}",
        "transcription:error bad_audio",
    ),
    ("{\"type\":\"auth:refresh\"}", "error missing_field"),
    ("{\"type\":\"auth\",\"token\":\"x\"}", "error not_supported"),
    ("{\"type\":\"ping\",\"ref\":{}}", "error invalid_field"),
];

#[test]
fn each_bad_text_is_answered_with_its_code_and_the_connection_stays() {
    assert!(TEXTS.len() >= 40);
    for (text, expected) in TEXTS {
        let mut bench = Bench::open(Limits::default());
        bench.text(text);
        assert_eq!(bench.said(), [*expected], "{text}");
        assert!(bench.went_up().is_empty(), "{text}");
        bench.text(r#"{"type":"session:leave"}"#);
        assert_eq!(bench.went_up().len(), 1, "{text}");
        assert!(bench.machine.is_open() && bench.said().is_empty(), "{text}");
    }
}

#[test]
fn each_rejected_vector_gets_one_answer_and_the_connection_stays() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/messages");
    let mut rows = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let file: Value =
            serde_json::from_slice(&std::fs::read(entry.unwrap().path()).unwrap()).unwrap();
        for row in file["rejected"].as_array().into_iter().flatten() {
            let mut bench = Bench::open(Limits::default());
            bench.text(row["text"].as_str().unwrap());
            assert_eq!(bench.said().len(), 1, "{row}");
            assert!(
                bench.machine.is_open() && bench.went_up().is_empty(),
                "{row}"
            );
            rows += 1;
        }
    }
    assert!(rows >= 120);
}

/// Bytes of a binary message → what goes out; none: it goes up.
#[test]
fn each_bad_binary_message_is_answered_and_the_connection_stays() {
    let good = [
        1, 0, 0, 0, 0, 0, 0x80, 0x3e, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2,
    ];
    let with = |at: usize, byte: u8| {
        let mut bytes = good.to_vec();
        bytes[at] = byte;
        bytes
    };
    let rows = [
        (good.to_vec(), None),
        (with(4, 9), None),
        (Vec::new(), Some("audio:error bad_audio")),
        (good[..19].to_vec(), Some("audio:error bad_audio")),
        (good[..20].to_vec(), Some("audio:error bad_audio")),
        (good[..21].to_vec(), Some("audio:error bad_audio")),
        (with(0, 2), Some("audio:error bad_audio")),
        (with(0, 0x81), Some("audio:error bad_audio")),
        (with(1, 4), Some("audio:error unsupported_format")),
        (with(2, 2), Some("audio:error bad_audio")),
        (with(3, 1), Some("audio:error bad_audio")),
        (with(7, 0), Some("audio:error unsupported_sample_rate")),
        (vec![b'{'; 30], Some("audio:error bad_audio")),
    ];
    for (bytes, expected) in rows {
        let mut bench = Bench::open(Limits::default());
        bench.binary(&bytes);
        let said = bench.said();
        assert_eq!(said.first().map(String::as_str), expected, "{bytes:?}");
        assert_eq!(
            bench.went_up().len(),
            usize::from(expected.is_none()),
            "{bytes:?}"
        );
        assert!(bench.machine.is_open(), "{bytes:?}");
    }
}
