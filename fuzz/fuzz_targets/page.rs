//! Fuzzes the target `page`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| otpost_fuzz::page::page(data));
