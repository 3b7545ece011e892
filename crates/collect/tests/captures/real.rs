//! Captures of real servers, from a folder that `RDPDOCTOR_TEST_DATA` names; without it they are skipped, with
//! `RDPDOCTOR_TEST_FULL=1` they then fail.

use std::path::{Path, PathBuf};
use std::process::Command;

use diagnosis::report::Verdict;
use evidence::moment::rfc3339;
use wire::capture::Exchange;
use wire::certificate::Certificate;
use wire::machine::{TlsAnswer, X224Answer};
use wire::x224::ServerAnswer;

use super::{capture, counted, judged};

/// Folder with the captures.
fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("RDPDOCTOR_TEST_DATA").map(|data| PathBuf::from(data).join("captures"));
    skip_unless(folder.is_some(), "RDPDOCTOR_TEST_DATA names no folder of real-world data");
    folder
}

#[allow(clippy::print_stderr, reason = "a skip says why")]
pub fn skip_unless(there: bool, reason: &str) {
    let full = std::env::var_os("RDPDOCTOR_TEST_FULL").is_some_and(|value| value == "1");
    assert!(there || !full, "{reason}");
    if !there {
        eprintln!("skipped: {reason}");
    }
}

/// File, requested protocols, selected ones, version and suite, name, from and until when the certificate is valid.
type Row = (&'static str, &'static str, &'static str, Option<(&'static str, &'static str)>, [&'static str; 3]);

const TABLE: &[Row] = &[
    (
        "ndpi-rdp",
        "SSL+HYBRID+HYBRID_EX",
        "HYBRID_EX",
        Some(("1.2", "0xc030")),
        ["CN=OFFICE-WIN10-VM", "2019-03-19", "2019-09-18"],
    ),
    ("ndpi-rdp_over_tls", "SSL+HYBRID", "HYBRID", Some(("1.2", "0xc030")), ["CN=topsalon", "2024-07-26", "2025-01-25"]),
    (
        "zeek-rdp-no-cookie-mstshash",
        "SSL+HYBRID+HYBRID_EX",
        "HYBRID_EX",
        Some(("1.2", "0x009d")),
        ["CN=", "2024-11-02", "2025-05-04"],
    ),
    ("zeek-rdp-to-ssl", "SSL+HYBRID", "HYBRID", Some(("1.0", "0x002f")), ["CN=WIN2K8R2", "2011-", "2021-"]),
    ("zeek-rdp-unknown-keyboard", "RDP", "RDP", None, [""; 3]),
    ("zeek-rdp-x509", "RDP", "RDP", None, [""; 3]),
];

#[test]
fn every_capture_says_what_is_in_it() {
    let Some(folder) = folder() else { return };
    for (name, requested, selected, tls, certificate) in TABLE {
        let capture = capture(&std::fs::read(folder.join(format!("{name}.pcap"))).unwrap());
        let diagnosis = judged(&capture);
        assert_eq!((diagnosis.verdict, counted(&diagnosis)), (Verdict::Healthy, vec![]), "{name}");
        let fact = |fact: &str| {
            let seen = diagnosis.observations.iter().find(|seen| seen.fact == fact);
            seen.map(|seen| serde_json::to_value(&seen.value).unwrap())
        };
        let negotiation = fact("x224.answer").unwrap();
        assert_eq!(
            (&negotiation["requested"], &negotiation["answer"]["selected"]),
            (&(*requested).into(), &(*selected).into())
        );
        let Some((version, suite)) = tls else {
            assert!(fact("tls.answer").is_none(), "{name}");
            continue;
        };
        let seen = fact("tls.answer").unwrap();
        let answer = &seen["answer"];
        assert_eq!((&answer["version"], &answer["suite"]), (&(*version).into(), &(*suite).into()), "{name}");
        assert_eq!(answer["finished"], true, "{name}");
        let facts = ["certificate.subject", "certificate.not_before", "certificate.not_after"];
        for (fact_name, expected) in facts.iter().zip(certificate) {
            let value = fact(fact_name).unwrap();
            let value = value.as_str().unwrap();
            assert!(value.starts_with(expected), "{name}: {fact_name} is {value}, not {expected}");
        }
    }
}

