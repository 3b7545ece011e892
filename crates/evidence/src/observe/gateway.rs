//! Turns a capture into evidence about RD Gateways: which connections that begin with TLS or HTTP lead to one, and what
//! was said there.
//!
//! A gateway's TLS looks like that of any web server. A server is only reported if a name shows that it is one: a name
//! in an `.rdp` file, or in a request that only gateways get. All others stay unmentioned.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use wire::capture::{Seen as Captured, Watched};
use wire::http::Method;

use super::capture::{begun, chosen, handshaken, moment};
use super::seen::Seen;
use crate::evidence::{Evidence, Role, Source, Subject};
use crate::fact::Fact;
use crate::printable::printable;
use crate::rdp_file::RdpSettings;
use crate::state::State;
use crate::target::Target;

/// Lists the gateways that a machine's `.rdp` files name, as names or addresses in lower case, without ports.
pub fn named_gateways(state: &State) -> impl Iterator<Item = String> {
    let named = state.rdp_files.iter().filter_map(|file| RdpSettings(file).text("gatewayhostname"));
    named.filter_map(|text| Target::parse(text).ok()).map(|target| target.host.to_string().to_lowercase())
}

/// Adds what was said at gateways to the evidence and reports how many connections were left out; `None` if there is
/// none.
pub(super) fn observe(
    captured: &Captured,
    known: &BTreeSet<String>,
    source: Source,
    evidence: &mut Evidence,
) -> Option<u64> {
    let clear = captured.tunnels.iter().filter(|watched| asks_a_gateway(watched));
    let clear = clear.filter_map(|watched| watched.server_name()).map(str::to_lowercase);
    let names: BTreeSet<String> = known.iter().cloned().chain(clear).collect();
    let by_name = |watched: &&Watched| {
        let name = watched.server_name().map(str::to_lowercase);
        asks_a_gateway(watched) || name.is_some_and(|name| names.contains(&name))
    };
    let places: BTreeSet<SocketAddr> = captured.tunnels.iter().filter(by_name).filter_map(place).collect();
    // without a name of its own the address decides
    let by_address = |watched: &Watched| {
        watched.server_name().is_none()
            && (places.contains(&watched.host) || names.contains(&watched.host.ip().to_string()))
    };
    let mut of_gateway: BTreeMap<(Option<SocketAddr>, Option<String>), Vec<&Watched>> = BTreeMap::new();
    for watched in captured.tunnels.iter().filter(|watched| by_name(watched) || by_address(watched)) {
        let address = place(watched);
        // at one address all belong to one gateway, also those without a name
        let name = watched.server_name().map(str::to_lowercase).filter(|_| address.is_none());
        of_gateway.entry((address, name)).or_default().push(watched);
    }
    if of_gateway.is_empty() {
        return None;
    }
    let mut left_out = 0;
    for (_, connections) in chosen(of_gateway, &mut left_out, |watched| u8::from(watched.came_through())) {
        for watched in connections {
            gateway(watched, source, evidence);
        }
    }
    Some(left_out)
}

/// True if the client asks for what only a gateway has.
fn asks_a_gateway(watched: &Watched) -> bool {
    watched.exchange.web.as_ref().is_some_and(|web| web.request.value.method != Method::Connect)
}

/// Returns the gateway's address; `None` behind a web proxy, whose address is not the gateway's.
fn place(watched: &Watched) -> Option<SocketAddr> {
    proxy(watched).is_none().then_some(watched.host)
}

fn proxy(watched: &Watched) -> Option<SocketAddr> {
    let method = watched.exchange.web.as_ref().map(|web| web.request.value.method);
    (method == Some(Method::Connect) || watched.exchange.socks.is_some()).then_some(watched.host)
}

fn gateway(watched: &Watched, source: Source, evidence: &mut Evidence) {
    let proxy = proxy(watched);
    let name = watched.server_name().map(|name| printable(&name.to_lowercase()));
    let subject = if let Some(address) = place(watched) {
        evidence.gateway_at(address, name.filter(|name| name.parse::<IpAddr>().is_err()))
    } else {
        evidence.subject(Subject::new(Role::Gateway, name, None))
    };
    let mut seen = Seen { evidence, subject, source, began: moment(watched.began) };
    begun(watched, proxy.is_some(), &mut seen);
    for answer in watched.exchange.web.iter().flat_map(|web| &web.answers) {
        let method = watched.exchange.web.as_ref().map_or(Method::Connect, |web| web.request.value.method);
        let fact = Fact::HttpAnswer { method, proxy, answer: answer.value.clone() };
        seen.add(moment(answer.at), Some(answer.took), fact);
    }
    handshaken(watched, &mut seen);
}
