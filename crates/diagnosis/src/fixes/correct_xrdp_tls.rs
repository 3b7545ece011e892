//! `correct-xrdp-tls`.

use super::change::{Look, Place, Step};
use super::{Fix, Safety};

pub const FIX: Fix = Fix {
    id: "correct-xrdp-tls",
    title: "Correct the setting that keeps xrdp from starting TLS",
    safety: Safety::Manual,
    reason: "xrdp's log names which file or setting it is; the others stay as they are.",
    place: Place::XRDP,
    steps: &[
        Step::Read(&[
            Look::Line("grep -iE 'ssl|tls|certificate|cipher' /var/log/xrdp.log | tail -20"),
            Look::Line("grep -E '^(certificate|key_file|ssl_protocols|tls_ciphers)' /etc/xrdp/xrdp.ini"),
        ]),
        Step::Ask(
            "If the log names the key or the certificate: \"sudo rdpdoctor fix\" shows which file does not fit, or \
             cannot be read, and what it would change.",
        ),
        Step::Ask(
            "If tls_ciphers is set, see what \"openssl ciphers -s 'VALUE'\" says of its value: the log names no reason of \
             that kind. If it is an error, put a # before the line: xrdp then takes the defaults of OpenSSL.",
        ),
        Step::Ask("If it names protocols, write ssl_protocols=TLSv1.2, TLSv1.3. Restart xrdp after any of these."),
    ],
    verify: "the handshake succeeds",
    undo: "xrdp.ini as it was before",
};
