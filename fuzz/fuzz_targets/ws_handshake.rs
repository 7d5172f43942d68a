//! Hands libFuzzer's inputs to `protocol::fuzz::ws_handshake`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| protocol::fuzz::ws_handshake(data));
