//! Fuzzes the target `limit_rule`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| otpost_fuzz::texts::limit_rule(data));
