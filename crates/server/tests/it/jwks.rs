//! Public keys from a real server on loopback: rotation, one fetch for many, and a source that is
//! away, slow, too large, or leads elsewhere.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use api::auth::{AuthSettings, Verifier};
use api::guard::Guard;
use api::keyring::{Algorithm, Keyring};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{EncodingKey, Header};
use p256::elliptic_curve::sec1::ToEncodedPoint as _;
use p256::pkcs8::EncodePrivateKey as _;
use parking_lot::Mutex;
use serde_json::{Value, json};
use server::jwks::{Fetcher, Source};

use crate::support::{Client, TestServer, now, wait_for};

/// Fetched again this soon after a fetch.
const SOON: Duration = Duration::from_millis(100);

struct Pair {
    kid: &'static str,
    jwk: Value,
    encoding: EncodingKey,
}

impl Pair {
    fn new(kid: &'static str) -> Self {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).unwrap();
        let key = p256::SecretKey::from_slice(&seed).unwrap();
        let point = key.public_key().to_encoded_point(false);
        let b64 = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        Self {
            kid,
            jwk: json!({"kty": "EC", "crv": "P-256", "kid": kid, "use": "sig",
                "x": b64(point.x().unwrap()), "y": b64(point.y().unwrap())}),
            encoding: EncodingKey::from_ec_der(key.to_pkcs8_der().unwrap().as_bytes()),
        }
    }

    fn token(&self, user: &str) -> String {
        let mut header = Header::new(jsonwebtoken::Algorithm::ES256);
        header.kid = Some(self.kid.to_owned());
        let seconds = now().0 / 1_000;
        let claims =
            json!({"sub": user, "role": "candidate", "iat": seconds, "exp": seconds + 600});
        jsonwebtoken::encode(&header, &claims, &self.encoding).unwrap()
    }
}

/// A place where keys are published, over HTTP.
struct Published {
    addr: SocketAddr,
    asked: Arc<AtomicUsize>,
    answer: Arc<Mutex<Vec<u8>>>,
}

fn ok(body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
        .into_bytes()
}

fn document(pairs: &[&Pair]) -> Vec<u8> {
    let keys: Vec<&Value> = pairs.iter().map(|pair| &pair.jwk).collect();
    ok(&json!({ "keys": keys }).to_string())
}

impl Published {
    fn new(answer: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let answer = Arc::new(Mutex::new(answer));
        let (count, bytes) = (Arc::clone(&asked), Arc::clone(&answer));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let _ = stream.read(&mut [0; 4096]);
                count.fetch_add(1, Ordering::SeqCst);
                let _ = stream.write_all(&bytes.lock().clone());
            }
        });
        Self {
            addr,
            asked,
            answer,
        }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// A server that goes by these keys.
    fn server(&self, cooldown: Duration) -> TestServer {
        let ring = Arc::new(Keyring::default());
        let settings = AuthSettings {
            algorithm: Algorithm::Es256,
            keyring: Arc::clone(&ring),
            ..AuthSettings::with_secret("")
        };
        let source = Source {
            url: format!("http://{}/jwks", self.addr),
            algorithm: Algorithm::Es256,
            every: Duration::from_secs(3_600),
            cooldown,
        };
        Fetcher::start(source, &ring).unwrap();
        let guard = Arc::new(Guard::new(Arc::new(Verifier::new(settings))));
        TestServer::with(move |settings| settings.guard = guard)
    }
}

fn knock(server: &TestServer, token: &str) -> Value {
    let mut client = Client::open(server.addr(), &format!("/ws?token={token}"), &[]);
    client.json()
}

