//! `share-key-with-xrdp`.

use super::change::{Change, Look, Place, Step};
use super::{Fix, Safety};

pub const FIX: Fix = Fix {
    id: "share-key-with-xrdp",
    title: "Let the own group of xrdp read its private key",
    safety: Safety::Safe,
    reason: "Key and certificate stay as they are; nobody but the account of xrdp is in the group that may read the file then. Before, only root had it, or a group of administrators such as adm, which loses it: whoever reads the file by that group has to read it as root. It acts with the next connection.",
    place: Place::XRDP,
    steps: &[
        Step::Read(&[Look::Line(
            "ls -l $(grep -oP '^(certificate|key_file)=\\K.+' /etc/xrdp/xrdp.ini || echo /etc/xrdp/key.pem)",
        )]),
        Step::Change(&[Change::ShareKey]),
    ],
    verify: "the host selects TLS and the handshake succeeds",
    undo: "group and mode of the file back to what the first command showed",
};
