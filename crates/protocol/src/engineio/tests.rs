use super::polling::{Piece, join, split};
use super::*;
use crate::outbox::{Frame, Outbox};

#[test]
fn packets_are_told_apart_by_their_first_character() {
    assert_eq!(Packet::parse("1"), Ok(Packet::Close));
    assert_eq!(Packet::parse("2probe"), Ok(Packet::Ping("probe")));
    assert_eq!(Packet::parse("3"), Ok(Packet::Pong));
    assert_eq!(Packet::parse("4héllo"), Ok(Packet::Message("héllo")));
    assert_eq!(Packet::parse("5"), Ok(Packet::Upgrade));
    assert_eq!(Packet::parse("6"), Ok(Packet::Noop));
    for text in ["", "0{}", "7", "abc", "é"] {
        assert_eq!(Packet::parse(text), Err(BadPacket), "{text}");
    }
}

#[test]
fn a_client_is_told_what_it_needs_when_it_opens() {
    let opening = Opening {
        sid: "lv_VI97HAXpY6yYWAAAB",
        upgradable: true,
        ping_interval_ms: 25_000,
        ping_timeout_ms: 20_000,
        payload_bytes_max: 100_000,
    };
    let text = "0{\"sid\":\"lv_VI97HAXpY6yYWAAAB\",\"upgrades\":[\"websocket\"],\
                \"pingInterval\":25000,\"pingTimeout\":20000,\"maxPayload\":100000}";
    assert_eq!(opening.frame(), frame::text(text));
    let opening = Opening {
        upgradable: false,
        ..opening
    };
    let text = text.replace("\"websocket\"", "");
    assert_eq!(opening.frame(), frame::text(&text));
}

#[test]
fn a_body_is_split_at_the_separator_and_binary_is_decoded() {
    let pieces: Vec<_> = split("4hello\u{1e}2\u{1e}bAQIDBA==\u{1e}4wörld").collect();
    let expected = [
        Ok(Piece::Text("4hello")),
        Ok(Piece::Text("2")),
        Ok(Piece::Binary(vec![1, 2, 3, 4])),
        Ok(Piece::Text("4wörld")),
    ];
    assert_eq!(pieces, expected);
    for body in ["", "4a\u{1e}", "\u{1e}4a", "b!", "bA"] {
        assert!(split(body).any(|piece| piece == Err(BadPacket)), "{body:?}");
    }
}

#[test]
fn what_waits_for_a_socket_is_what_a_request_fetches() {
    let mut outbox = Outbox::default();
    let mut event = frame::text("451-[\"a\",{\"_placeholder\":true,\"num\":0}]").to_vec();
    event.extend_from_slice(&frame::binary(&[&[1, 2, 3, 4]]));
    let large = "4".repeat(70_000);
    for bytes in [
        frame::text("4hello"),
        frame::ping(b"no packet"),
        event.into(),
        frame::text(&large),
    ] {
        let _ = outbox.push(Frame::event(bytes));
    }
    let first = join(&mut outbox, 1_000);
    let expected = "4hello\u{1e}451-[\"a\",{\"_placeholder\":true,\"num\":0}]\u{1e}bAQIDBA==";
    assert_eq!(String::from_utf8(first).unwrap(), expected);
    // More than the limit, but alone.
    assert_eq!(join(&mut outbox, 1_000), large.as_bytes());
    assert!(join(&mut outbox, 1_000).is_empty());
    outbox.close(None, Frame::control(frame::close(1000, "over")), 9);
    assert_eq!(join(&mut outbox, 1_000), b"1");
    assert!(outbox.is_closed());
}

#[test]
fn a_close_comes_in_a_body_of_its_own_behind_the_last_words() {
    let mut outbox = Outbox::default();
    let _ = outbox.push(Frame::event(frame::text("42[\"session_ended\",{}]")));
    let words = crate::dialect::encode_close(crate::dialect::Dialect::Root, 4409, "replaced");
    outbox.close(None, Frame::control(words), 9);
    let told = String::from_utf8(join(&mut outbox, 100_000)).unwrap();
    assert!(told.starts_with("42[\"session_ended\",{}]\u{1e}42[\"connection:closing\""));
    assert!(told.ends_with("\u{1e}41"), "{told}");
    assert!(!outbox.is_closed());
    assert_eq!(join(&mut outbox, 100_000), b"1");
    assert!(outbox.is_closed());
}

#[test]
fn a_heart_beats_at_its_interval_and_stops_without_an_answer() {
    let mut heart = Heart::new(Mono(1_000), 300, 300, 200);
    assert_eq!(heart.poll_timeout(), Mono(1_300));
    assert_eq!(heart.beat(Mono(1_299)), Beat::Rest);
    assert_eq!(heart.beat(Mono(1_340)), Beat::Ping);
    assert_eq!(heart.beat(Mono(1_340)), Beat::Rest);
    heart.alive();
    assert_eq!(heart.poll_timeout(), Mono(1_600));
    assert_eq!(heart.beat(Mono(1_600)), Beat::Ping);
    assert_eq!(heart.beat(Mono(1_799)), Beat::Rest);
    assert_eq!(heart.beat(Mono(1_800)), Beat::Missed);
}

#[test]
fn a_ping_that_goes_out_late_leaves_the_client_its_time() {
    let mut heart = Heart::new(Mono(0), 300, 300, 200);
    assert_eq!(heart.beat(Mono(550)), Beat::Ping);
    assert_eq!(heart.beat(Mono(749)), Beat::Rest);
    assert_eq!(heart.beat(Mono(750)), Beat::Missed);
}

#[test]
fn a_server_that_slept_asks_again_before_it_gives_a_client_up() {
    let mut heart = Heart::new(Mono(0), 25_000, 25_000, 20_000);
    assert_eq!(heart.beat(Mono(25_000)), Beat::Ping);
    // Ten minutes in which nothing ran: the answer may lie unread in the socket.
    assert_eq!(heart.beat(Mono(625_000)), Beat::Ping);
    assert_eq!(heart.poll_timeout(), Mono(645_000));
    heart.alive();
    assert_eq!(heart.beat(Mono(645_000)), Beat::Rest);
}
