//! Fuzzes the target `people_file`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| otpost_fuzz::people::file(data));
