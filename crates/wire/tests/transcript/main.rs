//! Laws of transcripts: text and back, replay, redaction. The fixtures in `transcripts/` are what [`fixtures`] builds;
//! `WRITE_FIXTURES=1 cargo test -p wire --test transcript` writes them anew.

#![allow(clippy::disallowed_methods, reason = "fixtures are files")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "tests")]

mod fixtures;
mod redaction;
mod text;
