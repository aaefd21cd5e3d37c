//! Fuzzes the target `report`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| otpost_fuzz::reports::report(data));
