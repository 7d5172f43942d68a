//! Messages that are well framed and wrong inside. Every one of them leaves the connection open.

use super::{Row, row};
use crate::input::Input::{Binary, Joined, Message, Started};
use crate::input::Piece::{Bytes, Text, Times};
use crate::outcome::Promise::{Answered, Told};

const BAD_JSON: crate::outcome::Promise = Told("error", "bad_json");
const MISSING: crate::outcome::Promise = Answered("missing_field");
const INVALID: crate::outcome::Promise = Answered("invalid_field");
const LARGE: crate::outcome::Promise = Answered("too_large");

/// A message on a connection that is in no session.
macro_rules! says {
    ($name:expr, $text:expr, $promise:expr) => {
        row($name, Message(&[Text($text)]), $promise)
    };
}

/// A message of a member.
macro_rules! joined {
    ($name:expr, $text:expr, $promise:expr) => {
        row($name, Joined(&[Text($text)]), $promise)
    };
}

/// Audio of a member: what comes after `type` and `ref`.
macro_rules! audio {
    ($name:expr, $fields:expr, $promise:expr) => {
        row(
            $name,
            Joined(&[Text(concat!(
                r#"{"type":"audio:stream","ref":"r","#,
                $fields,
                "}"
            ))]),
            $promise,
        )
    };
}

/// A start of an interview: what comes after `type` and `ref`.
macro_rules! start {
    ($name:expr, $fields:expr, $promise:expr) => {
        row(
            $name,
            Joined(&[Text(concat!(
                r#"{"type":"interview:start","ref":"r","#,
                $fields,
                "}"
            ))]),
            $promise,
        )
    };
}

/// A binary chunk of a member: header and sound.
macro_rules! chunk {
    ($name:expr, $bytes:expr, $promise:expr) => {
        row(
            $name,
            Binary(&[Bytes($bytes)]),
            Told("audio:error", $promise),
        )
    };
}

