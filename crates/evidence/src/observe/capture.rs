//! Turns a capture into evidence: what clients and hosts were seen to say to each other.
//!
//! The client is the one in the capture, and the clock is the capture's. Anything it does not show (a lost packet, one
//! direction, what TLS encrypts) becomes no fact.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use time::OffsetDateTime;
use wire::capture::{Seen as Captured, Side, Tally, UdpWatched, Watched};
use wire::machine::{End, X224Answer};
use wire::tls::{Alert, Groups, HelloStyle, Signatures, Suites, TlsOffer, TlsVersion};
use wire::x224::{ConnectionRequest, SecurityProtocols};

use super::gateway;
use super::seen::{Seen, later};
use crate::captured::{CapturedClients, CapturedConnection, CapturedTransport, Doubt};
use crate::evidence::{Evidence, Role, Source, Subject};
use crate::fact::Fact;
use crate::printable::printable;
use crate::profile::{ClientProfile, EncryptionOracle};
use crate::section::unread::Unread;
use crate::stage::{certificate, tls};

/// Most hosts of a capture that are judged, and most gateways that are reported.
const HOSTS: usize = 16;
/// Most connections to one host or gateway that become evidence.
const CONNECTIONS: usize = 6;

/// Adds the evidence in a capture to other evidence, and reports what was left out. `gateways` are names and addresses
/// of RD Gateways known from elsewhere.
pub fn observe_capture(
    captured: &Captured,
    gateways: &BTreeSet<String>,
    source: Source,
    evidence: &mut Evidence,
) -> Vec<String> {
    let mut of_host: BTreeMap<Place, Vec<&Watched>> = BTreeMap::new();
    let (beyond, refused): (Vec<&Watched>, Vec<&Watched>) =
        captured.connections.iter().partition(|connection| !refused_by_proxy(connection));
    for connection in beyond {
        of_host.entry(place(connection)).or_default().push(connection);
    }
    let mut left_out = captured.left_out;
    // a connection that began with TLS tells least: no host has to answer that
    let rank = |watched: &Watched| {
        if watched.exchange.begins_with_tls() { 2 } else { u8::from(watched.came_through()) }
    };
    for (place, connections) in chosen(of_host, &mut left_out, rank) {
        host(&place, &connections, source, evidence);
    }
    for tally in &captured.tallies {
        clients(tally, source, evidence);
    }
    for transport in captured.transports.iter().take(HOSTS) {
        udp(transport, source, evidence);
    }
    left_out = left_out.saturating_add(captured.transports.len().saturating_sub(HOSTS) as u64);
    let of_gateways = gateway::observe(captured, gateways, source, evidence);
    left_out = left_out.saturating_add(of_gateways.unwrap_or(0));
    let words = if left_out == 1 { "connection of the capture is" } else { "connections of the capture are" };
    let more = (left_out > 0).then(|| format!("{left_out} more {words} counted and not told one by one"));
    let more = more.into_iter().chain(refused.iter().take(HOSTS).map(|watched| refusal(watched)));
    let elsewhere = of_gateways.is_none().then(|| tls_alone(captured, gateways)).flatten();
    more.chain(elsewhere).collect()
}

/// Adds where a capture breaks off. All before that is whole, so this alone takes no verdict away. `what` names the
/// capture, `at` is its last moment.
pub fn observe_cut(what: &str, why: &str, at: OffsetDateTime, source: Source, evidence: &mut Evidence) {
    let path = evidence.subject(Subject::new(Role::Path, None, None));
    let cut = Unread { what: what.to_owned(), why: why.to_owned() };
    evidence.observe(path, source, at, None, Fact::CaptureCut(cut));
}

/// Adds which files of a folder were passed over, from which nothing follows.
pub fn observe_passed_over(what: &str, why: &str, at: OffsetDateTime, source: Source, evidence: &mut Evidence) {
    let path = evidence.subject(Subject::new(Role::Path, None, None));
    let passed_over = Unread { what: what.to_owned(), why: why.to_owned() };
    evidence.observe(path, source, at, None, Fact::PassedOver(passed_over));
}

