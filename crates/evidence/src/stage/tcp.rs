//! TCP: the answer to the SYN.

use wire::machine::{ConnectFailure, Outcome, TcpAnswer};
use wire::transcript::ConnectionRecord;

use crate::fact::Fact;
use crate::observe::seen::Seen;

/// Name of the answer in the report.
pub(crate) const ANSWER: &str = "tcp.answer";

/// Adds the answer to the SYN; that of the survey tells nothing new.
pub(super) fn observe(record: &ConnectionRecord, outcome: &mut Outcome, seen: &mut Seen<'_>) {
    if let Some(tcp) = outcome.tcp.take().filter(|_| !record.survey) {
        seen.add(seen.moment(tcp.at), Some(tcp.took), Fact::TcpAnswer(tcp.value));
    }
}

/// Says the TCP answer in one word.
pub fn tcp_words(answer: &TcpAnswer) -> &'static str {
    match answer {
        TcpAnswer::Accepted => "accepted",
        TcpAnswer::Silent | TcpAnswer::Failed(ConnectFailure::TimedOut) => "silent",
        TcpAnswer::Failed(ConnectFailure::Refused) => "refused",
        TcpAnswer::Failed(ConnectFailure::NetworkUnreachable) => "network-unreachable",
        TcpAnswer::Failed(ConnectFailure::HostUnreachable) => "host-unreachable",
        TcpAnswer::Failed(ConnectFailure::Other(_)) => "own-failure",
    }
}
