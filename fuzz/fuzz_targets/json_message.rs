//! Hands libFuzzer's inputs to `protocol::fuzz::json_message`, within the bound of `greenroom_fuzz`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| greenroom_fuzz::bounded(protocol::fuzz::json_message, data));
