//! Fuzzes the target `batch_lines`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| otpost_fuzz::batches::lines(data));
