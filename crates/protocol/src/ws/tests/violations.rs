//! The table of malformed frames: bytes in, close code and reason out.
//!
//! Every row is fed whole and in small reads and must come out the same. A row begins with a good
//! message, so that each also shows that what came before a violation was delivered.

use super::super::{Limits, Opcode, client};
use super::{Got, KEY, raw, received};

type Row = (&'static str, Vec<u8>, u16, &'static str);

const RESERVED_BIT: &str = "A reserved bit is set, but no extension was agreed.";
const RESERVED_OPCODE: &str = "The frame has a reserved opcode.";
const CONTROL_FRAGMENT: &str = "A control frame must not be fragmented.";
const CONTROL_LONG: &str = "A control frame carries at most 125 bytes.";
const UNMASKED: &str = "A client must mask its frames.";
const NOT_SHORTEST: &str = "A frame's length is not written in its shortest form.";
const TOP_BIT: &str = "The top bit of a frame's length must be zero.";
const NO_MESSAGE: &str = "There is no message to continue.";
const UNFINISHED: &str = "The message before this one is not finished.";
const NOT_UTF8: &str = "Text is not valid UTF-8.";
const CLOSE_HALF: &str = "A close frame has no code or a whole one.";
const CLOSE_CODE: &str = "The close code must not be on the wire.";
const CLOSE_UTF8: &str = "The reason of the close is not valid UTF-8.";
const FRAME_LARGE: &str = "The frame is too large.";
const MESSAGE_LARGE: &str = "The message is too large.";
const MANY_FRAGMENTS: &str = "The message comes in too many fragments.";

fn limits() -> Limits {
    Limits {
        frame_bytes_max: 2_000,
        message_bytes_max: 3_000,
        fragments_max: 8,
        ..Limits::default()
    }
}

fn close(code: u16) -> Vec<u8> {
    raw(0x88, &code.to_be_bytes())
}

fn text(bytes: &[u8]) -> Vec<u8> {
    raw(0x81, bytes)
}

