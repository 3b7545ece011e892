//! `let-xrdp-read-its-key`.

use super::change::{Change, Look, Place, Step};
use super::{Fix, Safety};

pub const FIX: Fix = Fix {
    id: "let-xrdp-read-its-key",
    title: "Let xrdp read its private key",
    safety: Safety::Disruptive,
    reason: "xrdp gets no more than the rights of a group that is there for reading keys, as its own settings advise. It reads every key of that group then. The restart ends running connections.",
    place: Place::XRDP,
    steps: &[
        Step::Read(&[Look::Line(
            "namei -l $(grep -oP '^key_file=\\K.+' /etc/xrdp/xrdp.ini || echo /etc/xrdp/key.pem)",
        )]),
        Step::Change(&[Change::JoinKeyGroup]),
        Step::Change(&[Change::RestartUnit("xrdp")]),
    ],
    verify: "the host selects TLS and the handshake succeeds",
    undo: "gpasswd -d xrdp ssl-cert (its user and the group), and restart xrdp",
};
