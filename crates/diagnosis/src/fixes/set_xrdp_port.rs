//! `set-xrdp-port`.

use super::change::{Change, Look, Place, Step};
use super::{Fix, Safety};

pub const FIX: Fix = Fix {
    id: "set-xrdp-port",
    title: "Set the port of xrdp",
    safety: Safety::Disruptive,
    reason: "Clients that use another port have to name it. The restart ends running connections.",
    place: Place::XRDP,
    steps: &[
        Step::Read(&[Look::Line("grep -nE '^port' /etc/xrdp/xrdp.ini; ss -ltnp | grep xrdp")]),
        Step::Change(&[Change::SetXrdp { name: "port", value: "{port}" }]),
        Step::Change(&[Change::RestartUnit("xrdp")]),
    ],
    verify: "the port accepts connections",
    undo: "port in xrdp.ini back to its former value, and restart xrdp",
};
