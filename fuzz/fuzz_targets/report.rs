//! Prints the diagnosis of a state made of any bytes in every format: nothing that a terminal obeys comes out, and JSON
//! stays JSON.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| reports::of_state(bytes));

#[allow(dead_code, reason = "the other target's part")]
#[path = "../src/reports.rs"]
mod reports;
