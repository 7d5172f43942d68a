//! The real binary with its most talkative log, shown secrets in every place there is (X6).

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use protocol::value::Role;
use serde_json::json;

use crate::support::{Client, SECRET, admin, http, now, token};

const KEY: &str = "gr_mnopqrstuvwxyz234567abcdefghijklabcdefgh";
const HOOK_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqr";

/// Killed when the test is over, whatever became of it.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(data: &std::path::Path) -> (Process, SocketAddr) {
    let child = Command::new(env!("CARGO_BIN_EXE_greenroom"))
        .args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--speech",
            "off",
            "--data",
        ])
        .arg(data)
        .current_dir(data)
        .env_clear()
        .env("JWT_SECRET", SECRET)
        .env("GREENROOM_API_KEYS", KEY)
        .env("WEBHOOK_SECRET", HOOK_SECRET)
        .env(
            "GREENROOM__WEBHOOKS__URLS",
            "http://127.0.0.1:1/x?key=hookquery",
        )
        .env("GREENROOM__WEBHOOKS__ALLOW_PRIVATE", "true")
        .env("GREENROOM__SESSIONS__CREATE_ON_JOIN", "true")
        .env("GREENROOM__LOG__LEVEL", "trace")
        .env("GREENROOM__LOG__FORMAT", "text")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut process = Process(child);
    let mut lines = BufReader::new(process.0.stdout.take().unwrap()).lines();
    let addr = loop {
        let line = lines.next().expect("an address").unwrap();
        if let Some((_, addr)) = line.split_once("server      http://") {
            break addr.trim().parse().unwrap();
        }
    };
    // Whatever else is said there is read, so that the pipe never fills.
    std::thread::spawn(move || lines.for_each(drop));
    (process, addr)
}

#[test]
fn no_token_ticket_key_or_secret_is_in_the_most_talkative_log() {
    let dir = tempfile::tempdir().unwrap();
    let (mut process, addr) = start(dir.path());
    let mut errors = process.0.stderr.take().unwrap();
    let log = std::thread::spawn(move || {
        let mut text = Vec::new();
        let _ = errors.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    });

    let good = token("ana", Role::Candidate);
    // Cut, so that it is refused.
    let bad = &good[..good.len() - 5];
    for shown in [&*good, bad, KEY, &format!("{KEY}x")] {
        for path in [
            format!("/ws?token={shown}"),
            format!("/ws?x=1&ticket={shown}&y"),
        ] {
            drop(Client::open(addr, &path, &[]).json());
        }
        let bearer = format!("Bearer {shown}");
        drop(Client::open(addr, "/ws", &[("Authorization", &bearer)]).json());
        let protocols = format!("greenroom.v1, bearer.{shown}");
        drop(Client::open(addr, "/ws", &[("Sec-WebSocket-Protocol", &protocols)]).json());
        let page = ("Origin", "http://localhost:3000");
        let mut client = Client::open(addr, "/ws", &[page]);
        client.send(json!({"type": "auth", "token": shown}));
        drop(client.json());
        http(addr, "GET", "/api/sessions/active", shown, "");
        http(addr, "GET", &format!("/reports/s1?token={shown}"), "", "");
    }
    let (_, body) = http(addr, "POST", "/api/tickets", &good, "");
    let ticket: serde_json::Value = serde_json::from_str(&body).unwrap();
    let ticket = ticket["ticket"].as_str().unwrap().to_owned();
    for _ in 0..2 {
        drop(Client::open(addr, &format!("/ws?ticket={ticket}"), &[]).json());
    }
    let mut ana = Client::open(addr, &format!("/ws?token={good}"), &[]);
    let resume = ana.expect("connection:success")["resumeKey"].clone();
    ana.ask(json!({"type": "auth:refresh", "token": good}));
    ana.ask(json!({"type": "auth:refresh", "token": bad}));
    let joined = ana.join("s1");
    assert_eq!(ana.ask(json!({"type": "interview:start"}))["type"], "ok");
    let revoke = json!({"userId": "ana"}).to_string();
    http(addr, "POST", "/api/revocations", &admin(), &revoke);
    assert_eq!(ana.closed().0, 4401);
    crate::support::wait_for("a webhook's attempt", || {
        let (_, text) = http(addr, "GET", "/api/webhooks/deliveries", KEY, "");
        text.contains("\"attempts\":1")
    });

    drop(process);
    let log = log.join().unwrap();
    assert!(
        log.lines().count() > 50,
        "this says too little to mean anything:\n{log}"
    );
    let admin = admin();
    let signature = good.rsplit('.').next().unwrap();
    let secrets = [
        signature,
        &signature[..20],
        &admin.rsplit('.').next().unwrap()[..20],
        &KEY[11..],
        &ticket["grt_".len()..],
        SECRET,
        &HOOK_SECRET[6..],
        "hookquery",
        resume.as_str().unwrap(),
        joined["resumeKey"].as_str().unwrap(),
    ]
    .map(str::to_owned);
    for secret in secrets {
        let line = log.lines().find(|line| line.contains(&secret));
        assert_eq!(line, None, "{secret} at {}", now().0);
    }
}
