//! A report for the tests of formats.

use diagnosis::cause::{Confidence, Severity};
use diagnosis::report::{
    Diagnosis, Finding, Outcome, ReportClient, ReportObservation, ReportSubject, ReportTarget, SCHEMA, StageResult,
    Told, Verdict,
};
use diagnosis::{Because, Role, Stage, TimeSource};

/// Report on a faulty host whose every text is `words`.
pub(super) fn diagnosis(words: &str) -> Diagnosis {
    let stage =
        |stage, outcome| StageResult { stage, subject: 0, outcome, seconds: Some(0.25), text: words.to_owned() };
    Diagnosis {
        schema: SCHEMA.to_owned(),
        tool: "0.1.0".to_owned(),
        at: "2026-11-21T09:00:00Z".to_owned(),
        at_source: TimeSource::Attempt,
        seconds: 0.5,
        connections: 2,
        interrupted: false,
        target: Some(ReportTarget { host: words.to_owned(), port: 3389 }),
        subjects: vec![ReportSubject {
            id: 0,
            role: Role::Host,
            name: Some(words.to_owned()),
            address: None,
            port: Some(3389),
            client: None,
        }],
        servers: Vec::new(),
        measured_paths: Vec::new(),
        ways: Vec::new(),
        client: client(),
        symptom: None,
        verdict: Verdict::Faulty,
        reached: Some(Stage::X224),
        findings: vec![Finding {
            cause: "private-key-unusable".to_owned(),
            subject: 0,
            severity: Severity::Blocking,
            confidence: Confidence::Likely,
            stage: Stage::Tls,
            title: words.to_owned(),
            because: vec![Because { text: words.to_owned(), observation: 1 }],
            explains_symptom: None,
            root_of: Vec::new(),
            fixes: vec!["repair-machine-keys-access".to_owned()],
            advice: None,
            claims: vec!["c15".to_owned()],
        }],
        unknown: Vec::new(),
        ruled_out: Vec::new(),
        stages: vec![stage(Stage::X224, Outcome::Passed), stage(Stage::Tls, Outcome::Failed), {
            StageResult { seconds: None, ..stage(Stage::Credssp, Outcome::Skipped) }
        }],
        observations: vec![ReportObservation {
            id: 1,
            fact: "certificate.not_after".to_owned(),
            subject: 0,
            source: "probe/1".to_owned(),
            file: None,
            at: "2026-11-21T09:00:00Z".to_owned(),
            value: "2026-11-08T10:00:00Z".into(),
            told: Some(Told::CertificateUntil(time::macros::datetime!(2026-11-08 10:00 UTC))),
        }],
        next: Vec::new(),
        order: Vec::new(),
        control: None,
        gateway: None,
        notices: Vec::new(),
        surveys: Vec::new(),
        timeline: Vec::new(),
        files: Vec::new(),
        paths: Vec::new(),
    }
}

fn client() -> ReportClient {
    ReportClient {
        profile: "mstsc-11".to_owned(),
        name: "a current mstsc (Windows 11)".to_owned(),
        source: "default".to_owned(),
    }
}
