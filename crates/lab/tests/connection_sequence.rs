//! A host that tells its settings to anyone, asked in clear; inside TLS the scenarios ask.

// clippy's allowance for tests does not reach the helpers of a test file
#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use lab::{Lab, Scenario};
use wire::mcs::{ConnectInitial, SequenceAnswer};
use wire::x224::{ConnectionRequest, SecurityProtocols};

const PATIENCE: Duration = Duration::from_secs(10);

/// Everything that a host says to a Connect Initial under Standard RDP Security, up to its end.
fn told(settings: &str) -> Vec<u8> {
    let host = format!("[host.negotiation]\naccepts = ['RDP']\n[host.connection_sequence]\n{settings}");
    let text = format!("title = 't'\n[expect]\nverdict = 'healthy'\nfindings = []\n[[host]]\n{host}");
    let lab = Lab::start(&Scenario::parse("test", &text).unwrap()).unwrap();
    let mut stream = TcpStream::connect_timeout(&lab.addresses()[0], PATIENCE).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let selected = SecurityProtocols::RDP;
    let request = ConnectionRequest { protocols: Some(selected), ..ConnectionRequest::default() };
    stream.write_all(&request.encode()).unwrap();
    stream.read_exact(&mut [0; 19]).unwrap();
    let initial = ConnectInitial { selected, channels: vec!["rdpdr".to_owned(), "cliprdr".to_owned()] };
    stream.write_all(&initial.encode()).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    answer
}

#[test]
fn settings_are_told_as_the_scenario_says() {
    let answer = told("version = 0x00080004\nrequested = 3\nencryption_level = 3");
    let Ok(SequenceAnswer::Response(settings)) = SequenceAnswer::decode(&answer) else { panic!("{answer:?}") };
    assert_eq!((settings.version, settings.requested), (Some(0x0008_0004), Some(SecurityProtocols(3))));
    assert_eq!((settings.encryption, settings.io_channel), (Some((2, 3)), Some(1003)));
    assert_eq!(settings.channels, [1004, 1005]);
}

#[test]
fn a_host_may_refuse_or_say_nothing() {
    let answer = told("fault = { refuse = 14 }");
    let Ok(SequenceAnswer::Response(refused)) = SequenceAnswer::decode(&answer) else { panic!("{answer:?}") };
    assert_eq!(refused.result, 14);
    assert_eq!(SequenceAnswer::decode(&told("fault = 'ultimatum'")), Ok(SequenceAnswer::Ultimatum(3)));
    assert_eq!(told("fault = 'close'"), []);
    assert_eq!(told("fault = { play = \"'HTTP'\" }"), b"HTTP");
}
