//! `exempt-from-inspection`.

use super::change::{Machine, Place, Step};
use super::{Fix, Safety};

pub const FIX: Fix = Fix {
    id: "exempt-from-inspection",
    title: "Exempt the host from TLS inspection",
    safety: Safety::Manual,
    reason: "Only the owner of the device can do it; Remote Desktop keeps its own encryption and still checks the \
             host.",
    place: Place::own(Machine::Other("on the firewall, proxy or security product on the way")),
    steps: &[
        Step::Ask(
            "Find the device: the certificate's issuer names it, or a capture on both ends shows where packets \
             change.",
        ),
        Step::Ask(
            "Exempt the host's address with TCP (and UDP) of its Remote Desktop port from TLS inspection and from \
             application filters.",
        ),
        Step::Ask("If policy demands inspection, put an RD Gateway there instead: its traffic can be inspected."),
    ],
    verify: "the certificate is the host's own, and a ClientHello in one piece is answered",
    undo: "remove the exemption",
};
