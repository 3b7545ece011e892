//! The settings of a host, which it tells in the connection sequence, as facts.

use wire::machine::{ConnectionSequenceAnswer, Timed};
use wire::x224::SecurityProtocols;

use super::{Seen, later};
use crate::fact::Fact;
use crate::printable::printable;

impl Seen<'_> {
    /// Records the answer to a Connect Initial behind a request for these protocols.
    pub(super) fn settings(&mut self, requested: SecurityProtocols, seen: Timed<ConnectionSequenceAnswer>) {
        let answer = match seen.value {
            // a TLS stack may quote the host
            ConnectionSequenceAnswer::Malformed(words) => ConnectionSequenceAnswer::Malformed(printable(&words)),
            other => other,
        };
        self.add(later(self.began, seen.at), Some(seen.took), Fact::Settings { requested, answer });
    }
}
