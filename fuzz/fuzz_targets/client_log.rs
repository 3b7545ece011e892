//! Reads a log of FreeRDP or guacd. Whatever is in it, only a bounded part is kept.
#![no_main]

use collect::evidence::{Kind, Piece, pieces_of};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for piece in pieces_of(Kind::ClientLog, bytes) {
        let Piece::State(state) = piece else { continue };
        assert!(state.weight() < 16 << 20);
    }
});
