//! The machine: who is let in, what goes up, what is said, and what ends it.

use std::fmt::Write as _;
use std::sync::Arc;

use super::packet::{Kind, Malformed, Packet};
use super::*;
use crate::audio::{Direction, Format, Header};
use crate::close::CloseCode;
use crate::dialect::Dialect;
use crate::door::{Out, Up};
use crate::error::ErrorCode;
use crate::id::ConnectionId;
use crate::limits::Limits;
use crate::time::Mono;

/// A machine, a clock, and what came out of it since the last look.
struct Bench {
    machine: Machine,
    now: Mono,
    out: Vec<Out>,
    ups: Vec<String>,
}

impl Bench {
    fn waiting() -> Self {
        Self::with(Limits::default(), true)
    }

    fn with(limits: Limits, root_is_alias: bool) -> Self {
        let now = Mono(1_000_000);
        Self {
            machine: Machine::new(Arc::new(limits), now, ConnectionId(7), root_is_alias),
            now,
            out: Vec::new(),
            ups: Vec::new(),
        }
    }

    fn open() -> Self {
        let mut bench = Self::waiting();
        bench.text("40/interview,{\"token\":\"t\"}");
        bench.machine.open(ConnectionId(7), &mut bench.out);
        bench.ups.clear();
        bench.out.clear();
        bench
    }

    fn text(&mut self, text: &str) {
        let ups = &mut self.ups;
        let mut up = |u: Up<'_>| ups.push(format!("{u:?}"));
        self.machine
            .receive_text(self.now, text, &mut up, &mut self.out);
    }

    fn binary(&mut self, bytes: &[u8]) {
        let ups = &mut self.ups;
        let mut up = |u: Up<'_>| ups.push(format!("{u:?}"));
        self.machine
            .receive_binary(self.now, bytes, &mut up, &mut self.out);
    }

    /// Goes to the next deadline, and says how long that took.
    fn next(&mut self) -> Option<u64> {
        let due = self.machine.poll_timeout()?;
        let waited = due.since(self.now);
        self.now = due;
        self.machine.handle_timeout(self.now, &mut self.out);
        Some(waited)
    }

    /// What went down since the last look: texts, `close <number>`, `hang up`.
    fn said(&mut self) -> Vec<String> {
        let shown = |out| match out {
            Out::Text(frame) | Out::Ping(frame) => {
                let start = if frame[1] < 126 { 2 } else { 4 };
                String::from_utf8(frame[start..].to_vec()).unwrap()
            }
            Out::Close(code) => format!("close {}", code.number()),
            Out::HangUp => "hang up".to_owned(),
        };
        self.out.drain(..).map(shown).collect()
    }

    fn went_up(&mut self) -> Vec<String> {
        std::mem::take(&mut self.ups)
    }

    fn is_closed_with(&mut self, code: CloseCode) -> bool {
        let closed = self.said().last() == Some(&format!("close {}", code.number()));
        closed && self.machine.poll_timeout().is_none()
    }
}

#[test]
fn packets_are_read_as_the_protocol_has_them() {
    let packet = Packet::parse("2/interview,12[\"a\",1]").unwrap();
    assert_eq!(packet.kind, Kind::Event);
    assert_eq!(packet.namespace, "/interview");
    assert_eq!(packet.ack, Some("12"));
    assert_eq!(packet.data, "[\"a\",1]");
    let packet = Packet::parse("51-[\"a\"]").unwrap();
    assert_eq!((packet.attachments, packet.namespace), (1, "/"));
    let packet = Packet::parse("62-/x,7[]").unwrap();
    assert_eq!((packet.kind, packet.attachments), (Kind::Ack, 2));
    let packet = Packet::parse("0/interview").unwrap();
    assert_eq!(
        (packet.kind, packet.namespace),
        (Kind::Connect, "/interview")
    );
    let packet = Packet::parse("1/interview,").unwrap();
    assert_eq!(packet.kind, Kind::Disconnect);
}

#[test]
fn what_no_client_sends_is_no_packet() {
    let many_digits = format!("2{}[\"a\"]", "1".repeat(17));
    let long_namespace = format!("2/{},[\"a\"]", "n".repeat(200));
    for text in [
        "",
        "9",
        "abc",
        "4{}",
        "2",
        "2{}",
        "2abc[\"a\"]",
        "2-1[\"a\"]",
        "3[]",
        "31",
        "0[]",
        "01",
        "1[]",
        "5[\"a\"]",
        "5-[\"a\"]",
        "50-[\"a\"]",
        "55-[\"a\"]",
        "5+1-[\"a\"]",
        "51[\"a\"]",
        "5999999999999999999999-[\"a\"]",
        "é",
        &many_digits,
        &long_namespace,
    ] {
        assert_eq!(Packet::parse(text), Err(Malformed), "{text}");
    }
}

