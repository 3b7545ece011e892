//! `reset-cipher-order`.

use super::{Fix, Safety};

/// The declaration.
pub const FIX: Fix = Fix {
    id: "reset-cipher-order",
    title: "Take the policy for cipher suites back",
    safety: Safety::Disruptive,
    reason: "Windows' own list holds again, for every service of the machine, after a restart; the old value is kept.",
    place: "on the machine with the policy, elevated; a domain policy has to be changed where it is set",
    steps: &[
        "$k='HKLM:\\SOFTWARE\\Policies\\Microsoft\\Cryptography\\Configuration\\SSL\\00010002'",
        "(Get-ItemProperty $k -ErrorAction SilentlyContinue).Functions | Set-Content \"$env:ProgramData\\cipher-order-before.txt\"",
        "Remove-ItemProperty $k -Name Functions -ErrorAction SilentlyContinue",
        "gpupdate /target:computer /force; Get-TlsCipherSuite | Select-Object Name",
        "Restart the machine. If the value is back, change \"SSL Cipher Suite Order\" in the domain policy.",
    ],
    verify: "a ClientHello with the client's own suites is accepted",
    undo: "Set-ItemProperty $k Functions (Get-Content \"$env:ProgramData\\cipher-order-before.txt\"), then restart",
};
