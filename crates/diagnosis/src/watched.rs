//! Gaps and agreements in a capture of a host, besides its answers.

use evidence::fact::{Fact, Handshake};
use wire::machine::X224Answer;
use wire::x224::ServerAnswer;

use crate::case::Case;

impl Case<'_> {
    /// True if a capture lacks packets of a connection to this host: its beginning, one side of it, or some in between.
    pub(crate) fn lacks_packets(self) -> bool {
        let captured = self.seen(|fact| if let Fact::CapturedConnection(seen) = fact { Some(seen) } else { None });
        captured.flat_map(|seen| &seen.value.notes).any(|doubt| doubt.lacks_packets())
    }

    /// True if a capture breaks off at its end, where it was stopped.
    fn capture_breaks_off(self) -> bool {
        self.evidence.observations.iter().any(|seen| matches!(seen.fact, Fact::CaptureCut(_)))
    }

    /// True if client and host agreed on TLS more often than a handshake was seen, where the capture lacks packets.
    pub(crate) fn handshake_not_captured(self) -> bool {
        let agreed = |answer: &X224Answer| match answer {
            X224Answer::Server(ServerAnswer::Selected { protocol, .. }) => protocol.tls(),
            _ => false,
        };
        let agreed = self.x224().filter(|seen| self.watched(seen.id) && agreed(seen.value.1)).count();
        (self.lacks_packets() || self.capture_breaks_off()) && agreed > self.tls_watched().count()
    }

    /// True if the newest captured client that agreed on TLS with the host did not finish the handshake, as far as the
    /// capture shows, or ended it with an alert: nobody can say that it got through.
    pub(crate) fn handshake_not_finished(self) -> bool {
        let (mut alert, mut open) = (false, false);
        for seen in self.evidence.observations.about(self.subject).filter(|seen| self.watched(seen.id)) {
            match &seen.fact {
                Fact::CapturedConnection(connection) => alert = connection.client_alert.is_some(),
                Fact::X224Answer { answer: X224Answer::Server(ServerAnswer::Selected { protocol, .. }), .. } => {
                    open = protocol.tls();
                }
                Fact::TlsAnswer { answer: Handshake::Accepted { finished, .. }, .. } => open = !finished || alert,
                _ => {}
            }
        }
        open
    }

    /// True if a captured client was let in without TLS.
    pub(crate) fn watched_without_tls(self) -> bool {
        let last = self.x224().filter(|seen| self.watched(seen.id)).last();
        last.is_some_and(|seen| match seen.value.1 {
            X224Answer::Server(ServerAnswer::Selected { protocol, .. }) => !protocol.tls(),
            X224Answer::Server(ServerAnswer::NoNegotiation) => true,
            _ => false,
        })
    }
}