#[test]
fn who_connects_is_judged_by_the_token_that_came_with_it() {
    let mut bench = Bench::waiting();
    bench.text("40/interview,{\"token\":\"abc\",\"pid\":\"old\"}");
    let up = bench.went_up().remove(0);
    assert!(
        up.starts_with("Authenticate { token: Some(\"abc\")"),
        "{up}"
    );
    assert!(bench.said().is_empty());
    assert_eq!(bench.machine.dialect(), Dialect::Unnamed);
    bench.machine.open(ConnectionId(7), &mut bench.out);
    assert_eq!(bench.said(), ["40/interview,{\"sid\":\"c7\"}"]);
    assert_eq!(bench.machine.dialect(), Dialect::Interview);
    assert!(bench.machine.is_open());
}

#[test]
fn without_a_token_of_its_own_the_handshakes_counts() {
    let mut bench = Bench::waiting();
    bench.text("40");
    let up = bench.went_up().remove(0);
    assert!(up.starts_with("Authenticate { token: None"), "{up}");
    bench.machine.open(ConnectionId(7), &mut bench.out);
    assert_eq!(bench.said(), ["40{\"sid\":\"c7\"}"]);
    assert_eq!(bench.machine.dialect(), Dialect::Root);
}

#[test]
fn who_may_not_come_gets_a_connect_error_and_is_closed() {
    let mut bench = Bench::waiting();
    bench.text("40/interview,{\"token\":\"abc\"}");
    let refusal = ErrorCode::TokenInvalid.into();
    let code = CloseCode::Unauthenticated;
    bench.machine.refuse(&refusal, code, &mut bench.out);
    let error = "44/interview,{\"message\":\"The token is not valid.\",\"data\":\
                 {\"type\":\"connection:error\",\"code\":\"token_invalid\",\
                 \"message\":\"The token is not valid.\"}}";
    assert_eq!(bench.said(), [error, "41/interview,", "close 4401"]);
}

#[test]
fn who_may_come_back_later_only_finds_the_transport_closed() {
    for code in [
        CloseCode::Limited,
        CloseCode::Restart,
        CloseCode::ServerError,
    ] {
        let mut bench = Bench::waiting();
        bench.text("40/interview,");
        let refusal = ErrorCode::Draining.into();
        bench.machine.refuse(&refusal, code, &mut bench.out);
        assert_eq!(bench.said(), [format!("close {}", code.number())]);
    }
}

#[test]
fn a_token_that_is_no_text_is_refused_at_the_door() {
    let mut bench = Bench::waiting();
    bench.text("40{\"token\":5}");
    assert!(bench.went_up().is_empty());
    let said = bench.said();
    assert!(said[0].starts_with("44{\"message\":\"The field `token` must be a string.\""));
    assert_eq!(said[1..], ["41", "close 4401"]);
}

#[test]
fn an_unknown_namespace_is_refused_and_the_right_one_may_follow() {
    let mut bench = Bench::with(Limits::default(), false);
    bench.text("40/random,");
    bench.text("40");
    let said = bench.said();
    assert_eq!(said[0], "44/random,{\"message\":\"Invalid namespace\"}");
    assert_eq!(said[1], "44/,{\"message\":\"Invalid namespace\"}");
    bench.text("40/interview,");
    assert_eq!(bench.went_up().len(), 1);
}

#[test]
fn the_alias_beside_the_namespace_is_refused_and_the_same_twice_is_a_breach() {
    let mut bench = Bench::open();
    bench.text("40");
    assert!(bench.said()[0].starts_with("44{\"message\":"));
    assert!(bench.machine.is_open());
    bench.text("40/interview,");
    assert!(bench.is_closed_with(CloseCode::Protocol));
}

#[test]
fn who_does_not_connect_is_closed_when_its_time_is_over() {
    let mut bench = Bench::waiting();
    assert_eq!(bench.next(), Some(5_000));
    assert!(bench.is_closed_with(CloseCode::Unauthenticated));
}

