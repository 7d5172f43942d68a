//! A server for the suites of WebSocket, Engine.IO and Socket.IO, on the product's own transport
//! code. For tests only: no tokens, no sessions, loopback. `make conformance PORT=…` starts it.
#![allow(clippy::print_stdout, reason = "it says where it is")]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::Context as _;
use api::auth::{AuthSettings, Verifier};
use api::guard::Guard;
use server::driver::server::{RecordsAt, Server, Settings};

fn main() -> anyhow::Result<()> {
    let port = match std::env::args().nth(1) {
        None => 0,
        Some(text) => text.parse().context("the port must be a number")?,
    };
    let data = tempfile::tempdir().context("no folder for temporary files")?;
    // Nobody is asked for a token, so nobody knows how to make one.
    let verifier = Verifier::new(AuthSettings::with_secret(
        "the suites bring no tokens at all",
    ));
    let guard = Arc::new(Guard::new(Arc::new(verifier)));
    let router = Box::new(|_| axum::Router::new());
    let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut settings = Settings::new(addr, data.path(), guard, router);
    settings.conformance = true;
    settings.records = RecordsAt::Memory;
    settings.io_threads = 1;
    // What the suites expect to be told, and room for the carrier's largest messages.
    let wants_mirror = std::env::args().nth(2).as_deref() == Some("large");
    settings.limits.message_bytes = if wants_mirror { 64 << 20 } else { 1_000_000 };
    settings.limits.ping_interval_ms = 300;
    settings.limits.ping_timeout_ms = 200;
    settings.limits.auth_timeout_ms = 1_000;
    settings.outbox.event_bytes_max = 64 << 20;
    let running = Server::start(settings).context("it does not start")?;
    let signals = running.signals()?;
    let addr = running.addr();
    println!("WebSocket echo   ws://{addr}/echo");
    println!("Engine.IO echo   http://{addr}/engine.io/");
    println!("Socket.IO        http://{addr}/socket.io/");
    running.serve_until(signals);
    Ok(())
}
