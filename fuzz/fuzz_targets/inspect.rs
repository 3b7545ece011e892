//! Inspects a folder of files made of any bytes, from reading to the report in every format.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| reports::of_folder(bytes));

#[allow(dead_code, reason = "the other target's part")]
#[path = "../src/reports.rs"]
mod reports;
