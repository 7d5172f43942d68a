//! Hands libFuzzer's inputs to `protocol::fuzz::audio_frame`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| protocol::fuzz::audio_frame(data));