#[test]
fn the_first_token_waits_for_the_keys_and_a_new_key_is_fetched_when_a_token_names_it() {
    let (old, new) = (Pair::new("old"), Pair::new("new"));
    let published = Published::new(document(&[&old]));
    let server = published.server(SOON);
    let let_in = |pair: &Pair| knock(&server, &pair.token("ana"))["type"] == "connection:success";
    assert!(let_in(&old));
    *published.answer.lock() = document(&[&old, &new]);
    wait_for("the new key", || let_in(&new));
    assert!(let_in(&old));

    // Also as the first message, where the connection waits without holding anybody up.
    let mut client = Client::open(server.addr(), "/ws", &[("Origin", "http://localhost:3000")]);
    client.send(json!({"type": "auth", "token": new.token("ivo")}));
    assert_eq!(client.expect("connection:success")["userId"], "ivo");
}

#[test]
fn right_after_a_fetch_a_made_up_key_is_no_reason_for_another_one() {
    let (key, other) = (Pair::new("k"), Pair::new("made-up"));
    let published = Published::new(document(&[&key]));
    let server = published.server(Duration::from_secs(3_600));
    assert_eq!(
        knock(&server, &key.token("ana"))["type"],
        "connection:success"
    );
    *published.answer.lock() = document(&[&key, &other]);
    for _ in 0..5 {
        assert_eq!(knock(&server, &other.token("eve"))["code"], "token_invalid");
    }
    assert_eq!(published.asked(), 1);
}

#[test]
fn tokens_that_come_at_once_wait_for_one_fetch() {
    let key = Pair::new("k");
    let published = Published::new(document(&[&key]));
    let hold = published.answer.lock();
    let server = Arc::new(published.server(SOON));
    let knocks: Vec<_> = (0..20)
        .map(|n| {
            let (server, token) = (Arc::clone(&server), key.token(&format!("u{n}")));
            std::thread::spawn(move || {
                let mut client =
                    Client::open(server.addr(), "/ws", &[("Origin", "http://localhost:3000")]);
                client.send(json!({"type": "auth", "token": token}));
                client.json()
            })
        })
        .collect();
    wait_for("a fetch", || published.asked() == 1);
    wait_for("everybody", || {
        server.running().core().gauges().connections == 20
    });
    drop(hold);
    for knock in knocks {
        assert_eq!(knock.join().unwrap()["type"], "connection:success");
    }
    assert_eq!(published.asked(), 1);
}

#[test]
fn without_keys_the_answer_says_to_come_again_and_what_is_no_document_is_not_taken() {
    let key = Pair::new("k");
    let elsewhere = Published::new(document(&[&key]));
    let redirect = format!(
        "HTTP/1.1 302 Found\r\nLocation: http://{}/jwks\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        elsewhere.addr
    );
    let huge = format!("{{\"keys\":[{}]}}", " ".repeat(300 * 1024));
    for answer in [
        redirect.into_bytes(),
        b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec(),
        ok("<html>"),
        ok(&huge),
        b"garbage".to_vec(),
    ] {
        let published = Published::new(answer);
        let server = published.server(SOON);
        let refused = knock(&server, &key.token("ana"));
        assert_eq!(refused["code"], "busy", "{refused}");
        assert_eq!(refused["retryAfterMs"], 5_000);
        // Once the source is well again, so are the tokens.
        *published.answer.lock() = document(&[&key]);
        wait_for("the keys", || {
            knock(&server, &key.token("ana"))["type"] == "connection:success"
        });
    }
    assert_eq!(elsewhere.asked(), 0, "a redirect was followed");
}

#[test]
fn keys_stay_good_while_their_source_is_away() {
    let (key, other) = (Pair::new("k"), Pair::new("other"));
    let published = Published::new(document(&[&key]));
    let server = published.server(SOON);
    assert_eq!(
        knock(&server, &key.token("ana"))["type"],
        "connection:success"
    );
    *published.answer.lock() =
        b"HTTP/1.1 503 Away\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec();
    wait_for("another fetch", || {
        knock(&server, &other.token("eve"));
        published.asked() >= 2
    });
    assert_eq!(
        knock(&server, &key.token("ana"))["type"],
        "connection:success"
    );
}
