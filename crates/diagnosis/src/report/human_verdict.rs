//! The verdict in words.

use std::fmt::Write;

use super::{Diagnosis, Outcome, ReportGateway, subject_words};
use crate::cause::{Confidence, Severity, Stage};
use crate::fact::Fact;
use crate::symptom::Symptom;

pub(super) fn symptom(diagnosis: &Diagnosis) -> Option<Symptom> {
    diagnosis.symptom.map(|s| Symptom { code: s.code, extended: s.extended })
}

pub(super) fn reached_words(stage: Stage) -> &'static str {
    match stage {
        Stage::Name => "as far as the name",
        Stage::Tcp => "as far as TCP",
        Stage::X224 => "as far as the security negotiation",
        Stage::Tls => "as far as TLS",
        Stage::Certificate => "as far as the certificate; what comes after it was not seen",
        Stage::Credssp => "as far as the logon prompt",
        // reached is of the way of a connection, and these are beside it
        Stage::Host | Stage::Client => "by its settings and records",
    }
}

pub(super) fn faulty_words(diagnosis: &Diagnosis) -> String {
    let counted: Vec<_> = diagnosis.findings.iter().filter(|f| f.severity < Severity::Advisory).collect();
    let mut words = match counted.as_slice() {
        [one] if one.severity == Severity::Blocking => format!("{} because {}.", fails(one.confidence), one.title),
        [one] => format!("Something is wrong: {}.", one.title),
        [first, ..] => {
            let whose =
                subject_words::whose(diagnosis, first.subject).map_or(String::new(), |name| format!(", of {name}"));
            format!("{} faults; the first{whose}: {}.", counted.len(), first.title)
        }
        [] => String::new(),
    };
    let explained = diagnosis.findings.iter().any(|finding| finding.explains_symptom == Some(true));
    if let (Some(symptom), false) = (symptom(diagnosis), explained) {
        write!(words, " {symptom} stays unexplained by it.").expect("writing to a String cannot fail");
    }
    words
}

fn fails(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::Proven => "The connection fails",
        Confidence::Likely => "The connection most likely fails",
        Confidence::Possible => "The connection possibly fails",
    }
}

pub(super) fn gateway_words(gateway: &ReportGateway) -> String {
    let which = gateway.host.as_ref().map(|host| format!(" {host}")).unwrap_or_default();
    format!(
        "the .rdp file sends the client through the gateway{which}, a way that this program cannot go yet. What stands above \
         is a direct test; it says nothing about the host as the client meets it."
    )
}

pub(super) fn undetermined_words(diagnosis: &Diagnosis, reached: &str) -> String {
    if diagnosis.observations.iter().any(|seen| seen.fact == Fact::RehearsalFailed.name()) {
        return "Could not tell: what this program says failed with a host of its own making as well, so the fault is its own \
                or this computer's, and nothing that the host answered is held against it. Please report it, with a \
                transcript (--transcript)."
            .to_owned();
    }
    if let Some(gateway) = &diagnosis.gateway {
        return format!("Could not tell: {}", gateway_words(gateway));
    }
    let failed = diagnosis.stages.iter().any(|stage| stage.outcome == Outcome::Failed);
    match (symptom(diagnosis), failed) {
        (Some(symptom), false) => {
            let meaning = symptom.meaning().map_or(String::new(), |meaning| format!(" ({meaning})"));
            format!("Could not tell: from here the host is sound {reached}, which does not explain {symptom}{meaning}.")
        }
        (Some(symptom), true) => {
            format!("Could not tell what causes {symptom}: a stage failed in a way that no known cause explains.")
        }
        (None, false) => "Could not tell: what was seen shows neither a fault nor a sound connection.".to_owned(),
        (None, true) => "Could not tell: a stage failed in a way that no known cause explains.".to_owned(),
    }
}
