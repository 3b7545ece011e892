//! `use-fitting-xrdp-file`.

use super::change::{Change, Look, Place, Step};
use super::{Fix, Safety};

pub const FIX: Fix = Fix {
    id: "use-fitting-xrdp-file",
    title: "Point xrdp to the key and the certificate that fit each other",
    safety: Safety::Safe,
    reason: "A file beside the one that is right, or the one that the setting means, makes a pair with it: its key is that \
             of the certificate. Only paths in xrdp.ini change, and no new certificate is made. It acts with the next \
             connection.",
    place: Place::XRDP,
    steps: &[
        Step::Read(&[Look::Line("grep -E '^(certificate|key_file)' /etc/xrdp/xrdp.ini; ls -l /etc/xrdp")]),
        Step::Change(&[Change::UseFittingFile]),
    ],
    verify: "the handshake succeeds",
    undo: "certificate and key_file in xrdp.ini back to their former values",
};
