//! From judgements to the types of a diagnosis.

use evidence::moment::rfc3339;
use evidence::printable::printable;
use evidence::rdp_file::{RdpFileRecord, RdpSignature};
use evidence::{Because, Evidence, Fact, Source};
use wire::machine::{ConnectFailure, TcpAnswer};
use wire::transcript::NameAnswer;

use crate::case::{Case, Context};
use crate::causes::certificate_untrusted;
use crate::hops;
use crate::ladder::{Ladder, Survey};
use crate::path;
use crate::report::{
    Diagnosis, Finding, Next, ReportClient, ReportGateway, ReportObservation, ReportPath, ReportRouter, ReportServer,
    ReportSubject, ReportSymptom, ReportTarget, ReportWay, Run, SCHEMA, Told, UnknownCause, Verdict,
};
use crate::server::{Guess, server};
use crate::stage::rung::NO_NETWORK;
use crate::timeline::timeline;

/// Decisions of `diagnose`.
pub(crate) struct Judged {
    pub(crate) verdict: Verdict,
    pub(crate) findings: Vec<Finding>,
    pub(crate) unknown: Vec<UnknownCause>,
    pub(crate) absent: Vec<String>,
    pub(crate) ladder: Ladder,
    pub(crate) next: Vec<Next>,
}

pub(crate) fn assemble(evidence: &Evidence, context: &Context, run: Run, judged: Judged) -> Diagnosis {
    let Judged { verdict, findings, unknown, absent, ladder, next } = judged;
    let order = crate::order::order(&findings, &next);
    Diagnosis {
        schema: SCHEMA.to_owned(),
        tool: env!("CARGO_PKG_VERSION").to_owned(),
        at: rfc3339(context.at),
        at_source: context.at_source,
        seconds: run.seconds,
        connections: evidence.connections,
        interrupted: run.interrupted,
        target: context.target.as_ref().map(|t| ReportTarget { host: t.host.to_string(), port: t.port }),
        subjects: subjects(evidence, context),
        servers: servers(evidence, context),
        measured_paths: measured_paths(evidence, context),
        ways: ways(evidence, context),
        client: ReportClient {
            profile: context.profile.id.clone(),
            name: context.profile.name.clone(),
            source: context.profile_source.word().to_owned(),
        },
        symptom: context.symptom.map(|s| ReportSymptom { code: s.code, extended: s.extended }),
        verdict,
        reached: ladder.reached(),
        findings,
        unknown,
        ruled_out: absent,
        stages: ladder.stages,
        gateway: gateway(evidence, context),
        notices: [
            crate::stage::name::unasked(evidence).into_iter().collect(),
            crate::notices::notices(evidence, context.gateway.is_some()),
            crate::notices::routing(evidence, &context.routing),
            crate::identity::notices(evidence, context),
            paces(evidence, context, verdict),
        ]
        .concat(),
        observations: observations(evidence),
        files: evidence.files.iter().map(|name| printable(name)).collect(),
        paths: evidence.files.clone(),
        order,
        next,
        control: None,
        surveys: surveys(evidence, context),
        timeline: timeline(evidence, context),
    }
}

fn gateway(evidence: &Evidence, context: &Context) -> Option<ReportGateway> {
    let gateway = context.gateway.as_ref().filter(|_| Case { evidence, subject: 0, context }.behind_gateway());
    gateway.map(|gateway| ReportGateway { host: gateway.host.clone() })
}

/// Tells what else was odd about hosts that are healthy; of others the findings tell it.
fn paces(evidence: &Evidence, context: &Context, verdict: Verdict) -> Vec<Because> {
    let hosts = evidence.hosts().filter(|_| verdict == Verdict::Healthy);
    let cases = hosts.map(|subject| Case { evidence, subject, context });
    cases.flat_map(|case| crate::pace::notices(case).into_iter().chain(certificate_untrusted::notice(case))).collect()
}

