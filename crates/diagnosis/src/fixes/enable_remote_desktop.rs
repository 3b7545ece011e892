//! `enable-remote-desktop`.

use evidence::state::{POLICY, TERMINAL_SERVER};

use super::change::{Change, Look, Place, Step};
use super::open_firewall_for_rdp as firewall;
use super::{Fix, Safety};

pub const FIX: Fix = Fix {
    id: "enable-remote-desktop",
    title: "Switch Remote Desktop on",
    safety: Safety::Disruptive,
    reason: "It lets allowed users log on from the addresses that you give; it does not change who is allowed.",
    place: Place::HOST_CONSOLE,
    steps: &[
        Step::Read(&[Look::Value { key: TERMINAL_SERVER, name: "fDenyTSConnections", rare: false }]),
        Step::Read(&[Look::Value { key: POLICY, name: "fDenyTSConnections", rare: true }]),
        Step::Ask("If the policy says 1, change the policy: it overrides the value below."),
        Step::Change(&[Change::dword(TERMINAL_SERVER, "fDenyTSConnections", 0)]),
        firewall::SHOW_RULE,
        firewall::SHOW_ADDRESSES,
        firewall::OPEN,
        firewall::OLD_WINDOWS,
    ],
    verify: "the RDP port answers",
    undo: "fDenyTSConnections back to 1, and the rule as it was",
};
