//! `enable-remote-desktop`.

use super::{Fix, Safety};

/// The declaration.
pub const FIX: Fix = Fix {
    id: "enable-remote-desktop",
    title: "Switch Remote Desktop on",
    safety: Safety::Disruptive,
    reason: "It opens the host to logons of the users allowed, from the addresses given; who may log on is left as it is.",
    place: "on the host's console, elevated",
    steps: &[
        "Get-ItemProperty 'HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server' fDenyTSConnections",
        "Get-ItemProperty 'HKLM:\\SOFTWARE\\Policies\\Microsoft\\Windows NT\\Terminal Services' fDenyTSConnections -ErrorAction SilentlyContinue",
        "If the policy says 1, change the policy: it beats the value below.",
        "Set-ItemProperty 'HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server' fDenyTSConnections 0",
        "Get-NetFirewallRule -Name RemoteDesktop-UserMode-In-TCP | Select-Object Enabled,Profile",
        "Get-NetFirewallRule -Name RemoteDesktop-UserMode-In-TCP | Get-NetFirewallAddressFilter | Select-Object RemoteAddress",
        "Set-NetFirewallRule -Name RemoteDesktop-UserMode-In-TCP -Enabled True -RemoteAddress ADMIN-SUBNET",
        "Windows 7 and Server 2008 R2 have neither command; there, with the rule's name in the language of Windows: netsh advfirewall firewall show rule \
         name=\"Remote Desktop (TCP-In)\", then netsh advfirewall firewall set rule name=\"Remote Desktop (TCP-In)\" new enable=yes remoteip=ADMIN-SUBNET.",
    ],
    verify: "the port answers in X.224",
    undo: "fDenyTSConnections back to 1, and the rule as it was",
};
