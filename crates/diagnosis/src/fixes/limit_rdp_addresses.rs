//! `limit-rdp-addresses`.

use super::change::{Place, Step};
use super::open_firewall_for_rdp::{OLD_WINDOWS, OPEN, SHOW_ADDRESSES, SHOW_RULE};
use super::{Fix, Safety};

pub const FIX: Fix = Fix {
    id: "limit-rdp-addresses",
    title: "Let only known addresses reach Remote Desktop",
    safety: Safety::Disruptive,
    reason: "Whoever the rule does not name is kept out: name all who must get in, your own address first.",
    place: Place::HOST_CONSOLE,
    steps: &[
        SHOW_RULE,
        SHOW_ADDRESSES,
        Step::Ask(
            "The next line narrows a rule that lets in every address to those that you name; one that names some \
             already keeps them.",
        ),
        OPEN,
        OLD_WINDOWS,
        Step::Ask("Where the host stands in the internet, a VPN or an RD Gateway in front of it is the lasting way."),
    ],
    verify: "the port answers from the addresses that the rule names, and from no other",
    undo: "Set-NetFirewallRule with the former Enabled, Profile and RemoteAddress",
};
