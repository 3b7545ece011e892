//! `reset-cipher-order`.

use evidence::state::CIPHER_POLICY;

use super::change::{Change, Look, Machine, Place, Step};
use super::{Fix, Safety};

/// The machine itself takes away its own value alone.
const WHERE_THE_POLICY_IS: Place = Place::elevated(Machine::Concerned("on the machine with the policy"))
    .noted("; change a domain policy where it is set");

pub const FIX: Fix = Fix {
    id: "reset-cipher-order",
    title: "Undo the cipher suite policy",
    safety: Safety::Disruptive,
    reason: "After a restart, every service on the machine uses the default list of Windows again; the old value is \
             kept.",
    place: WHERE_THE_POLICY_IS,
    steps: &[
        Step::Read(&[Look::Name(CIPHER_POLICY)]),
        Step::Read(&[Look::Line(
            "(Get-ItemProperty $k -ErrorAction SilentlyContinue).Functions | Set-Content \
             \"$env:ProgramData\\cipher-order-before.txt\"",
        )]),
        Step::Change(&[Change::DeleteValue { key: CIPHER_POLICY, name: "Functions", rare: true }]),
        Step::Change(&[Change::run("gpupdate /target:computer /force; Get-TlsCipherSuite | Select-Object Name")]),
        Step::Ask("Restart the machine. If the value is back, change \"SSL Cipher Suite Order\" in the domain policy."),
    ],
    verify: "a ClientHello with the client's own suites is accepted",
    undo: "Set-ItemProperty $k Functions (Get-Content \"$env:ProgramData\\cipher-order-before.txt\"), then restart",
};
