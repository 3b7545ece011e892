//! Laws of the diagnosis, over evidence of any kind, even such as no host would give.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use diagnosis::diagnose::Run;
use diagnosis::{Capabilities, Context, Diagnosis};
use evidence::fact::{Handshake, Introduction};
use evidence::rdp_file::Routing;
use evidence::{ClientProfile, Evidence, Fact, ProfileSource, Role, Source, Subject, Target};
use proptest::prelude::*;
use time::{Duration, OffsetDateTime};
use wire::foreign::ForeignService;
use wire::machine::{ConnectFailure, End, TcpAnswer, X224Answer};
use wire::ntlm::WindowsVersion;
use wire::tls::{Alert, TlsOffer, TlsVersion};
use wire::transcript::NameAnswer;
use wire::x224::{NegotiationFailure, SecurityProtocols, ServerAnswer};

const NOW: OffsetDateTime = time::macros::datetime!(2026-11-21 09:00 UTC);

fn end() -> impl Strategy<Value = End> {
    prop_oneof![Just(End::Fin), Just(End::Rst)]
}

fn tcp() -> impl Strategy<Value = Fact> {
    prop_oneof![
        4 => Just(TcpAnswer::Accepted),
        1 => Just(TcpAnswer::Silent),
        1 => Just(TcpAnswer::Failed(ConnectFailure::Refused)),
        1 => Just(TcpAnswer::Failed(ConnectFailure::HostUnreachable)),
        1 => Just(TcpAnswer::Failed(ConnectFailure::NetworkUnreachable)),
    ]
    .prop_map(Fact::TcpAnswer)
}

fn x224() -> impl Strategy<Value = Fact> {
    let protocols =
        || prop_oneof![Just(0_u32), Just(1), Just(2), Just(3), Just(8), Just(0x0B)].prop_map(SecurityProtocols);
    let answer = prop_oneof![
        4 => protocols().prop_map(|protocol| X224Answer::Server(ServerAnswer::Selected { protocol, flags: 0x1F })),
        1 => (1_u32..7).prop_map(|code| X224Answer::Server(ServerAnswer::Failure(NegotiationFailure(code)))),
        1 => end().prop_map(X224Answer::Closed),
        1 => end().prop_map(X224Answer::ClosedBeforeRequest),
        1 => Just(X224Answer::HeldOpen),
        1 => Just(X224Answer::Silent),
        1 => Just(X224Answer::NotTpkt(vec![1, 2, 3])),
        1 => Just(X224Answer::Foreign { service: ForeignService::recognise(b"SSH-2.0-x").unwrap(), bytes: vec![b'S'] }),
    ];
    (protocols(), answer).prop_map(|(requested, answer)| Fact::X224Answer { requested: Some(requested), answer })
}

fn tls() -> impl Strategy<Value = Fact> {
    let offers = [TlsOffer::MODERN, TlsOffer::PLAIN_12, TlsOffer::SPLIT_12, TlsOffer::OLD, TlsOffer::TOLERANT];
    let version = proptest::sample::select(TlsVersion::ALL.to_vec());
    let answer = prop_oneof![
        3 => (version, any::<bool>()).prop_map(|(version, finished)| {
            Handshake::Accepted { version: Some(version), suite: 0x1302, finished }
        }),
        2 => (end(), 0_usize..2).prop_map(|(end, bytes)| Handshake::Closed { end, bytes }),
        2 => proptest::sample::select(vec![40_u8, 70, 80]).prop_map(|description| {
            Handshake::Alert(Alert { level: 2, description })
        }),
        1 => Just(Handshake::Silent { bytes: 0 }),
        1 => Just(Handshake::Malformed("words".to_owned())),
    ];
    (proptest::sample::select(offers.to_vec()), any::<bool>(), answer)
        .prop_map(|(offer, direct, answer)| Fact::TlsAnswer { offer, direct, answer })
}

fn rest() -> impl Strategy<Value = Fact> {
    let date = || (-3_000_i64..3_000).prop_map(|hours| NOW + Duration::hours(hours));
    let name = || proptest::sample::select(vec!["SERVER01", "CORP"]).prop_map(str::to_owned);
    prop_oneof![
        date().prop_map(Fact::CertificateNotBefore),
        date().prop_map(Fact::CertificateNotAfter),
        (-20_i64..20).prop_map(|minutes| Fact::ClockOffset(minutes * 60_000)),
        name().prop_map(Fact::NtlmComputer),
        name().prop_map(Fact::NtlmDomain),
        (2_u32..7).prop_map(|version| Fact::CredsspAnswer(Introduction::Challenge(version))),
        (2_u32..7).prop_map(|version| Fact::CredsspAnswer(Introduction::Refused { version, status: None })),
        end().prop_map(|end| Fact::CredsspAnswer(Introduction::Closed(end))),
        Just(Fact::CredsspAnswer(Introduction::Silent)),
        Just(Fact::CertificateUnreadable),
        Just(Fact::RehearsalFailed),
        Just(Fact::NtlmVersion(WindowsVersion { major: 10, minor: 0, build: 20348 })),
    ]
}

