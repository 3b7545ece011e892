//! Reads a file of evidence of any kind that needs no other file: states, transcripts, stored captures, bundles, the
//! script's output, recordings of accesses. Anything read can be stored and read again, and redacting twice changes
//! nothing.
#![no_main]

use std::path::PathBuf;

use collect::evidence::{Kind, Piece, pieces_in, redacted, stored};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let pieces: Vec<(PathBuf, Kind, Piece)> =
        pieces_in(bytes).into_iter().map(|piece| (PathBuf::new(), Kind::RecordedState, piece)).collect();
    let once = redacted(&pieces);
    for piece in &once {
        let (_, bytes) = stored(piece);
        assert_eq!(pieces_in(&bytes), std::slice::from_ref(piece));
    }
    let again: Vec<_> = once.iter().map(|piece| (PathBuf::new(), Kind::RecordedState, piece.clone())).collect();
    assert_eq!(redacted(&again), once);
});
