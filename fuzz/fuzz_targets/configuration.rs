//! Fuzzes the target `configuration`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| otpost_fuzz::configuration::configuration(data));
