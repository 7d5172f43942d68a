//! From the upgrade to the first request.

use super::{Bench, message};
use crate::close::CloseCode;
use crate::error::ErrorCode;
use crate::id::ConnectionId;
use crate::limits::Limits;
use crate::plain::Out;
use crate::time::Mono;

#[test]
fn a_token_as_first_message_goes_up_and_opens_the_door() {
    let mut bench = Bench::waiting(Limits::default());
    bench.text(r#"{"type":"auth","token":"a.b.c","ref":"r"}"#);
    assert_eq!(
        bench.went_up(),
        [r#"Authenticate { token: Some("a.b.c"), reply: Ref("\"r\"") }"#]
    );
    assert!(bench.said().is_empty());
    assert!(!bench.machine.is_open());
    bench.machine.open(bench.now, ConnectionId(1));
    assert!(bench.machine.is_open());
    bench.text(r#"{"type":"session:leave"}"#);
    assert_eq!(bench.went_up().len(), 1);
}

#[test]
fn without_a_token_in_five_seconds_it_closes_with_4401() {
    let mut bench = Bench::waiting(Limits::default());
    assert_eq!(bench.machine.poll_timeout(), Some(bench.now.after(5_000)));
    bench.wait(4_999);
    assert!(bench.said().is_empty());
    bench.wait(1);
    assert_eq!(
        bench.said(),
        ["connection:error auth_required", "close 4401"]
    );
    assert_eq!(bench.machine.poll_timeout(), None);
    bench.text(r#"{"type":"auth","token":"a.b.c"}"#);
    bench.wait(60_000);
    assert!(bench.said().is_empty() && bench.went_up().is_empty());
}

#[test]
fn a_token_that_is_never_judged_does_not_hold_the_door_either() {
    let mut bench = Bench::waiting(Limits::default());
    bench.text(r#"{"type":"auth","token":"a.b.c"}"#);
    bench.text(r#"{"type":"session:leave","ref":1}"#);
    assert_eq!(bench.said(), ["error auth_required"]);
    bench.wait(5_000);
    assert_eq!(
        bench.said(),
        ["connection:error auth_required", "close 4401"]
    );
}

#[test]
fn a_refused_token_is_told_why_before_the_close() {
    let mut bench = Bench::waiting(Limits::default());
    bench.text(r#"{"type":"auth","token":"a.b.c"}"#);
    let mut out = Vec::new();
    let refusal = ErrorCode::TokenExpired.into();
    bench
        .machine
        .refuse(refusal, CloseCode::Unauthenticated, &mut out);
    bench
        .machine
        .refuse(ErrorCode::Limited.into(), CloseCode::Limited, &mut out);
    bench.out = out;
    assert_eq!(
        bench.said(),
        ["connection:error token_expired", "close 4401"]
    );
    bench.machine.open(bench.now, ConnectionId(1));
    assert!(!bench.machine.is_open());
}

#[test]
fn before_the_token_nothing_else_gets_in() {
    for text in [
        r#"{"type":"session:join","sessionId":"s1"}"#,
        r#"{"type":"audio:stream","audioData":"AAAA","format":"wav"}"#,
        r#"{"type":"auth:refresh","token":"x"}"#,
    ] {
        let mut bench = Bench::waiting(Limits::default());
        bench.text(text);
        assert_eq!(
            bench.said(),
            ["connection:error auth_required", "close 4401"]
        );
        assert!(bench.went_up().is_empty());
    }
    let mut bench = Bench::waiting(Limits::default());
    bench.binary(&[1; 40]);
    assert_eq!(
        bench.said(),
        ["connection:error auth_required", "close 4401"]
    );
    for (text, code) in [("{", "bad_json"), (r#"{"type":"auth"}"#, "missing_field")] {
        let mut bench = Bench::waiting(Limits::default());
        bench.text(text);
        let error = format!("connection:error {code}");
        assert_eq!(bench.said(), [error.as_str(), "close 4401"]);
    }
}

#[test]
fn strangers_may_send_four_kibibytes_in_all() {
    let ping = r#"{"type":"ping","ref":1}"#;
    let mut bench = Bench::waiting(Limits::default());
    let mut pongs = 0;
    for _ in 0..4_096 {
        bench.text(ping);
        let said = bench.said();
        if said == ["pong"] {
            pongs += 1;
            continue;
        }
        assert_eq!(said, ["connection:error auth_required", "close 4401"]);
        break;
    }
    assert_eq!(pongs, 4_096 / ping.len());

    let mut bench = Bench::waiting(Limits::default());
    let token = "x".repeat(4_096);
    bench.text(&format!(r#"{{"type":"auth","token":"{token}"}}"#));
    assert_eq!(
        bench.said(),
        ["connection:error auth_required", "close 4401"]
    );
    assert!(bench.went_up().is_empty());
}

#[test]
fn a_stranger_cannot_have_a_large_unfinished_message_kept() {
    let mut bench = Bench::waiting(Limits::default());
    bench.text(r#"{"type":"ping"}"#);
    bench.said();
    bench.machine.unfinished(4_096 - 15, &mut bench.out);
    assert!(bench.said().is_empty());
    bench.machine.unfinished(4_096 - 14, &mut bench.out);
    assert_eq!(
        bench.said(),
        ["connection:error auth_required", "close 4401"]
    );

    let mut bench = Bench::open(Limits::default());
    bench.machine.unfinished(200_000, &mut bench.out);
    assert!(bench.said().is_empty());
}

#[test]
fn a_second_first_message_on_an_open_connection_is_answered_and_nothing_more() {
    let mut bench = Bench::open(Limits::default());
    bench.text(r#"{"type":"auth","token":"a.b.c","ref":1}"#);
    assert_eq!(bench.said(), ["error not_supported"]);
    assert!(bench.went_up().is_empty() && bench.machine.is_open());
}

#[test]
fn a_new_token_on_an_open_connection_goes_up_and_changes_nothing_here() {
    let mut bench = Bench::open(Limits::default());
    bench.text(r#"{"type":"auth:refresh","token":"a.b.c","ref":1}"#);
    assert_eq!(
        bench.went_up(),
        [r#"Refresh { token: "a.b.c", reply: Ref("1") }"#]
    );
    assert!(bench.said().is_empty() && bench.machine.is_open());
}

#[test]
fn a_closed_machine_hears_and_says_nothing() {
    let mut bench = Bench::open(Limits::default());
    bench.machine.closed();
    bench.text(r#"{"type":"ping"}"#);
    bench.binary(&[0; 30]);
    bench.wait(1_000_000);
    assert!(bench.said().is_empty() && bench.went_up().is_empty());
}

#[test]
fn a_ping_is_answered_with_its_reference() {
    let mut bench = Bench::open(Limits::default());
    bench.text(r#"{"type":"ping","ref":"p1"}"#);
    let Some(Out::Text(frame)) = bench.out.first() else {
        panic!("no pong");
    };
    assert_eq!(message(frame).to_string(), r#"{"ref":"p1","type":"pong"}"#);
    assert_eq!(
        bench.machine.poll_timeout().map(|at| at > Mono(1_000_000)),
        Some(true)
    );
}

#[test]
fn the_wish_for_binary_audio_comes_right_before_the_join_that_says_it() {
    let mut bench = Bench::open(Limits::default());
    bench.text(r#"{"type":"session:join","sessionId":"s1","audio":"binary"}"#);
    bench.text(r#"{"type":"session:join","sessionId":"s2"}"#);
    let ups = bench.went_up();
    assert_eq!(ups.len(), 3);
    assert_eq!(ups[0], "Hears(Binary)");
    assert!(ups[1].starts_with("Message(") && ups[2].starts_with("Message("));
}
