//! Fuzzes the target `provider_answer`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| otpost_fuzz::answers::provider_answer(data));
