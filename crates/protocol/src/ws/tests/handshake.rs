//! The table of upgrade requests: what is agreed to, and what each refusal answers.

use super::super::client;
use super::super::handshake::{PROTOCOLS_MAX, Refused, accept_key, check, response};

type Headers = Vec<(&'static str, Vec<u8>)>;

fn good() -> Headers {
    [
        ("Host", "localhost:8080"),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Sec-WebSocket-Version", "13"),
    ]
    .map(|(name, value)| (name, value.as_bytes().to_vec()))
    .to_vec()
}

fn with(name: &'static str, value: &str) -> Headers {
    let mut headers = good();
    headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    headers.push((name, value.as_bytes().to_vec()));
    headers
}

fn also(name: &'static str, value: &str) -> Headers {
    let mut headers = good();
    headers.push((name, value.as_bytes().to_vec()));
    headers
}

fn without(name: &str) -> Headers {
    good()
        .into_iter()
        .filter(|(known, _)| *known != name)
        .collect()
}

fn get(headers: &Headers) -> Result<Vec<&str>, Refused> {
    check(
        "GET",
        true,
        headers.iter().map(|(name, value)| (*name, &value[..])),
    )
    .map(|handshake| handshake.protocols)
}

#[test]
fn the_example_of_the_rfc_is_accepted_with_its_key() {
    assert_eq!(
        accept_key(b"dGhlIHNhbXBsZSBub25jZQ=="),
        *b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    );
    let headers = good();
    let handshake = check("GET", true, headers.iter().map(|(n, v)| (*n, &v[..]))).unwrap();
    assert_eq!(handshake.accept(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert!(handshake.protocols.is_empty());
}

#[test]
fn what_proxies_and_browsers_send_is_accepted() {
    let rows = [
        with("Connection", "keep-alive, Upgrade"),
        with("Connection", "keep-alive,UPGRADE , x"),
        with("Upgrade", "WebSocket"),
        with("Upgrade", "h2c, websocket"),
        with("sec-websocket-VERSION", " 13 "),
        also(
            "Sec-WebSocket-Extensions",
            "permessage-deflate; client_max_window_bits",
        ),
        also("Connection", "keep-alive"),
        also("Content-Length", "0"),
    ];
    for headers in rows {
        assert_eq!(get(&headers), Ok(vec![]), "{headers:?}");
    }
}

#[test]
fn every_malformed_request_is_refused_for_its_reason() {
    use Refused as R;
    let key = "Sec-WebSocket-Key";
    let rows = [
        ("no Upgrade", without("Upgrade"), R::Upgrade),
        ("another Upgrade", with("Upgrade", "h2c"), R::Upgrade),
        (
            "websocket as a part of a word",
            with("Upgrade", "websockets"),
            R::Upgrade,
        ),
        (
            "a browser's visit",
            vec![("Host", b"localhost".to_vec())],
            R::Upgrade,
        ),
        ("no Connection", without("Connection"), R::Connection),
        (
            "Connection: keep-alive",
            with("Connection", "keep-alive"),
            R::Connection,
        ),
        (
            "upgrade as a part of a word",
            with("Connection", "no-upgrade"),
            R::Connection,
        ),
        (
            "no version",
            without("Sec-WebSocket-Version"),
            R::WebSocketVersion,
        ),
        (
            "version 8",
            with("Sec-WebSocket-Version", "8"),
            R::WebSocketVersion,
        ),
        (
            "version 013",
            with("Sec-WebSocket-Version", "013"),
            R::WebSocketVersion,
        ),
        (
            "version 13 in a list",
            with("Sec-WebSocket-Version", "8, 13"),
            R::WebSocketVersion,
        ),
        (
            "version twice",
            also("Sec-WebSocket-Version", "13"),
            R::WebSocketVersion,
        ),
        ("no key", without(key), R::Key),
        ("an empty key", with(key, ""), R::Key),
        (
            "a key of 15 bytes",
            with(key, "AAAAAAAAAAAAAAAAAAAA"),
            R::Key,
        ),
        (
            "a key of 17 bytes",
            with(key, "AAAAAAAAAAAAAAAAAAAAAAA="),
            R::Key,
        ),
        (
            "a key without padding",
            with(key, "dGhlIHNhbXBsZSBub25jZQ"),
            R::Key,
        ),
        (
            "a key that is not base64",
            with(key, "dGhlIHNhbXBsZSBub25j!!=="),
            R::Key,
        ),
        (
            "a key with loose bits",
            with(key, "dGhlIHNhbXBsZSBub25jZR=="),
            R::Key,
        ),
        ("a very long key", with(key, &"A".repeat(9_000)), R::Key),
        ("two keys", also(key, "dGhlIHNhbXBsZSBub25jZQ=="), R::Key),
        (
            "an empty protocol",
            also("Sec-WebSocket-Protocol", "a,,b"),
            R::Protocols,
        ),
        (
            "a protocol with a space",
            also("Sec-WebSocket-Protocol", "a b"),
            R::Protocols,
        ),
        (
            "a protocol twice",
            also("Sec-WebSocket-Protocol", "a, a"),
            R::Protocols,
        ),
        (
            "a protocol that is not ASCII",
            also("Sec-WebSocket-Protocol", "\u{fc}"),
            R::Protocols,
        ),
        (
            "a long list",
            also("Sec-WebSocket-Protocol", &numbers(PROTOCOLS_MAX + 1)),
            R::Protocols,
        ),
        (
            "a huge protocol",
            also("Sec-WebSocket-Protocol", &"x".repeat(17_000)),
            R::Protocols,
        ),
        (
            "commas only",
            also("Sec-WebSocket-Protocol", &",".repeat(9_000)),
            R::Protocols,
        ),
        ("a body", also("Content-Length", "5"), R::Body),
        (
            "a chunked body",
            also("Transfer-Encoding", "chunked"),
            R::Body,
        ),
    ];
    for (name, headers, expected) in rows {
        assert_eq!(get(&headers), Err(expected), "{name}");
    }
    let ask = |method, is_http_1_1| {
        let headers = good();
        check(
            method,
            is_http_1_1,
            headers.iter().map(|(n, v)| (*n, &v[..])),
        )
        .err()
    };
    assert_eq!(ask("POST", true), Some(R::Method));
    assert_eq!(ask("get", true), Some(R::Method));
    assert_eq!(ask("GET", false), Some(R::HttpVersion));
}

fn numbers(n: usize) -> String {
    (0..n).map(|i| i.to_string()).collect::<Vec<_>>().join(",")
}

#[test]
fn offered_protocols_come_in_order_from_all_lines() {
    let mut headers = also(
        "Sec-WebSocket-Protocol",
        "greenroom.v1, bearer.aaa.bbb-_.ccc",
    );
    headers.push(("sec-websocket-protocol", b"other".to_vec()));
    assert_eq!(
        get(&headers),
        Ok(vec!["greenroom.v1", "bearer.aaa.bbb-_.ccc", "other"])
    );
    assert_eq!(
        get(&also("Sec-WebSocket-Protocol", &numbers(PROTOCOLS_MAX)))
            .unwrap()
            .len(),
        16
    );
}

#[test]
fn every_refusal_has_a_status_a_code_and_the_headers_that_help() {
    let all = [
        Refused::Method,
        Refused::HttpVersion,
        Refused::Upgrade,
        Refused::Connection,
        Refused::WebSocketVersion,
        Refused::Key,
        Refused::Protocols,
        Refused::Body,
    ];
    let codes: std::collections::BTreeSet<_> = all.iter().map(|refused| refused.code()).collect();
    assert_eq!(codes.len(), all.len(), "codes differ");
    assert!(all.iter().all(|refused| refused.to_string().ends_with('.')));
    assert_eq!(Refused::Method.status(), 405);
    assert_eq!(Refused::Key.status(), 400);
    assert_eq!(Refused::WebSocketVersion.status(), 426);
    assert!(
        Refused::WebSocketVersion
            .headers()
            .contains(&("sec-websocket-version", "13"))
    );
}

/// Name and value lines of a request or response head.
fn lines(head: &str) -> Vec<(&str, &[u8])> {
    head.lines()
        .skip(1)
        .filter_map(|l| l.split_once(": "))
        .map(|(n, v)| (n, v.as_bytes()))
        .collect()
}

#[test]
fn client_and_server_agree_on_the_upgrade() {
    let key = [7; 16];
    let offered = [("Sec-WebSocket-Protocol", "greenroom.v1, bearer.x")];
    let request = client::request("localhost:1", "/ws?token=x", key, &offered);
    assert!(request.starts_with("GET /ws?token=x HTTP/1.1\r\nHost: localhost:1\r\n"));
    let handshake = check("GET", true, lines(&request)).unwrap();
    let answer = response(&handshake, Some(handshake.protocols[0]));
    let early = [answer.as_bytes(), b"\x89\x00"].concat();
    for cut in 0..answer.len() {
        assert_eq!(
            client::response(&early[..cut], key),
            Ok(None),
            "cut at {cut}"
        );
    }
    let upgraded = client::response(&early, key).unwrap().unwrap();
    assert_eq!(upgraded.head_len, answer.len());
    assert_eq!(upgraded.protocol.as_deref(), Some("greenroom.v1"));
    assert!(
        client::response(&early, [8; 16]).is_err(),
        "an answer to another request"
    );
}

#[test]
fn a_client_tells_refusals_from_nonsense() {
    use client::ResponseError as E;
    let refusal = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n";
    let expected = E::Status {
        status: 401,
        head_len: refusal.len(),
    };
    assert_eq!(client::response(refusal, [0; 16]), Err(expected));
    let nonsense = [
        &b"hello\r\n\r\n"[..],
        b"HTTP/1.1 101 X\r\n\r\n",
        &[b'x'; 20_000],
        b"\xFF\r\n\r\n",
    ];
    for bytes in nonsense {
        assert!(matches!(
            client::response(bytes, [0; 16]),
            Err(E::Malformed(_))
        ));
    }
}
