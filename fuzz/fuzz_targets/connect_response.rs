#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wire_fuzz::connect_response(bytes));
