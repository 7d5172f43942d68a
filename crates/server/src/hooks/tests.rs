//! The rules without a network: what is said, how it is signed, where it may go, when it is tried
//! again. Deliveries over real sockets are in `tests/it/hooks.rs`.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use protocol::id::SessionId;
use protocol::time::Wall;
use store::desk::{DeliveryRow, HookKind, HookState};

use super::message::{secret_bytes, sign};
use super::target::{Endpoint, is_public};
use super::{Bell, HookSettings, Post};
use crate::core::clock::Clock;

#[test]
fn the_signature_is_that_of_the_published_example() {
    // From the specification of Standard Webhooks.
    let secret = secret_bytes("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let body = r#"{"test": 2432232314}"#;
    let signature = sign(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
    assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

#[test]
fn a_secret_is_base64_behind_its_prefix_or_the_text_itself() {
    assert_eq!(secret_bytes("whsec_YWJj").unwrap(), b"abc");
    assert_eq!(secret_bytes("abc").unwrap(), b"abc");
    assert_eq!(secret_bytes("whsec_not base64"), None);
}

#[test]
fn addresses_of_this_machine_and_its_networks_are_not_public_however_they_are_written() {
    for private in [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "100.127.255.255",
        "192.0.0.8",
        "192.0.2.1",
        "198.18.0.1",
        "198.51.100.7",
        "203.0.113.9",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "2002:7f00:1::",
        "2002:c0a8:101::1",
        "2001::1",
        "2001:db8::1",
        "fc00::1",
        "fd12:3456::1",
        "fe80::1",
        "ff02::1",
        "4000::1",
    ] {
        let address: IpAddr = private.parse().unwrap();
        assert!(!is_public(address), "{private}");
    }
    for public in [
        "1.1.1.1",
        "8.8.8.8",
        "100.63.255.255",
        "100.128.0.1",
        "172.15.0.1",
        "172.32.0.1",
        "198.20.0.1",
        "2606:4700::1111",
        "2a00:1450::1",
        "64:ff9b::101:101",
        "::ffff:8.8.8.8",
    ] {
        let address: IpAddr = public.parse().unwrap();
        assert!(is_public(address), "{public}");
    }
}

#[test]
fn an_endpoint_is_https_and_public_unless_private_ones_are_allowed() {
    for text in [
        "http://hooks.example.org/x",
        "https://127.0.0.1/x",
        "https://[::1]:8443/x",
        "https://10.0.0.1/x",
        "ftp://hooks.example.org/x",
        "hooks.example.org/x",
        "https:///x",
        "https://user:secret@hooks.example.org/x",
        "",
    ] {
        assert!(Endpoint::parse(text, false).is_err(), "{text}");
    }
    assert!(Endpoint::parse("http://user@127.0.0.1/x", true).is_err());
    assert!(Endpoint::parse("http://127.0.0.1:9/x", true).is_ok());
    let endpoint = Endpoint::parse("https://hooks.example.org/x?key=secret", false).unwrap();
    assert_eq!(endpoint.label, "https://hooks.example.org/x");
}

fn post() -> Post {
    let clock = Clock::start();
    let boot = protocol::id::BootId::parse("b1").unwrap();
    let callbacks = store::Callbacks::on_saved(|_| {});
    let tables = store::memory::Tables::new();
    let memory = store::memory::Memory::open(tables, 1, boot, clock.wall(), callbacks).unwrap();
    Post {
        settings: HookSettings {
            endpoints: Vec::new(),
            secret: api::secret::Secret::new(b"secret".to_vec()),
            kinds: HookKind::ALL.to_vec(),
            allow_private: true,
            timeout: Duration::from_secs(1),
            attempts: 15,
            first_retry: Duration::from_secs(5),
            longest_retry: Duration::from_secs(3_600),
            keep: Duration::from_secs(3_600),
            public_url: None,
        },
        store: Arc::new(memory),
        clock,
        bell: Arc::new(Bell::default()),
    }
}

#[test]
fn pauses_double_up_to_an_hour_and_differ_between_messages() {
    let post = post();
    let row = |id: &str, attempts| DeliveryRow {
        id: id.to_owned(),
        endpoint: "e".to_owned(),
        kind: HookKind::Ended,
        session: SessionId::parse("s1").unwrap(),
        body: "{}".into(),
        created_at: Wall(0),
        state: HookState::Waiting,
        attempts,
        next_at: Wall(0),
        status: None,
        error: None,
    };
    for (attempts, seconds) in [(1, 5), (2, 10), (3, 20), (8, 640), (11, 3_600), (40, 3_600)] {
        let pause = post.pause(&row("msg_a", attempts));
        let full = seconds * 1_000;
        let bounds = full * 8 / 10..=full * 12 / 10;
        assert!(bounds.contains(&pause), "{attempts}: {pause}");
    }
    let pauses: std::collections::BTreeSet<u64> = (0..20)
        .map(|n| post.pause(&row(&format!("msg_{n}"), 5)))
        .collect();
    assert!(pauses.len() > 10, "{pauses:?}");
}

#[test]
fn what_waits_for_an_endpoint_that_is_configured_no_more_is_given_up_at_the_start() {
    let mut post = post();
    post.settings.endpoints = vec![Endpoint::parse("http://127.0.0.1:9/known", true).unwrap()];
    let row = |endpoint: &str| DeliveryRow {
        id: "msg_a".to_owned(),
        endpoint: endpoint.to_owned(),
        kind: HookKind::Ended,
        session: SessionId::parse("s1").unwrap(),
        body: "{}".into(),
        created_at: Wall(0),
        state: HookState::Waiting,
        attempts: 0,
        next_at: Wall(0),
        status: None,
        error: None,
    };
    let (known, strange) = ("http://127.0.0.1:9/known", "http://127.0.0.1:9/strange");
    let rows = vec![row(known), row(strange)];
    post.store.queue_deliveries(0, rows, 100).unwrap();
    post.give_up_strangers().unwrap();
    let waiting = store::desk::DeliveryFilter {
        state: Some(HookState::Waiting),
        limit: 10,
        ..store::desk::DeliveryFilter::default()
    };
    let left = post.store.deliveries(&waiting).unwrap();
    assert_eq!(left, [row(known)]);
}
