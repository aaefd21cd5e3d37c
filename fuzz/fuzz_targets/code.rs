//! Fuzzes the target `code`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| otpost_fuzz::texts::code(data));
