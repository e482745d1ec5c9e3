#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| seamark_fuzz::run("masks", bytes));
