//! `make-gnome-certificate`.

use super::change::{Change, Look, NEW_GNOME_CERTIFICATE, NEW_GNOME_KEY, Place, Step};
use super::{Fix, Safety};

pub const FIX: Fix = Fix {
    id: "make-gnome-certificate",
    title: "Give GNOME Remote Desktop a new certificate with its own key",
    safety: Safety::Disruptive,
    reason: "Clients warn once more, because the certificate is new and self-signed. Where one from an authority is wanted, put that in its place. The files that were set stay where they are. Switching it off and on ends running connections.",
    place: Place::GNOME,
    steps: &[
        Step::Read(&[Look::Line("grdctl status")]),
        Step::Change(&[Change::MakeGnomeCertificate]),
        Step::Change(&[
            Change::SetGnome { name: "tls-cert", value: NEW_GNOME_CERTIFICATE },
            Change::SetGnome { name: "tls-key", value: NEW_GNOME_KEY },
        ]),
        Step::Change(&[Change::RestartGnome]),
    ],
    verify: "the handshake succeeds and shows a certificate that is valid",
    undo: "grdctl rdp set-tls-cert and set-tls-key with the former paths; then switch it off and on",
};
