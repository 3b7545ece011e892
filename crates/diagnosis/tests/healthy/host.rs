//! A healthy host, and its answers.

use time::{Duration, OffsetDateTime};
use wire::credssp::TsRequest;
use wire::ntlm::{self, Challenge, WindowsVersion};
use wire::tls::TlsVersion;
use wire::x224::{ConnectionRequest, NegotiationFailure, SecurityProtocols, ServerAnswer};

use crate::Chance;
use crate::certificate::{Maker, Wanted};
use crate::turns::Turns;

/// Time at which every probe begins.
pub const NOW: OffsetDateTime = time::macros::datetime!(2026-11-21 09:00 UTC);

const BUILDS: &[u16] =
    &[7601, 9200, 9600, 10240, 14393, 17763, 19041, 19045, 20348, 22000, 22621, 22631, 25398, 26100, 26200];
const COMPUTERS: &[&str] =
    &["SERVER01", "DESKTOP-4F7K2QP", "TS-1", "büro-pc", "ΚΕΝΤΡΟ", "机房服务器", "X", "WIN-ABCDEFGHIJK"];
const DOMAINS: &[&str] = &["CORP", "EXAMPLE", "ИМЯ", "AD"];

/// Everything that differs from host to host.
#[allow(clippy::struct_excessive_bools)] // each is a fact of its own
pub struct Host {
    pub computer: String,
    pub domain: String,
    pub workgroup: bool,
    pub dns_name: String,
    /// Host as the person typed it.
    pub typed: String,
    pub build: u16,
    pub chain: Vec<Vec<u8>>,
    pub tls_min: TlsVersion,
    pub tls_max: TlsVersion,
    pub accepts: SecurityProtocols,
    pub nla_required: bool,
    pub flags: u8,
    pub ts_version: u32,
    pub spnego: bool,
    pub kerberos_only: bool,
    pub clock_offset: Duration,
    /// Milliseconds to each answer.
    pub latency: u64,
    /// True if a connection within 100 ms after another is reset.
    pub one_client: bool,
    /// Number of the connection from which on all are reset.
    pub resets_from: Option<usize>,
    /// A second machine behind the same address, which cannot speak TLS.
    pub turns: Option<Turns>,
    pub profile: &'static str,
}

impl std::fmt::Debug for Host {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { typed, dns_name, build, tls_min, tls_max, accepts, nla_required, clock_offset, profile, .. } = self;
        write!(
            out,
            "{typed} ({dns_name}, workgroup {}), build {build}, TLS {tls_min} to {tls_max}, {accepts}, NLA required \
             {nla_required}, clock {clock_offset}, for {profile}, one client {}, resets from {:?}, Kerberos only {}",
            self.workgroup, self.one_client, self.resets_from, self.kerberos_only
        )
    }
}

impl Host {
    /// Draws a host. Whatever it draws is healthy for the client that it draws.
    pub fn new(chance: &mut Chance, maker: &Maker) -> Self {
        let computer = chance.pick(COMPUTERS).to_owned();
        let workgroup = chance.one_in(3);
        let domain = if workgroup { computer.clone() } else { chance.pick(DOMAINS).to_owned() };
        let ascii: String =
            computer.to_lowercase().chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
        let label = if ascii.is_empty() { "host".to_owned() } else { ascii };
        let suffix = chance.pick(&["corp.example", "ad.corp.example", "example"]);
        let dns_name = if workgroup { label.clone() } else { format!("{label}.{suffix}") };
        let alias = format!("rds{}.example", chance.between(1, 9));
        let by_ca = chance.one_in(3);
        let typed = match chance.between(0, 3) {
            0 => "192.0.2.7".to_owned(),
            1 if by_ca => alias.clone(),
            2 => label,
            _ => dns_name.clone(),
        };
        let build = chance.pick(BUILDS);
        let (tls_min, tls_max) = versions(build, chance);
        let (accepts, nla_required) = negotiation(build, chance);
        let chain = maker.chain(&Wanted {
            subject: dns_name.clone(),
            names: if by_ca { vec![dns_name.clone(), alias] } else { Vec::new() },
            from: NOW - Duration::minutes(i64::try_from(chance.between(60, 180 * 1440)).unwrap()),
            until: NOW + Duration::minutes(i64::try_from(chance.between(1440, 5 * 365 * 1440)).unwrap()),
            rsa: chance.one_in(4),
            by_ca,
        });
        Self {
            computer,
            domain,
            workgroup,
            dns_name,
            typed: typed.clone(),
            build,
            chain,
            tls_min,
            tls_max,
            accepts,
            nla_required,
            flags: u8::try_from(chance.between(0, 31)).unwrap(),
            ts_version: chance.pick(&[5, 6]),
            spnego: chance.one_in(2),
            // Kerberos needs names: asking a host without NTLM by its address is no healthy combination
            kerberos_only: chance.one_in(6) && typed.parse::<std::net::IpAddr>().is_err(),
            clock_offset: Duration::milliseconds(i64::try_from(chance.between(0, 480_000)).unwrap() - 240_000),
            latency: chance.between(0, 300),
            one_client: chance.one_in(5),
            resets_from: chance.one_in(5).then(|| usize::try_from(chance.between(2, 4)).unwrap()),
            turns: None,
            profile: fitting(tls_min, chance),
        }
    }

