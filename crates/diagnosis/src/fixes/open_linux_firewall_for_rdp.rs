//! `open-linux-firewall-for-rdp`.

use super::change::{Change, Look, Place, Step};
use super::{Fix, Safety};

pub const FIX: Fix = Fix {
    id: "open-linux-firewall-for-rdp",
    title: "Let Remote Desktop through the firewall of a host with Linux, from named addresses only",
    safety: Safety::Safe,
    reason: "One more rule, by the tool that is in charge of the firewall (ufw, firewalld, else nftables), lets in the \
             addresses that you give, to the port of the server; nothing else opens. A rule of nftables lasts until its \
             rules are loaded again: to keep it, write it into the file that they come from.",
    place: Place::XRDP,
    steps: &[
        Step::Read(&[Look::Line(
            "ufw status numbered; firewall-cmd --list-all; nft list ruleset | grep -A20 'hook input'",
        )]),
        Step::Change(&[Change::OpenLinuxFirewall]),
        Step::Ask(
            "If a rule before it keeps everybody out, put it before that one: ufw insert NUMBER …, or a rich rule with \
             priority=\"-1\". Where neither ufw nor firewalld runs, insert \"ip saddr {addresses} tcp dport {port} \
             accept\" into the chain that nft shows.",
        ),
    ],
    verify: "the port answers from the addresses that the rule names, and from no other",
    undo: "ufw delete allow proto tcp from {addresses} to any port {port}; firewall-cmd --remove-rich-rule with the same \
           rule, once more with --permanent",
};
