//! Hosts and their TLS and CredSSP, seen by the decoders of `wire` and by rustls.

// clippy's allowance for tests does not reach the helpers of a test file
#![allow(clippy::unwrap_used)]

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use lab::{Lab, Scenario};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};
use wire::credssp::{self, TsRequest};
use wire::ntlm::{self, Challenge};
use wire::tls::flight::{self, FlightProgress};
use wire::tls::{Alert, ClientHello, Segments, TlsOffer, TlsVersion};
use wire::x224::{ConnectionRequest, SecurityProtocols, ServerAnswer};

const PATIENCE: Duration = Duration::from_secs(10);

fn start(host: &str) -> Lab {
    let text = format!("title = 't'\n[expect]\nverdict = 'healthy'\nfindings = []\n[[host]]\n{host}");
    Lab::start(&Scenario::parse("test", &text).unwrap()).unwrap()
}

/// A connection whose negotiation is done.
fn negotiated(lab: &Lab, offer: u32) -> (TcpStream, SecurityProtocols) {
    let mut stream = TcpStream::connect_timeout(&lab.addresses()[0], PATIENCE).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    let request = ConnectionRequest { protocols: Some(SecurityProtocols(offer)), ..ConnectionRequest::default() };
    stream.write_all(&request.encode()).unwrap();
    let mut confirm = [0; 19];
    stream.read_exact(&mut confirm).unwrap();
    match ServerAnswer::decode(&confirm).unwrap() {
        ServerAnswer::Selected { protocol, .. } => (stream, protocol),
        other => panic!("{other:?}"),
    }
}

/// Says a hello of our own, and returns the host's answer.
fn flight(lab: &Lab, offer: TlsOffer) -> Result<FlightProgress, ErrorKind> {
    let (mut stream, _) = negotiated(lab, 1);
    for part in ClientHello::of(offer, [7; 32]).encode(offer.segments) {
        // a host that resets may have done so before the last part is written
        stream.write_all(&part).map_err(|error| error.kind())?;
    }
    let mut received = Vec::new();
    let mut piece = [0; 4096];
    loop {
        match flight::read(&received) {
            FlightProgress::Incomplete => {}
            answer => return Ok(answer),
        }
        match stream.read(&mut piece).map_err(|error| error.kind())? {
            0 => return Err(ErrorKind::UnexpectedEof),
            count => received.extend_from_slice(&piece[..count]),
        }
    }
}

fn version(lab: &Lab, offer: TlsOffer) -> Option<TlsVersion> {
    match flight(lab, offer) {
        Ok(FlightProgress::Complete(flight)) => flight.version,
        Ok(FlightProgress::Alert(_)) => None,
        other => panic!("{other:?}"),
    }
}

/// Takes every certificate.
#[derive(Debug)]
struct Blind;

impl ServerCertVerifier for Blind {
    fn verify_server_cert(
        &self,
        _leaf: &CertificateDer<'_>,
        _chain: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _leaf: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _leaf: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

/// A tunnel through rustls, as the probe builds it.
fn tunnel(lab: &Lab, offer: u32) -> StreamOwned<ClientConnection, TcpStream> {
    let (mut stream, _) = negotiated(lab, offer);
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Blind))
        .with_no_client_auth();
    let name = ServerName::try_from("server01.corp.example").unwrap();
    let mut connection = ClientConnection::new(Arc::new(config), name).unwrap();
    while connection.is_handshaking() {
        connection.complete_io(&mut stream).unwrap();
    }
    StreamOwned::new(connection, stream)
}

/// The host's first `TSRequest`.
fn introduction(lab: &Lab) -> TsRequest {
    let mut tunnel = tunnel(lab, 0x0B);
    tunnel.write_all(&TsRequest { version: 6, tokens: vec![ntlm::negotiate()], error: None }.encode()).unwrap();
    let mut received = Vec::new();
    loop {
        if let credssp::Framing::Complete(size) = credssp::framing(&received) {
            return TsRequest::decode(&received[..size]).unwrap();
        }
        let mut piece = [0; 512];
        let count = tunnel.read(&mut piece).unwrap();
        assert!(count > 0);
        received.extend_from_slice(&piece[..count]);
    }
}

