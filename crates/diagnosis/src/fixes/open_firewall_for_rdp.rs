//! `open-firewall-for-rdp`.

use super::{Fix, Safety};

/// The declaration.
pub const FIX: Fix = Fix {
    id: "open-firewall-for-rdp",
    title: "Let Remote Desktop through the host's firewall, from named addresses only",
    safety: Safety::Safe,
    reason: "One named rule is switched on and limited to the addresses given; nothing else opens. Name every address that has to get in: the rule loses those that it had.",
    place: "on the host's console, elevated",
    steps: &[
        "Get-NetFirewallRule -Name RemoteDesktop-UserMode-In-TCP | Select-Object Enabled,Profile",
        "Get-NetFirewallRule -Name RemoteDesktop-UserMode-In-TCP | Get-NetFirewallAddressFilter | Select-Object RemoteAddress",
        "Set-NetFirewallRule -Name RemoteDesktop-UserMode-In-TCP -Enabled True -RemoteAddress ADMIN-SUBNET",
    ],
    verify: "the port answers from those addresses",
    undo: "Set-NetFirewallRule with the former Enabled, Profile and RemoteAddress",
};