/// Reports a capture with nothing but connections that might be a gateway's.
fn tls_alone(captured: &Captured, gateways: &BTreeSet<String>) -> Option<String> {
    if !captured.connections.is_empty() || !captured.transports.is_empty() {
        return None;
    }
    if captured.tunnels.is_empty() {
        return None;
    }
    let kept = captured.tunnels.iter().filter(|watched| watched.exchange.hello.is_some()).count();
    if kept == 0 {
        return Some("no Remote Desktop in it".to_owned());
    }
    let count = captured.passed_over.saturating_add(u64::try_from(kept).unwrap_or(u64::MAX));
    let several = if count == 1 { "connection carries" } else { "connections carry" };
    let names = gateways.iter().map(|name| printable(name)).collect::<Vec<_>>().join(", ");
    let advice = if gateways.is_empty() {
        "name the client's .rdp file with it".to_owned()
    } else {
        format!("but none of those that were kept asks for {names}")
    };
    Some(format!(
        "no Remote Desktop in it; {count} {several} TLS from the start: through an RD Gateway it looks like this, {advice}"
    ))
}

/// Chooses the machines to look at and their connections, the most telling first: `rank` is 0 for one that failed. The
/// others are counted.
pub(super) fn chosen<'a, K: Ord>(
    of_machine: BTreeMap<K, Vec<&'a Watched>>,
    left_out: &mut u64,
    rank: impl Fn(&Watched) -> u8,
) -> Vec<(K, Vec<&'a Watched>)> {
    let mut machines: Vec<_> = of_machine.into_iter().collect();
    let fails = |connections: &[&Watched]| connections.iter().any(|connection| rank(connection) == 0);
    let newest = |connections: &[&Watched]| {
        let fails = fails(connections);
        connections.iter().filter(|connection| !fails || rank(connection) == 0).map(|connection| connection.began).max()
    };
    // whoever captures stops when the fault has appeared: the newest failure first
    machines.sort_by_key(|(_, connections)| (!fails(connections), std::cmp::Reverse(newest(connections))));
    for (number, (_, connections)) in machines.iter_mut().enumerate() {
        // failures tell more, and of them the newest
        connections.sort_by_key(|connection| (rank(connection), std::cmp::Reverse(connection.began)));
        let most = if number < HOSTS { CONNECTIONS } else { 0 };
        *left_out = left_out.saturating_add(connections.len().saturating_sub(most) as u64);
        connections.truncate(most);
    }
    machines.retain(|(_, connections)| !connections.is_empty());
    machines
}

/// Where a client's connection led: behind a proxy to the host that it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    At(SocketAddr),
    /// A name that the proxy at this address was asked for; where it leads only the proxy knows.
    Named(SocketAddr, String),
}

fn place(watched: &Watched) -> Place {
    match watched.exchange.beyond_proxy() {
        None => Place::At(watched.host),
        Some((host, port)) => match host.parse::<IpAddr>() {
            Ok(address) => Place::At((address, port).into()),
            Err(_) => Place::Named(watched.host, host.to_lowercase()),
        },
    }
}

/// True if a proxy was asked for the host, and nothing of Remote Desktop passed.
fn refused_by_proxy(watched: &Watched) -> bool {
    watched.exchange.beyond_proxy().is_some() && watched.exchange.request.is_none()
}

/// Tells that a proxy did not open the way. Why it did not is the proxy's word: nothing is judged by it.
fn refusal(watched: &Watched) -> String {
    let (host, port) = watched.exchange.beyond_proxy().unwrap_or_default();
    let reply = match (&watched.exchange.socks, &watched.exchange.web) {
        (Some(socks), _) => socks.value.reply.map(|code| format!("reply {code} of SOCKS {}", socks.value.version)),
        (None, web) => web
            .as_ref()
            .and_then(|web| web.answers.last()?.value.status())
            .map(|status| format!("status {status} of HTTP")),
    };
    let reply = reply.unwrap_or_else(|| "no answer that was captured".to_owned());
    let host = printable(host);
    format!("the proxy {} was asked for {host}:{port}, and no Remote Desktop followed ({reply})", watched.host)
}