#[test]
fn a_stranger_may_send_four_kibibytes_and_no_attachments_beyond() {
    let mut bench = Bench::waiting();
    bench.text(&format!("40/random,{{\"x\":\"{}\"}}", "y".repeat(5_000)));
    assert!(bench.is_closed_with(CloseCode::Unauthenticated));
    let mut bench = Bench::waiting();
    bench.text("451-[\"audio:stream\",{\"_placeholder\":true,\"num\":0}]");
    bench.binary(&[0; 5_000]);
    assert!(bench.is_closed_with(CloseCode::Unauthenticated));
    let mut bench = Bench::waiting();
    bench.machine.unfinished(5_000, &mut bench.out);
    assert!(bench.is_closed_with(CloseCode::Unauthenticated));
}

#[test]
fn events_go_up_as_on_the_plain_door_and_the_acknowledgement_is_the_reference() {
    let mut bench = Bench::open();
    bench.text("42/interview,3[\"session:join\",{\"sessionId\":\"s1\",\"audio\":\"binary\"}]");
    bench.text("42/interview,[\"end_interview\"]");
    bench.text("42/interview,[\"session:leave\",null]");
    let ups = bench.went_up();
    assert_eq!(ups.len(), 4);
    assert_eq!(ups[0], "Hears(Binary)");
    assert!(
        ups[1].contains("Join") && ups[1].contains("Ref(\"3\")"),
        "{}",
        ups[1]
    );
    assert!(ups[2].contains("End") && ups[2].contains("Event(Session)"));
    assert!(bench.said().is_empty());
    bench.text("42/interview,4[\"ping\"]");
    bench.text("42/interview,[\"ping\",{}]");
    let said = bench.said();
    assert_eq!(said[0], "43/interview,4[{\"type\":\"pong\"}]");
    assert_eq!(said[1], "42/interview,[\"pong\",{\"type\":\"pong\"}]");
}

#[test]
fn what_a_client_bug_can_cause_is_answered_and_the_connection_stays() {
    let mut bench = Bench::open();
    let deep = format!(
        "42/interview,1[\"x\",{{\"a\":{}{}}}]",
        "[".repeat(40),
        "]".repeat(40)
    );
    for (text, code) in [
        ("42/interview,1[\"nope\",{}]", "unknown_event"),
        ("42/interview,1[5,{}]", "invalid_field"),
        ("42/interview,1[\"session:join\"]", "missing_field"),
        (
            "42/interview,1[\"session:join\",{\"sessionId\":5}]",
            "invalid_field",
        ),
        ("42/interview,1[\"session:join\",\"s1\"]", "invalid_field"),
        (
            "42/interview,1[\"session:join\",{\"sessionId\":\"s1\"},2]",
            "invalid_field",
        ),
        (
            "42/interview,1[\"audio:stream\",{\"audioData\":{\"_placeholder\":true,\"num\":0},\"format\":\"wav\"}]",
            "invalid_field",
        ),
        (
            "42/interview,1[\"auth\",{\"token\":\"t\"}]",
            "not_supported",
        ),
        (&deep, "too_deep"),
    ] {
        bench.text(text);
        let said = bench.said().remove(0);
        assert!(
            said.starts_with("43/interview,1[{\"type\":\"error\""),
            "{said}"
        );
        assert!(
            said.contains(&format!("\"code\":\"{code}\"")),
            "{text}: {said}"
        );
    }
    bench.text("42/interview,[\"session:join\",{}]");
    assert!(bench.said()[0].starts_with("42/interview,[\"session:error\",{"));
    assert!(bench.machine.is_open());
}

#[test]
fn what_only_an_attack_can_cause_closes() {
    for text in [
        "abc",
        "0{}",
        "2",
        "4abc",
        "42/interview,{}",
        "42/interview,[]",
        "42/interview,[{}]",
        "42/interview,[\"a\",]",
        "42/interview,[\"a\"",
        "42[\"session:leave\"]",
        "42/other,[\"session:leave\"]",
        "44/interview,{}",
        "455-/interview,[\"a\"]",
        "450-/interview,[\"a\"]",
    ] {
        let mut bench = Bench::open();
        bench.text(text);
        assert!(bench.is_closed_with(CloseCode::Protocol), "{text}");
        assert!(!bench.machine.is_lost(), "it is told to stay away");
        bench.text("42/interview,[\"session:leave\"]");
        assert!(bench.went_up().is_empty());
    }
    let mut bench = Bench::open();
    bench.binary(&[1]);
    assert!(
        bench.is_closed_with(CloseCode::Protocol),
        "nothing announced it"
    );
    let mut bench = Bench::waiting();
    bench.text("42/interview,[\"session:leave\"]");
    assert!(bench.is_closed_with(CloseCode::Protocol), "before CONNECT");
}

