//! Fuzzes the target `network`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| otpost_fuzz::texts::network(data));
