//! Hands libFuzzer's inputs to `protocol::fuzz::outbox`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| protocol::fuzz::outbox(data));
