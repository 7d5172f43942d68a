//! Hands libFuzzer's inputs to `speech::fuzz::wav`, within the bound of `greenroom_fuzz`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| greenroom_fuzz::bounded(speech::fuzz::wav, data));
