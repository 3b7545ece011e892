//! The routers between this computer and a host, as SYNs meet them that may pass only so many of them: each router
//! takes one from a packet's time to live, and the one where nothing is left may say so by ICMP (RFC 792, RFC 4443
//! section 3.3).

use std::net::IpAddr;

/// Answer to one SYN that may pass only so many routers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HopAnswer {
    /// A router says that the packet's time to live is over.
    Expired(IpAddr),
    /// The connection was accepted.
    Accepted,
    /// It was refused by a RST.
    Refused,
    /// A machine says by another ICMP message that there is no way.
    Unreachable {
        /// The machine.
        from: IpAddr,
        /// Type of the message.
        kind: u8,
        /// Its code.
        code: u8,
    },
    /// Nothing came.
    Silent,
}

impl HopAnswer {
    /// Reads an ICMP message about a packet of ours.
    pub fn of_icmp(from: IpAddr, kind: u8, code: u8) -> Self {
        let time_exceeded = if from.is_ipv4() { 11 } else { 3 };
        if kind == time_exceeded { Self::Expired(from) } else { Self::Unreachable { from, kind, code } }
    }

    /// Its word in transcripts and reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Expired(_) => "expired",
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Unreachable { .. } => "unreachable",
            Self::Silent => "silent",
        }
    }

    /// The machine that says so, where it names itself.
    pub fn sender(self) -> Option<IpAddr> {
        match self {
            Self::Expired(from) | Self::Unreachable { from, .. } => Some(from),
            Self::Accepted | Self::Refused | Self::Silent => None,
        }
    }

    /// True if the packet came to where such connections end: at the host, or at what answers in its place.
    pub fn ends_the_way(self) -> bool {
        matches!(self, Self::Accepted | Self::Refused | Self::Unreachable { .. })
    }
}

/// SYN, and the answer to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HopTry {
    /// Time to live of the packet: the number of machines that it can come to.
    pub hops: u8,
    /// Answer to it.
    pub answer: HopAnswer,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_exceeded_has_another_number_in_each_version() {
        let [four, six]: [IpAddr; 2] = [[192, 0, 2, 1].into(), std::net::Ipv6Addr::LOCALHOST.into()];
        assert_eq!(HopAnswer::of_icmp(four, 11, 0), HopAnswer::Expired(four));
        assert_eq!(HopAnswer::of_icmp(six, 3, 0), HopAnswer::Expired(six));
        // destination unreachable of the one, and a number that the other does not have
        assert_eq!(HopAnswer::of_icmp(four, 3, 1), HopAnswer::Unreachable { from: four, kind: 3, code: 1 });
        assert_eq!(HopAnswer::of_icmp(six, 11, 0), HopAnswer::Unreachable { from: six, kind: 11, code: 0 });
    }
}
