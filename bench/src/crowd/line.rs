//! One WebSocket of a page, without any idea of sessions.

use anyhow::{Context, Result, bail};
use protocol::ws::client as wire;
use protocol::ws::{Flow, Limits, Opcode, Packet, Ws, WsIn};
use serde_json::Value;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const KEY: [u8; 16] = *b"sixteen bytes...";
const MASK: [u8; 4] = [0x12, 0x34, 0x56, 0x78];
const OPEN_LIMIT: Duration = Duration::from_secs(10);
const WRITE_LIMIT: Duration = Duration::from_secs(10);

/// What came.
#[derive(Debug)]
pub(super) enum Came {
    Message(Value),
    /// The server's close frame.
    Close(u16),
}

/// A connection that has been upgraded.
pub(super) struct Line {
    stream: TcpStream,
    ws: Ws,
    buffer: Vec<u8>,
    rest: Vec<u8>,
    pings: Vec<Vec<u8>>,
}

impl Line {
    /// Connects and upgrades.
    ///
    /// # Errors
    /// When nobody answers, or not with an upgrade.
    pub(super) async fn open(address: SocketAddr, token: &str) -> Result<Line> {
        let opening = Self::open_slowly(address, token);
        tokio::time::timeout(OPEN_LIMIT, opening).await?
    }

    async fn open_slowly(address: SocketAddr, token: &str) -> Result<Line> {
        let mut stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let bearer = format!("Bearer {token}");
        let headers = [("Authorization", bearer.as_str())];
        let request = wire::request(&address.to_string(), "/ws", KEY, &headers);
        stream.write_all(request.as_bytes()).await?;
        let mut head = Vec::new();
        loop {
            let mut chunk = [0; 2048];
            let read = stream.read(&mut chunk).await?;
            if read == 0 {
                bail!("closed during the handshake");
            }
            head.extend_from_slice(&chunk[..read]);
            let Some(upgraded) = wire::response(&head, KEY)? else {
                continue;
            };
            let rest = head.split_off(upgraded.head_len);
            let limits = Limits {
                frame_bytes_max: 1 << 20,
                message_bytes_max: 1 << 20,
                ..Limits::default()
            };
            return Ok(Line {
                stream,
                ws: Ws::for_client(limits),
                buffer: vec![0; 16 * 1024],
                rest,
                pings: Vec::new(),
            });
        }
    }

    /// Sends a message.
    ///
    /// # Errors
    /// When the line is dead.
    pub(super) async fn send(&mut self, message: &Value) -> Result<()> {
        self.write(Opcode::Text, message.to_string().as_bytes())
            .await
    }

    /// Sends a binary message.
    ///
    /// # Errors
    /// When the line is dead.
    pub(super) async fn send_binary(&mut self, bytes: &[u8]) -> Result<()> {
        self.write(Opcode::Binary, bytes).await
    }

    async fn write(&mut self, opcode: Opcode, payload: &[u8]) -> Result<()> {
        let frame = wire::frame(opcode, payload, MASK);
        let writing = self.stream.write_all(&frame);
        tokio::time::timeout(WRITE_LIMIT, writing).await??;
        Ok(())
    }

    /// Waits for what comes next. May be dropped at any await: nothing is lost then.
    ///
    /// # Errors
    /// When the line is dead, or the server does not keep to the protocol.
    pub(super) async fn receive(&mut self) -> Result<Vec<Came>> {
        let mut fresh = std::mem::take(&mut self.rest);
        if fresh.is_empty() {
            let read = self.stream.read(&mut self.buffer).await?;
            if read == 0 {
                bail!("closed without a word");
            }
            fresh = self.buffer[..read].to_vec();
        }
        let mut came = Vec::new();
        let pings = &mut self.pings;
        let mut bad = None;
        let mut on = |event: WsIn<'_>| {
            match event {
                WsIn::Packet(Packet::Text(text)) => match serde_json::from_str(text) {
                    Ok(message) => came.push(Came::Message(message)),
                    Err(error) => bad = Some(error),
                },
                WsIn::Packet(Packet::Binary(_)) | WsIn::Pong => {}
                WsIn::Ping(payload) => pings.push(payload.to_vec()),
                WsIn::Close { code, .. } => {
                    came.push(Came::Close(code.unwrap_or(1005)));
                    return Flow::Stop;
                }
            }
            Flow::Continue
        };
        if let Err(error) = self.ws.receive(0, &mut fresh, &mut on) {
            bail!("the server breaks the protocol: {error:?}");
        }
        if let Some(error) = bad {
            return Err(error).context("the server does not speak JSON");
        }
        Ok(came)
    }

    /// Answers what [`Line::receive`] kept of pings.
    ///
    /// # Errors
    /// When the line is dead.
    pub(super) async fn answer_pings(&mut self) -> Result<()> {
        for ping in std::mem::take(&mut self.pings) {
            self.write(Opcode::Pong, &ping).await?;
        }
        Ok(())
    }

    /// The line dies without a goodbye: a reset, at once.
    pub(super) fn reset(self) {
        let _ = socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
    }

    /// The line falls silent: nothing is read or said any more, and nothing is closed for so long.
    pub(super) fn fall_silent(self, length: Duration) {
        tokio::task::spawn_local(async move {
            tokio::time::sleep(length).await;
            self.reset();
        });
    }
}