pub(super) const ROWS: &[Row] = &[
    says!("no JSON", "hello", BAD_JSON),
    says!("a list", "[]", BAD_JSON),
    says!("a string", r#""ping""#, BAD_JSON),
    says!("a number", "7", BAD_JSON),
    says!("cut", r#"{"type":"ping""#, BAD_JSON),
    says!("something behind", r#"{"type":"ping"}x"#, BAD_JSON),
    says!("two objects", r#"{"type":"ping"}{"type":"ping"}"#, BAD_JSON),
    says!("a comma too many", r#"{"type":"ping",}"#, BAD_JSON),
    says!("single quotes", "{'type':'ping'}", BAD_JSON),
    says!("NaN", r#"{"type":"ping","x":NaN}"#, BAD_JSON),
    says!(
        "a line break in a string",
        "{\"type\":\"pi\nng\"}",
        BAD_JSON
    ),
    says!("a byte order mark", "\u{feff}{\"type\":\"ping\"}", BAD_JSON),
    row(
        "nested forty deep",
        Message(&[
            Text(r#"{"ref":"r","type":"ping","x":"#),
            Times(40, "["),
            Times(40, "]"),
            Text("}"),
        ]),
        Answered("too_deep"),
    ),
    row(
        "nested thirty thousand deep",
        Message(&[
            Text(r#"{"ref":"r","type":"ping","x":"#),
            Times(30_000, "["),
            Times(30_000, "]"),
            Text("}"),
        ]),
        Answered("too_deep"),
    ),
    says!("no type", r#"{"ref":"r"}"#, MISSING),
    says!("type null", r#"{"type":null,"ref":"r"}"#, MISSING),
    says!("type is a number", r#"{"type":7,"ref":"r"}"#, INVALID),
    says!(
        "type with half a surrogate pair",
        r#"{"type":"\ud800","ref":"r"}"#,
        INVALID
    ),
    says!(
        "unknown event",
        r#"{"type":"session:explode","ref":"r"}"#,
        Answered("unknown_event")
    ),
    says!(
        "unknown event without ref",
        r#"{"type":"explode"}"#,
        Told("error", "unknown_event")
    ),
    says!(
        "unknown session event without ref",
        r#"{"type":"session:explode"}"#,
        Told("session:error", "unknown_event")
    ),
    says!(
        "the server's own event",
        r#"{"type":"session_ended","ref":"r"}"#,
        Answered("unknown_event")
    ),
    says!(
        "a name every object has",
        r#"{"type":"__proto__","ref":"r"}"#,
        Answered("unknown_event")
    ),
    row(
        "an event of fifty kilobytes",
        Message(&[
            Text(r#"{"ref":"r","type":""#),
            Times(50_000, "x"),
            Text(r#""}"#),
        ]),
        Answered("unknown_event"),
    ),
    row(
        "ref of sixty-five characters",
        Message(&[
            Text(r#"{"type":"session:leave","ref":""#),
            Times(65, "r"),
            Text(r#""}"#),
        ]),
        Told("session:error", "invalid_field"),
    ),
    says!(
        "ref is an object",
        r#"{"type":"audio:stream","ref":{}}"#,
        Told("audio:error", "invalid_field")
    ),
    says!(
        "ref is a fraction",
        r#"{"type":"session:leave","ref":1.5}"#,
        Told("session:error", "invalid_field")
    ),
    row(
        "id of sixty-five characters",
        Joined(&[
            Text(r#"{"type":"session:leave","ref":"r","id":""#),
            Times(65, "i"),
            Text(r#""}"#),
        ]),
        INVALID,
    ),
    joined!(
        "id empty",
        r#"{"type":"session:leave","ref":"r","id":""}"#,
        INVALID
    ),
    joined!(
        "id is a number",
        r#"{"type":"session:leave","ref":"r","id":5}"#,
        INVALID
    ),
    says!(
        "join of nothing",
        r#"{"type":"session:join","ref":"r"}"#,
        MISSING
    ),
    says!(
        "join of a number",
        r#"{"type":"session:join","ref":"r","sessionId":7}"#,
        INVALID
    ),
    says!(
        "join of an empty id",
        r#"{"type":"session:join","ref":"r","sessionId":""}"#,
        INVALID
    ),
    says!(
        "join of a path",
        r#"{"type":"session:join","ref":"r","sessionId":"../good"}"#,
        INVALID
    ),
    row(
        "join of an id of sixty-five characters",
        Message(&[
            Text(r#"{"type":"session:join","ref":"r","sessionId":""#),
            Times(65, "s"),
            Text(r#""}"#),
        ]),
        INVALID,
    ),
    says!(
        "join of somebody else's session",
        r#"{"type":"session:join","ref":"r","sessionId":"good"}"#,
        Answered("session_not_found")
    ),
    says!(
        "join of an unknown session",
        r#"{"type":"session:join","ref":"r","sessionId":"nowhere"}"#,
        Answered("session_not_found")
    ),
    says!(
        "resume is a string",
        r#"{"type":"session:join","ref":"r","sessionId":"{session}","resume":"x"}"#,
        INVALID
    ),
    says!(
        "resume without key",
        r#"{"type":"session:join","ref":"r","sessionId":"{session}","resume":{"epoch":1,"seq":1}}"#,
        MISSING
    ),
    says!(
        "resume with a key of another form",
        r#"{"type":"session:join","ref":"r","sessionId":"{session}","resume":{"key":"k","epoch":1,"seq":1}}"#,
        INVALID
    ),
    says!(
        "resume with half a seq",
        r#"{"type":"session:join","ref":"r","sessionId":"{session}","resume":{"key":"00000000000000000000000000000000","epoch":1,"seq":0.5}}"#,
        INVALID
    ),
    says!(
        "resume with a negative epoch",
        r#"{"type":"session:join","ref":"r","sessionId":"{session}","resume":{"key":"00000000000000000000000000000000","epoch":-1,"seq":0}}"#,
        INVALID
    ),
    says!(
        "join that hears morse",
        r#"{"type":"session:join","ref":"r","sessionId":"{session}","audio":"morse"}"#,
        INVALID
    ),
    says!(
        "leave without a session",
        r#"{"type":"session:leave","ref":"r"}"#,
        Answered("not_in_session")
    ),
    says!(
        "start without a session",
        r#"{"type":"interview:start","ref":"r"}"#,
        Answered("not_in_session")
    ),
    says!(
        "end of somebody else's session",
        r#"{"type":"end_interview","ref":"r","sessionId":"good"}"#,
        Answered("not_in_session")
    ),
    says!(
        "end of an unknown session",
        r#"{"type":"end_interview","ref":"r","sessionId":"nowhere"}"#,
        Answered("not_in_session")
    ),
    says!(
        "status of somebody else's session",
        r#"{"type":"session:status","ref":"r","sessionId":"good","status":"ended"}"#,
        Answered("not_in_session")
    ),
    joined!(
        "status that is none",
        r#"{"type":"session:status","ref":"r","status":"paused"}"#,
        INVALID
    ),
    joined!(
        "status a candidate may not set",
        r#"{"type":"session:status","ref":"r","status":"ended"}"#,
        Answered("not_allowed")
    ),
    joined!(
        "status missing",
        r#"{"type":"session:status","ref":"r"}"#,
        MISSING
    ),
    joined!(
        "visibility asleep",
        r#"{"type":"user:visibility","ref":"r","state":"asleep"}"#,
        INVALID
    ),
    joined!(
        "an answer to nothing",
        r#"{"type":"answer:done","ref":"r"}"#,
        Answered("no_open_question")
    ),
    joined!(
        "an answer that may be skipped, perhaps",
        r#"{"type":"answer:done","ref":"r","skip":"maybe"}"#,
        INVALID
    ),
    joined!(
        "extension of nothing",
        r#"{"type":"session:extend","ref":"r"}"#,
        Answered("no_extension")
    ),
    start!(
        "unknown plan",
        r#""planId":"no-such-plan""#,
        Answered("plan_not_found")
    ),
    start!(
        "plan and questions",
        r#""planId":"practice","questions":[]"#,
        INVALID
    ),
    start!("questions are a number", r#""questions":3"#, INVALID),
    start!("a question is a string", r#""questions":["Who?"]"#, INVALID),
    start!(
        "a question without text",
        r#""questions":[{"limitSeconds":60}]"#,
        MISSING
    ),
    start!(
        "a question without a limit",
        r#""questions":[{"text":"Who?"}]"#,
        MISSING
    ),
    start!(
        "a question of one second",
        r#""questions":[{"text":"Who?","limitSeconds":1}]"#,
        INVALID
    ),
    start!(
        "two questions of one name",
        r#""questions":[{"id":"q","text":"Who?","limitSeconds":60},{"id":"q","text":"Why?","limitSeconds":60}]"#,
        INVALID
    ),
    row(
        "a question of two thousand and one characters",
        Joined(&[
            Text(r#"{"type":"interview:start","ref":"r","questions":[{"limitSeconds":60,"text":""#),
            Times(2_001, "q"),
            Text(r#""}]}"#),
        ]),
        LARGE,
    ),
    row(
        "fifty-one questions",
        Joined(&[
            Text(r#"{"type":"interview:start","ref":"r","questions":["#),
            Times(50, r#"{"text":"Who?","limitSeconds":60},"#),
            Text(r#"{"text":"Why?","limitSeconds":60}]}"#),
        ]),
        LARGE,
    ),
    row(
        "a second start",
        Started(&[Text(
            r#"{"type":"interview:start","ref":"r","questions":[]}"#,
        )]),
        Answered("bad_transition"),
    ),
    says!(
        "audio without a session",
        r#"{"type":"audio:stream","ref":"r","audioData":"AAAAAAAA","format":"pcm16","sampleRate":16000}"#,
        Answered("not_in_session")
    ),
    audio!(
        "audio for somebody else's session",
        r#""audioData":"AAAAAAAA","format":"pcm16","sampleRate":16000,"sessionId":"good""#,
        Answered("not_in_session")
    ),
    audio!(
        "audio without data",
        r#""format":"pcm16","sampleRate":16000"#,
        MISSING
    ),
    audio!(
        "audio data is a list",
        r#""audioData":[1,2],"format":"pcm16","sampleRate":16000"#,
        INVALID
    ),
    audio!(
        "audio that is no base64",
        r#""audioData":"!!!!","format":"pcm16","sampleRate":16000"#,
        Answered("bad_audio")
    ),
    audio!(
        "audio with base64 cut",
        r#""audioData":"AAAAA","format":"pcm16","sampleRate":16000"#,
        Answered("bad_audio")
    ),
    audio!(
        "audio of nothing",
        r#""audioData":"","format":"pcm16","sampleRate":16000"#,
        Answered("bad_audio")
    ),
    audio!(
        "audio of a sample and a half",
        r#""audioData":"AAAA","format":"pcm16","sampleRate":16000"#,
        Answered("bad_audio")
    ),
    audio!(
        "audio format unknown",
        r#""audioData":"AAAAAAAA","format":"mp3","sampleRate":16000"#,
        Answered("unsupported_format")
    ),
    audio!(
        "audio format missing",
        r#""audioData":"AAAAAAAA","sampleRate":16000"#,
        MISSING
    ),
    audio!(
        "sample rate too low",
        r#""audioData":"AAAAAAAA","format":"pcm16","sampleRate":7999"#,
        Answered("unsupported_sample_rate")
    ),
    audio!(
        "sample rate too high",
        r#""audioData":"AAAAAAAA","format":"pcm16","sampleRate":96000"#,
        Answered("unsupported_sample_rate")
    ),
    audio!(
        "sample rate as text",
        r#""audioData":"AAAAAAAA","format":"pcm16","sampleRate":"16000""#,
        INVALID
    ),
    audio!(
        "sample rate missing",
        r#""audioData":"AAAAAAAA","format":"pcm16""#,
        MISSING
    ),
    audio!(
        "stream negative",
        r#""audioData":"AAAAAAAA","format":"pcm16","sampleRate":16000,"streamId":-1"#,
        INVALID
    ),
    audio!(
        "seq beyond all numbers",
        r#""audioData":"AAAAAAAA","format":"pcm16","sampleRate":16000,"seq":1e99"#,
        INVALID
    ),
    joined!(
        "audio wrong, without ref",
        r#"{"type":"audio:stream","audioData":"?","format":"pcm16","sampleRate":16000}"#,
        Told("audio:error", "bad_audio")
    ),
    joined!(
        "transcription of no base64",
        r#"{"type":"transcription:request","audioData":"?","format":"pcm16","sampleRate":16000}"#,
        Told("transcription:error", "bad_audio")
    ),
    joined!(
        "transcription of mp3",
        r#"{"type":"transcription:request","ref":"r","audioData":"AAAAAAAA","format":"mp3","sampleRate":16000}"#,
        Answered("unsupported_format")
    ),
    chunk!("binary: empty", b"", "bad_audio"),
    chunk!(
        "binary: header cut",
        b"\x01\0\0\0\0\0\x80\x3e\0\0\0\0\0\0\0\0\0\0\0",
        "bad_audio"
    ),
    chunk!(
        "binary: unknown kind",
        b"\x02\0\0\0\0\0\x80\x3e\0\0\0\0\0\0\0\0\0\0\0\0ab",
        "bad_audio"
    ),
    chunk!(
        "binary: the server's kind",
        b"\x81\0\0\0\0\0\x80\x3e\0\0\0\0\0\0\0\0\0\0\0\0ab",
        "bad_audio"
    ),
    chunk!(
        "binary: unknown flag",
        b"\x01\0\x02\0\0\0\x80\x3e\0\0\0\0\0\0\0\0\0\0\0\0ab",
        "bad_audio"
    ),
    chunk!(
        "binary: somebody else as sender",
        b"\x01\0\0\x02\0\0\x80\x3e\0\0\0\0\0\0\0\0\0\0\0\0ab",
        "bad_audio"
    ),
    chunk!(
        "binary: unknown format",
        b"\x01\x09\0\0\0\0\x80\x3e\0\0\0\0\0\0\0\0\0\0\0\0ab",
        "unsupported_format"
    ),
    chunk!(
        "binary: sample rate 1",
        b"\x01\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0ab",
        "unsupported_sample_rate"
    ),
    chunk!(
        "binary: no sound",
        b"\x01\0\0\0\0\0\x80\x3e\0\0\0\0\0\0\0\0\0\0\0\0",
        "bad_audio"
    ),
    chunk!(
        "binary: half a sample",
        b"\x01\0\0\0\0\0\x80\x3e\0\0\0\0\0\0\0\0\0\0\0\0abc",
        "bad_audio"
    ),
    chunk!(
        "binary: unknown room",
        b"\x01\0\0\0\x63\0\x80\x3e\0\0\0\0\0\0\0\0\0\0\0\0ab",
        "not_in_session"
    ),
];
