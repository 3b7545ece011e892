//! `swap-gnome-files`.

use super::change::{Change, Look, Place, Step};
use super::{Fix, Safety};

pub const FIX: Fix = Fix {
    id: "swap-gnome-files",
    title: "Exchange the paths of GNOME Remote Desktop's certificate and private key",
    safety: Safety::Disruptive,
    reason: "Each of the two files holds what the other setting asks for; the files themselves stay as they are, and clients keep the certificate that they know. Switching it off and on ends running connections.",
    place: Place::GNOME,
    steps: &[
        Step::Read(&[Look::Line("grdctl status")]),
        Step::Change(&[Change::SwapGnomeFiles]),
        Step::Change(&[Change::RestartGnome]),
    ],
    verify: "the handshake succeeds",
    undo: "grdctl rdp set-tls-cert and set-tls-key with the former paths; then switch it off and on",
};