    /// Answers a Connection Request as Windows would.
    pub fn confirm(&self, request: &ConnectionRequest) -> ServerAnswer {
        let offered = request.protocols.unwrap_or(SecurityProtocols::RDP);
        let takes = |protocol: &SecurityProtocols| {
            self.accepts.contains(*protocol)
                && offered.contains(*protocol)
                && (protocol.credssp() || !self.nla_required)
        };
        let best = [SecurityProtocols::HYBRID_EX, SecurityProtocols::HYBRID, SecurityProtocols::SSL];
        match best.into_iter().find(takes) {
            Some(protocol) => ServerAnswer::Selected { protocol, flags: self.flags },
            None if self.nla_required => ServerAnswer::Failure(NegotiationFailure::HYBRID_REQUIRED_BY_SERVER),
            None => ServerAnswer::Failure(NegotiationFailure::SSL_REQUIRED_BY_SERVER),
        }
    }

    /// Picks a version from an offer.
    pub fn tls(&self, min: TlsVersion, max: TlsVersion) -> Option<TlsVersion> {
        let picked = max.min(self.tls_max);
        (picked >= min.max(self.tls_min)).then_some(picked)
    }

    /// Answers a `TSRequest`, at a time of our clock.
    pub fn introduction(&self, at: OffsetDateTime) -> Vec<u8> {
        if self.kerberos_only {
            // STATUS_NTLM_BLOCKED, the answer that says so of a host that refuses NTLM
            return TsRequest { version: self.ts_version, tokens: Vec::new(), error: Some(0xC000_0418) }.encode();
        }
        let (major, minor) = match self.build {
            7601 => (6, 1),
            9200 => (6, 2),
            9600 => (6, 3),
            _ => (10, 0),
        };
        let challenge = Challenge {
            flaw: None,
            target: Some(self.domain.clone()),
            netbios_computer: Some(self.computer.clone()),
            netbios_domain: Some(self.domain.clone()),
            dns_computer: Some(self.dns_name.clone()),
            dns_domain: Some(self.dns_name.split_once('.').map_or(self.dns_name.clone(), |(_, rest)| rest.to_owned())),
            dns_tree: None,
            timestamp: ntlm::to_filetime(at + self.clock_offset),
            version: Some(WindowsVersion { major, minor, build: self.build }),
        };
        let mut token = challenge.encode(*b"generate");
        if self.spnego {
            // a reader has to pass over what precedes the CHALLENGE in SPNEGO
            token.splice(0..0, [0xA1, 0x82, 1, 0, 0x30, 0x82, 0, 0xFC, 0xA2, 0x81, 0xF8, 4, 0x81, 0xF5]);
        }
        TsRequest { version: self.ts_version, tokens: vec![token], error: None }.encode()
    }
}

fn versions(build: u16, chance: &mut Chance) -> (TlsVersion, TlsVersion) {
    let newest = if build >= 20348 && !chance.one_in(4) { TlsVersion::Tls13 } else { TlsVersion::Tls12 };
    let oldest = if build < 26100 && chance.one_in(2) { TlsVersion::Tls10 } else { TlsVersion::Tls12 };
    (oldest, newest)
}

fn negotiation(build: u16, chance: &mut Chance) -> (SecurityProtocols, bool) {
    if chance.one_in(6) {
        // NLA switched off
        return (SecurityProtocols::SSL, false);
    }
    let both = SecurityProtocols::SSL.with(SecurityProtocols::HYBRID);
    let newer = build >= 9200 && !chance.one_in(6);
    (if newer { both.with(SecurityProtocols::HYBRID_EX) } else { both }, chance.one_in(2))
}

/// Draws a client that shares a TLS version with the host; all of them offer TLS and CredSSP.
fn fitting(tls_min: TlsVersion, chance: &mut Chance) -> &'static str {
    let all = ["mstsc-11", "mstsc-10", "mac", "freerdp3", "mstsc-7"];
    let count = if tls_min == TlsVersion::Tls10 { 5 } else { 4 };
    chance.pick(&all[..count])
}
