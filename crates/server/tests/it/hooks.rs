//! Webhooks over real sockets: told after the commit, signed, repeated until taken, kept across a
//! restart, and never to a private address unless that is allowed.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use protocol::value::Role;
use serde_json::{Value, json};
use server::driver::server::Settings;
use server::hooks::HookSettings;
use server::hooks::message::sign;
use server::hooks::target::Endpoint;
use store::desk::HookKind;

use crate::support::{PATIENCE, TestServer, admin, http, now, wait_for};

const SECRET: &[u8] = b"a secret for signatures, long enough";

/// One request as the receiver got it.
#[derive(Debug)]
struct Post {
    id: String,
    stamp: String,
    signature: String,
    body: Value,
    text: String,
}

/// Answers requests with these statuses, the last one for ever.
fn receiver(statuses: &'static [u16]) -> (SocketAddr, Receiver<Post>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let (got, posts) = channel();
    std::thread::spawn(move || {
        for (nth, stream) in listener.incoming().enumerate() {
            let Ok(mut stream) = stream else { return };
            let status = statuses[nth.min(statuses.len() - 1)];
            if !take(&mut stream, status, &got) {
                return;
            }
        }
    });
    (addr, posts)
}

fn take(stream: &mut std::net::TcpStream, status: u16, got: &Sender<Post>) -> bool {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    let (head, body) = loop {
        let read = stream.read(&mut chunk).unwrap_or(0);
        if read == 0 {
            return true;
        }
        bytes.extend_from_slice(&chunk[..read]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length: usize = header(head, "content-length").parse().unwrap();
            if body.len() >= length {
                break (head.to_owned(), body.to_owned());
            }
        }
    };
    let post = Post {
        id: header(&head, "webhook-id"),
        stamp: header(&head, "webhook-timestamp"),
        signature: header(&head, "webhook-signature"),
        body: serde_json::from_str(&body).unwrap(),
        text: body,
    };
    let more = match status {
        301 => "Location: http://127.0.0.1:1/elsewhere\r\n",
        _ => "",
    };
    let answer =
        format!("HTTP/1.1 {status} X\r\n{more}Content-Length: 0\r\nConnection: close\r\n\r\n");
    let _ = stream.write_all(answer.as_bytes());
    got.send(post).is_ok()
}

fn header(head: &str, name: &str) -> String {
    let line = head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name)
            .then(|| value.trim().to_owned())
    });
    line.unwrap_or_default()
}

fn told(settings: &mut Settings, addr: SocketAddr, allow_private: bool) {
    settings.hooks = Some(HookSettings {
        // Made with the permission, so that the sender's own check is what is tested.
        endpoints: vec![Endpoint::parse(&format!("http://{addr}/hook?key=hidden"), true).unwrap()],
        secret: api::secret::Secret::new(SECRET.to_vec()),
        kinds: HookKind::ALL.to_vec(),
        allow_private,
        timeout: Duration::from_secs(5),
        attempts: 4,
        first_retry: Duration::from_millis(20),
        longest_retry: Duration::from_millis(100),
        keep: Duration::from_secs(3_600),
        public_url: Some("https://interviews.example.org".to_owned()),
    });
}

/// A session from its start to its end.
fn interview(server: &TestServer, name: &str) {
    let mut ana = server.client("ana", Role::Candidate);
    ana.join(name);
    assert_eq!(ana.ask(json!({"type": "interview:start"}))["type"], "ok");
    ana.ask(json!({"type": "end_interview"}));
    ana.expect("session_ended");
}

fn next(posts: &Receiver<Post>) -> Post {
    posts.recv_timeout(PATIENCE).expect("a message")
}

fn log(server: &TestServer, query: &str) -> Vec<Value> {
    let path = format!("/api/webhooks/deliveries{query}");
    let (_, text) = http(server.addr(), "GET", &path, &admin(), "");
    let page: Value = serde_json::from_str(&text).unwrap();
    page["deliveries"].as_array().unwrap().clone()
}

