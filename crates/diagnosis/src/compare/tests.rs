use evidence::fact::{Fact, Handshake, Introduction};
use evidence::{Evidence, Stage};
use wire::machine::{ConnectFailure, TcpAnswer};
use wire::tls::{TlsOffer, TlsVersion};
use wire::x224::SecurityProtocols;

use super::*;
use crate::case::EVERYTHING;
use crate::sketch::{Sketch, host};

const OFFER: TlsOffer = TlsOffer::MODERN;

fn beside(working: &Sketch, broken: &Sketch) -> Comparison {
    compare(&Side::of(&working.diagnose()), &Side::of(&broken.diagnose()))
}

fn aspects(comparison: &Comparison) -> Vec<&str> {
    comparison.differences.iter().map(|difference| difference.aspect.as_str()).collect()
}

fn accepts(version: TlsVersion, suite: u16) -> Handshake {
    Handshake::Accepted { version: Some(version), suite, finished: true }
}

/// A host that takes TLS, with a certificate of its own making.
fn xrdp(target: &str, version: TlsVersion, suite: u16, name: &str, print: &str) -> Sketch {
    let host = host(target).accepted().selects(EVERYTHING, SecurityProtocols::SSL).tls(OFFER, accepts(version, suite));
    certified(host, name, print)
}

fn certified(host: Sketch, name: &str, print: &str) -> Sketch {
    host.with(Fact::CertificateSubject(format!("CN={name}")))
        .with(Fact::CertificateNames(vec![name.to_owned()]))
        .with(Fact::CertificateSelfIssued(true))
        .with(Fact::CertificateSha256(print.repeat(32)))
        .certificate(-10, 300)
}

#[test]
fn two_hosts_differ_in_what_matters_alone() {
    let working = xrdp("192.0.2.1", TlsVersion::Tls13, 0x1302, "good", "ab");
    let broken = xrdp("192.0.2.2", TlsVersion::Tls12, 0xc030, "bad", "cd");
    let comparison = beside(&working, &broken);
    assert_eq!((aspects(&comparison), comparison.same_host), (vec!["tls-version", "certificate-names"], false));
    let version = &comparison.differences[0];
    assert_eq!((version.working.as_str(), version.broken.as_str()), ("TLS 1.3", "TLS 1.2"));
    assert_eq!(version.would_explain[0], "tls-version-mismatch");
    assert!(version.codes.contains(&0x904), "{version:?}");
    assert_eq!(comparison.result, Likeness::Different);
}

#[test]
fn an_answer_that_came_late_or_only_at_times_is_no_other_answer() {
    let well = || host("192.0.2.1").accepted().selects(EVERYTHING, SecurityProtocols::HYBRID).tls_up(TlsVersion::Tls13);
    let answered = |answer| Fact::CredsspAnswer(answer);
    let working = well().with(answered(Introduction::Challenge(6)));
    let late = well().on_connection(1, answered(Introduction::Silent));
    let late = late.on_connection(2, answered(Introduction::Challenge(6)));
    let told = beside(&working, &late);
    assert!(told.differences.iter().all(|difference| difference.aspect == "finding"), "{told:?}");
    // an answer that is another one stays one
    let refused = well().with(answered(Introduction::Rejected(6)));
    assert!(aspects(&beside(&working, &refused)).contains(&"credssp-answer"));
}

#[test]
fn a_stage_that_takes_far_longer_is_told_with_its_times() {
    let report = xrdp("192.0.2.1", TlsVersion::Tls13, 0x1302, "good", "ab").diagnose();
    let taking = |seconds: f64| {
        let mut slow = report.clone();
        slow.stages.iter_mut().find(|rung| rung.stage == Stage::Tls).unwrap().seconds = Some(seconds);
        Side::of(&slow)
    };
    let comparison = compare(&taking(0.1), &taking(7.5));
    assert_eq!(aspects(&comparison), ["answer-time"]);
    let told = &comparison.differences[0];
    assert_eq!((told.stage, told.broken.as_str()), (Stage::Tls, "answers after 7.5 s"));
    for (working, broken) in [(7.5, 0.1), (0.1, 2.0), (4.0, 7.5)] {
        assert!(compare(&taking(working), &taking(broken)).differences.is_empty(), "{working} {broken}");
    }
    // time that was waited in vain is none in which anything was answered
    let mut silent = taking(7.5);
    silent.stages.get_mut(&Stage::Tls).unwrap().outcome = Outcome::Failed;
    assert!(!aspects(&compare(&taking(0.1), &silent)).contains(&"answer-time"));
}

