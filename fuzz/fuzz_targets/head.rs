//! Fuzzes the target `head`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| otpost_fuzz::requests::head(data));