fn headers() -> Vec<Row> {
    vec![
        ("RSV1", raw(0xC1, b"x"), 1002, RESERVED_BIT),
        ("RSV2", raw(0xA1, b"x"), 1002, RESERVED_BIT),
        ("RSV3", raw(0x91, b"x"), 1002, RESERVED_BIT),
        ("all reserved bits", raw(0xF2, b"x"), 1002, RESERVED_BIT),
        ("RSV1 on a ping", raw(0xC9, b""), 1002, RESERVED_BIT),
        ("RSV1 on a close", raw(0xC8, b""), 1002, RESERVED_BIT),
        ("opcode 3", raw(0x83, b""), 1002, RESERVED_OPCODE),
        ("opcode 4", raw(0x84, b"x"), 1002, RESERVED_OPCODE),
        ("opcode 5", raw(0x85, b"x"), 1002, RESERVED_OPCODE),
        ("opcode 6", raw(0x86, b"x"), 1002, RESERVED_OPCODE),
        ("opcode 7", raw(0x87, b"x"), 1002, RESERVED_OPCODE),
        ("opcode 11", raw(0x8B, b""), 1002, RESERVED_OPCODE),
        ("opcode 12", raw(0x8C, b"x"), 1002, RESERVED_OPCODE),
        ("opcode 13", raw(0x8D, b"x"), 1002, RESERVED_OPCODE),
        ("opcode 14", raw(0x8E, b"x"), 1002, RESERVED_OPCODE),
        ("opcode 15", raw(0x8F, b"x"), 1002, RESERVED_OPCODE),
        ("ping in fragments", raw(0x09, b"x"), 1002, CONTROL_FRAGMENT),
        ("pong in fragments", raw(0x0A, b"x"), 1002, CONTROL_FRAGMENT),
        (
            "close in fragments",
            raw(0x08, b"\x03\xE8"),
            1002,
            CONTROL_FRAGMENT,
        ),
        (
            "ping of 126 bytes",
            raw(0x89, &[0; 126]),
            1002,
            CONTROL_LONG,
        ),
        (
            "pong of 126 bytes",
            raw(0x8A, &[0; 126]),
            1002,
            CONTROL_LONG,
        ),
        (
            "close of 126 bytes",
            raw(0x88, &[3; 126]),
            1002,
            CONTROL_LONG,
        ),
        (
            "ping of 70,000 bytes",
            raw(0x89, &[0; 70_000]),
            1002,
            CONTROL_LONG,
        ),
        ("text not masked", vec![0x81, 0x01, b'x'], 1002, UNMASKED),
        ("empty binary not masked", vec![0x82, 0x00], 1002, UNMASKED),
        ("ping not masked", vec![0x89, 0x00], 1002, UNMASKED),
        (
            "close not masked",
            vec![0x88, 0x02, 0x03, 0xE8],
            1002,
            UNMASKED,
        ),
        (
            "5 in two bytes",
            vec![0x82, 0xFE, 0, 5, 0, 0, 0, 0],
            1002,
            NOT_SHORTEST,
        ),
        (
            "125 in two bytes",
            vec![0x82, 0xFE, 0, 125, 0, 0, 0, 0],
            1002,
            NOT_SHORTEST,
        ),
        (
            "5 in eight bytes",
            [&[0x82, 0xFF][..], &5u64.to_be_bytes()].concat(),
            1002,
            NOT_SHORTEST,
        ),
        (
            "65,535 in eight bytes",
            [&[0x82, 0xFF][..], &65_535u64.to_be_bytes()].concat(),
            1002,
            NOT_SHORTEST,
        ),
        (
            "top bit",
            [&[0x82, 0xFF][..], &(1u64 << 63).to_be_bytes()].concat(),
            1002,
            TOP_BIT,
        ),
        (
            "all bits",
            [&[0x81, 0xFF][..], &u64::MAX.to_be_bytes()].concat(),
            1002,
            TOP_BIT,
        ),
        (
            "an HTTP request",
            b"GET / HTTP/1.1\r\n\r\n".to_vec(),
            1002,
            RESERVED_BIT,
        ),
    ]
}

fn sequences() -> Vec<Row> {
    let pieces = |n: usize| [raw(0x02, b""), raw(0x00, b"").repeat(n)].concat();
    vec![
        (
            "a last fragment of nothing",
            raw(0x80, b"x"),
            1002,
            NO_MESSAGE,
        ),
        ("a fragment of nothing", raw(0x00, b""), 1002, NO_MESSAGE),
        (
            "a fragment after the last",
            [raw(0x02, b"a"), raw(0x80, b"b"), raw(0x80, b"c")].concat(),
            1002,
            NO_MESSAGE,
        ),
        (
            "text within text",
            [raw(0x01, b"a"), raw(0x81, b"b")].concat(),
            1002,
            UNFINISHED,
        ),
        (
            "binary within text",
            [raw(0x01, b"a"), raw(0x82, b"b")].concat(),
            1002,
            UNFINISHED,
        ),
        (
            "a first fragment within a message",
            [raw(0x02, b"a"), raw(0x02, b"b")].concat(),
            1002,
            UNFINISHED,
        ),
        (
            "a frame of 2,001 bytes",
            raw(0x82, &[0; 2_001]),
            1009,
            FRAME_LARGE,
        ),
        (
            "a first fragment of 2,001 bytes",
            raw(0x02, &[0; 2_001]),
            1009,
            FRAME_LARGE,
        ),
        (
            "a frame of 2^62 bytes",
            [&[0x82, 0xFF][..], &(1u64 << 62).to_be_bytes(), &KEY].concat(),
            1009,
            FRAME_LARGE,
        ),
        (
            "a message of 3,001 bytes",
            [raw(0x02, &[0; 2_000]), raw(0x80, &[0; 1_001])].concat(),
            1009,
            MESSAGE_LARGE,
        ),
        (
            "a message of 3,001 bytes so far",
            [raw(0x02, &[0; 2_000]), raw(0x00, &[0; 1_001])].concat(),
            1009,
            MESSAGE_LARGE,
        ),
        ("a ninth fragment", pieces(8), 1008, MANY_FRAGMENTS),
    ]
}

