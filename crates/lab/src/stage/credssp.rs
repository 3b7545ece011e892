//! CredSSP: how a host introduces itself behind TLS, [MS-CSSP] 2.2.1, [MS-NLMP] 2.2.1.2.

use std::io;

use serde::Deserialize;
use time::{Duration, OffsetDateTime};
use wire::credssp::{self, Framing, TsRequest};
use wire::der;
use wire::ntlm::{self, Challenge, WindowsVersion};

use super::served::{Ending, Negotiated, Tunnel};
use crate::script::Script;
use crate::transport;

/// How a host introduces itself behind TLS.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Credssp {
    /// The version in its `TSRequest`.
    pub version: u32,
    /// `MsvAvNbComputerName`.
    pub netbios_computer: String,
    /// `MsvAvNbDomainName`: that of the computer, if it is in no domain.
    pub netbios_domain: String,
    /// `MsvAvDnsComputerName`.
    pub dns_computer: String,
    /// `MsvAvDnsDomainName`.
    pub dns_domain: String,
    /// The build of Windows.
    pub build: u16,
    /// How far its clock is ahead of ours; negative if it is behind.
    pub clock_offset_seconds: i64,
    /// Versions of the client's `TSRequest` at which it closes.
    pub refuses: Vec<u32>,
    /// Fault that it shows instead.
    pub fault: Option<CredsspFault>,
    /// The CHALLENGE is wrapped in SPNEGO.
    pub spnego: bool,
}

/// Faults in CredSSP.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CredsspFault {
    /// FIN on the first `TSRequest`.
    Close,
    /// RST on the first `TSRequest`.
    Reset,
    /// No answer.
    Silent,
    /// A `TSRequest` with this NTSTATUS.
    Refuse(u32),
    /// These bytes through the tunnel.
    Play(Script),
}

impl Default for Credssp {
    fn default() -> Self {
        Self {
            version: 6,
            netbios_computer: "SERVER01".to_owned(),
            netbios_domain: "CORP".to_owned(),
            dns_computer: "server01.corp.example".to_owned(),
            dns_domain: "corp.example".to_owned(),
            build: 20348,
            clock_offset_seconds: 0,
            refuses: Vec::new(),
            fault: None,
            spnego: false,
        }
    }
}

/// A real host would draw it anew each time; nobody here computes with it.
const SERVER_CHALLENGE: [u8; 8] = *b"lab only";
/// 1.3.6.1.4.1.311.2.2.10: NTLMSSP.
const NTLMSSP: &[u8] = &[0x2B, 6, 1, 4, 1, 0x82, 0x37, 2, 2, 10];
const OBJECT_IDENTIFIER: u8 = 6;
const ENUMERATED: u8 = 10;

/// Answers the client's first `TSRequest` and waits until the client closes, if CredSSP was selected.
pub(crate) fn serve(host: &Credssp, negotiated: Negotiated, tunnel: &mut dyn Tunnel) -> Option<io::Result<Ending>> {
    negotiated.selected.credssp().then(|| introduce(host, tunnel))
}

fn introduce(host: &Credssp, tunnel: &mut dyn Tunnel) -> io::Result<Ending> {
    let request = read_request(tunnel)?;
    if host.refuses.contains(&request.version) {
        return Ok(Ending::Close);
    }
    let answer = match &host.fault {
        Some(CredsspFault::Close) => return Ok(Ending::Close),
        Some(CredsspFault::Reset) => return Ok(Ending::Reset),
        Some(CredsspFault::Silent) => Vec::new(),
        Some(CredsspFault::Refuse(status)) => refusal(host, *status),
        Some(CredsspFault::Play(script)) => {
            // a client that has seen enough closes before the end
            script.play(tunnel)?;
            Vec::new()
        }
        None => introduction(host, OffsetDateTime::now_utc()),
    };
    tunnel.write_all(&answer)?;
    tunnel.flush()?;
    transport::discard(tunnel)?;
    Ok(Ending::Close)
}

fn read_request(tunnel: &mut dyn Tunnel) -> io::Result<TsRequest> {
    let mut received = Vec::new();
    let mut piece = [0; 4096];
    loop {
        match credssp::framing(&received) {
            Framing::Complete(size) => return TsRequest::decode(&received[..size]).map_err(io::Error::other),
            Framing::Incomplete if received.len() <= credssp::LIMIT => {}
            _ => return Err(io::Error::other("the client sent no TSRequest")),
        }
        match tunnel.read(&mut piece)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => received.extend_from_slice(&piece[..count]),
        }
    }
}

fn refusal(host: &Credssp, status: u32) -> Vec<u8> {
    TsRequest { version: host.version, tokens: Vec::new(), error: Some(status) }.encode()
}

fn introduction(host: &Credssp, now: OffsetDateTime) -> Vec<u8> {
    let challenge = challenge(host, now).encode(SERVER_CHALLENGE);
    let token = if host.spnego { spnego(&challenge) } else { challenge };
    TsRequest { version: host.version, tokens: vec![token], error: None }.encode()
}

fn challenge(host: &Credssp, now: OffsetDateTime) -> Challenge {
    let clock = now.checked_add(Duration::seconds(host.clock_offset_seconds)).unwrap_or(now);
    let member = host.netbios_domain != host.netbios_computer;
    Challenge {
        target: Some(host.netbios_domain.clone()),
        netbios_computer: Some(host.netbios_computer.clone()),
        netbios_domain: Some(host.netbios_domain.clone()),
        dns_computer: Some(host.dns_computer.clone()),
        dns_domain: Some(host.dns_domain.clone()),
        dns_tree: member.then(|| host.dns_domain.clone()),
        timestamp: ntlm::to_filetime(clock),
        version: Some(WindowsVersion { major: 10, minor: 0, build: host.build }),
        flaw: None,
    }
}

/// `NegTokenResp` (RFC 4178 section 4.2.2): accept-incomplete, NTLMSSP, the token.
fn spnego(token: &[u8]) -> Vec<u8> {
    let fields = [
        der::encode(der::context(0), &der::encode(ENUMERATED, &[1])),
        der::encode(der::context(1), &der::encode(OBJECT_IDENTIFIER, NTLMSSP)),
        der::encode(der::context(2), &der::encode(der::OCTET_STRING, token)),
    ];
    der::encode(der::context(1), &der::encode(der::SEQUENCE, &fields.concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_found_raw_and_wrapped() {
        let now = OffsetDateTime::UNIX_EPOCH;
        for spnego in [false, true] {
            let host = Credssp { spnego, clock_offset_seconds: 7200, ..Credssp::default() };
            let answer = TsRequest::decode(&introduction(&host, now)).unwrap();
            let found = Challenge::find(&answer.tokens[0]).unwrap();
            assert_eq!((answer.version, found.netbios_computer.as_deref()), (6, Some("SERVER01")));
            assert_eq!(found.timestamp.and_then(ntlm::filetime), Some(now + Duration::hours(2)));
        }
    }

    #[test]
    fn a_refusal_carries_its_status() {
        let answer = TsRequest::decode(&refusal(&Credssp::default(), 0xC000_0022)).unwrap();
        assert_eq!(answer.error, Some(0xC000_0022));
    }
}
