//! The rehearsal: before a host is blamed, our words are said to a healthy host inside this process, by the same code.
//! If that host cannot follow either, the fault is ours.
//!
//! The host here is as strict as a host can be: it knows our words from the specifications, byte by byte, and not from
//! the code that writes them; TLS is judged by rustls as a server. It answers as a current Windows does.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::timeout;
use wire::credssp::TsRequest;
use wire::machine::{ConversationPlan, CredsspAnswer, Outcome, TlsAnswer, X224Answer};
use wire::ntlm::Challenge;
use wire::tls::{Alert, ClientHello, Segments, TlsOffer, TlsStack, TlsVersion};
use wire::transcript::ConnectionRecord;
use wire::x224::{ConnectionRequest, SecurityProtocols, ServerAnswer};

use super::connection;
use super::outlet::Outlet;

/// Public by design (keys/README.md).
const CERTIFICATE: &[u8] = include_bytes!("../../keys/rehearsal.certificate.der");
const KEY: &[u8] = include_bytes!("../../keys/rehearsal.key.der");
/// Longest time for a stage. There is no network in between.
const LIMIT: Duration = Duration::from_secs(2);
/// Suites that the host here can accept: those of TLS 1.3, and ECDHE with ECDSA.
const TAKEN: [u16; 6] = [0x1301, 0x1302, 0x1303, 0xC02B, 0xC02C, 0xCCA9];
/// Time that a request is held back here: nobody answers before.
const HOLD: Duration = Duration::from_millis(20);
/// Time for which the host listens for more than was agreed.
const AFTERWARDS: Duration = Duration::from_millis(3);
/// Size of the pipe, more than any message here has.
const ROOM: usize = 64 * 1024;

/// TPKT (T.123) and X.224 Connection Request with 8 bytes behind it, and the cookie's length added to both lengths.
const REQUEST: [u8; 11] = [3, 0, 0, 19, 14, 0xE0, 0, 0, 0, 0, 0];
/// RDP_NEG_REQ ([MS-RDPBCGR] 2.2.1.1.1); requestedProtocols follows.
const NEGOTIATION: [u8; 4] = [1, 0, 8, 0];
/// TSRequest ([MS-CSSP] 2.2.1), version 6, with an NTLM NEGOTIATE ([MS-NLMP] 2.2.1.1) of 40 bytes without names.
const INTRODUCTION: &[u8] = &[
    0x30, 0x37, 0xA0, 0x03, 0x02, 0x01, 0x06, 0xA1, 0x30, 0x30, 0x2E, 0x30, 0x2C, 0xA0, 0x2A, 0x04, 0x28, b'N', b'T',
    b'L', b'M', b'S', b'S', b'P', 0, 1, 0, 0, 0, 0x17, 0x82, 0x08, 0xE2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 10, 0, 0x61, 0x4A, 0, 0, 0, 15,
];
/// Where the version stands in it.
const VERSION: usize = 6;

/// Returns those bytes with a version that there is, 2 to 6; nothing for another.
fn introduction(version: u32) -> Vec<u8> {
    let mut words = INTRODUCTION.to_vec();
    match u8::try_from(version) {
        Ok(version @ 2..=6) => words[VERSION] = version,
        _ => words.clear(),
    }
    words
}

/// True if the words of this plan work with a healthy host.
pub async fn passes(plan: &ConversationPlan, outlet: &dyn Outlet) -> bool {
    let limits = plan.limits.at_most(LIMIT);
    let plan = ConversationPlan { limits, hold: plan.hold.min(HOLD), ..plan.clone() };
    let (ours, theirs) = tokio::io::duplex(ROOM);
    let us = connection::converse_over(ours, &plan, LIMIT * 3, outlet);
    // the host's own failure to follow shows in what we receive
    let (entries, _) = tokio::join!(us, serve(theirs, &plan));
    let nowhere = ([127, 0, 0, 1], 0).into();
    let outcome =
        ConnectionRecord { address: nowhere, start: Duration::ZERO, survey: false, plan: plan.clone(), entries }
            .outcome();
    as_expected(&plan, &outcome)
}

/// Picks a protocol as a current Windows does.
fn pick(offered: SecurityProtocols) -> SecurityProtocols {
    let best = [SecurityProtocols::HYBRID_EX, SecurityProtocols::HYBRID, SecurityProtocols::SSL];
    best.into_iter().find(|protocol| offered.contains(*protocol)).unwrap_or(SecurityProtocols::RDP)
}

