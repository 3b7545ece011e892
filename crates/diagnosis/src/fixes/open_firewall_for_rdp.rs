//! `open-firewall-for-rdp`.

use super::change::{Change, Look, Place, Step};
use super::{Fix, Safety};

/// The rule of Windows for Remote Desktop over TCP.
const RULE: &str = "RemoteDesktop-UserMode-In-TCP";
/// Shows whether the rule is on, and for which networks.
pub(super) const SHOW_RULE: Step = Step::Read(&[Look::Line(
    "Get-NetFirewallRule -Name RemoteDesktop-UserMode-In-TCP | Select-Object Enabled,Profile",
)]);
/// Shows whom the rule lets in.
pub(super) const SHOW_ADDRESSES: Step = Step::Read(&[Look::Line(
    "Get-NetFirewallRule -Name RemoteDesktop-UserMode-In-TCP | Get-NetFirewallAddressFilter | Select-Object \
     RemoteAddress",
)]);
/// Switches the rule on for the addresses that are to get in.
pub(super) const OPEN: Step = Step::Change(&[Change::OpenFirewall(RULE)]);
/// Does that where Windows has no such command.
pub(super) const OLD_WINDOWS: Step = Step::Ask(
    "Windows 7 and Server 2008 R2 do not have these commands. Use there, with the rule's name in the language of \
     Windows: netsh advfirewall firewall show rule name=\"Remote Desktop (TCP-In)\", then netsh advfirewall firewall \
     set rule name=\"Remote Desktop (TCP-In)\" new enable=yes remoteip={addresses} (remoteip replaces the addresses \
     that the rule had: name those as well).",
);

pub const FIX: Fix = Fix {
    id: "open-firewall-for-rdp",
    title: "Let Remote Desktop through the host's firewall, from named addresses only",
    safety: Safety::Disruptive,
    reason: "It enables one rule for the addresses that you give, in addition to those that it had; nothing else \
             opens. If the rule allowed every address, it now allows only yours: name everyone who must get in.",
    place: Place::HOST_CONSOLE,
    steps: &[
        SHOW_RULE,
        SHOW_ADDRESSES,
        OPEN,
        OLD_WINDOWS,
        Step::Ask(
            "If the listener uses another port than 3389, that rule does not apply: New-NetFirewallRule -Name \
             RDP-OTHER-PORT -DisplayName 'RDP, other port' -Direction Inbound -Protocol TCP -LocalPort {other_port} \
             -RemoteAddress {addresses} -Action Allow (or: netsh advfirewall firewall add rule name=RDP-OTHER-PORT \
             dir=in protocol=TCP localport={other_port} remoteip={addresses} action=allow).",
        ),
        Step::Ask(
            "If a rule blocks, or a group policy makes Windows ignore local rules, change that: no local rule \
             overrides it.",
        ),
    ],
    verify: "the port answers from the addresses that the rule names, and from no other",
    undo: "Set-NetFirewallRule with the former Enabled, Profile and RemoteAddress; Remove-NetFirewallRule -Name \
           RDP-OTHER-PORT if it was made",
};
