//! Tests of the carrier: what is delivered, what is refused, what it costs to be idle.

mod encode;
mod handshake;
mod receive;
mod violations;

use super::{Flow, Limits, Packet, Violation, Ws, WsIn, client};

pub(super) const KEY: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

/// A [`WsIn`] that outlives its buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Got {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong,
    Close(Option<u16>, String),
}

impl From<WsIn<'_>> for Got {
    fn from(event: WsIn<'_>) -> Self {
        match event {
            WsIn::Packet(Packet::Text(text)) => Self::Text(text.to_owned()),
            WsIn::Packet(Packet::Binary(bytes)) => Self::Binary(bytes.to_vec()),
            WsIn::Ping(payload) => Self::Ping(payload.to_vec()),
            WsIn::Pong => Self::Pong,
            WsIn::Close { code, reason } => Self::Close(code, reason.to_owned()),
        }
    }
}

/// Feeds `bytes` in reads of `read_len` bytes at time 0.
pub(super) fn feed(ws: &mut Ws, bytes: &[u8], read_len: usize) -> (Vec<Got>, Option<Violation>) {
    let mut got = Vec::new();
    for read in bytes.chunks(read_len) {
        let mut read = read.to_vec();
        let result = ws.receive(0, &mut read, &mut |event| {
            got.push(Got::from(event));
            Flow::Continue
        });
        if let Err(violation) = result {
            return (got, Some(violation));
        }
    }
    (got, None)
}

/// What a fresh server makes of `bytes`; the same however they are cut into reads.
pub(super) fn received(limits: Limits, bytes: &[u8]) -> (Vec<Got>, Option<Violation>) {
    let whole = feed(&mut Ws::new(limits), bytes, bytes.len().max(1));
    for read_len in [1, 2, 3, 7, 64] {
        let cut = feed(&mut Ws::new(limits), bytes, read_len);
        assert_eq!(
            cut, whole,
            "reads of {read_len} bytes change what is received"
        );
    }
    whole
}

/// One masked frame with any first byte: FIN, reserved bits and opcode as they come.
pub(super) fn raw(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = client::frame(super::Opcode::Binary, payload, KEY);
    out[0] = first;
    out
}
