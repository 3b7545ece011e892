//! `enable-tls12`.

use super::{Fix, Safety};

/// The declaration.
pub const FIX: Fix = Fix {
    id: "enable-tls12",
    title: "Switch TLS 1.2 on",
    safety: Safety::Disruptive,
    reason: "It takes a restart of the machine; versions that are on stay on.",
    place: "on the machine that lacks it (Client instead of Server for a client), elevated",
    steps: &[
        "$k='HKLM:\\SYSTEM\\CurrentControlSet\\Control\\SecurityProviders\\SCHANNEL\\Protocols\\TLS 1.2\\Server'",
        "Get-ItemProperty $k -ErrorAction SilentlyContinue",
        "if (-not (Test-Path $k)) { New-Item $k -Force | Out-Null }; Set-ItemProperty $k Enabled 1 -Type DWord; Set-ItemProperty $k DisabledByDefault 0 -Type DWord",
        "On Windows 7 and Server 2008 R2 install KB3080079 first. Restart the machine.",
    ],
    verify: "a ClientHello with TLS 1.2 is accepted",
    undo: "the two values back to what they were (absent, if they were absent), then restart",
};