fn servers(evidence: &Evidence, context: &Context) -> Vec<ReportServer> {
    let guessed = |subject| {
        let Guess { program, confidence, because } = server(Case { evidence, subject, context })?;
        Some(ReportServer { subject, program, name: program.name().to_owned(), confidence, because })
    };
    evidence.hosts().filter_map(guessed).collect()
}

fn measured_paths(evidence: &Evidence, context: &Context) -> Vec<ReportPath> {
    let measured = |subject| {
        let case = Case { evidence, subject, context };
        let connections = path::samples(case).len();
        (connections > 0).then(|| ReportPath {
            subject,
            connections,
            round_trip_milliseconds: path::shortest(case).map(|seen| seen.value.as_secs_f64() * 1000.0),
            lost_to_host: path::there(case),
            lost_from_host: path::back(case),
        })
    };
    evidence.hosts().filter_map(measured).collect()
}

fn ways(evidence: &Evidence, context: &Context) -> Vec<ReportWay> {
    let told = |subject| {
        let way = hops::way(Case { evidence, subject, context })?.value;
        let router = |hop| {
            let addresses: Vec<_> = way.routers(hop).iter().map(ToString::to_string).collect();
            (!addresses.is_empty()).then_some(ReportRouter { hop, addresses })
        };
        Some(ReportWay {
            subject,
            hops: way.end().map(|end| end.hops),
            answer: way.end().map(|end| end.answer.word().to_owned()),
            routers: (1..=way.farthest().unwrap_or_default()).filter_map(router).collect(),
        })
    };
    evidence.hosts().filter_map(told).collect()
}

fn surveys(evidence: &Evidence, context: &Context) -> Vec<Survey> {
    evidence.hosts().filter_map(|subject| Survey::of(Case { evidence, subject, context })).collect()
}

fn subjects(evidence: &Evidence, context: &Context) -> Vec<ReportSubject> {
    let numbered = evidence.subjects.iter().enumerate();
    let client = |id| {
        let own = context.of_subject(evidence, id);
        (own.profile != context.profile).then(|| own.profile.name.clone())
    };
    numbered
        .map(|(id, subject)| ReportSubject {
            id,
            role: subject.role,
            name: subject.name.clone(),
            address: subject.address.map(|address| address.ip().to_string()),
            port: subject.address.map(|address| address.port()),
            client: client(id),
        })
        .collect()
}

fn observations(evidence: &Evidence) -> Vec<ReportObservation> {
    let seen = evidence.observations.iter();
    seen.map(|observation| ReportObservation {
        id: observation.id,
        fact: observation.fact.name().to_owned(),
        subject: observation.subject,
        source: observation.source.to_string(),
        file: if let Source::File(number) = observation.source { Some(number) } else { None },
        at: rfc3339(observation.at),
        value: observation.fact.value().into(),
        told: told(&observation.fact),
    })
    .collect()
}

fn told(fact: &Fact) -> Option<Told> {
    Some(match fact {
        Fact::Unread(unread) | Fact::CaptureCut(unread) | Fact::PassedOver(unread) => {
            Told::Unread { what: printable(&unread.what), why: printable(&unread.why) }
        }
        Fact::CertificateNotAfter(until) => Told::CertificateUntil(*until),
        Fact::CapturedConnection(connection) => Told::Connection(connection.clone()),
        Fact::CapturedTransport(transport) => Told::Transport(transport.clone()),
        Fact::RehearsalFailed => Told::RehearsalFailed,
        Fact::TcpAnswer(TcpAnswer::Failed(ConnectFailure::Other(error))) => Told::NotTried(printable(error)),
        Fact::NameAnswer(NameAnswer::NoNetwork) => Told::NotTried(NO_NETWORK.to_owned()),
        Fact::RdpFile(file) => return signed(file),
        _ => return None,
    })
}

fn signed(file: &RdpFileRecord) -> Option<Told> {
    let RdpSignature::Valid(signer) = &file.signature else { return None };
    let whole = signer.outside.is_empty() && signer.contradicted.is_empty();
    whole.then(|| Told::SignatureIntact { file: printable(&file.name), signer: printable(&signer.subject) })
}
