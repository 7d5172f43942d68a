//! Frames that break the carrier's rules. The mask is zero, so that payloads can be read.

use super::{Row, row};
use crate::input::Input::{Frames, Message};
use crate::input::Piece::{Bytes, Times, TimesBytes};
use crate::outcome::Promise::{Answered, Closed, Told};

const PROTOCOL: crate::outcome::Promise = Closed(1002);
const NOT_UTF8: crate::outcome::Promise = Closed(1007);
const TOO_BIG: crate::outcome::Promise = Closed(1009);

/// One row that sends these bytes.
const fn raw(
    name: &'static str,
    bytes: &'static [crate::input::Piece],
    promise: crate::outcome::Promise,
) -> Row {
    row(name, Frames(bytes), promise)
}

pub(super) const ROWS: &[Row] = &[
    raw("not masked", &[Bytes(b"\x81\x02hi")], PROTOCOL),
    raw("reserved bit 1", &[Bytes(b"\xc1\x82\0\0\0\0hi")], PROTOCOL),
    raw("reserved bit 2", &[Bytes(b"\xa1\x82\0\0\0\0hi")], PROTOCOL),
    raw("reserved bit 3", &[Bytes(b"\x91\x82\0\0\0\0hi")], PROTOCOL),
    raw("opcode 3", &[Bytes(b"\x83\x80\0\0\0\0")], PROTOCOL),
    raw("opcode 7", &[Bytes(b"\x87\x80\0\0\0\0")], PROTOCOL),
    raw("opcode 11", &[Bytes(b"\x8b\x80\0\0\0\0")], PROTOCOL),
    raw("opcode 15", &[Bytes(b"\x8f\x80\0\0\0\0")], PROTOCOL),
    raw("fragmented ping", &[Bytes(b"\x09\x80\0\0\0\0")], PROTOCOL),
    raw(
        "fragmented close",
        &[Bytes(b"\x08\x82\0\0\0\0\x03\xe8")],
        PROTOCOL,
    ),
    raw(
        "ping of 126 bytes",
        &[Bytes(b"\x89\xfe\0\x7e\0\0\0\0"), Times(126, "p")],
        PROTOCOL,
    ),
    raw(
        "close of one byte",
        &[Bytes(b"\x88\x81\0\0\0\0\x03")],
        PROTOCOL,
    ),
    raw("close code 0", &[Bytes(b"\x88\x82\0\0\0\0\0\0")], PROTOCOL),
    raw(
        "close code 999",
        &[Bytes(b"\x88\x82\0\0\0\0\x03\xe7")],
        PROTOCOL,
    ),
    raw(
        "close code 1004",
        &[Bytes(b"\x88\x82\0\0\0\0\x03\xec")],
        PROTOCOL,
    ),
    raw(
        "close code 1005",
        &[Bytes(b"\x88\x82\0\0\0\0\x03\xed")],
        PROTOCOL,
    ),
    raw(
        "close code 1006",
        &[Bytes(b"\x88\x82\0\0\0\0\x03\xee")],
        PROTOCOL,
    ),
    raw(
        "close code 1015",
        &[Bytes(b"\x88\x82\0\0\0\0\x03\xf7")],
        PROTOCOL,
    ),
    raw(
        "close code 2999",
        &[Bytes(b"\x88\x82\0\0\0\0\x0b\xb7")],
        PROTOCOL,
    ),
    raw(
        "close code 5000",
        &[Bytes(b"\x88\x82\0\0\0\0\x13\x88")],
        PROTOCOL,
    ),
    raw(
        "close reason not UTF-8",
        &[Bytes(b"\x88\x84\0\0\0\0\x03\xe8\xff\xfe")],
        NOT_UTF8,
    ),
    raw(
        "continuation of nothing",
        &[Bytes(b"\x80\x82\0\0\0\0hi")],
        PROTOCOL,
    ),
    raw(
        "message inside a message",
        &[Bytes(b"\x01\x81\0\0\0\0h\x81\x81\0\0\0\0i")],
        PROTOCOL,
    ),
    raw(
        "length not in its shortest form",
        &[Bytes(b"\x81\xfe\0\x02\0\0\0\0hi")],
        PROTOCOL,
    ),
    raw(
        "long length not in its shortest form",
        &[Bytes(b"\x81\xff\0\0\0\0\0\0\0\x02\0\0\0\0hi")],
        PROTOCOL,
    ),
    raw(
        "length with its top bit",
        &[Bytes(b"\x82\xff\x80\0\0\0\0\0\0\x01\0\0\0\0")],
        PROTOCOL,
    ),
    raw(
        "text not UTF-8",
        &[Bytes(b"\x81\x82\0\0\0\0\xc3\x28")],
        NOT_UTF8,
    ),
    raw(
        "text not UTF-8 in its second fragment",
        &[Bytes(b"\x01\x81\0\0\0\0\xe2\x80\x81\0\0\0\0\x28")],
        NOT_UTF8,
    ),
    raw(
        "text with a surrogate",
        &[Bytes(b"\x81\x83\0\0\0\0\xed\xa0\x80")],
        NOT_UTF8,
    ),
    raw(
        "text that ends inside a character",
        &[Bytes(b"\x01\x81\0\0\0\0\xe2\x80\x81\0\0\0\0\x82")],
        NOT_UTF8,
    ),
    raw(
        "text with an overlong character",
        &[Bytes(b"\x81\x82\0\0\0\0\xc0\xaf")],
        NOT_UTF8,
    ),
    raw(
        "a gigabyte announced",
        &[Bytes(b"\x82\xff\0\0\0\0\x40\0\0\0\0\0\0\0")],
        TOO_BIG,
    ),
    raw(
        "a byte too many announced",
        &[Bytes(b"\x81\xff\0\0\0\0\0\x01\0\x01\0\0\0\0")],
        TOO_BIG,
    ),
    raw(
        "too big in fragments",
        &[
            Bytes(b"\x01\xfe\x80\0\0\0\0\0"),
            Times(0x8000, "a"),
            Bytes(b"\0\xfe\x80\x01\0\0\0\0"),
            Times(0x8001, "a"),
        ],
        TOO_BIG,
    ),
    raw(
        "two thousand fragments",
        &[
            Bytes(b"\x01\x81\0\0\0\0a"),
            TimesBytes(2_000, b"\0\x81\0\0\0\0a"),
        ],
        Closed(1008),
    ),
    raw(
        "a message never finished",
        &[Bytes(b"\x01\x81\0\0\0\0a")],
        Closed(1008),
    ),
    raw(
        "a frame never finished",
        &[Bytes(b"\x82\xfe\0\xff\0\0\0\0abc")],
        Closed(1008),
    ),
    raw(
        "a ping inside a bad message",
        &[Bytes(
            b"\x01\x8d\0\0\0\0{\"type\":\"no\",\x89\x81\0\0\0\0p\x80\x8a\0\0\0\0\"ref\":\"r\"}",
        )],
        Answered("unknown_event"),
    ),
    row("empty text", Message(&[]), Told("error", "bad_json")),
];
