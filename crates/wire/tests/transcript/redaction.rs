//! Redaction.

use crate::fixtures::{CERTIFICATE, bytes, challenge, connected, fixtures, nla, plan, record, selected, transcript};
use std::net::IpAddr;

use proptest::option;
use proptest::prelude::*;
use wire::certificate::Certificate;
use wire::credssp::TsRequest;
use wire::machine::{
    ConnectFailure, ConnectionSequenceAnswer, ConversationPlan, CredsspAnswer, Event, Outcome, TcpAnswer, TlsAnswer,
    TlsFailure, X224Answer,
};
use wire::ntlm::Challenge;
use wire::transcript::{Entry, Transcript};
use wire::x224::{ConnectionRequest, Preconnection, RoutingToken, SecurityProtocols};

fn certificates(outcome: &Outcome) -> Vec<Certificate> {
    outcome.presented.chain.iter().filter_map(|der| Certificate::read(der)).collect()
}

fn told(outcome: &Outcome) -> Option<Challenge> {
    outcome.challenge.clone()
}

/// Everything of an outcome that does not name anybody.
fn shape(outcome: &Outcome) -> String {
    let kind = |debug: String| debug.split([' ', '(']).next().unwrap_or_default().to_owned();
    let x224 = outcome.x224.as_ref().map(|x224| match &x224.value {
        X224Answer::Foreign { service, bytes } => format!("{service:?} {}", bytes.len()),
        X224Answer::Server(answer) => format!("{answer:?}"),
        other => kind(format!("{other:?}")),
    });
    let tls = outcome.tls.as_ref().map(|tls| match &tls.value {
        TlsAnswer::Malformed(_) | TlsAnswer::NotTls(_) | TlsAnswer::OwnFailure(_) => kind(format!("{:?}", tls.value)),
        other => format!("{other:?} {} {}", outcome.presented.wants_client_certificate, outcome.presented.retry),
    });
    let facts: Vec<_> = certificates(outcome)
        .into_iter()
        .map(|c| {
            (
                c.not_before,
                c.not_after,
                c.key_algorithm,
                c.key_bits,
                c.signature_algorithm,
                c.usages,
                c.self_issued,
                c.names.len(),
            )
        })
        .collect();
    let host = told(outcome).map(|c| (c.timestamp, c.version, c.target.is_some(), c.dns_tree.is_some()));
    let credssp = outcome.credssp.as_ref().map(|credssp| match &credssp.value {
        CredsspAnswer::Malformed(_) => "malformed".to_owned(),
        other => format!("{other:?}"),
    });
    let settings = outcome.connection_sequence.as_ref().map(|timed| match &timed.value {
        ConnectionSequenceAnswer::Foreign { service, bytes } => format!("{service:?} {}", bytes.len()),
        ConnectionSequenceAnswer::NotTpkt(bytes) => format!("not TPKT {}", bytes.len()),
        ConnectionSequenceAnswer::Malformed(_) => "malformed".to_owned(),
        _ => format!("{timed:?}"),
    });
    let times = (
        outcome.x224.as_ref().map(|stage| (stage.at, stage.took)),
        outcome.tls.as_ref().map(|stage| (stage.at, stage.took)),
        outcome.credssp.as_ref().map(|stage| (stage.at, stage.took)),
    );
    // the operating system's words may name somebody
    let tcp = outcome.tcp.as_ref().map(|tcp| match &tcp.value {
        TcpAnswer::Failed(ConnectFailure::Other(_)) => "failed".to_owned(),
        other => format!("{other:?}"),
    });
    format!("{tcp:?} {x224:?} {tls:?} {facts:?} {credssp:?} {host:?} {settings:?} {times:?}")
}

