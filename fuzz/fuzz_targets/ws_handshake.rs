//! Hands libFuzzer's inputs to `protocol::fuzz::ws_handshake`, within the bound of `greenroom_fuzz`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| greenroom_fuzz::bounded(protocol::fuzz::ws_handshake, data));
