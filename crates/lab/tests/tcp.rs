//! Hosts and their TCP connections, seen by a plain client.

// clippy's allowance for tests does not reach the helpers of a test file
#![allow(clippy::unwrap_used)]

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use lab::{Lab, Scenario};
use wire::foreign::ForeignService;
use wire::x224::{ConnectionRequest, NegotiationFailure, SecurityProtocols, ServerAnswer};

const PATIENCE: Duration = Duration::from_secs(5);

fn start(hosts: &str) -> Lab {
    let text = format!("title = 't'\n[expect]\nverdict = 'healthy'\nfindings = []\n{hosts}");
    Lab::start(&Scenario::parse("test", &text).unwrap()).unwrap()
}

fn connect(lab: &Lab) -> TcpStream {
    let stream = TcpStream::connect_timeout(&lab.addresses()[0], PATIENCE).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

fn refusal(address: SocketAddr, patience: Duration) -> ErrorKind {
    TcpStream::connect_timeout(&address, patience).unwrap_err().kind()
}

fn request(stream: &mut TcpStream, protocols: u32) {
    let request = ConnectionRequest { protocols: Some(SecurityProtocols(protocols)), ..ConnectionRequest::default() };
    stream.write_all(&request.encode()).unwrap();
}

/// Reads up to the end; true if it ended with FIN.
fn rest(stream: &mut TcpStream) -> (Vec<u8>, bool) {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Ok(_) => (bytes, true),
        Err(error) if error.kind() == ErrorKind::ConnectionReset => (bytes, false),
        Err(error) => panic!("{error} after {} bytes", bytes.len()),
    }
}