fn as_expected(plan: &ConversationPlan, outcome: &Outcome) -> bool {
    let x224 = outcome.x224.as_ref().map(|seen| &seen.value);
    let Some(request) = &plan.request else { return tls_as_expected(plan, outcome) };
    if !plan.hold.is_zero() {
        return x224 == Some(&X224Answer::HeldOpen);
    }
    let picked = pick(request.protocols.unwrap_or(SecurityProtocols::RDP));
    let Some(X224Answer::Server(ServerAnswer::Selected { protocol, .. })) = x224 else { return false };
    if *protocol != picked || !picked.tls() || plan.tls.is_none() {
        return *protocol == picked;
    }
    let credssp = outcome.credssp.as_ref().map(|seen| &seen.value);
    let introduced = plan.credssp.is_some() && picked.credssp() && plan.tls.is_some_and(|o| o.stack != TlsStack::Own);
    tls_as_expected(plan, outcome) && (!introduced || matches!(credssp, Some(CredsspAnswer::Challenge(_))))
}

fn tls_as_expected(plan: &ConversationPlan, outcome: &Outcome) -> bool {
    let tls = outcome.tls.as_ref().map(|seen| &seen.value);
    let refused = plan.tls.is_some_and(refuses);
    match tls {
        Some(TlsAnswer::Accepted { .. }) => !refused,
        // which of the two depends on what a host looks at first
        Some(TlsAnswer::Alert(alert)) => {
            refused && [Alert::PROTOCOL_VERSION, Alert::HANDSHAKE_FAILURE].contains(&alert.description)
        }
        _ => false,
    }
}

/// True for a hello that this host refuses, as a current one does: rustls speaks 1.2 and 1.3, and the key here is an
/// elliptic curve's.
fn refuses(offer: TlsOffer) -> bool {
    let taken = || ClientHello::of(offer, [0; 32]).suites.iter().any(|suite| TAKEN.contains(suite));
    offer.max < TlsVersion::Tls12 || offer.stack == TlsStack::Own && !taken()
}

/// The request in the words of [MS-RDPBCGR] 2.2.1.1: lengths, the routing token or the cookie if there is one, the
/// protocols. Before it goes the preconnection blob ([MS-RDPEPS] 2.2.1.2), if there is one.
fn asked(plan: &ConversationPlan, request: &ConnectionRequest) -> Vec<u8> {
    let protocols = request.protocols.unwrap_or(SecurityProtocols::RDP);
    let token = request.token.as_ref().map(|token| format!("{}\r\n", token.as_str()));
    let cookie = request.cookie.as_ref().map(|user| format!("Cookie: mstshash={user}\r\n"));
    let cookie = token.or(cookie).unwrap_or_default();
    let blob = plan.preconnection.as_ref().map(|blob| {
        let text: Vec<u8> = blob.as_str().encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
        let low = |number: usize| u8::try_from(number % 256).unwrap_or_default();
        let (size, count) = (text.len() + 18, text.len() / 2);
        let mut head = [0; 18];
        (head[0], head[1], head[8]) = (low(size), low(size / 256), 2);
        (head[16], head[17]) = (low(count), low(count / 256));
        [&head[..], &text].concat()
    });
    let mut head = REQUEST;
    let further = u8::try_from(cookie.len()).unwrap_or(u8::MAX);
    (head[3], head[4]) = (head[3].saturating_add(further), head[4].saturating_add(further));
    let blob = blob.unwrap_or_default();
    [&blob[..], &head[..], cookie.as_bytes(), &NEGOTIATION, &protocols.0.to_le_bytes()].concat()
}

/// Reads exactly these bytes and not one more; an error ends the connection.
async fn expect(stream: &mut DuplexStream, words: &[u8]) -> io::Result<()> {
    let mut heard = vec![0; words.len()];
    stream.read_exact(&mut heard).await?;
    let more = timeout(AFTERWARDS, stream.read(&mut [0])).await.is_ok();
    if heard != words || more { Err(io::ErrorKind::InvalidData.into()) } else { Ok(()) }
}

/// Serves one client as a healthy host.
async fn serve(mut stream: DuplexStream, plan: &ConversationPlan) -> io::Result<()> {
    let mut words = Vec::new();
    if let Some(request) = &plan.request {
        if !plan.hold.is_zero() {
            // nothing may come until the client goes
            return stream.read_exact(&mut [0]).await.map(|_| ());
        }
        let protocols = request.protocols.unwrap_or(SecurityProtocols::RDP);
        expect(&mut stream, &asked(plan, request)).await?;
        let protocol = pick(protocols);
        words = plan.credssp.filter(|_| protocol.credssp()).map(introduction).unwrap_or_default();
        stream.write_all(&ServerAnswer::Selected { protocol, flags: 0x1F }.encode()).await?;
        if !protocol.tls() || plan.tls.is_none() {
            return stream.read_exact(&mut [0]).await.map(|_| ());
        }
    }
    let config = config().map_err(io::Error::other)?;
    let mut tls = ServerConnection::new(config).map_err(io::Error::other)?;
    if let Some(offer) = plan.tls.filter(|offer| offer.stack == TlsStack::Own) {
        // checks that it is what we meant to say; rustls checks that it is a hello
        let hello = ClientHello::shaped(offer, plan.random, &plan.shape).encode(Segments::Whole).concat();
        expect(&mut stream, &hello).await?;
        tls.read_tls(&mut hello.as_slice())?;
        let taken = tls.process_new_packets();
        flush(&mut tls, &mut stream).await?;
        taken.map_err(io::Error::other)?;
    }
    shake_hands_and_talk(&mut stream, &mut tls, &words).await
}

