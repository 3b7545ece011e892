//! Reads the settings of the firewall's profiles. Whatever is in it, only a bounded part is kept.
#![no_main]

use collect::evidence::{Kind, Piece, pieces_of};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for piece in pieces_of(Kind::FirewallProfiles, bytes) {
        let Piece::State(state) = piece else { continue };
        assert!(state.weight() < 16 << 20);
    }
});