#[test]
fn the_best_protocol_is_selected() {
    let lab = start("");
    for (offer, selected) in [(0x0B, 8), (3, 2), (1, 1)] {
        assert_eq!(negotiated(&lab, offer).1, SecurityProtocols(selected));
    }
}

#[test]
fn tls_12_shows_the_certificate_and_13_the_version() {
    let lab = start("");
    assert_eq!(version(&lab, TlsOffer::PLAIN_12), Some(TlsVersion::Tls12));
    let Ok(FlightProgress::Complete(flight)) = flight(&lab, TlsOffer::SPLIT_12) else { panic!("no flight") };
    let leaf = wire::certificate::Certificate::read(&flight.chain[0]).unwrap();
    assert_eq!(leaf.common_name.as_deref(), Some("SERVER01"));
    let modern = TlsOffer { min: TlsVersion::Tls13, max: TlsVersion::Tls13, ..TlsOffer::PLAIN_12 };
    assert_eq!(version(&lab, modern), Some(TlsVersion::Tls13));
    assert_eq!(version(&lab, TlsOffer::OLD), None);
}

#[cfg(feature = "legacy-tls")]
#[test]
fn old_versions_are_spoken_where_the_scenario_says_so() {
    use TlsVersion::{Tls10, Tls11, Tls12};
    let up_to = |version| TlsOffer { min: version, max: version, ..TlsOffer::PLAIN_12 };
    // before TLS 1.3 a hello says "at most this version", and a host may choose an older one
    for (versions, chosen) in [
        ("min = '1.0'\nmax = '1.0'", [Some(Tls10), Some(Tls10), Some(Tls10)]),
        ("min = '1.1'\nmax = '1.1'", [None, Some(Tls11), Some(Tls11)]),
        ("min = '1.0'\nmax = '1.2'", [Some(Tls10), Some(Tls11), Some(Tls12)]),
    ] {
        let lab = start(&format!("[host.tls]\n{versions}"));
        for (offered, chosen) in TlsVersion::ALL.into_iter().zip(chosen) {
            assert_eq!(version(&lab, up_to(offered)), chosen, "{versions} offered {offered}");
        }
    }
}

#[cfg(feature = "legacy-tls")]
#[test]
fn a_short_key_serves_every_version() {
    let lab = start("[host.certificate]\nkey = 'rsa-1024'");
    assert_eq!(version(&lab, TlsOffer::PLAIN_12), Some(TlsVersion::Tls12));
    assert_eq!(tunnel(&lab, 1).conn.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_3));
}

#[cfg(feature = "legacy-tls")]
#[test]
fn credssp_goes_on_behind_old_tls() {
    let lab = start("[host.tls]\nmin = '1.0'\nmax = '1.2'");
    assert_eq!(introduction(&lab).version, 6);
}

#[cfg(not(feature = "legacy-tls"))]
#[test]
fn old_versions_are_refused_in_words() {
    let scenario = Scenario::find("tls-version-mismatch").unwrap();
    assert!(scenario.needs_legacy_tls());
    assert!(matches!(Lab::start(&scenario), Err(lab::LabError::NeedsLegacyTls)));
}

#[test]
fn hosts_introduce_themselves() {
    for settings in ["", "spnego = true", "clock_offset_seconds = 7200"] {
        let lab = start(&format!("[host.credssp]\nversion = 5\n{settings}"));
        let answer = introduction(&lab);
        let challenge = Challenge::find(&answer.tokens[0]).unwrap();
        assert_eq!((answer.version, challenge.dns_computer.as_deref()), (5, Some("server01.corp.example")));
        assert_eq!(challenge.version.map(|version| version.build), Some(20348));
        let offset = challenge.timestamp.and_then(ntlm::filetime).unwrap() - time::OffsetDateTime::now_utc();
        assert_eq!(offset > time::Duration::hours(1), settings.starts_with("clock"), "{settings}");
    }
}

