//! Fuzzes the target `batch_json`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| otpost_fuzz::batches::json(data));
