#![allow(clippy::unwrap_used)]

use super::*;

static SAMPLE: File = File {
    name: "assets/a-1.js",
    kind: "text/javascript; charset=utf-8",
    tag: "\"1\"",
    plain: b"plain",
    gzip: Some(b"gz"),
    brotli: Some(b"br"),
};

fn asked(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
    let pairs = pairs.iter().cloned();
    pairs
        .map(|(name, value)| (name, HeaderValue::from_static(value)))
        .collect()
}

#[test]
fn a_browser_gets_the_smallest_form_it_can_read() {
    let cases = [
        ("gzip, deflate, br, zstd", Some("br")),
        ("gzip;q=1.0, br;q=0", Some("gzip")),
        ("GZIP", Some("gzip")),
        ("identity", None),
        ("gzip;q=0.000", None),
        ("brotli", None),
        ("", None),
    ];
    for (accepted, packed) in cases {
        let headers = asked(&[(header::ACCEPT_ENCODING, accepted)]);
        assert_eq!(SAMPLE.packed_for(&headers).1, packed, "{accepted:?}");
    }
    assert_eq!(SAMPLE.packed_for(&HeaderMap::new()), (&b"plain"[..], None));
}

#[test]
fn a_file_the_browser_has_is_not_sent_again() {
    let headers = asked(&[
        (header::IF_NONE_MATCH, "\"1\""),
        (header::ACCEPT_ENCODING, "br"),
    ]);
    let response = SAMPLE.answer(&headers, "no-cache");
    assert_eq!(response.status(), StatusCode::NOT_MODIFIED);
    assert!(!response.headers().contains_key(header::CONTENT_ENCODING));
    let response = SAMPLE.answer(&asked(&[(header::IF_NONE_MATCH, "\"2\"")]), "no-cache");
    assert_eq!(response.status(), StatusCode::OK);
}

#[test]
fn pages_run_no_script_but_the_files_of_the_app() {
    let response = SAMPLE.answer(&HeaderMap::new(), "no-cache");
    let policy = response.headers()[header::CONTENT_SECURITY_POLICY]
        .to_str()
        .unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"));
    assert!(!policy.contains("unsafe"), "{policy}");
}

#[tokio::test]
async fn a_program_built_without_the_app_says_how_to_get_it() {
    let body = axum::body::to_bytes(without().into_body(), 10_000)
        .await
        .unwrap();
    let text = std::str::from_utf8(&body).unwrap();
    assert!(text.contains("make app"), "{text}");
}

#[test]
fn every_file_that_is_there_has_a_type_and_a_name_below_the_root() {
    for file in FILES {
        assert!(!file.name.starts_with('/') && !file.kind.is_empty());
        assert!(!file.plain.is_empty(), "{}", file.name);
    }
}
