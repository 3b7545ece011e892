#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wire_fuzz::dns_answer(bytes));
