//! `make-xrdp-certificate`.

use super::change::{Change, Look, NEW_CERTIFICATE, NEW_KEY, Place, Step};
use super::{Fix, Safety};

pub const FIX: Fix = Fix {
    id: "make-xrdp-certificate",
    title: "Give xrdp a new certificate with its own key",
    safety: Safety::Disruptive,
    reason: "Clients warn once more, because the certificate is new and self-signed. Where one from an authority is wanted, put that in its place. The files that were set stay where they are.",
    place: Place::XRDP,
    steps: &[
        Step::Read(&[Look::Line("grep -E '^(certificate|key_file)' /etc/xrdp/xrdp.ini")]),
        Step::Change(&[Change::MakeXrdpCertificate]),
        Step::Change(&[
            Change::SetXrdp { name: "certificate", value: NEW_CERTIFICATE },
            Change::SetXrdp { name: "key_file", value: NEW_KEY },
        ]),
    ],
    verify: "the handshake succeeds and shows a certificate that is valid",
    undo: "certificate and key_file in xrdp.ini back to their former values",
};
