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
        "Windows 7 and Server 2008 R2 have neither command; there, with the rule's name in the language of Windows: netsh advfirewall firewall show rule \
         name=\"Remote Desktop (TCP-In)\", then netsh advfirewall firewall set rule name=\"Remote Desktop (TCP-In)\" new enable=yes remoteip=ADMIN-SUBNET.",
        "Where the listener has another port than 3389, which that rule does not follow: New-NetFirewallRule -Name RDP-OTHER-PORT -DisplayName 'RDP, other port' \
         -Direction Inbound -Protocol TCP -LocalPort PORT -RemoteAddress ADMIN-SUBNET -Action Allow (or: netsh advfirewall firewall add rule \
         name=RDP-OTHER-PORT dir=in protocol=TCP localport=PORT remoteip=ADMIN-SUBNET action=allow).",
        "Where a rule blocks, or a group policy has local rules ignored: change that one; no rule of the host wins over it.",
    ],
    verify: "the port answers from those addresses",
    undo: "Set-NetFirewallRule with the former Enabled, Profile and RemoteAddress; Remove-NetFirewallRule -Name RDP-OTHER-PORT if it was made",
};