/// Adds how many clients a host had, for each one that never came through.
fn clients(tally: &Tally, source: Source, evidence: &mut Evidence) {
    let mut add = |client: Option<String>, attempts, passed_since, at| {
        let subject = evidence.subject(Subject::new(Role::Path, client.clone(), None));
        let Tally { connections, clients, failing, .. } = *tally;
        let host = tally.host.to_string();
        let seen = CapturedClients { client, host, attempts, clients, failing, passed_since, connections };
        evidence.observe(subject, source, moment(at), None, Fact::CapturedClients(seen));
    };
    for failing in &tally.named {
        add(Some(failing.client.to_string()), failing.attempts, failing.passed_since, failing.last);
    }
    if tally.named.is_empty() {
        add(None, 0, 0, tally.until);
    }
}

fn host(place: &Place, connections: &[&Watched], source: Source, evidence: &mut Evidence) {
    let subject = match place {
        Place::At(address) => evidence.host_at(*address, None),
        Place::Named(proxy, name) => {
            let (role, name, address) = (Role::Host, Some(printable(name)), Some(*proxy));
            evidence.subject(Subject::new(role, name, address))
        }
    };
    let mut inorder = connections.to_vec();
    inorder.sort_by_key(|connection| connection.began);
    for watched in inorder {
        let began = moment(watched.began);
        connection(watched, &mut Seen { evidence: &mut *evidence, subject, source, began });
    }
    // the one that failed last is the one that somebody asks about
    if let Some(profile) = connections.iter().find_map(|watched| client(watched)) {
        evidence.clients.push((subject, profile));
    }
}

fn connection(watched: &Watched, seen: &mut Seen<'_>) {
    begun(watched, watched.exchange.beyond_proxy().is_some(), seen);
    let exchange = &watched.exchange;
    let requested = exchange.request.as_ref().and_then(|request| request.value.as_ref().ok());
    if let Some(answer) = &exchange.answer
        // an unreadable or uncaptured request does not tell what was requested
        && (requested.is_some() || matches!(answer.value, X224Answer::ClosedBeforeRequest(_)))
    {
        let requested = requested.and_then(|request| request.protocols);
        let fact = Fact::X224Answer { requested, answer: answer.value.clone() };
        seen.add(moment(answer.at), Some(answer.took), fact);
    }
    handshaken(watched, seen);
}

/// Adds how TCP went, unless it was a proxy's, and what a capture tells about a connection as a whole.
pub(super) fn begun(watched: &Watched, by_proxy: bool, seen: &mut Seen<'_>) {
    if let Some(tcp) = watched.tcp.as_ref().filter(|_| !by_proxy) {
        seen.add(later(seen.began, tcp.at), Some(tcp.took), Fact::TcpAnswer(tcp.value.clone()));
    }
    seen.add(seen.began, None, Fact::CapturedConnection(described(watched)));
}

/// Adds the handshake, whatever came before it, and the certificate.
pub(super) fn handshaken(watched: &Watched, seen: &mut Seen<'_>) {
    let exchange = &watched.exchange;
    let Some(answer) = &exchange.handshake else { return };
    let at = moment(answer.at);
    let said = tls::printed(answer.value.clone());
    if let Some(hello) = &exchange.hello {
        let (offer, direct) = (TlsOffer::watched(&hello.value), exchange.request.is_none());
        seen.add(at, Some(answer.took), Fact::TlsAnswer { offer, direct, answer: said });
    }
    certificate::observe(at, &exchange.presented.chain, seen);
}

