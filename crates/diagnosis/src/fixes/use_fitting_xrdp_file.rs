//! `use-fitting-xrdp-file`.

use super::change::{Change, Look, Place, Step};
use super::{Fix, Safety};

pub const FIX: Fix = Fix {
    id: "use-fitting-xrdp-file",
    title: "Point xrdp to the key or the certificate beside it that fits the other one",
    safety: Safety::Safe,
    reason: "A file in the same folder makes a pair with the one that is right: its key is that of the certificate. Only \
             the path in xrdp.ini changes, and clients keep the certificate that they know. It acts with the next \
             connection.",
    place: Place::XRDP,
    steps: &[
        Step::Read(&[Look::Line("grep -E '^(certificate|key_file)' /etc/xrdp/xrdp.ini; ls -l /etc/xrdp")]),
        Step::Change(&[Change::UseFittingFile]),
    ],
    verify: "the handshake succeeds",
    undo: "certificate and key_file in xrdp.ini back to their former values",
};