/// Finishes the handshake and answers exactly [`INTRODUCTION`] with its own, until the client goes.
/// Finishes the handshake, and introduces itself to these words; without any, none may come.
async fn shake_hands_and_talk(stream: &mut DuplexStream, tls: &mut ServerConnection, words: &[u8]) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    let mut heard = Vec::new();
    let mut introduced = false;
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        let mut raw = &buffer[..count];
        while !raw.is_empty() {
            tls.read_tls(&mut raw)?;
            let state = tls.process_new_packets();
            flush(tls, stream).await?;
            let ready = state.map_err(io::Error::other)?.plaintext_bytes_to_read();
            let start = heard.len();
            heard.resize(start + ready, 0);
            tls.reader().read_exact(&mut heard[start..])?;
        }
        // after the answer nothing more may come
        let so_far = if introduced { heard == words } else { words.starts_with(&heard) };
        if !so_far {
            return Err(io::ErrorKind::InvalidData.into());
        }
        if heard == words && !words.is_empty() && !introduced {
            introduced = true;
            let more = timeout(AFTERWARDS, stream.read(&mut [0])).await.is_ok();
            if more {
                return Err(io::ErrorKind::InvalidData.into());
            }
            let token = Challenge::default().encode(*b"rehearse");
            tls.writer().write_all(&TsRequest { version: 6, tokens: vec![token], error: None }.encode())?;
            flush(tls, stream).await?;
        }
    }
}

async fn flush(tls: &mut ServerConnection, stream: &mut DuplexStream) -> io::Result<()> {
    let mut raw = Vec::new();
    while tls.wants_write() {
        tls.write_tls(&mut raw)?;
    }
    stream.write_all(&raw).await
}

fn config() -> Result<Arc<ServerConfig>, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(CERTIFICATE)], PrivatePkcs8KeyDer::from(KEY).into())
        .map(Arc::new)
}

#[cfg(test)]
mod tests {
    use wire::machine::Limits;
    use wire::tls::Suites;

    use super::*;
    use crate::probe::outlet::Direct;

    fn plan(protocols: Option<u32>, tls: Option<TlsOffer>, credssp: Option<u32>) -> ConversationPlan {
        let protocols = protocols.map(|bits| Some(SecurityProtocols(bits)));
        ConversationPlan {
            request: protocols.map(|protocols| ConnectionRequest { protocols, ..ConnectionRequest::default() }),
            tls,
            credssp,
            random: [9; 32],
            limits: Limits::each(Duration::from_secs(1)),
            ..ConversationPlan::default()
        }
    }

    #[test]
    fn what_we_say_passes() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut plans = vec![plan(None, Some(TlsOffer::PLAIN_12), None)];
        plans.push(ConversationPlan { hold: Duration::from_millis(250), ..plan(Some(0x0B), None, None) });
        let offers = [TlsOffer::MODERN, TlsOffer::PLAIN_12, TlsOffer::SPLIT_12, TlsOffer::OLD];
        let to_13 = TlsOffer { max: TlsVersion::Tls13, ..TlsOffer::PLAIN_12 };
        let mut offers: Vec<_> = offers.into_iter().chain([to_13]).map(Some).chain([None]).collect();
        if cfg!(feature = "legacy-tls") {
            offers.push(Some(TlsOffer::TOLERANT));
        }
        for protocols in [0, 1, 2, 3, 8, 0x0B] {
            plans.extend(offers.iter().map(|offer| plan(Some(protocols), *offer, Some(6))));
        }
        for plan in plans {
            assert!(runtime.block_on(passes(&plan, &Direct)), "{plan:?}");
        }
    }

    #[test]
    fn what_we_say_for_a_client_passes() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        for client in evidence::ClientProfile::shipped() {
            // the last is as few as a policy may leave a client
            for suites in [Suites::USUAL, client.suites, Suites::of([0xC030, 0x002F]).unwrap()] {
                let (min, max) = (client.tls_min, client.tls_max);
                let (groups, signatures) = (client.groups, client.signatures);
                let offer = TlsOffer { min, max, suites, groups, signatures, ..TlsOffer::PLAIN_12 };
                let plan = plan(Some(0x0B), Some(offer), None);
                assert!(runtime.block_on(passes(&plan, &Direct)), "{}: {offer}", client.id);
            }
        }
    }

    #[test]
    fn a_version_that_there_is_not_does_not() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let passes = |version| {
            let plan = plan(Some(0x0B), Some(TlsOffer::MODERN), Some(version));
            runtime.block_on(passes(&plan, &Direct))
        };
        assert_eq!([1, 2, 3, 4, 5, 6, 7, 262].map(passes), [false, true, true, true, true, true, false, false]);
    }
}
