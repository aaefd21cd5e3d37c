//! Fuzzes the target `twilio`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| otpost_fuzz::twilio::twilio(data));
