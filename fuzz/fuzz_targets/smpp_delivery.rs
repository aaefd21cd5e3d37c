//! Fuzzes the target `smpp_delivery`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| otpost_fuzz::smpp::delivery(data));