#[test]
fn a_host_in_small_pieces_or_in_no_hurry_introduces_itself_too() {
    assert_eq!(introduction(&start("one_byte_at_a_time = true")).version, 6);
    assert_eq!(introduction(&start("delay_ms = 20")).version, 6);
    assert_eq!(introduction(&start("address = '::1'")).version, 6);
    assert_eq!(introduction(&start("[host.certificate]\nkey = 'ec-256'\nissued_by_ca = true")).version, 6);
    assert_eq!(introduction(&start("[host.certificate]\nkey = 'ec-256'\nextra = 99")).version, 6);
}

#[test]
fn credssp_faults_are_what_they_are_called() {
    let refused = introduction(&start("[host.credssp]\nfault = { refuse = 0xC0000022 }"));
    assert_eq!((refused.error, refused.tokens.len()), (Some(0xC000_0022), 0));
    for (fault, expected) in [("close", ErrorKind::UnexpectedEof), ("reset", ErrorKind::ConnectionReset)] {
        let lab = start(&format!("[host.credssp]\nfault = '{fault}'"));
        let mut tunnel = tunnel(&lab, 2);
        tunnel.write_all(&TsRequest { version: 6, tokens: vec![], error: None }.encode()).unwrap();
        assert_eq!(tunnel.read(&mut [0]).unwrap_err().kind(), expected, "{fault}");
    }
    let lab = start("[host.credssp]\nfault = { play = '300*(A5)' }");
    let mut tunnel = tunnel(&lab, 2);
    tunnel.write_all(&TsRequest { version: 6, tokens: vec![], error: None }.encode()).unwrap();
    let mut first = [0];
    tunnel.read_exact(&mut first).unwrap();
    assert_eq!(credssp::framing(&first), credssp::Framing::NotTsRequest);
}

#[test]
fn tls_faults_meet_whole_and_split_hellos_alike() {
    let alert = |description| Ok(FlightProgress::Alert(Alert { level: 2, description }));
    for (fault, expected) in [
        ("'close'", Err(ErrorKind::UnexpectedEof)),
        ("'reset'", Err(ErrorKind::ConnectionReset)),
        ("'alert-80'", alert(80)),
        ("'alert-40'", alert(40)),
        ("'alert-49'", alert(49)),
        ("{ play = '512*(A5)' }", Ok(FlightProgress::NotTls)),
    ] {
        let lab = start(&format!("[host.tls]\nfault = {fault}"));
        for segments in [Segments::Whole, Segments::FirstByteAlone] {
            assert_eq!(flight(&lab, TlsOffer { segments, ..TlsOffer::PLAIN_12 }), expected, "{fault} {segments:?}");
        }
    }
}

#[test]
fn a_flood_is_one_message_of_16_mib() {
    let lab =
        start("[host.tls]\nfault = { play = '16 0303 4000 02 FFFFFF 16380*(00) 1023*( 16 0303 4000 16384*(00) )' }");
    assert!(matches!(flight(&lab, TlsOffer::PLAIN_12), Ok(FlightProgress::Malformed(_))));
    let (mut stream, _) = negotiated(&lab, 1);
    stream.write_all(&ClientHello::of(TlsOffer::PLAIN_12, [7; 32]).encode(Segments::Whole)[0]).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    assert!(bytes.len() > 0x00FF_FFFF);
    assert!(bytes.chunks(5 + 16_384).all(|record| record[..5] == [22, 3, 3, 0x40, 0]));
}

#[cfg(target_os = "linux")]
#[test]
fn the_middlebox_resets_whole_hellos_and_lets_split_ones_pass() {
    let lab = start("[host.tls]\nblocks_whole_hello = true");
    for _ in 0..10 {
        assert_eq!(flight(&lab, TlsOffer::PLAIN_12), Err(ErrorKind::ConnectionReset));
        assert_eq!(version(&lab, TlsOffer::SPLIT_12), Some(TlsVersion::Tls12));
    }
}

#[test]
fn every_scenario_starts() {
    for scenario in Scenario::all() {
        if scenario.needs_legacy_tls() && !cfg!(feature = "legacy-tls") {
            continue;
        }
        let lab = Lab::start(&scenario).unwrap_or_else(|error| panic!("{}: {error}", scenario.name));
        assert_eq!(lab.addresses().len(), scenario.hosts.len());
    }
}
