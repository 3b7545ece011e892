//! X.224: the host's side of the security negotiation, [MS-RDPBCGR] 2.2.1.1, 2.2.1.2, 5.4.2.2.

use std::io::{self, Write};

use serde::Deserialize;
use wire::x224::{
    self, ConnectionRequest, Framing, NegotiationFailure, Preconnection, RoutingToken, SecurityProtocols, ServerAnswer,
};

use super::served::{Ending, Negotiated, Served};
use super::tls::{self, Tls};
use crate::transport::Transport;

/// `flags` of RDP_NEG_RSP as Windows Server 2022 sends them: extended client data, graphics pipeline, Restricted Admin,
/// Remote Credential Guard.
const FLAGS: u8 = 0x1F;
/// From best to worst.
const PREFERENCE: [Protocol; 4] = [Protocol::Rdsaad, Protocol::HybridEx, Protocol::Hybrid, Protocol::Ssl];

/// How a host negotiates the security protocol ([MS-RDPBCGR] 2.2.1.1 and 2.2.1.2).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Negotiation {
    /// The protocols that it accepts. It picks the first of RDSAAD, HYBRID_EX, HYBRID, SSL, RDP that the client offers.
    pub accepts: Vec<Protocol>,
    /// Anything without CredSSP is answered with failure 5.
    pub nla_required: bool,
    /// Fault that it shows instead.
    pub fault: Option<NegotiationFault>,
    /// It answers with this failure whatever is offered.
    pub failure: Option<u32>,
    /// A request without this routing token is closed, as a balancer does that finds its target by it.
    pub routing_token: Option<String>,
    /// A request that names another user than this (`Cookie: mstshash=`) is closed, as a balancer does that finds its
    /// target by the user.
    pub user: Option<String>,
    /// A connection that does not begin with this preconnection blob is closed, as a host of many targets does.
    pub preconnection: Option<String>,
    /// A `requestedProtocols` above this number is answered by an MCS Disconnect Provider Ultimatum, as xrdp does.
    pub limit_protocols: Option<u32>,
}

/// A security protocol by its name in the specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Protocol {
    /// Standard RDP Security.
    #[serde(rename = "RDP")]
    Rdp,
    /// TLS.
    #[serde(rename = "SSL")]
    Ssl,
    /// CredSSP.
    #[serde(rename = "HYBRID")]
    Hybrid,
    /// CredSSP with the Early User Authorization Result.
    #[serde(rename = "HYBRID_EX")]
    HybridEx,
    /// Microsoft Entra authentication.
    #[serde(rename = "RDSAAD")]
    Rdsaad,
}

impl Protocol {
    /// Its number on the wire.
    pub fn on_the_wire(self) -> SecurityProtocols {
        match self {
            Self::Rdp => SecurityProtocols::RDP,
            Self::Ssl => SecurityProtocols::SSL,
            Self::Hybrid => SecurityProtocols::HYBRID,
            Self::HybridEx => SecurityProtocols::HYBRID_EX,
            Self::Rdsaad => SecurityProtocols::RDSAAD,
        }
    }
}

/// Faults in the negotiation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NegotiationFault {
    /// FIN on the request.
    Close,
    /// RST on the request.
    Reset,
    /// No answer.
    Silent,
    /// FIN on a request for more than Standard RDP Security, as VirtualBox does that cannot read its certificate.
    CloseTls,
    /// FIN on a request that offers CredSSP.
    CloseCredssp,
    /// A confirm whose negotiation data have a type that does not exist.
    Malformed,
    /// An MCS Disconnect Provider Ultimatum instead of a confirm.
    DisconnectProviderUltimatum,
    /// A confirm without negotiation data.
    NoNegotiation,
    /// RDSTLS is selected, which nobody offers.
    SelectRdstls,
    /// Where a Windows host would answer with a failure, Standard RDP Security is selected without a word, as xrdp
    /// does.
    SelectRdp,
}

impl Default for Negotiation {
    fn default() -> Self {
        Self {
            accepts: vec![Protocol::Ssl, Protocol::Hybrid, Protocol::HybridEx],
            nla_required: false,
            fault: None,
            failure: None,
            routing_token: None,
            user: None,
            preconnection: None,
            limit_protocols: None,
        }
    }
}

