//! `clear-certificate-binding`.

use evidence::state::LISTENER;

use super::change::{Change, Look, Place, RESTART, Step};
use super::{Fix, Safety};

pub const FIX: Fix = Fix {
    id: "clear-certificate-binding",
    title: "Remove the listener's binding to a certificate that is gone",
    safety: Safety::Disruptive,
    reason: "It shows one value and removes it; restarting the services cuts all sessions. Clients then see a \
             self-signed certificate. Not on a Connection Broker: set the certificate in Server Manager there.",
    place: Place::HOST_CONSOLE,
    steps: &[
        Step::Read(&[Look::Name(LISTENER)]),
        Step::Read(&[Look::Line(
            "-join((Get-ItemProperty $k).SSLCertificateSHA1Hash|ForEach-Object{$_.ToString('X2')})",
        )]),
        Step::Ask("Write that thumbprint down."),
        Step::Change(&[Change::DeleteValue { key: LISTENER, name: "SSLCertificateSHA1Hash", rare: false }]),
        Step::Change(RESTART),
    ],
    verify: "SSLCertificateSHA1Hash is gone, and a handshake shows a certificate that the host made for itself",
    undo: "bind-certificate with the thumbprint that was written down",
};
