//! Requests that are no handshake of ours.

use super::{Row, row};
use crate::input::Input::Request;
use crate::input::Piece::{Text, Times};
use crate::outcome::Promise::{Http, Refused};

/// Everything a handshake needs but what the row gets wrong comes from these.
macro_rules! get {
    ($($line:expr),* $(,)?) => {
        Request(&[Text(concat!("GET /ws HTTP/1.1\r\nHost: {host}\r\n", $($line, "\r\n",)* "\r\n"))])
    };
}

macro_rules! shake {
    ($($line:expr),* $(,)?) => {
        get!(
            "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: {key}", "Authorization: Bearer {token}", $($line),*
        )
    };
}

macro_rules! line {
    ($line:expr) => {
        Request(&[Text(concat!(
            $line,
            "\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n",
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n",
            "Authorization: Bearer {token}\r\n\r\n"
        ))])
    };
}

const ORIGIN: crate::outcome::Promise = Refused("origin_not_allowed", 4403);

pub(super) const ROWS: &[Row] = &[
    row(
        "POST",
        line!("POST /ws HTTP/1.1"),
        Http(405, "handshake_method"),
    ),
    row("HEAD", line!("HEAD /ws HTTP/1.1"), Http(405, "")),
    row(
        "OPTIONS",
        line!("OPTIONS /ws HTTP/1.1"),
        Http(405, "handshake_method"),
    ),
    row(
        "HTTP/1.0",
        line!("GET /ws HTTP/1.0"),
        Http(400, "handshake_http_version"),
    ),
    row(
        "no HTTP at all",
        Request(&[Text("hello there\r\n\r\n")]),
        Http(400, ""),
    ),
    row(
        "HTTP version of the future",
        line!("GET /ws HTTP/9.9"),
        Http(400, ""),
    ),
    row(
        "another path",
        line!("GET /ws/ HTTP/1.1"),
        Http(404, "not_found"),
    ),
    row(
        "no Upgrade",
        get!(
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: {key}"
        ),
        Http(426, "handshake_upgrade"),
    ),
    row(
        "Upgrade to something else",
        get!(
            "Upgrade: h2c",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: {key}"
        ),
        Http(426, "handshake_upgrade"),
    ),
    row(
        "no Connection",
        get!(
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: {key}"
        ),
        Http(400, "handshake_connection"),
    ),
    row(
        "Connection: keep-alive",
        get!(
            "Upgrade: websocket",
            "Connection: keep-alive",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: {key}"
        ),
        Http(400, "handshake_connection"),
    ),
    row(
        "no version",
        get!(
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Key: {key}"
        ),
        Http(426, "handshake_websocket_version"),
    ),
    row(
        "version 8",
        get!(
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 8",
            "Sec-WebSocket-Key: {key}"
        ),
        Http(426, "handshake_websocket_version"),
    ),
    row(
        "version twice",
        shake!("Sec-WebSocket-Version: 13"),
        Http(426, "handshake_websocket_version"),
    ),
    row(
        "no key",
        get!(
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13"
        ),
        Http(400, "handshake_key"),
    ),
    row(
        "key of fifteen bytes",
        get!(
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAA"
        ),
        Http(400, "handshake_key"),
    ),
    row(
        "key that is no base64",
        get!(
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: !!!!!!!!!!!!!!!!!!!!!!=="
        ),
        Http(400, "handshake_key"),
    ),
    row(
        "key twice",
        shake!("Sec-WebSocket-Key: {key}"),
        Http(400, "handshake_key"),
    ),
    row(
        "a body announced",
        shake!("Content-Length: 5"),
        Http(400, "handshake_body"),
    ),
    row(
        "a body in chunks",
        shake!("Transfer-Encoding: chunked"),
        Http(400, "handshake_body"),
    ),
    row(
        "subprotocol twice",
        shake!("Sec-WebSocket-Protocol: greenroom.v1, greenroom.v1"),
        Http(400, "handshake_protocols"),
    ),
    row(
        "empty subprotocol",
        shake!("Sec-WebSocket-Protocol: greenroom.v1,,"),
        Http(400, "handshake_protocols"),
    ),
    row(
        "subprotocol with a slash",
        shake!("Sec-WebSocket-Protocol: a/b"),
        Http(400, "handshake_protocols"),
    ),
    row(
        "seventeen subprotocols",
        shake!("Sec-WebSocket-Protocol: a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q"),
        Http(400, "handshake_protocols"),
    ),
    row(
        "origin of another site",
        shake!("Origin: https://evil.example"),
        ORIGIN,
    ),
    row("origin null", shake!("Origin: null"), ORIGIN),
    row("empty origin", shake!("Origin:"), ORIGIN),
    row(
        "origin with another port",
        shake!("Origin: http://localhost:3001"),
        ORIGIN,
    ),
    row(
        "origin with another scheme",
        shake!("Origin: https://localhost:3000"),
        ORIGIN,
    ),
    row(
        "origin that begins like ours",
        shake!("Origin: http://localhost:3000.evil.example"),
        ORIGIN,
    ),
    row(
        "origin with our name as its user",
        shake!("Origin: http://localhost:3000@evil.example"),
        ORIGIN,
    ),
    row(
        "two origins",
        shake!(
            "Origin: http://localhost:3000",
            "Origin: https://evil.example"
        ),
        ORIGIN,
    ),
    row(
        "header of forty kilobytes",
        Request(&[
            Text("GET /ws HTTP/1.1\r\nHost: {host}\r\nX-Long: "),
            Times(40_000, "x"),
            Text("\r\n\r\n"),
        ]),
        Http(431, ""),
    ),
    row(
        "three hundred header lines",
        Request(&[
            Text("GET /ws HTTP/1.1\r\nHost: {host}\r\n"),
            Times(300, "X-More: 1\r\n"),
            Text("\r\n"),
        ]),
        Http(431, ""),
    ),
    row(
        "path of forty kilobytes",
        Request(&[
            Text("GET /ws?x="),
            Times(40_000, "x"),
            Text(" HTTP/1.1\r\nHost: {host}\r\n\r\n"),
        ]),
        Http(431, ""),
    ),
    row("space before a colon", shake!("X-Odd : 1"), Http(400, "")),
    row("NUL in a header", shake!("X-Odd: a\0b"), Http(400, "")),
];