/// Answers a client's request; it goes on with what was negotiated.
pub(crate) fn serve(host: &Negotiation, tls: &Tls, transport: &mut Transport) -> io::Result<Served<Negotiated>> {
    if let Some(blob) = host.preconnection.as_deref().and_then(Preconnection::parse) {
        let expected = blob.encode();
        if transport.take(expected.len())? != expected {
            return Ok(Served::Ended(Ending::Close));
        }
    }
    let request = read_request(transport)?;
    let token = request.token.as_ref().map(RoutingToken::as_str);
    if host.routing_token.as_deref().is_some_and(|expected| token != Some(expected)) {
        return Ok(Served::Ended(Ending::Close));
    }
    if host.user.is_some() && request.cookie != host.user {
        return Ok(Served::Ended(Ending::Close));
    }
    let answer = match reply(host, &request) {
        Reply::Close => return Ok(Served::Ended(Ending::Close)),
        Reply::Reset => return Ok(Served::Ended(Ending::Reset)),
        Reply::Silent => return transport.hold().map(|()| Served::Ended(Ending::Close)),
        Reply::Malformed(bytes) => return transport.write_all(&bytes).map(|()| Served::Ended(Ending::Close)),
        Reply::Answer(answer) => answer,
    };
    tls::prepare(tls, transport)?;
    transport.write_all(&answer.encode())?;
    let requested = request.protocols.unwrap_or(SecurityProtocols::RDP);
    Ok(match answer {
        ServerAnswer::Selected { protocol: selected, .. } => Served::On(Negotiated { requested, selected }),
        ServerAnswer::NoNegotiation => Served::On(Negotiated { requested, selected: SecurityProtocols::RDP }),
        ServerAnswer::Failure(_) | ServerAnswer::DisconnectProviderUltimatum => Served::Ended(Ending::Close),
    })
}

/// Reads a client's request.
pub(crate) fn read_request(transport: &mut Transport) -> io::Result<ConnectionRequest> {
    let mut frame = transport.take(4)?;
    let missing = match x224::framing(&frame) {
        Framing::Incomplete => usize::from(u16::from_be_bytes([frame[2], frame[3]])).saturating_sub(frame.len()),
        _ => return Err(io::Error::other("the client sent no TPKT")),
    };
    frame.extend(transport.take(missing)?);
    ConnectionRequest::decode(&frame).map_err(io::Error::other)
}

/// A host's way to treat a Connection Request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reply {
    /// Answers it.
    Answer(ServerAnswer),
    /// Answers with these bytes, which mean nothing.
    Malformed(Vec<u8>),
    /// FIN.
    Close,
    /// RST.
    Reset,
    /// Says nothing.
    Silent,
}

/// Decides what a host replies.
pub(crate) fn reply(host: &Negotiation, request: &ConnectionRequest) -> Reply {
    match host.fault {
        Some(NegotiationFault::Close) => Reply::Close,
        Some(NegotiationFault::Reset) => Reply::Reset,
        Some(NegotiationFault::Silent) => Reply::Silent,
        Some(NegotiationFault::CloseCredssp) if request.protocols.is_some_and(SecurityProtocols::credssp) => {
            Reply::Close
        }
        Some(NegotiationFault::CloseTls) if request.protocols.is_some_and(|asked| asked != SecurityProtocols::RDP) => {
            Reply::Close
        }
        Some(NegotiationFault::Malformed) => Reply::Malformed(malformed()),
        Some(NegotiationFault::DisconnectProviderUltimatum) => Reply::Answer(ServerAnswer::DisconnectProviderUltimatum),
        Some(NegotiationFault::NoNegotiation) => Reply::Answer(ServerAnswer::NoNegotiation),
        Some(NegotiationFault::SelectRdstls) => {
            Reply::Answer(ServerAnswer::Selected { protocol: SecurityProtocols::RDSTLS, flags: FLAGS })
        }
        Some(NegotiationFault::SelectRdp | NegotiationFault::CloseTls | NegotiationFault::CloseCredssp) | None => {
            Reply::Answer(answer(host, request))
        }
    }
}

fn answer(host: &Negotiation, request: &ConnectionRequest) -> ServerAnswer {
    let offered = request.protocols.unwrap_or(SecurityProtocols::RDP);
    if host.limit_protocols.is_some_and(|limit| offered.0 > limit) {
        return ServerAnswer::DisconnectProviderUltimatum;
    }
    if let Some(code) = host.failure {
        return ServerAnswer::Failure(NegotiationFailure(code));
    }
    let takes = |protocol: &Protocol| accepts(host, *protocol) && offered.contains(protocol.on_the_wire());
    if let Some(protocol) = PREFERENCE.into_iter().find(takes) {
        return ServerAnswer::Selected { protocol: protocol.on_the_wire(), flags: FLAGS };
    }
    let standard = offered == SecurityProtocols::RDP && accepts(host, Protocol::Rdp);
    match request.protocols {
        None if standard => ServerAnswer::NoNegotiation,
        _ if standard || host.fault == Some(NegotiationFault::SelectRdp) => {
            ServerAnswer::Selected { protocol: SecurityProtocols::RDP, flags: 0 }
        }
        _ => ServerAnswer::Failure(refusal(host)),
    }
}