#[test]
fn start_end_and_report_are_told_in_order_signed_and_logged() {
    let (addr, posts) = receiver(&[204]);
    let server = TestServer::with(|settings| told(settings, addr, true));
    interview(&server, "s1");
    let all = [next(&posts), next(&posts), next(&posts)];
    let kinds: Vec<_> = all.iter().map(|post| post.body["type"].clone()).collect();
    assert_eq!(kinds, ["session.started", "session.ended", "report.ready"]);
    for post in &all {
        let stamp = post.stamp.parse().unwrap();
        assert_eq!(post.signature, sign(SECRET, &post.id, stamp, &post.text));
        assert!((stamp - now().0 / 1_000).abs() < 60);
        assert_eq!(post.body["data"]["sessionId"], "s1");
        assert_eq!(post.body["data"]["candidate"], "ana");
    }
    assert_eq!(all[1].body["data"]["reason"], "candidate_ended");
    let url = "https://interviews.example.org/reports/s1";
    assert_eq!(all[2].body["data"]["reportUrl"], url);
    wait_for("three delivered messages", || {
        log(&server, "?state=delivered").len() == 3
    });
    let shown = format!("{:?}", log(&server, "?sessionId=s1"));
    assert!(
        !shown.contains("hidden") && shown.contains("/hook"),
        "{shown}"
    );
}

#[test]
fn a_refused_message_comes_again_with_the_same_id_until_it_is_taken() {
    let (addr, posts) = receiver(&[500, 301, 200]);
    let server = TestServer::with(|settings| {
        told(settings, addr, true);
        settings.hooks.as_mut().unwrap().kinds = vec![HookKind::Started];
    });
    interview(&server, "s1");
    let tries = [next(&posts), next(&posts), next(&posts)];
    assert!(
        tries
            .iter()
            .all(|post| post.id == tries[0].id && post.text == tries[0].text)
    );
    wait_for("a delivered message", || {
        log(&server, "?state=delivered").len() == 1
    });
    assert_eq!(log(&server, "")[0]["attempts"], 3);
}

#[test]
fn a_message_nobody_takes_is_given_up_and_stays_in_the_log() {
    let (addr, posts) = receiver(&[503]);
    let server = TestServer::with(|settings| {
        told(settings, addr, true);
        settings.hooks.as_mut().unwrap().kinds = vec![HookKind::Ended];
    });
    interview(&server, "s1");
    wait_for("a failed message", || {
        log(&server, "?state=failed").len() == 1
    });
    let row = &log(&server, "")[0];
    assert_eq!(
        (&row["attempts"], &row["lastStatus"]),
        (&json!(4), &json!(503))
    );
    assert_eq!(posts.try_iter().count(), 4);
}

#[test]
fn a_private_address_is_never_connected_to_unless_that_is_allowed() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let addr = listener.local_addr().unwrap();
    let server = TestServer::with(|settings| {
        told(settings, addr, false);
        // http is refused earlier; a name that leads here is what the check is for.
        let url = format!("https://localhost:{}/hook", addr.port());
        let endpoint = Endpoint::parse(&url, false).unwrap();
        settings.hooks.as_mut().unwrap().endpoints = vec![endpoint];
    });
    interview(&server, "s1");
    wait_for("given-up messages", || {
        log(&server, "?state=failed").len() == 3
    });
    for row in log(&server, "") {
        let error = row["lastError"].as_str().unwrap();
        assert!(error.contains("not a public one"), "{error}");
    }
    assert!(listener.accept().is_err(), "somebody connected");
}

#[test]
fn what_was_not_delivered_when_the_process_died_is_delivered_by_the_next_one() {
    // It takes connections and says nothing, until it is served below.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = listener.local_addr().unwrap();
    let patient = |settings: &mut Settings, addr| {
        told(settings, addr, true);
        let hooks = settings.hooks.as_mut().unwrap();
        hooks.attempts = 1_000;
        hooks.timeout = Duration::from_millis(200);
        hooks.kinds = vec![HookKind::Ended];
        hooks.endpoints = vec![Endpoint::parse(&format!("http://{addr}/hook"), true).unwrap()];
    };
    let mut server = TestServer::with(|settings| patient(settings, silent));
    interview(&server, "s1");
    wait_for("an attempt", || {
        log(&server, "?state=waiting")
            .first()
            .is_some_and(|row| row["attempts"] != 0)
    });
    server.running.take().unwrap().abort();
    let (got, posts) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            if !take(&mut stream, 200, &got) {
                return;
            }
        }
    });
    server.running = Some(TestServer::start_in(server.dir.path(), |s| {
        patient(s, silent)
    }));
    assert_eq!(next(&posts).body["data"]["sessionId"], "s1");
    wait_for("a delivered message", || {
        log(&server, "?state=delivered").len() == 1
    });
}