/// True if a request got an answer or a FIN; false for RST at any moment. One that comes at once shows in `connect`
/// itself: as ECONNRESET, where a refused SYN is ECONNREFUSED.
fn served(lab: &Lab) -> bool {
    let ask = || {
        let mut stream = TcpStream::connect_timeout(&lab.addresses()[0], PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let request = ConnectionRequest { protocols: Some(SecurityProtocols(3)), ..ConnectionRequest::default() };
        stream.write_all(&request.encode())?;
        stream.read_to_end(&mut Vec::new())
    };
    match ask() {
        Ok(_) => true,
        Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => false,
        Err(error) => panic!("{error}"),
    }
}

fn silent(stream: &mut TcpStream) -> bool {
    stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    matches!(stream.read(&mut [0]), Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
}

#[test]
fn refused_ports_refuse() {
    let lab = start("[[host]]\ntcp = 'refuse'");
    assert_eq!(refusal(lab.addresses()[0], PATIENCE), ErrorKind::ConnectionRefused);
    assert_eq!(lab.connections(0), 0);
}

#[cfg(target_os = "linux")]
#[test]
fn filtered_ports_drop_every_connection() {
    let lab = start("[[host]]\ntcp = 'filter'");
    for _ in 0..2 {
        assert_eq!(refusal(lab.addresses()[0], Duration::from_millis(1200)), ErrorKind::TimedOut);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn filtered_ports_drop_connections_over_ipv6() {
    let lab = start("[[host]]\naddress = '::1'\ntcp = 'filter'");
    assert_eq!(refusal(lab.addresses()[0], Duration::from_millis(1200)), ErrorKind::TimedOut);
}

#[test]
fn unreachable_hosts_have_no_route() {
    let lab = start("[[host]]\ntcp = 'unreachable'");
    assert_eq!(refusal(lab.addresses()[0], PATIENCE), ErrorKind::NetworkUnreachable);
}

#[test]
fn hosts_close_reset_or_keep_silent_after_accept() {
    let lab = start("[[host]]\ntcp = 'close'");
    assert_eq!(rest(&mut connect(&lab)), (vec![], true));
    assert!(!served(&start("[[host]]\ntcp = 'reset'")));
    let lab = start("[[host]]\ntcp = 'silent'");
    let mut stream = connect(&lab);
    request(&mut stream, 3);
    assert!(silent(&mut stream));
    assert_eq!(lab.connections(0), 1);
}

#[test]
fn a_close_is_seen_as_one_also_by_those_who_speak() {
    let lab = start("[[host]]\ntcp = 'close'");
    for _ in 0..20 {
        let mut stream = connect(&lab);
        request(&mut stream, 3);
        assert_eq!(rest(&mut stream), (vec![], true));
    }
}

#[test]
fn every_foreign_service_is_recognised() {
    for (banner, service) in [
        ("ssh", ForeignService::Ssh),
        ("http", ForeignService::Http),
        ("vnc", ForeignService::Vnc),
        ("smtp", ForeignService::Smtp),
        ("ftp", ForeignService::Ftp),
        ("tls", ForeignService::Tls),
        ("telnet", ForeignService::Telnet),
    ] {
        let lab = start(&format!("[[host]]\nbanner = '{banner}'"));
        let mut stream = connect(&lab);
        request(&mut stream, 3);
        let mut bytes = [0; 256];
        let count = stream.read(&mut bytes).unwrap();
        assert_eq!(ForeignService::recognise(&bytes[..count]), Some(service), "{banner}");
    }
}

#[test]
fn endless_is_more_than_anyone_wants_and_ends_with_the_lab() {
    let lab = start("[[host]]\nbanner = 'endless'");
    let mut stream = connect(&lab);
    let mut piece = vec![0; 1 << 20];
    for _ in 0..8 {
        stream.read_exact(&mut piece).unwrap();
    }
    let began = Instant::now();
    drop(lab);
    assert!(began.elapsed() < PATIENCE);
}

#[test]
fn negotiation_faults_are_what_they_are_called() {
    for (fault, expected) in [("close", (vec![], true)), ("reset", (vec![], false))] {
        let lab = start(&format!("[[host]]\n[host.negotiation]\nfault = '{fault}'"));
        let mut stream = connect(&lab);
        request(&mut stream, 11);
        assert_eq!(rest(&mut stream), expected, "{fault}");
    }
    for (fault, expected) in
        [("disconnect-provider-ultimatum", Some(ServerAnswer::DisconnectProviderUltimatum)), ("malformed", None)]
    {
        let lab = start(&format!("[[host]]\n[host.negotiation]\nfault = '{fault}'"));
        let mut stream = connect(&lab);
        request(&mut stream, 11);
        let (bytes, in_order) = rest(&mut stream);
        assert!(in_order);
        assert_eq!(ServerAnswer::decode(&bytes).ok(), expected, "{fault}");
    }
}

#[test]
fn a_request_in_pieces_is_answered() {
    let lab = start("[[host]]\none_byte_at_a_time = true\n[host.negotiation]\naccepts = ['RDP']");
    let mut stream = connect(&lab);
    let request =
        ConnectionRequest { cookie: Some("rdpdoctor".into()), token: None, protocols: Some(SecurityProtocols::SSL) };
    for byte in request.encode() {
        stream.write_all(&[byte]).unwrap();
    }
    let (bytes, _) = rest(&mut stream);
    assert_eq!(ServerAnswer::decode(&bytes).unwrap(), ServerAnswer::Failure(NegotiationFailure(2)));
}

#[test]
fn an_answer_waits_as_long_as_it_is_told() {
    let lab = start("[[host]]\ndelay_ms = 150\n[host.negotiation]\nfailure = 3");
    let mut stream = connect(&lab);
    let began = Instant::now();
    request(&mut stream, 3);
    rest(&mut stream);
    assert!(began.elapsed() >= Duration::from_millis(150));
}

#[test]
fn one_client_at_a_time_and_a_rest_after_it() {
    let lab = start("[[host]]\none_client_at_a_time = true\n[host.negotiation]\nfailure = 3");
    let mut first = connect(&lab);
    assert!(silent(&mut first));
    assert!(!served(&lab), "while one is open");
    request(&mut first, 3);
    first.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(rest(&mut first).0.len(), 19);
    drop(first);
    assert!(!served(&lab), "at once after it");
    let again = |_| {
        std::thread::sleep(Duration::from_millis(50));
        served(&lab)
    };
    assert!((0..40).any(again), "served again after a while");
}

#[test]
fn a_ban_begins_after_its_number() {
    let lab = start("[[host]]\nban_after = 2\n[host.negotiation]\nfault = 'close'");
    let ends: Vec<_> = (0..4).map(|_| served(&lab)).collect();
    assert_eq!((ends, lab.connections(0)), (vec![true, true, false, false], 4));
}

#[test]
fn neglected_connections_are_those_that_are_named() {
    let failure = "[host.negotiation]\nfailure = 3";
    let lab = start(&format!("[[host]]\nneglects = [1]\n{failure}"));
    let mut first = connect(&lab);
    request(&mut first, 3);
    assert!(silent(&mut first));
    let lab = start(&format!("[[host]]\nneglects = [1]\nneglect = 'close'\n{failure}"));
    for answered in [0, 19] {
        let mut stream = connect(&lab);
        request(&mut stream, 3);
        assert_eq!(rest(&mut stream).0.len(), answered);
    }
}

#[test]
fn several_hosts_share_a_port() {
    let lab = start("[[host]]\n[[host]]\naddress = '127.0.0.2'\ntcp = 'refuse'\n[[host]]\ntcp = 'unreachable'");
    let addresses = lab.addresses();
    assert!(addresses.iter().all(|address| address.port() == lab.port && lab.port != 0));
    drop(connect(&lab));
    assert_eq!(refusal(addresses[1], PATIENCE), ErrorKind::ConnectionRefused);
}

#[test]
fn more_clients_than_the_lab_serves_are_reset() {
    let lab = start("[[host]]\ntcp = 'silent'");
    let mut clients: Vec<_> = (0..64).map(|_| connect(&lab)).collect();
    // the last one may be reset before `connect` has returned
    let Ok(last) = TcpStream::connect_timeout(&lab.addresses()[0], PATIENCE) else { return };
    clients.push(last);
    let reset = |stream: &mut TcpStream| {
        stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        matches!(stream.read(&mut [0]), Err(error) if error.kind() == ErrorKind::ConnectionReset)
    };
    let began = Instant::now();
    while !clients.iter_mut().any(reset) {
        assert!(began.elapsed() < PATIENCE);
    }
}

#[test]
fn a_lab_ends_at_once_whatever_its_clients_do() {
    let lab = start("[[host]]\none_byte_at_a_time = true\nbyte_delay_ms = 2000");
    let mut stream = connect(&lab);
    request(&mut stream, 3);
    let _waiting = connect(&lab);
    let address = lab.addresses()[0];
    let began = Instant::now();
    drop(lab);
    assert!(began.elapsed() < Duration::from_secs(2));
    assert_eq!(refusal(address, PATIENCE), ErrorKind::ConnectionRefused);
}