fn resolved() -> impl Strategy<Value = Fact> {
    prop_oneof![
        Just(NameAnswer::Addresses(vec!["192.0.2.7:3389".parse().unwrap()])),
        Just(NameAnswer::NotFound { code: -2 }),
        Just(NameAnswer::Silent),
        Just(NameAnswer::NoNetwork),
    ]
    .prop_map(Fact::NameAnswer)
}

fn about_a_host() -> impl Strategy<Value = Fact> {
    prop_oneof![2 => tcp(), 4 => x224(), 5 => tls(), 4 => rest()]
}

fn subject(role: Role, last: u8) -> Subject {
    let address = (role != Role::Resolver).then(|| format!("192.0.2.{last}:3389").parse().unwrap());
    Subject::new(role, Some("server.corp.example".to_owned()), address)
}

/// Subject 0 is the resolver; 1 and 2 are addresses of the host; 3 to 6 are those that nobody asked about.
fn evidence(facts: &[(usize, Fact)]) -> Evidence {
    let roles = [Role::Resolver, Role::Host, Role::Host, Role::Client, Role::Gateway, Role::Path, Role::Elsewhere];
    let subjects = (0..).zip(roles).map(|(last, role)| subject(role, last)).collect();
    let mut evidence = Evidence { subjects, connections: 3, ..Evidence::default() };
    for (second, (subject, fact)) in (0..).zip(facts) {
        evidence.observe(*subject, Source::Probe(1), NOW + Duration::seconds(second), None, fact.clone());
    }
    evidence
}

fn facts() -> impl Strategy<Value = Vec<(usize, Fact)>> {
    let one = prop_oneof![1 => resolved().prop_map(|fact| (0, fact)), 9 => (1_usize..3, about_a_host())];
    proptest::collection::vec(one, 0..30)
}

fn context(profile: &str) -> Context {
    Context {
        target: Some(Target::parse("server.corp.example").unwrap()),
        profile: ClientProfile::find(profile).unwrap(),
        profile_source: ProfileSource::Default,
        require_trust: false,
        gateway: None,
        routing: Routing::default(),
        thorough: false,
        on_linux: false,
        at_source: evidence::TimeSource::Attempt,
        at: NOW,
        symptom: None,
        capabilities: Capabilities { openssl: true },
    }
}

fn profile() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(vec!["mstsc-11", "mstsc-10", "mstsc-7", "mac", "freerdp3"])
}

/// Returns what a diagnosis says, without the numbers of observations.
fn said(diagnosis: &Diagnosis) -> (String, BTreeSet<String>) {
    let finding =
        |f: &diagnosis::report::Finding| format!("{} of {}: {:?}, {:?}", f.cause, f.subject, f.severity, f.confidence);
    (format!("{:?}, {:?}", diagnosis.verdict, diagnosis.reached), diagnosis.findings.iter().map(finding).collect())
}

fn diagnose(evidence: &Evidence, profile: &str) -> Diagnosis {
    diagnosis::diagnose(evidence, &context(profile), Run::default())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_order_of_observations_does_not_matter(
        (facts, order) in facts().prop_flat_map(|facts| {
            let order: Vec<usize> = (0..facts.len()).collect();
            (Just(facts), Just(order).prop_shuffle())
        }),
        profile in profile(),
    ) {
        let told = evidence(&facts);
        let mut shuffled = told.clone();
        shuffled.observations = order.iter().map(|index| told.observations[*index].clone()).collect::<Vec<_>>().into();
        prop_assert_eq!(said(&diagnose(&told, profile)), said(&diagnose(&shuffled, profile)));
    }

    #[test]
    fn an_unrelated_fact_changes_no_verdict(
        facts in facts(),
        unrelated in proptest::collection::vec((3_usize..7, about_a_host()), 1..5),
        place in any::<proptest::sample::Index>(),
        profile in profile(),
    ) {
        let mut more = facts.clone();
        let place = place.index(facts.len() + 1);
        more.splice(place..place, unrelated);
        prop_assert_eq!(said(&diagnose(&evidence(&facts), profile)), said(&diagnose(&evidence(&more), profile)));
    }

    #[test]
    fn diagnosing_is_pure(facts in facts(), others in facts(), profile in profile()) {
        let told = evidence(&facts);
        let kept = told.clone();
        let first = diagnose(&told, profile);
        diagnose(&evidence(&others), profile);
        prop_assert_eq!(&first, &diagnose(&told, profile));
        prop_assert_eq!(told, kept);
    }

    /// Every reason cites an observation that the report shows.
    #[test]
    fn every_reason_is_among_the_observations(facts in facts(), profile in profile()) {
        let report = diagnose(&evidence(&facts), profile);
        for because in report.findings.iter().flat_map(|finding| &finding.because) {
            prop_assert!(report.observations.iter().any(|seen| seen.id == because.observation));
        }
    }
}
