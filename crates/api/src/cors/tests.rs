//! Origins as browsers and attackers send them. The layer itself is tested on the whole router.

use super::*;

fn judge(list: &[&str], origin: Option<&str>, host: &str) -> Verdict {
    let mut headers = HeaderMap::new();
    headers.insert("host", host.parse().unwrap());
    if let Some(origin) = origin {
        headers.insert("origin", origin.parse().unwrap());
    }
    Origins::new(list.iter().copied()).judge(&headers)
}

const LIST: &[&str] = &["https://app.example.org", "http://localhost:3000"];

#[test]
fn origins_are_normalized_and_anything_else_is_none() {
    for (given, wanted) in [
        ("https://App.Example.org", "https://app.example.org"),
        ("https://app.example.org:443/", "https://app.example.org"),
        ("http://localhost:80", "http://localhost"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://[::1]:3000", "http://[::1]:3000"),
        ("http://[::1]", "http://[::1]"),
        ("https://example.org:80", "https://example.org:80"),
    ] {
        assert_eq!(normalize(given).as_deref(), Some(wanted));
    }
    for none in [
        "",
        "*",
        "null",
        "app.example.org",
        "ftp://x.org",
        "https://",
        "https://x.org/path",
        "https://x.org//",
        "https://user@x.org",
        "https://x.org:port",
        "https://x.org:99999",
        "https://*.x.org",
        "https://x.org?y",
        "https://x.org#y",
        "https://x y.org",
        "file://",
    ] {
        assert_eq!(normalize(none), None, "{none:?}");
    }
}

#[test]
fn listed_pages_are_let_in() {
    assert_eq!(
        judge(LIST, Some("https://app.example.org"), "api.example.org"),
        Verdict::Listed
    );
    assert_eq!(
        judge(LIST, Some("http://localhost:3000"), "localhost:8080"),
        Verdict::Listed
    );
}

#[test]
fn look_alikes_are_not() {
    for origin in [
        "https://app.example.org.evil.com",
        "https://evil.com?https://app.example.org",
        "https://xapp.example.org",
        "http://app.example.org",
        "https://app.example.org:8443",
        "https://app.example.org@evil.com",
        "http://localhost:3001",
        "null",
        "*",
    ] {
        assert_eq!(
            judge(LIST, Some(origin), "api.example.org"),
            Verdict::Refused,
            "{origin}"
        );
    }
}

#[test]
fn the_servers_own_pages_are_let_in_behind_a_proxy_too() {
    assert_eq!(judge(&[], Some("http://h:8080"), "h:8080"), Verdict::Same);
    assert_eq!(
        judge(&[], Some("https://rooms.example"), "rooms.example"),
        Verdict::Same
    );
    assert_eq!(
        judge(&[], Some("https://rooms.example"), "rooms.example:443"),
        Verdict::Same
    );
    assert_eq!(
        judge(&[], Some("http://h:8081"), "h:8080"),
        Verdict::Refused
    );
    assert_eq!(judge(&[], Some("null"), "null"), Verdict::Refused);
}

#[test]
fn a_native_client_sends_none_and_two_are_one_too_many() {
    assert_eq!(judge(LIST, None, "h"), Verdict::NoOrigin);
    let mut headers = HeaderMap::new();
    headers.append("origin", "https://app.example.org".parse().unwrap());
    headers.append("origin", "https://evil.com".parse().unwrap());
    assert_eq!(
        Origins::new(LIST.iter().copied()).judge(&headers),
        Verdict::Refused
    );
}
