//! `lower-interface-mtu`.

use super::change::{Look, Machine, Place, Step};
use super::{Fix, Safety};

pub const FIX: Fix = Fix {
    id: "lower-interface-mtu",
    title: "Lower the MTU of the interface whose large packets are lost",
    safety: Safety::Manual,
    reason: "Which interface leads to the other side, and on which of the two machines, somebody has to know; the \
             present connection may pause for a moment.",
    place: Place::own(Machine::Other("at the machine whose packets are lost, or at the VPN gateway")),
    steps: &[
        Step::Read(&[Look::Line("Get-NetIPInterface | Format-Table InterfaceAlias,AddressFamily,NlMtu")]),
        Step::Ask(
            "Note the present MTU of the interface (the VPN's, where there is one), and set the size that the report \
             says comes through: netsh interface ipv4 set subinterface NAME mtu=SIZE store=persistent (ipv6 likewise).",
        ),
        Step::Ask(
            "Better, where you can: let ICMP \"fragmentation needed\" and \"packet too big\" pass, or have the gateway \
             lower the MSS of TCP; then no machine needs a setting of its own.",
        ),
    ],
    verify: "another probe gets the whole handshake, and no longer finds the fault",
    undo: "netsh interface ipv4 set subinterface NAME mtu=FORMER store=persistent",
};
