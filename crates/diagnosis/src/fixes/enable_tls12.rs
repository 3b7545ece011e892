//! `enable-tls12`.

use super::change::{Change, Look, Machine, Missing, Place, Step};
use super::{Fix, Safety};

/// Schannel's settings for the version, on the side that lacks it.
const TLS12: &str = r"HKLM\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\Protocols\TLS 1.2\{side}";

pub const FIX: Fix = Fix {
    id: "enable-tls12",
    title: "Switch TLS 1.2 on",
    safety: Safety::Disruptive,
    reason: "The machine must restart; versions that are on stay on.",
    place: Place::elevated(Machine::Concerned("on the machine that lacks it")),
    steps: &[
        Step::Read(&[Look::Name(TLS12)]),
        Step::Read(&[Look::Line("Get-ItemProperty $k -ErrorAction SilentlyContinue")]),
        Step::Change(&[
            Change::dword_made(TLS12, "Enabled", 1, Missing::Key),
            Change::dword(TLS12, "DisabledByDefault", 0),
        ]),
        Step::Ask("On Windows 7 and Server 2008 R2 install KB3080079 first. Restart the machine."),
    ],
    verify: "a ClientHello with TLS 1.2 is accepted",
    undo: "the two values back to what they were (absent, if they were absent), then restart",
};