fn texts() -> Vec<Row> {
    vec![
        ("a lone continuation byte", text(&[0x80]), 1007, NOT_UTF8),
        (
            "a byte that is never used",
            text(b"ab\xFFcd"),
            1007,
            NOT_UTF8,
        ),
        ("an overlong slash", text(&[0xC0, 0xAF]), 1007, NOT_UTF8),
        (
            "an overlong three-byte NUL",
            text(&[0xE0, 0x80, 0x80]),
            1007,
            NOT_UTF8,
        ),
        ("a surrogate", text(&[0xED, 0xA0, 0x80]), 1007, NOT_UTF8),
        (
            "beyond the last character",
            text(&[0xF4, 0x90, 0x80, 0x80]),
            1007,
            NOT_UTF8,
        ),
        (
            "a character that does not end",
            text(b"ab\xE2\x82"),
            1007,
            NOT_UTF8,
        ),
        (
            "a bad byte far into a long text",
            text(&[&[b'a'; 1_500][..], b"\xFE"].concat()),
            1007,
            NOT_UTF8,
        ),
        (
            "a bad byte in the second fragment",
            [raw(0x01, b"a"), raw(0x00, b"\xFF")].concat(),
            1007,
            NOT_UTF8,
        ),
        (
            "a character cut by the last fragment",
            [raw(0x01, b"\xCE"), raw(0x80, b"")].concat(),
            1007,
            NOT_UTF8,
        ),
        (
            "a bad byte in a frame that is not complete",
            text(&[b"ab\xFF"[..].to_vec(), vec![b'c'; 50]].concat())[..30].to_vec(),
            1007,
            NOT_UTF8,
        ),
        (
            "close with half a code",
            raw(0x88, &[0x03]),
            1002,
            CLOSE_HALF,
        ),
        ("close 0", close(0), 1002, CLOSE_CODE),
        ("close 999", close(999), 1002, CLOSE_CODE),
        ("close 1004", close(1004), 1002, CLOSE_CODE),
        ("close 1005", close(1005), 1002, CLOSE_CODE),
        ("close 1006", close(1006), 1002, CLOSE_CODE),
        ("close 1015", close(1015), 1002, CLOSE_CODE),
        ("close 1016", close(1016), 1002, CLOSE_CODE),
        ("close 2999", close(2999), 1002, CLOSE_CODE),
        ("close 5000", close(5000), 1002, CLOSE_CODE),
        ("close 65535", close(65_535), 1002, CLOSE_CODE),
        (
            "close with a bad reason",
            raw(0x88, b"\x03\xE8\xC3\x28"),
            1007,
            CLOSE_UTF8,
        ),
        (
            "close with half a character",
            raw(0x88, b"\x03\xE8\xE2\x82"),
            1007,
            CLOSE_UTF8,
        ),
    ]
}

#[test]
fn every_malformed_frame_is_closed_with_the_promised_code() {
    let rows: Vec<Row> = [headers(), sequences(), texts()].concat();
    assert!(rows.len() >= 60, "only {} rows", rows.len());
    let message = |text: &str| client::frame(Opcode::Text, text.as_bytes(), KEY);
    for (name, bytes, code, reason) in rows {
        let (got, violation) = received(
            limits(),
            &[message("before"), bytes, message("after")].concat(),
        );
        let violation = violation.unwrap_or_else(|| panic!("{name}: accepted, got {got:?}"));
        assert_eq!((violation.code, violation.reason), (code, reason), "{name}");
        assert_eq!(got.first(), Some(&Got::Text("before".into())), "{name}");
        assert!(!got.contains(&Got::Text("after".into())), "{name}");
        assert!(
            violation.reason.len() <= 123,
            "{name}: the reason fits a close frame"
        );
    }
}