fn udp(transport: &UdpWatched, source: Source, evidence: &mut Evidence) {
    // whether UDP gets through depends on the path, and no connection fails without it
    let subject = evidence.subject(Subject::new(Role::Path, None, Some(transport.host)));
    let fact = Fact::CapturedTransport(CapturedTransport {
        client: transport.client.to_string(),
        asked: transport.asked.version,
        answered: transport.answer.is_some(),
        chosen: transport.answer.and_then(|(syn, _)| syn.version),
    });
    let took = transport.answer.map(|(_, took)| took);
    evidence.observe(subject, source, moment(transport.began), took, fact);
}

/// Converts a moment of a capture, which counts since 1970.
pub fn moment(since_1970: Duration) -> OffsetDateTime {
    later(OffsetDateTime::UNIX_EPOCH, since_1970)
}

/// Tells the proxy of a connection, and the host that it was asked for.
fn proxied(watched: &Watched) -> Option<String> {
    let (host, port) = watched.exchange.beyond_proxy()?;
    let version = watched.exchange.socks.as_ref().map(|socks| socks.value.version);
    let kind = version.map_or("web".to_owned(), |version| format!("SOCKS {version}"));
    let host = printable(host);
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    Some(format!("the {kind} proxy {} to {host}:{port}", watched.host))
}

fn described(watched: &Watched) -> CapturedConnection {
    let words = |alert: Alert| alert.to_string();
    let request = watched.exchange.request.as_ref().and_then(|request| request.value.as_ref().ok());
    let one_sided = match watched.one_sided {
        Some(Side::Client) => Some(Doubt::HostUnseen),
        Some(Side::Host) => Some(Doubt::ClientUnseen),
        None => None,
    };
    let notes = [
        watched.midway.then_some(Doubt::Midway),
        one_sided,
        watched.gaps.then_some(Doubt::Gaps),
        watched.altered.then_some(Doubt::Altered),
        watched.exchange.hidden.then_some(Doubt::HiddenCertificate),
    ];
    CapturedConnection {
        client: watched.client.to_string(),
        through: proxied(watched),
        server_name: watched.server_name().map(str::to_owned),
        cookie: request.is_some_and(|request| request.cookie.is_some()),
        sent: watched.sent,
        received: watched.received,
        ended: watched.ends.first().map(ended),
        client_alert: watched.exchange.client_alert.map(words),
        host_alert: watched.exchange.server_alert.map(words),
        notes: notes.into_iter().flatten().collect(),
    }
}

fn ended((side, end, at): &(Side, End, Duration)) -> String {
    let who = match side {
        Side::Client => "client",
        Side::Host => "host",
    };
    format!("{} by the {who} after {:.3} s", end.verb(), at.as_secs_f64())
}

/// Describes the client as far as it showed itself; anything it did not show is not judged.
fn client(watched: &Watched) -> Option<ClientProfile> {
    let request: &ConnectionRequest = watched.exchange.request.as_ref()?.value.as_ref().ok()?;
    let hello = watched.exchange.hello.as_ref().map(|hello| TlsOffer::watched(&hello.value));
    Some(ClientProfile {
        id: "captured".to_owned(),
        name: format!("the client at {}", watched.client.ip()),
        sources: vec!["its Connection Request and ClientHello in the capture".to_owned()],
        protocols: request.protocols.unwrap_or(SecurityProtocols::RDP),
        standard_security: true,
        tls_min: hello.map_or(TlsVersion::Tls10, |hello| hello.min),
        tls_max: hello.map_or(TlsVersion::Tls13, |hello| hello.max),
        suites: hello.map_or(Suites::USUAL, |hello| hello.suites),
        groups: hello.map_or(Groups::USUAL, |hello| hello.groups),
        signatures: hello.map_or(Signatures::USUAL, |hello| hello.signatures),
        hello: HelloStyle::default(),
        names_addresses: false,
        least_rsa_bits: 0,
        short_ntlm_keys: None,
        credssp_seconds: None,
        encryption_oracle: EncryptionOracle::Vulnerable,
    })
}
