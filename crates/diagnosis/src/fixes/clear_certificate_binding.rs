//! `clear-certificate-binding`.

use super::{Fix, Safety};

/// The declaration.
pub const FIX: Fix = Fix {
    id: "clear-certificate-binding",
    title: "Release the listener from a certificate that is gone",
    safety: Safety::Disruptive,
    reason: "One value is removed, after it was shown; sessions are cut while the services restart. Clients then meet a self-signed \
             certificate. Not on a Connection Broker: there the certificate is set in Server Manager.",
    place: "on the host's console, elevated",
    steps: &[
        "$k='HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server\\WinStations\\RDP-Tcp'",
        "-join((Get-ItemProperty $k).SSLCertificateSHA1Hash|ForEach-Object{$_.ToString('X2')})",
        "Write that thumbprint down.",
        "Remove-ItemProperty $k SSLCertificateSHA1Hash",
        "Restart-Service SessionEnv; Restart-Service TermService -Force; Start-Service UmRdpService",
    ],
    verify: "the TLS handshake is finished with a certificate that the host made for itself",
    undo: "bind-certificate with the thumbprint that was written down",
};
