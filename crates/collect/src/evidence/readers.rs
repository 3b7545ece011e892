//! The list of readers.

use super::reader::Reader;
use super::{bundle, capture, evtx, hive, procmon, rdp_file, script, state, transcript, watched};

/// Every kind, the most telling first.
pub(super) const READERS: &[Reader] = &[
    bundle::READER,
    state::READER,
    hive::READER,
    evtx::READER,
    transcript::READER,
    capture::READER,
    watched::READER,
    procmon::READER,
    rdp_file::READER,
    script::READER,
];
