//! `set-xrdp-ciphers`.

use super::change::{Change, Look, Place, Step};
use super::{Fix, Safety};

pub const FIX: Fix = Fix {
    id: "set-xrdp-ciphers",
    title: "Let xrdp take the cipher suites that OpenSSL takes by itself",
    safety: Safety::Safe,
    reason: "The list that is set names no suite, so that every handshake fails. DEFAULT is what OpenSSL of that machine \
             takes where nothing is set. It acts with the next connection.",
    place: Place::XRDP,
    steps: &[
        Step::Read(&[
            Look::Line("grep -E '^tls_ciphers' /etc/xrdp/xrdp.ini"),
            Look::Line("openssl ciphers -s DEFAULT"),
        ]),
        Step::Change(&[Change::SetXrdp { name: "tls_ciphers", value: "DEFAULT" }]),
    ],
    verify: "the handshake succeeds",
    undo: "tls_ciphers in xrdp.ini back to its former value",
};