#[test]
fn acknowledgements_nobody_asked_for_and_stray_packets_are_passed_over() {
    let mut bench = Bench::open();
    for text in ["3", "5", "6", "43/interview,1[{}]"] {
        bench.text(text);
    }
    bench.text("461-/interview,1[{\"_placeholder\":true,\"num\":0}]");
    bench.binary(&[1, 2]);
    assert!(bench.said().is_empty() && bench.machine.is_open());
}

fn chunk(payload: &[u8]) -> Vec<u8> {
    let header = Header {
        format: Format::Pcm16,
        is_last: false,
        sender: 0,
        room: 2,
        sample_rate: 16_000,
        stream: 1,
        seq: 9,
        at_ms: 0,
    };
    [&header.encode(Direction::ToServer)[..], payload].concat()
}

#[test]
fn sound_comes_as_base64_as_a_field_or_as_a_whole_chunk() {
    let mut bench = Bench::open();
    let fields = "\"format\":\"pcm16\",\"sampleRate\":16000,\"streamId\":1,\"seq\":9";
    bench.text(&format!(
        "42/interview,[\"audio:stream\",{{\"audioData\":\"AQI=\",{fields}}}]"
    ));
    bench.text(&format!(
        "451-/interview,5[\"audio:stream\",{{\"audioData\":{{\"_placeholder\":true,\"num\":0}},{fields}}}]"
    ));
    assert_eq!(bench.went_up().len(), 1);
    bench.text("3");
    bench.binary(&[1, 2]);
    let up = bench.went_up().remove(0);
    assert!(up.contains("payload: Raw([1, 2])"), "{up}");
    assert!(
        up.contains("session: Only") && up.contains("Ref(\"5\")"),
        "{up}"
    );
    bench.text("451-/interview,[\"audio:stream\",{\"_placeholder\":true,\"num\":0}]");
    bench.binary(&chunk(&[1, 2]));
    let up = bench.went_up().remove(0);
    assert!(
        up.contains("payload: Raw([1, 2])") && up.contains("session: Room(2)"),
        "{up}"
    );
    assert!(up.contains("Event(Audio)"), "{up}");
    assert!(bench.said().is_empty());
}

#[test]
fn an_attachment_goes_only_where_sound_may_be() {
    let mut bench = Bench::open();
    for (event, code) in [
        (
            "[\"session:join\",{\"_placeholder\":true,\"num\":0}]",
            "invalid_field",
        ),
        (
            "[\"session:join\",{\"sessionId\":{\"_placeholder\":true,\"num\":0}}]",
            "invalid_field",
        ),
        (
            "[\"audio:stream\",{\"audioData\":{\"_placeholder\":true,\"num\":1},\"format\":\"wav\"}]",
            "invalid_field",
        ),
        (
            "[\"audio:stream\",{\"audioData\":{\"_placeholder\":true,\"num\":-1},\"format\":\"wav\"}]",
            "invalid_field",
        ),
        (
            "[\"audio:stream\",{\"audioData\":{\"_placeholder\":true,\"num\":\"splice\"},\"format\":\"wav\"}]",
            "invalid_field",
        ),
        (
            "[\"audio:stream\",{\"audioData\":{\"_placeholder\":true,\"num\":0},\"format\":\"pcm16\",\"sampleRate\":16000}]",
            "bad_audio",
        ),
        (
            "[\"audio:stream\",{\"_placeholder\":true,\"num\":0}]",
            "bad_audio",
        ),
    ] {
        bench.text(&format!("451-/interview,1{event}"));
        bench.binary(&[1, 2, 3]);
        let said = bench.said().remove(0);
        assert!(
            said.contains(&format!("\"code\":\"{code}\"")),
            "{event}: {said}"
        );
    }
    assert!(bench.machine.is_open());
}

#[test]
fn nothing_but_the_heartbeat_comes_between_an_event_and_its_attachments() {
    let announce = "452-/interview,[\"audio:stream\",{}]";
    let mut bench = Bench::open();
    bench.text(announce);
    bench.text("3");
    bench.binary(&[1]);
    bench.text("42/interview,[\"ping\"]");
    assert!(bench.is_closed_with(CloseCode::Protocol));
    let mut bench = Bench::open();
    bench.text(announce);
    assert_eq!(bench.next(), Some(10_000));
    assert!(bench.is_closed_with(CloseCode::Policy));
    let mut bench = Bench::open();
    bench.text(announce);
    bench.binary(&vec![0; 200_000]);
    bench.binary(&vec![0; 100_000]);
    assert!(bench.is_closed_with(CloseCode::TooBig));
}