#[test]
fn a_cause_that_the_run_ruled_out_would_explain_nothing() {
    let working = xrdp("192.0.2.1", TlsVersion::Tls13, 0x1302, "good", "ab").diagnose();
    let broken = xrdp("192.0.2.1", TlsVersion::Tls13, 0x1302, "good", "cd").diagnose();
    assert!(broken.ruled_out.iter().any(|cause| cause == "certificate-expired"), "{:?}", broken.ruled_out);
    let comparison = compare(&Side::of(&working), &Side::of(&broken));
    assert_eq!(comparison.differences[0].aspect, "certificate");
    assert!(!comparison.differences[0].would_explain.iter().any(|cause| cause == "certificate-expired"));
}

#[test]
fn the_same_twice_is_no_difference() {
    let one = xrdp("192.0.2.1", TlsVersion::Tls13, 0x1302, "good", "ab");
    let comparison = beside(&one, &one);
    assert_eq!((aspects(&comparison), comparison.result), (vec![], Likeness::Same));
}

#[test]
fn a_renewed_certificate_is_the_only_difference_of_one_host_at_two_times() {
    let before = xrdp("192.0.2.1", TlsVersion::Tls13, 0x1302, "good", "ab").with(Fact::ClockOffset(-900));
    let now = xrdp("192.0.2.1", TlsVersion::Tls13, 0x1302, "good", "cd").with(Fact::ClockOffset(1200));
    let comparison = beside(&before, &now);
    assert_eq!((aspects(&comparison), comparison.same_host), (vec!["certificate"], true));
    // of two hosts it is none
    let other = xrdp("192.0.2.2", TlsVersion::Tls13, 0x1302, "good", "cd");
    assert_eq!(aspects(&beside(&before, &other)), Vec::<&str>::new());
}

#[test]
fn an_authority_with_another_certificate_of_its_own_is_the_same_issuer() {
    let issued = |issuer: &str, print| {
        let host = host("server01").accepted().selects(EVERYTHING, SecurityProtocols::SSL);
        let host = host.tls(OFFER, accepts(TlsVersion::Tls13, 0x1302)).ca_issued(&["server01"]);
        host.with(Fact::CertificateIssuer(issuer.to_owned())).with(Fact::CertificateSha256(print))
    };
    let first = issued("C=US, O=Example Trust, CN=R10", "ab".repeat(32));
    let second = issued("C=US, O=Example Trust, CN=R11", "cd".repeat(32));
    assert_eq!(aspects(&beside(&first, &second)), ["certificate"]);
    let other = issued("C=US, O=Other Trust, CN=R10", "cd".repeat(32));
    assert_eq!(aspects(&beside(&first, &other)), ["certificate", "certificate-issuer"]);
}

#[test]
fn names_that_fit_their_own_machines_are_no_difference() {
    let windows = |target, name: &str| {
        let host = xrdp(target, TlsVersion::Tls13, 0x1302, name, "ab");
        host.with(Fact::NtlmComputer(name.to_owned()))
    };
    assert_eq!(aspects(&beside(&windows("192.0.2.1", "PC1"), &windows("192.0.2.2", "PC2"))), Vec::<&str>::new());
    let stranger =
        xrdp("192.0.2.2", TlsVersion::Tls13, 0x1302, "other", "ab").with(Fact::NtlmComputer("PC2".to_owned()));
    assert_eq!(aspects(&beside(&windows("192.0.2.1", "PC1"), &stranger)), ["certificate-names"]);
}

#[test]
fn a_fault_is_explained_by_the_difference_it_comes_from_and_ranks_first() {
    let working = xrdp("192.0.2.1", TlsVersion::Tls13, 0x1302, "good", "ab");
    let broken = host("192.0.2.2").with(Fact::TcpAnswer(TcpAnswer::Failed(ConnectFailure::Refused)));
    let comparison = beside(&working, &broken);
    assert_eq!(aspects(&comparison), ["tcp-answer"]);
    let first = &comparison.differences[0];
    assert_eq!(
        (first.severity, first.explains.as_slice()),
        (Severity::Blocking, ["port-closed".to_owned()].as_slice())
    );
    assert_eq!(comparison.not_compared, [Stage::X224, Stage::Tls, Stage::Certificate]);
    // the other way round nothing is blamed on the one that works
    let reversed = beside(&broken, &working);
    assert!(reversed.differences.iter().all(|difference| difference.explains.is_empty()), "{reversed:?}");
}