/// Every name in a transcript in a fixed order.
fn names(transcript: &Transcript) -> Vec<String> {
    let mut all = vec![transcript.host.clone()];
    for record in transcript.connections() {
        all.extend(record.plan.request.as_ref().and_then(|request| request.cookie.clone()));
        let outcome = record.outcome();
        for c in certificates(&outcome) {
            all.extend(c.common_name.into_iter().chain(c.names));
        }
        if let Some(c) = told(&outcome) {
            let six = [c.target, c.netbios_computer, c.netbios_domain, c.dns_computer, c.dns_domain, c.dns_tree];
            all.extend(six.into_iter().flatten());
        }
        all.push(record.address.ip().to_string());
    }
    all.iter().map(|name| name.to_lowercase()).collect()
}

/// Which names are equal to which.
fn equalities(names: &[String]) -> Vec<usize> {
    names.iter().map(|name| names.iter().position(|other| other == name).unwrap()).collect()
}

/// The spellings in which `planted` may hide in a transcript's text.
fn spellings(planted: &str) -> Vec<String> {
    let (lower, upper) = (planted.to_lowercase(), planted.to_uppercase());
    let wide = |text: &str, order: fn(u16) -> [u8; 2]| {
        wire::hex::encode(&text.encode_utf16().flat_map(order).collect::<Vec<_>>())
    };
    let mut all = vec![lower.clone()];
    for text in [planted, &lower, &upper] {
        all.extend([wire::hex::encode(text.as_bytes()), wide(text, u16::to_le_bytes), wide(text, u16::to_be_bytes)]);
    }
    if let Ok(IpAddr::V4(address)) = planted.parse() {
        all.push(wire::hex::encode(&address.octets()));
    }
    all
}

fn assert_redacted(transcript: &Transcript, planted: &[&str]) {
    let redacted = transcript.redacted();
    let text = redacted.to_string().to_lowercase();
    for spelling in planted.iter().flat_map(|name| spellings(name)) {
        assert!(!text.contains(&spelling), "{spelling} is still in\n{text}");
    }
    assert_same_shape(transcript, &redacted);
    assert_eq!(redacted.redacted(), redacted, "twice is once");
}

fn assert_same_shape(before: &Transcript, after: &Transcript) {
    for (before, after) in before.connections().zip(after.connections()) {
        assert_eq!(shape(&before.outcome()), shape(&after.outcome()));
        assert!(after.replays_faithfully());
    }
    assert_eq!(equalities(&names(before)), equalities(&names(after)));
    assert_eq!(before.to_string().lines().count(), after.to_string().lines().count());
}

#[test]
fn fixtures_are_redacted_and_keep_their_shape() {
    for (_, transcript) in fixtures() {
        assert_redacted(&transcript, &["server01", "contoso", "10.20.30.40"]);
    }
}

#[test]
fn labels_that_are_words_of_the_protocol_break_nothing() {
    for label in [
        "cookie", "mstshash", "ntlmssp", "ssh", "esmtp", "postfix", "x", "0", "ab", "srv", "srv01", "cn", "server",
        "xx0",
    ] {
        for (_, mut transcript) in fixtures() {
            transcript.host = label.to_owned();
            assert_same_shape(&transcript, &transcript.redacted());
        }
        let mut host = nla(&Challenge { netbios_computer: Some(label.to_owned()), ..challenge() }, CERTIFICATE);
        host.host = format!("{label}.corp.example");
        assert_same_shape(&host, &host.redacted());
        // what has the form of a pseudonym is one
        assert_eq!(host.redacted().host == host.host, ["x", "0", "xx0"].contains(&label), "{label}");
    }
}

#[test]
fn hosts_of_every_form_are_redacted() {
    for (host, expected) in [
        ("10.20.30.40", "192.0.2.1"),
        ("[fe80::abcd]", "[2001:db8::1]"),
        ("fe80::abcd%eth0", "2001:db8::1"),
        ("127.0.0.1", "127.0.0.1"),
        ("localhost", "localhost"),
        ("", ""),
    ] {
        let typed = Transcript { host: host.to_owned(), records: Vec::new(), ..fixtures()[0].1.clone() };
        assert_eq!(typed.redacted().host, expected);
    }
}

