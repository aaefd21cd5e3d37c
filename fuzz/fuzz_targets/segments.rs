//! Fuzzes the target `segments`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| otpost_fuzz::texts::segments(data));