#[test]
fn a_fault_of_both_tells_them_not_apart() {
    let refused = |target| host(target).with(Fact::TcpAnswer(TcpAnswer::Failed(ConnectFailure::Refused)));
    let comparison = beside(&refused("192.0.2.1"), &refused("192.0.2.2"));
    assert_eq!((comparison.result, comparison.shared), (Likeness::Same, vec!["port-closed".to_owned()]));
}

/// A forward or a record that leads to the wrong host shows so. A farm shares an issued certificate, and clones a name.
#[test]
fn two_that_are_one_machine_are_told_to_be_one() {
    let made = |target, print| xrdp(target, TlsVersion::Tls13, 0x1302, "good", print);
    let both = beside(&made("192.0.2.1", "ab"), &made("192.0.2.2", "ab"));
    assert!(both.one_machine.is_some_and(|words| words.ends_with("(abababababababab…)")));
    assert_eq!(beside(&made("192.0.2.1", "ab"), &made("192.0.2.1", "ab")).one_machine, None, "asked for as one");
    assert_eq!(beside(&made("192.0.2.1", "ab"), &made("192.0.2.2", "cd")).one_machine, None);
    let issued = |target| {
        let host = host(target).accepted().selects(EVERYTHING, SecurityProtocols::SSL);
        let host = host.tls(OFFER, accepts(TlsVersion::Tls13, 0x1302)).ca_issued(&["farm.corp.example"]);
        host.with(Fact::CertificateSha256("ab".repeat(32)))
    };
    assert_eq!(beside(&issued("192.0.2.1"), &issued("192.0.2.2")).one_machine, None);
    let named = |target, name: &str| {
        issued(target).with(Fact::NtlmComputer("SRV".to_owned())).with(Fact::NtlmDnsComputer(name.to_owned()))
    };
    let member = beside(&named("192.0.2.1", "srv.corp.example"), &named("192.0.2.2", "srv.corp.example"));
    assert_eq!(member.one_machine.as_deref(), Some("both call themselves srv.corp.example"));
    assert_eq!(beside(&named("192.0.2.1", "SRV"), &named("192.0.2.2", "SRV")).one_machine, None);
}

/// Two that are silent may differ in everything.
#[test]
fn of_two_that_answer_nothing_there_is_nothing_to_compare() {
    let tried = |failure: ConnectFailure| {
        let one = |target| host(target).with(Fact::TcpAnswer(TcpAnswer::Failed(failure.clone())));
        beside(&one("192.0.2.1"), &one("192.0.2.2"))
    };
    for failure in [ConnectFailure::TimedOut, ConnectFailure::HostUnreachable, ConnectFailure::NetworkUnreachable] {
        let comparison = tried(failure);
        assert_eq!((aspects(&comparison), comparison.result), (vec![], Likeness::Undetermined));
    }
}

#[test]
fn refusals_of_ntlm_with_other_codes_are_other_answers() {
    let refused = |target, status| {
        let host = host(target).accepted().selects(EVERYTHING, SecurityProtocols::HYBRID).tls_up(TlsVersion::Tls13);
        host.with(Fact::CredsspAnswer(Introduction::Refused { version: 6, status: Some(status) }))
    };
    let comparison = beside(&refused("192.0.2.1", 0xc000_0017), &refused("192.0.2.2", 0xc000_005e));
    let told = comparison.differences.iter().find(|difference| difference.aspect == "credssp-answer").unwrap();
    assert_eq!(
        (told.working.as_str(), told.broken.as_str()),
        ("CredSSP 6, NTLM refused with 0xc0000017", "CredSSP 6, NTLM refused with 0xc000005e")
    );
    let alike = beside(&refused("192.0.2.1", 0xc000_0017), &refused("192.0.2.2", 0xc000_0017));
    assert_eq!((aspects(&alike), alike.result), (vec![], Likeness::Same));
}

