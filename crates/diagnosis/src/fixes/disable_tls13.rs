//! `disable-tls13`.

use super::change::{Change, Look, Machine, Missing, Place, Step};
use super::{Fix, Safety};

/// Schannel's settings for the version, as a server.
const TLS13: &str = r"HKLM\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\Protocols\TLS 1.3\Server";

pub const FIX: Fix = Fix {
    id: "disable-tls13",
    title: "Switch TLS 1.3 off on a host whose Windows does not support it",
    safety: Safety::Disruptive,
    reason: "The machine must restart. TLS 1.2 stays on, and that is what such a Windows supports.",
    place: Place::elevated(Machine::Concerned("on a host older than Windows 11 or Server 2022")),
    steps: &[
        Step::Read(&[Look::Name(TLS13)]),
        Step::Read(&[Look::Line("Get-ItemProperty $k -ErrorAction SilentlyContinue")]),
        Step::Change(&[
            Change::dword_made(TLS13, "Enabled", 0, Missing::Key),
            Change::dword(TLS13, "DisabledByDefault", 1),
        ]),
        Step::Ask(
            "If the key was not there, nothing on this host had switched TLS 1.3 on: look at the device in front of \
             it. Otherwise restart the machine.",
        ),
    ],
    verify: "a ClientHello that offers TLS 1.3 is answered with TLS 1.2",
    undo: "the two values back to what they were (absent, if they were absent), then restart",
};
