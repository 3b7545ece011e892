//! `disable-tls13`.

use super::{Fix, Safety};

/// The declaration.
pub const FIX: Fix = Fix {
    id: "disable-tls13",
    title: "Switch TLS 1.3 off on a host whose Windows does not support it",
    safety: Safety::Disruptive,
    reason: "It takes a restart of the machine; TLS 1.2 stays on, and that is what such a Windows supports.",
    place: "on a host older than Windows 11 or Server 2022, elevated",
    steps: &[
        "$k='HKLM:\\SYSTEM\\CurrentControlSet\\Control\\SecurityProviders\\SCHANNEL\\Protocols\\TLS 1.3\\Server'",
        "Get-ItemProperty $k -ErrorAction SilentlyContinue",
        "if (Test-Path $k) { Set-ItemProperty $k Enabled 0 -Type DWord; Set-ItemProperty $k DisabledByDefault 1 -Type DWord }",
        "If the key is not there, nothing on this host switched TLS 1.3 on: look at the box in front of it. Otherwise restart the machine.",
    ],
    verify: "a ClientHello that offers TLS 1.3 is answered with TLS 1.2",
    undo: "the two values back to what they were, then restart",
};
