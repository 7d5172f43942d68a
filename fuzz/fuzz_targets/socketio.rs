//! Hands libFuzzer's inputs to `protocol::fuzz::socketio`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| protocol::fuzz::socketio(data));