#[test]
fn cookies_and_second_connections_are_seen() {
    let Some(folder) = folder() else { return };
    let read = |name: &str| capture(&std::fs::read(folder.join(name)).unwrap()).seen;
    let cookie = read("ndpi-rdp_over_tls.pcap").connections[0].exchange.request.clone().unwrap().value.unwrap().cookie;
    assert!(cookie.is_some());
    assert_eq!(read("zeek-rdp-to-ssl.pcap").connections.len(), 2);
    // every packet appears twice there
    let mirrored = read("zeek-rdp-no-cookie-mstshash.pcap");
    assert_eq!((mirrored.connections.len(), mirrored.connections[0].altered), (1, false));
}

#[test]
fn a_broken_capture_is_no_crash_and_no_finding() {
    let Some(folder) = folder() else { return };
    let capture = capture(&std::fs::read(folder.join("zeek-rdp-invalid-length.pcap")).unwrap());
    let diagnosis = judged(&capture);
    assert_eq!((diagnosis.verdict, counted(&diagnosis)), (Verdict::Undetermined, vec![]));
    assert!(capture.notes[0].contains("begins with no Connection Request"), "{:?}", capture.notes);
}

#[test]
fn udp_transports_are_seen() {
    let Some(folder) = folder() else { return };
    for (name, asked, chosen) in [("rdpeudp", 3, 2), ("rdpeudp2", 0x0101, 0x0101)] {
        let seen = capture(&std::fs::read(folder.join(format!("zeek-{name}-handshake-success.pcap"))).unwrap());
        let transport = &seen.seen.transports[0];
        let answer = transport.answer.unwrap().0.version;
        assert_eq!((transport.asked.version, answer), (Some(asked), Some(chosen)), "{name}");
        assert_eq!(counted(&judged(&seen)), Vec::<&str>::new());
    }
}

/// Values that tshark gives these fields in packets that pass the filter, without repeated packets.
fn tshark(path: &Path, filter: &str, fields: &[&str]) -> Vec<String> {
    let mut tshark = Command::new("tshark");
    // told that TLS is there, because it does not notice that the negotiation selected it
    let tls = filter.starts_with("tls").then_some(["-d", "tcp.port==3389,tls"]);
    tshark.arg("-r").arg(path).args(tls.into_iter().flatten()).args(["-Y", filter, "-T", "fields"]);
    for field in fields {
        tshark.args(["-e", field]);
    }
    let text = String::from_utf8(tshark.output().unwrap().stdout).unwrap();
    let mut lines: Vec<_> = text.lines().map(|line| line.trim().to_lowercase()).collect();
    lines.dedup();
    lines
}

#[test]
fn tshark_agrees() {
    let Some(folder) = folder() else { return };
    let there = Command::new("tshark").arg("-v").output().is_ok();
    skip_unless(there, "tshark is missing");
    if !there {
        return;
    }
    for (name, ..) in TABLE {
        let path = folder.join(format!("{name}.pcap"));
        let seen = capture(&std::fs::read(&path).unwrap()).seen;
        let mut ours: [Vec<String>; 4] = Default::default();
        for Exchange { request, answer, handshake, presented, .. } in seen.connections.iter().map(|seen| &seen.exchange)
        {
            let requested = request.as_ref().unwrap().value.as_ref().unwrap().protocols.unwrap();
            ours[0].push(format!("{:#010x}", requested.0));
            if let X224Answer::Server(ServerAnswer::Selected { protocol, .. }) = answer.as_ref().unwrap().value {
                ours[1].push(format!("{:#010x}", protocol.0));
            }
            if let Some(TlsAnswer::Accepted { suite, finished: true, .. }) = handshake.as_ref().map(|told| &told.value)
            {
                ours[2].push(format!("{suite:#06x}"));
                let leaf = Certificate::read(&presented.chain[0]).unwrap();
                let dates = format!("{},{}", rfc3339(leaf.not_before), rfc3339(leaf.not_after));
                ours[3].push(dates.to_lowercase().replace('t', " ").replace('z', " (utc)"));
            }
        }
        let theirs = [
            tshark(&path, "rdp.neg_type == 1", &["rdp.negReq.requestedProtocols"]),
            tshark(&path, "rdp.neg_type == 2", &["rdp.negReq.selectedProtocol"]),
            tshark(&path, "tls.handshake.type == 2", &["tls.handshake.ciphersuite"]),
            tshark(&path, "tls.handshake.type == 11", &["x509af.utcTime"]),
        ];
        ours.iter_mut().for_each(Vec::dedup);
        assert_eq!(ours, theirs, "{name}");
    }
}
