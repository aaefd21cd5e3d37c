//! Fuzzes the target `django`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| otpost_fuzz::django::django(data));