#[test]
fn an_expired_certificate_of_one_host_is_its_own_difference() {
    let working = xrdp("192.0.2.1", TlsVersion::Tls13, 0x1302, "good", "ab");
    let expired = host("192.0.2.2").accepted().selects(EVERYTHING, SecurityProtocols::SSL);
    let expired = expired.tls(OFFER, accepts(TlsVersion::Tls13, 0x1302));
    let expired = expired.with(Fact::CertificateSubject("CN=good".to_owned())).certificate(-300, -10);
    let comparison = beside(&working, &expired);
    let told = comparison.differences.iter().find(|difference| difference.aspect == "finding").unwrap();
    assert_eq!((told.explains[0].as_str(), told.working.as_str()), ("certificate-expired", "does not have this fault"));
    assert_eq!(comparison.differences[0].aspect, "finding", "what was found ranks above what was not");
}

#[test]
fn questions_that_only_one_was_asked_are_no_difference() {
    let one = xrdp("192.0.2.1", TlsVersion::Tls13, 0x1302, "good", "ab");
    let only_here = TlsOffer { max: TlsVersion::Tls12, ..TlsOffer::MODERN };
    let more = xrdp("192.0.2.2", TlsVersion::Tls13, 0x1302, "good", "ab");
    let more = more.tls(only_here, accepts(TlsVersion::Tls12, 0xc030));
    assert_eq!(aspects(&beside(&one, &more)), Vec::<&str>::new());
}

#[test]
fn too_little_seen_is_said() {
    let nothing = crate::diagnose(&Evidence::default(), host("192.0.2.1").context(), crate::report::Run::default());
    let comparison = compare(&Side::of(&nothing), &Side::of(&nothing));
    assert_eq!(comparison.result, Likeness::Undetermined);
}

#[test]
fn a_foreign_report_is_bounded_printable_and_refused_where_it_is_none() {
    let read = |json: &str| Side::read(json).map(|side| side.client);
    let report = host("192.0.2.1").accepted().diagnose();
    let painted = report.to_json().replace("a current mstsc (Windows 11)", "\\u001b]0;x");
    assert_eq!(read(&painted).unwrap(), "{U+001B}]0;x");
    for wrong in ["", "[]", "{}", "null", "{\"schema\":1}", &"[".repeat(10_000)] {
        assert!(read(wrong).is_err(), "{wrong:.20}");
    }
    let other = report.to_json().replace(crate::report::SCHEMA, "rdpdoctor/2");
    assert!(matches!(Side::read(&other), Err(SideError::Schema(_))));
    let verdict = report.to_json().replace("\"undetermined\"", "\"fine\"").replace("\"healthy\"", "\"fine\"");
    assert!(matches!(Side::read(&verdict), Err(SideError::Word(_))));
}

proptest::proptest! {
    /// Whatever is made of a report is refused or compared, and what it says is safe to print.
    #[test]
    fn a_changed_report_neither_panics_nor_paints(at in 0_usize..20_000, byte: u8, cut: bool) {
        let mut bytes = xrdp("192.0.2.1", TlsVersion::Tls13, 0x1302, "good", "ab").diagnose().to_json().into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        if cut {
            bytes.truncate(at);
        }
        let good = Side::of(&host("192.0.2.1").accepted().diagnose());
        if let Ok(side) = Side::read(&String::from_utf8_lossy(&bytes)) {
            let told = serde_json::to_value(compare(&good, &side)).unwrap().to_string();
            proptest::prop_assert!(!told.chars().any(evidence::printable::hidden), "{told}");
        }
    }
}

#[test]
fn a_handshake_that_is_reset_says_nothing_of_versions() {
    let working = xrdp("192.0.2.1", TlsVersion::Tls13, 0x1302, "good", "ab");
    let reset = Handshake::Closed { end: wire::machine::End::Rst, bytes: 0 };
    let broken = host("192.0.2.2").accepted().selects(EVERYTHING, SecurityProtocols::SSL).tls(OFFER, reset);
    let comparison = beside(&working, &broken);
    let answer = comparison.differences.iter().find(|difference| difference.stage == Stage::Tls).unwrap();
    assert_eq!(answer.aspect, "tls-answer");
    assert_eq!((answer.working.as_str(), answer.broken.as_str()), ("takes the handshake", "resets the connection"));
    assert!(!aspects(&comparison).contains(&"tls-version"), "{comparison:?}");
}
