//! Hands libFuzzer's inputs to `protocol::fuzz::polling_body`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| protocol::fuzz::polling_body(data));
