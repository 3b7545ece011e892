//! A capture without names. What was said after TLS began is not in it to begin with; of what was said in clear the same
//! stays as in a transcript.

use super::{Names, layers};
use crate::capture::{Exchange, Seen, UdpWatched, Watched, Web};
use crate::machine::{ConnectFailure, TcpAnswer, Timed, TlsAnswer, X224Answer};

impl Seen {
    /// The capture without names and addresses of the machines in it.
    #[must_use]
    pub fn redacted(&self) -> Self {
        let mut names = Names::default();
        let _ = self.renamed(&mut names);
        names.settle();
        self.renamed(&mut names)
    }

    /// The same with names that transcripts, other captures and states share.
    #[must_use]
    pub fn renamed(&self, names: &mut Names) -> Self {
        let mut redacted = self.clone();
        for Watched { client, host, tcp, exchange, .. } in redacted.connections.iter_mut().chain(&mut redacted.tunnels)
        {
            (*client, *host) = (names.socket(*client), names.socket(*host));
            if let Some(Timed { value: TcpAnswer::Failed(ConnectFailure::Other(words)), .. }) = tcp {
                *words = names.prose(words);
            }
            rename(exchange, names);
        }
        for UdpWatched { client, host, .. } in &mut redacted.transports {
            (*client, *host) = (names.socket(*client), names.socket(*host));
        }
        redacted
    }
}

fn rename(exchange: &mut Exchange, names: &mut Names) {
    match &mut exchange.request {
        Some(Timed { value: Ok(request), .. }) => {
            request.cookie = request.cookie.as_deref().map(|cookie| names.text(cookie));
        }
        Some(Timed { value: Err(words), .. }) => *words = names.prose(words),
        None => {}
    }
    if let Some(answer) = &mut exchange.answer {
        rename_answer(&mut answer.value, names);
    }
    if let Some(hello) = &mut exchange.hello {
        // chance of others, by which the capture could be found again
        hello.value.random = [0; 32];
        hello.value.server_name = hello.value.server_name.as_deref().map(|name| names.place(name));
    }
    if let Some(Web { request, .. }) = &mut exchange.web {
        request.value.host = request.value.host.as_deref().map(|host| names.place(host));
    }
    match exchange.handshake.as_mut().map(|handshake| &mut handshake.value) {
        Some(TlsAnswer::Established { chain, .. }) => rename_chain(chain, names),
        Some(TlsAnswer::Flight(flight)) => rename_chain(&mut flight.chain, names),
        Some(TlsAnswer::NotTls(bytes)) => *bytes = layers::masked(bytes),
        Some(TlsAnswer::Malformed(words) | TlsAnswer::OwnFailure(words)) => *words = names.prose(words),
        Some(TlsAnswer::Alert(_) | TlsAnswer::Closed { .. } | TlsAnswer::Silent { .. } | TlsAnswer::WrongKey) | None => {}
    }
}

fn rename_chain(chain: &mut [Vec<u8>], names: &mut Names) {
    for der in chain {
        *der = layers::certificate(der, names);
    }
}

fn rename_answer(answer: &mut X224Answer, names: &mut Names) {
    match answer {
        X224Answer::Foreign { bytes, .. } | X224Answer::NotTpkt(bytes) => *bytes = layers::greeting(bytes),
        X224Answer::Incomplete(bytes) => *bytes = layers::head(bytes, layers::CONFIRM),
        X224Answer::Malformed { bytes, error } => {
            *bytes = layers::head(bytes, layers::CONFIRM);
            *error = names.prose(error);
        }
        X224Answer::Server(_)
        | X224Answer::Closed(_)
        | X224Answer::ClosedBeforeRequest(_)
        | X224Answer::HeldOpen
        | X224Answer::Silent => {}
    }
}
