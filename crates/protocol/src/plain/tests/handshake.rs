//! Tokens, subprotocols, origins and what may be logged.

use crate::error::ErrorCode;
use crate::plain::handshake::{Credentials, check_origin, credentials, redact};

fn found<'h>(
    authorization: Option<&'h str>,
    protocols: &[&'h str],
    query: Option<&'h str>,
) -> (Option<String>, Option<&'static str>) {
    let Credentials { token, protocol } = credentials(authorization, protocols, query).unwrap();
    (token.map(std::borrow::Cow::into_owned), protocol)
}

fn token(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn a_token_is_found_wherever_the_contract_allows_it() {
    assert_eq!(
        found(Some("Bearer a.b.c"), &[], None),
        (token("a.b.c"), None)
    );
    assert_eq!(
        found(Some("bearer  a.b.c "), &[], None),
        (token("a.b.c"), None)
    );
    assert_eq!(
        found(None, &[], Some("token=a.b.c")),
        (token("a.b.c"), None)
    );
    assert_eq!(
        found(None, &[], Some("x=1&token=a%2Eb&y")),
        (token("a.b"), None)
    );
    let protocols = ["greenroom.v1", "bearer.a.b.c"];
    assert_eq!(
        found(None, &protocols, None),
        (token("a.b.c"), Some("greenroom.v1"))
    );
    assert_eq!(
        found(None, &["other", "bearer.a"], None),
        (token("a"), None)
    );
    assert_eq!(
        found(None, &["greenroom.v1"], None),
        (None, Some("greenroom.v1"))
    );
    assert_eq!(
        found(None, &["greenroom.v2"], Some("tokens=1")),
        (None, None)
    );
    assert_eq!(found(None, &[], None), (None, None));
}

#[test]
fn header_goes_before_subprotocol_and_subprotocol_before_query() {
    let protocols = ["greenroom.v1", "bearer.p"];
    assert_eq!(
        found(Some("Bearer h"), &protocols, Some("token=q")).0,
        token("h")
    );
    assert_eq!(found(None, &protocols, Some("token=q")).0, token("p"));
    assert_eq!(found(None, &[], Some("token=q&token=r")).0, token("q"));
}

#[test]
fn what_is_no_token_is_refused() {
    let long = "x".repeat(8 * 1024 + 1);
    let in_header = format!("Bearer {long}");
    let in_query = format!("token={long}");
    let in_protocol = format!("bearer.{long}");
    for (authorization, protocols, query) in [
        (Some("Basic dTpw"), &[][..], None),
        (Some("Bearer"), &[], None),
        (Some("Bearer "), &[], None),
        (Some(""), &[], None),
        (Some(&*in_header), &[], None),
        (None, &["bearer."], None),
        (None, &[&*in_protocol], None),
        (None, &[], Some("token=")),
        (None, &[], Some("token")),
        (None, &[], Some(&*in_query)),
    ] {
        let refusal = credentials(authorization, protocols, query).unwrap_err();
        assert_eq!(refusal.code, ErrorCode::TokenInvalid);
        assert!(!refusal.message.contains("xxx"));
    }
    let longest = format!("Bearer {}", &long[1..]);
    assert!(credentials(Some(&longest), &[], None).is_ok());
}

#[test]
fn credentials_do_not_show_their_token() {
    let shown = format!(
        "{:?}",
        credentials(Some("Bearer secret"), &[], None).unwrap()
    );
    assert!(!shown.contains("secret"), "{shown}");
}

#[test]
fn tokens_are_left_out_of_what_is_logged() {
    for (path, shown) in [
        ("/ws", "/ws"),
        ("/ws?", "/ws?"),
        ("/ws?a=1&b=2", "/ws?a=1&b=2"),
        ("/ws?token=secret", "/ws?token=[redacted]"),
        ("/ws?a=1&token=secret&b=2", "/ws?a=1&token=[redacted]&b=2"),
        ("/ws?TOKEN=secret", "/ws?TOKEN=[redacted]"),
        ("/ws?%74oken=secret", "/ws?%74oken=[redacted]"),
        ("/ws?access_token=secret", "/ws?access_token=[redacted]"),
        ("/ws?token=a?b=c", "/ws?token=[redacted]"),
        ("/ws?token=secret=secret", "/ws?token=[redacted]"),
        ("/ws?a;token=secret", "/ws?a&token=[redacted]"),
        ("/ws?t=eyJhbGciOiJIUzI1NiJ9.e.s", "/ws?[redacted]"),
        ("/ws?%65yJhbGciOiJIUzI1NiJ9.e.s", "/ws?[redacted]"),
        ("/ws?token", "/ws?token=[redacted]"),
    ] {
        assert_eq!(redact(path), shown);
    }
}

#[test]
fn origins_are_allowed_by_list_by_sameness_or_by_token() {
    let listed = [
        "http://localhost:3000".to_owned(),
        "https://App.example/".to_owned(),
    ];
    let allowed = |origin, host, has_token| check_origin(origin, host, &listed, has_token).is_ok();
    for (origin, host, has_token, expected) in [
        (Some("http://localhost:3000"), None, false, true),
        (Some("HTTP://LOCALHOST:3000"), None, false, true),
        (Some("https://app.example"), None, false, true),
        (Some("https://app.example:443"), None, false, true),
        (Some("https://app.example:8443"), None, true, false),
        (Some("http://app.example"), None, true, false),
        (Some("https://app.example.evil.org"), None, true, false),
        (
            Some("https://evil.org/https://app.example"),
            None,
            true,
            false,
        ),
        (Some("https://app.example@evil.org"), None, true, false),
        (Some("http://localhost:3001"), None, true, false),
        (
            Some("http://127.0.0.1:8080"),
            Some("127.0.0.1:8080"),
            false,
            true,
        ),
        (Some("http://house.lan"), Some("house.lan:80"), false, true),
        (Some("https://house.lan"), Some("house.lan"), false, true),
        (Some("http://house.lan:81"), Some("house.lan"), false, false),
        (Some("http://[::1]:8080"), Some("[::1]:8080"), false, true),
        (Some("null"), Some("null"), true, false),
        (Some(""), Some(""), true, false),
        (Some("http://"), Some(""), true, false),
        (Some("file://"), Some(""), true, false),
        (Some("chrome-extension://abc"), Some("abc"), true, false),
        (None, Some("house.lan"), true, true),
        (None, Some("house.lan"), false, false),
    ] {
        assert_eq!(
            allowed(origin, host, has_token),
            expected,
            "{origin:?} {host:?} {has_token}"
        );
    }
}
