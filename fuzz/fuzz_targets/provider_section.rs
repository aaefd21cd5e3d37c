//! Fuzzes the target `provider_section`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| otpost_fuzz::configuration::provider_section(data));
