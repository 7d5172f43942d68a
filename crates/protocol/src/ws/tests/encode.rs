//! Frames we build are what the other end reads.

use std::io::Write as _;

use super::super::{Limits, Opcode, Ws, client, frame, is_close_code};
use super::{Got, feed};

fn read_by_client(bytes: &[u8]) -> Vec<Got> {
    let (got, violation) = feed(&mut Ws::for_client(Limits::default()), bytes, 1_000);
    assert_eq!(violation, None);
    got
}

#[test]
fn every_builder_is_read_back_by_a_client() {
    let long = "\u{e4}".repeat(40_000);
    assert_eq!(
        read_by_client(&frame::text("Hello")),
        [Got::Text("Hello".into())]
    );
    assert_eq!(read_by_client(&frame::text(&long)), [Got::Text(long)]);
    assert_eq!(
        read_by_client(&frame::binary(&[b"he", b"", b"ad"])),
        [Got::Binary(b"head".into())]
    );
    assert_eq!(read_by_client(&frame::ping(b"1")), [Got::Ping(b"1".into())]);
    assert_eq!(
        read_by_client(&frame::ping(&[1; 200])),
        [Got::Ping(vec![1; 125])]
    );
    assert_eq!(read_by_client(&frame::pong(b"")), [Got::Pong]);
    assert_eq!(
        read_by_client(&frame::close(4001, "gone")),
        [Got::Close(Some(4001), "gone".into())]
    );
    assert_eq!(
        read_by_client(&frame::close(1006, "gone")),
        [Got::Close(None, String::new())]
    );
}

#[test]
fn the_frames_of_the_rfc_are_built_byte_for_byte() {
    assert_eq!(
        frame::text("Hello")[..],
        [0x81, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F]
    );
    assert_eq!(frame::binary(&[&[0; 256]])[..4], [0x82, 0x7E, 0x01, 0x00]);
    assert_eq!(
        frame::binary(&[&[0; 65_536]])[..10],
        [0x82, 0x7F, 0, 0, 0, 0, 0, 1, 0, 0]
    );
    let key = [0x37, 0xFA, 0x21, 0x3D];
    let masked = client::frame(Opcode::Text, b"Hello", key);
    assert_eq!(
        masked,
        [
            0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58
        ]
    );
}

#[test]
fn a_writer_builds_the_same_frame_as_the_one_shot() {
    for len in [0, 125, 126, 65_535, 65_536] {
        let payload = "x".repeat(len);
        let mut writer = frame::Writer::new(Opcode::Text, 16);
        writer.write_all(payload.as_bytes()).unwrap();
        assert_eq!(writer.payload_len(), len);
        assert_eq!(writer.finish(), frame::text(&payload));
    }
    let mut writer = frame::Writer::new(Opcode::Text, 16);
    writer.put(b"51-[]");
    let both = read_by_client(&writer.finish_with(&[b"\x01\x02"]));
    assert_eq!(both, [Got::Text("51-[]".into()), Got::Binary(vec![1, 2])]);
}

#[test]
fn a_long_close_reason_is_cut_at_a_character() {
    let bytes = frame::close(1008, &"\u{20ac}".repeat(60));
    assert_eq!(bytes.len(), 2 + 2 + 123);
    assert_eq!(
        read_by_client(&bytes),
        [Got::Close(Some(1008), "\u{20ac}".repeat(41))]
    );
    let mut server = Ws::new(Limits::default());
    let masked = client::close(1008, &"\u{20ac}".repeat(60), [1, 2, 3, 4]);
    assert_eq!(
        feed(&mut server, &masked, 10).0,
        [Got::Close(Some(1008), "\u{20ac}".repeat(41))]
    );
}

#[test]
fn close_codes_are_those_of_the_registry_and_the_free_ranges() {
    let allowed: Vec<u16> = (0..3000).filter(|&code| is_close_code(code)).collect();
    let expected = [
        1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014,
    ];
    assert_eq!(allowed, expected);
    assert!((3000..=4999).all(is_close_code));
    assert!(!is_close_code(5000) && !is_close_code(u16::MAX));
}