#[test]
fn who_leaves_is_gone_at_once_and_its_transport_a_little_later() {
    let mut bench = Bench::open();
    bench.text("41/interview,");
    assert_eq!(bench.went_up(), ["Leave"]);
    assert_eq!(bench.machine.dialect(), Dialect::Unnamed);
    bench.text("42/interview,[\"session:leave\"]");
    assert!(bench.went_up().is_empty() && bench.said().is_empty());
    assert_eq!(bench.next(), Some(5_000));
    assert_eq!(bench.said(), ["hang up"]);
    let mut bench = Bench::open();
    bench.text("41/interview");
    bench.text("40/interview,");
    assert_eq!(bench.said(), ["hang up"], "it comes again on a new one");
    let mut bench = Bench::open();
    bench.text("1");
    assert_eq!(bench.said(), ["hang up"]);
}

#[test]
fn the_heartbeat_is_the_servers_and_anything_answers_it() {
    let mut bench = Bench::open();
    let first = bench.next().unwrap();
    assert!((12_500..=25_000).contains(&first), "{first}");
    assert_eq!(bench.said(), ["2"]);
    bench.text("42/interview,[\"user:visibility\",{\"state\":\"hidden\"}]");
    bench.went_up();
    assert_eq!(bench.next(), Some(25_000));
    assert_eq!(bench.said(), ["2"]);
    assert_eq!(bench.next(), Some(20_000));
    assert!(bench.is_closed_with(CloseCode::HeartbeatMissed));
    assert!(bench.machine.is_lost());
}

#[test]
fn the_limits_are_those_of_the_plain_door() {
    let mut bench = Bench::open();
    for _ in 0..100 {
        bench.text("42/interview,[\"session:leave\"]");
    }
    bench.text("42/interview,1[\"session:leave\"]");
    let said = bench.said().remove(0);
    assert!(said.contains("\"code\":\"rate_limited\"") && said.contains("\"retryAfterMs\":20"));
    for _ in 0..1_000 {
        bench.text("42/interview,[\"session:leave\"]");
    }
    assert!(bench.is_closed_with(CloseCode::Limited));
    let mut bench = Bench::open();
    for _ in 0..30 {
        bench.text("451-/interview,[\"audio:stream\",{\"_placeholder\":true,\"num\":0}]");
        bench.binary(&chunk(&[0; 64 * 1024]));
    }
    assert_eq!(bench.went_up().len(), 7);
    assert!(bench.said()[0].starts_with("42/interview,[\"audio:error\","));
}

#[test]
fn both_doors_hand_the_same_up_for_the_same_messages() {
    let mut socketio = Bench::open();
    let mut plain = crate::plain::Machine::new(Arc::new(Limits::default()), Mono(1_000_000));
    plain.open(Mono(1_000_000), ConnectionId(7));
    let mut of_plain = Vec::new();
    for (ack, (event, fields)) in [
        ("session:join", "\"sessionId\":\"s1\",\"audio\":\"json\""),
        ("session:join", "\"sessionId\":\"s1\",\"resume\":{\"key\":\"00000000000000000000000000000001\",\"epoch\":1,\"seq\":4}"),
        ("interview:start", "\"questions\":[{\"text\":\"Why?\",\"limitSeconds\":60}]"),
        ("audio:stream", "\"audioData\":\"AQI=\",\"format\":\"pcm16\",\"sampleRate\":16000"),
        ("answer:done", "\"questionId\":\"q1\",\"id\":\"once\""),
        ("transcription:request", "\"audioData\":\"AQI=\",\"format\":\"pcm16\",\"sampleRate\":8000"),
        ("user:visibility", "\"state\":\"hidden\""),
        ("session:status", "\"status\":\"completing\""),
        ("end_interview", "\"x\":1"),
    ]
    .into_iter()
    .enumerate()
    {
        socketio.text(&format!("42/interview,{ack}[\"{event}\",{{{fields}}}]"));
        let mut text = String::new();
        let _ = write!(text, "{{\"type\":\"{event}\",\"ref\":{ack},{fields}}}");
        plain.receive_text(
            Mono(1_000_000),
            &text,
            &mut |up| of_plain.push(format!("{up:?}")),
            &mut Vec::new(),
        );
    }
    assert_eq!(socketio.went_up(), of_plain);
    assert_eq!(of_plain.len(), 10);
}

#[test]
fn a_connection_costs_at_most_208_bytes_here() {
    let size = size_of::<Machine>();
    println!("socketio::Machine: {size} bytes");
    assert!(size <= 208, "{size}");
}
