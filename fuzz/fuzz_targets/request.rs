//! Fuzzes the target `request`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| otpost_fuzz::requests::request(data));