fn accepts(host: &Negotiation, protocol: Protocol) -> bool {
    let credssp = protocol.on_the_wire().credssp();
    let proves_the_user = credssp || protocol == Protocol::Rdsaad;
    host.accepts.contains(&protocol) && (proves_the_user || !host.nla_required)
}

/// The failure that says what the host would have taken.
fn refusal(host: &Negotiation) -> NegotiationFailure {
    if accepts(host, Protocol::Rdp) {
        NegotiationFailure::SSL_NOT_ALLOWED_BY_SERVER
    } else if accepts(host, Protocol::Ssl) {
        NegotiationFailure::SSL_REQUIRED_BY_SERVER
    } else {
        NegotiationFailure::HYBRID_REQUIRED_BY_SERVER
    }
}

fn malformed() -> Vec<u8> {
    let mut frame = ServerAnswer::Selected { protocol: SecurityProtocols::SSL, flags: FLAGS }.encode();
    // TPKT header (4), the fixed part of the TPDU (7): the type of the negotiation data
    frame[11] = 0x7F;
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(accepts: &[Protocol]) -> Negotiation {
        Negotiation { accepts: accepts.to_vec(), ..Negotiation::default() }
    }

    /// The numbers that the host selects, or its failures as negative numbers, for each offer.
    fn replies(host: &Negotiation, offers: &[u32]) -> Vec<i64> {
        let reply = |offer: &u32| {
            let request =
                ConnectionRequest { protocols: Some(SecurityProtocols(*offer)), ..ConnectionRequest::default() };
            match reply(host, &request) {
                Reply::Answer(ServerAnswer::Selected { protocol, .. }) => i64::from(protocol.0),
                Reply::Answer(ServerAnswer::Failure(failure)) => -i64::from(failure.0),
                other => panic!("{other:?}"),
            }
        };
        offers.iter().map(reply).collect()
    }

    #[test]
    fn the_best_protocol_is_picked_and_refusals_are_those_of_windows() {
        use Protocol::{Hybrid, HybridEx, Rdp, Rdsaad, Ssl};
        let nla = Negotiation { nla_required: true, ..host(&[Ssl, Hybrid, HybridEx]) };
        let xrdp = Negotiation { fault: Some(NegotiationFault::SelectRdp), ..host(&[Rdp, Ssl]) };
        for (host, expected) in [
            (host(&[Ssl, Hybrid, HybridEx]), [-1, 1, 2, 2, 8, 8]),
            (nla, [-5, -5, 2, 2, 8, 8]),
            (host(&[Ssl]), [-1, 1, -1, 1, -1, 1]),
            (host(&[Rdp]), [0, -2, -2, -2, -2, -2]),
            (host(&[Rdp, Ssl]), [0, 1, -2, 1, -2, 1]),
            (xrdp, [0, 1, 0, 1, 0, 1]),
            (Negotiation { failure: Some(3), ..host(&[Ssl]) }, [-3; 6]),
            (host(&[Rdsaad]), [-5; 6]),
            (Negotiation { fault: Some(NegotiationFault::SelectRdstls), ..host(&[Ssl]) }, [4; 6]),
        ] {
            assert_eq!(replies(&host, &[0, 1, 2, 3, 8, 11]), expected, "{host:?}");
        }
    }

    #[test]
    fn entra_authentication_is_preferred_where_it_is_offered() {
        let nla = Negotiation { nla_required: true, ..host(&[Protocol::HybridEx, Protocol::Rdsaad]) };
        assert_eq!(replies(&nla, &[0x0B, 0x1B, 0x10]), [8, 16, 16]);
    }

    #[test]
    fn xrdp_hangs_up_on_protocols_that_it_does_not_know() {
        let xrdp = Negotiation { limit_protocols: Some(0x0B), ..host(&[Protocol::Ssl]) };
        let request = ConnectionRequest { protocols: Some(SecurityProtocols(0x0F)), ..ConnectionRequest::default() };
        assert_eq!(reply(&xrdp, &request), Reply::Answer(ServerAnswer::DisconnectProviderUltimatum));
    }

    #[test]
    fn a_malformed_confirm_is_one() {
        assert!(ServerAnswer::decode(&malformed()).is_err());
    }
}
