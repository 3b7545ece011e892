//! `swap-xrdp-files`.

use super::change::{Change, Look, Place, Step};
use super::{Fix, Safety};

pub const FIX: Fix = Fix {
    id: "swap-xrdp-files",
    title: "Exchange the paths of xrdp's certificate and private key",
    safety: Safety::Safe,
    reason: "Each of the two files holds what the other setting asks for; the files themselves stay as they are. It acts with the next connection.",
    place: Place::XRDP,
    steps: &[
        Step::Read(&[Look::Line("grep -E '^(certificate|key_file)' /etc/xrdp/xrdp.ini")]),
        Step::Change(&[Change::SwapXrdpFiles]),
    ],
    verify: "the handshake succeeds",
    undo: "certificate and key_file in xrdp.ini back to their former values",
};