#[test]
fn words_of_a_stack_are_redacted() {
    let words =
        "not valid for name \"server01.corp.example\", only for DnsName(\"SERVER02\") at 10.20.30.40:3389".to_owned();
    for failure in [TlsFailure::Own(words.clone()), TlsFailure::Peer(words.clone())] {
        let events = vec![connected(), selected(SecurityProtocols::SSL), Entry::Event(Event::TlsFailed(failure))];
        assert_redacted(&transcript(record(plan(), events)), &["server01", "server02", "10.20.30.40"]);
    }
    let failed = Entry::Event(Event::ConnectFailed(ConnectFailure::Other(words)));
    let redacted = transcript(record(plan(), vec![failed])).redacted();
    assert!(!redacted.to_string().contains(&wire::hex::encode(b"SERVER02")));
}

#[test]
fn a_certificate_that_names_the_challenge_still_does() {
    let text = fixtures()[0].1.redacted();
    let outcome = text.connections().next().unwrap().outcome();
    let certificate = &certificates(&outcome)[0];
    assert_eq!(certificate.common_name.as_ref().map(|name| name.to_lowercase()), told(&outcome).unwrap().dns_computer);
    assert!(certificate.names.contains(&text.connections().next().unwrap().address.ip().to_string()));
}

proptest! {
    #[test]
    fn no_name_of_a_challenge_survives(
        // beginning with letters that no pseudonym and nothing else in a transcript has
        names in proptest::array::uniform6(option::of("(?i)q[qzöw東]{3}[a-z0-9-]{0,12}(\\.corp\\.example)?")),
        cut in 1_usize..400,
    ) {
        let planted: Vec<String> =
            names.iter().flatten().map(|name| name.split('.').next().unwrap().to_owned()).collect();
        let [target, netbios_computer, netbios_domain, dns_computer, dns_domain, dns_tree] = names;
        let told = Challenge { target, netbios_computer, netbios_domain, dns_computer, dns_domain, dns_tree, ..challenge() };
        let mut host = nla(&told, CERTIFICATE);
        if let Some(name) = planted.first() { host.host.clone_from(name); }
        let answer = TsRequest { version: 6, tokens: vec![told.encode([0xC4; 8])], error: None }.encode();
        let (first, second) = answer.split_at(cut.min(answer.len()));
        let entries = &mut host.connections_mut().next().unwrap().entries;
        let count = entries.len();
        entries[count - 2].1 = bytes(first);
        entries[count - 1].1 = bytes(second);
        let planted: Vec<&str> = planted.iter().map(String::as_str).collect();
        assert_redacted(&host, &planted);
    }
}

/// Both name machines and collections, in spellings that no list of names knows.
#[test]
fn the_routing_token_and_the_preconnection_blob_tell_nothing() {
    let token = RoutingToken::parse("Cookie: msts=3640205228.15629.0000");
    let preconnection = Preconnection::parse("vm-of-contoso;EnhancedMode=1");
    let request = Some(ConnectionRequest { token, ..plan().request.unwrap() });
    let said = ConversationPlan { request, preconnection, ..plan() };
    let original = transcript(record(said, vec![connected(), selected(SecurityProtocols::SSL)]));
    let text = original.to_string();
    assert_eq!(text.parse::<Transcript>().as_ref(), Ok(&original));
    let redacted = original.redacted();
    let nameless = redacted.to_string();
    for named in ["3640205228", "contoso"] {
        let hexes = [wire::hex::encode(named.as_bytes()), wire::hex::encode(&utf16(named))];
        assert!(hexes.iter().any(|hex| text.contains(hex)), "{named} is said");
        assert!(!hexes.iter().any(|hex| nameless.contains(hex)), "{named}: {nameless}");
    }
    assert!(redacted.connections().all(wire::transcript::ConnectionRecord::replays_faithfully), "{nameless}");
    assert_eq!(redacted.redacted(), redacted);
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}
