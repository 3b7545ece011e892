//! A capture without names. What was said after TLS began is not in it to begin with; of what was said in clear the
//! same stays as in a transcript.

use super::Names;
use crate::capture::{Exchange, Seen, Socks, Tally, UdpWatched, Watched, Web};
use crate::machine::Timed;
use crate::machine::answer::TcpAnswer;
use crate::x224::RoutingToken;

impl Seen {
    /// The capture without names and addresses of the machines in it.
    #[must_use]
    pub fn redacted(&self) -> Self {
        let mut names = Names::default();
        let _ = self.renamed(&mut names);
        names.settle();
        self.renamed(&mut names)
    }

    /// The capture renamed with names that transcripts, other captures and states share.
    #[must_use]
    pub fn renamed(&self, names: &mut Names) -> Self {
        let mut redacted = self.clone();
        for Watched { client, host, tcp, exchange, .. } in redacted.connections.iter_mut().chain(&mut redacted.tunnels)
        {
            (*client, *host) = (names.socket(*client), names.socket(*host));
            if let Some(Timed { value: TcpAnswer::Failed(failure), .. }) = tcp {
                failure.rename(names);
            }
            rename(exchange, names);
        }
        for UdpWatched { client, host, .. } in &mut redacted.transports {
            (*client, *host) = (names.socket(*client), names.socket(*host));
        }
        for Tally { host, named, .. } in &mut redacted.tallies {
            *host = names.socket(*host);
            for failing in named {
                failing.client = names.address(failing.client);
            }
        }
        redacted
    }
}

fn rename(exchange: &mut Exchange, names: &mut Names) {
    match &mut exchange.request {
        Some(Timed { value: Ok(request), .. }) => {
            request.token = request.token.as_ref().map(RoutingToken::masked);
            request.cookie = request.cookie.as_deref().map(|cookie| names.text(cookie));
        }
        Some(Timed { value: Err(words), .. }) => *words = names.prose(words),
        None => {}
    }
    if let Some(answer) = &mut exchange.answer {
        answer.value.rename(names);
    }
    if let Some(hello) = &mut exchange.hello {
        // chance of others, by which the capture could be found again
        hello.value.random = [0; 32];
        hello.value.server_name = hello.value.server_name.as_deref().map(|name| names.place(name));
    }
    if let Some(Web { request, .. }) = &mut exchange.web {
        request.value.host = request.value.host.as_deref().map(|host| names.place(host));
    }
    if let Some(Timed { value: Socks { host, .. }, .. }) = &mut exchange.socks {
        *host = names.place(host);
    }
    if let Some(handshake) = &mut exchange.handshake {
        handshake.value.rename(names);
    }
    exchange.presented.rename(names);
}
