//! Reads a list of firewall rules. Whatever is in it, only a bounded part is kept.
#![no_main]

use collect::evidence::{Kind, Piece, pieces_of};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for piece in pieces_of(Kind::FirewallRules, bytes) {
        let Piece::State(state) = piece else { continue };
        assert!(state.weight() < 16 << 20);
    }
});
