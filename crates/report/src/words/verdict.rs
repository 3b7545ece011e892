//! The verdict as a sentence.

use std::fmt::Write;

use diagnosis::cause::{Confidence, Severity};
use diagnosis::report::{Diagnosis, Finding, Outcome, ReportObservation, StageResult, Told, Verdict};
use diagnosis::stage::rung::NOT_TRIED;
use diagnosis::{Role, Stage};

use super::{gateway_words, symptom};
use crate::captured::any_transport;
use crate::subject_words;

/// Writes the verdict as a sentence.
pub(crate) fn verdict(diagnosis: &Diagnosis) -> String {
    let reached = diagnosis.reached.map_or("", reached_words);
    match diagnosis.verdict {
        Verdict::Healthy => {
            let elsewhere = diagnosis.findings.iter().any(|finding| finding.cause == "name-points-elsewhere");
            let but = if elsewhere { ", but the name leads to a machine with a different name" } else { "" };
            format!("Healthy {reached}{but}.{}", rests_on(diagnosis))
        }
        Verdict::Faulty => faulty_words(diagnosis),
        Verdict::Undetermined if diagnosis.interrupted && diagnosis.connections == 0 => {
            "Interrupted: this is what was seen up to then.".to_owned()
        }
        Verdict::Undetermined if diagnosis.interrupted => {
            "Interrupted: this is what was seen up to then, without a connection that was still open.".to_owned()
        }
        Verdict::Undetermined => undetermined_words(diagnosis, reached),
    }
}

/// Says how few connections were made: what fails at times may not have shown.
fn rests_on(diagnosis: &Diagnosis) -> String {
    match diagnosis.connections {
        0 => String::new(),
        1 => " 1 connection was made; what fails only at times may not have shown.".to_owned(),
        count => format!(" {count} connections were made; what fails only at times may not have shown."),
    }
}

/// Says how far a connection got.
pub(crate) fn reached_words(stage: Stage) -> &'static str {
    match stage {
        Stage::Name => "up to the name",
        Stage::Tcp => "up to TCP",
        Stage::X224 => "up to the security negotiation",
        Stage::Tls => "up to TLS",
        Stage::Certificate => "up to the certificate; what comes after it was not seen",
        Stage::Credssp => "up to the logon prompt",
        Stage::Sequence => "up to the settings that it sends every client; the logon after them was not tried",
        // `reached` is a stage of the connection, and these are beside it
        Stage::Gateway | Stage::Host | Stage::Client => "judging by its settings and logs",
    }
}

fn faulty_words(diagnosis: &Diagnosis) -> String {
    let counted: Vec<_> = diagnosis.findings.iter().filter(|f| f.severity < Severity::Advisory).collect();
    let Some((first, others)) = counted.split_first() else { return String::new() };
    let whose = subject_words::whose(diagnosis, first.subject);
    // a root that only hampers by itself still is the reason, where it brings about what blocks
    let blocks = |found: &Finding| found.severity == Severity::Blocking;
    let reason = blocks(first) || others.iter().any(|found| blocks(found) && first.root_of.contains(&found.cause));
    let mut words = if reason {
        let whose = whose.map_or(String::new(), |name| format!(" to {name}"));
        format!("The connection{whose} {} because {}.", fails(first.confidence), first.title)
    } else {
        let whose = whose.map_or(String::new(), |name| format!(" at {name}"));
        format!("Something is wrong{whose}: {}.", first.title)
    };
    if !others.is_empty() {
        let more = counted_words(others.len());
        write!(words, " {more}.").expect("writing to a String cannot fail");
    }
    let explained = diagnosis.findings.iter().any(|finding| finding.explains_symptom == Some(true));
    if let (Some(symptom), false) = (symptom(diagnosis), explained) {
        write!(words, " This does not explain {symptom}.").expect("writing to a String cannot fail");
    }
    words
}

/// Says how many more faults there are.
fn counted_words(others: usize) -> String {
    if others == 1 { "There is one more fault".to_owned() } else { format!("There are {others} more faults") }
}

fn fails(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::Proven => "fails",
        Confidence::Likely => "most likely fails",
        Confidence::Possible => "may be failing",
    }
}

fn undetermined_words(diagnosis: &Diagnosis, reached: &str) -> String {
    if diagnosis.observations.iter().any(|seen| seen.told == Some(Told::RehearsalFailed)) {
        return "Could not tell: this program's own messages also failed with a test host of its own, so the fault \
                lies in this program or this computer, and nothing is held against the host. Please report it, with \
                a transcript (--transcript)."
            .to_owned();
    }
    if let Some(gateway) = &diagnosis.gateway {
        return format!("Could not tell: {}", gateway_words(gateway));
    }
    if let Some(words) = to_gateway_words(diagnosis) {
        return words;
    }
    if let Some(words) = not_tried(diagnosis).or_else(|| nothing_read(diagnosis)).or_else(|| intact(diagnosis)) {
        return words;
    }
    let went = |outcome: Outcome| {
        diagnosis.stages.iter().any(|stage| !diagnosis.is_gateway(stage.subject) && stage.outcome == outcome)
    };
    let failed = went(Outcome::Failed);
    match (symptom(diagnosis), failed) {
        (Some(symptom), false) => {
            let meaning = symptom.meaning().map_or(String::new(), |meaning| format!(" ({meaning})"));
            let sound = match (reached, diagnosis.connections) {
                ("", 0) => return format!("Could not tell: nothing that was read explains {symptom}{meaning}."),
                ("", _) => return format!("Could not tell: nothing that was seen explains {symptom}{meaning}."),
                (_, 0) => "everything that was captured works",
                _ => "everything that could be tested works from here",
            };
            format!("Could not tell: {sound} ({reached}), so it does not explain {symptom}{meaning}.")
        }
        (Some(symptom), true) => {
            format!("Could not tell what causes {symptom}: a step failed in a way that no known cause explains.")
        }
        (None, false) if only_udp(diagnosis) => {
            "Could not tell: only UDP transports were captured, without the TCP connection that every client makes \
             first."
                .to_owned()
        }
        (None, false) if went(Outcome::Degraded) => {
            "Could not tell: one step worked only partly, and no known cause explains why.".to_owned()
        }
        (None, false) if diagnosis.connections > 0 && !reached.is_empty() => {
            format!(
                "Could not tell: all that was tested works ({reached}), and not all that a client may meet was tested."
            )
        }
        (None, false) => sound_by_records(diagnosis).unwrap_or_else(|| {
            "Could not tell: nothing that was seen is a fault, and no complete connection was seen.".to_owned()
        }),
        (None, true) => "Could not tell: a step failed in a way that no known cause explains.".to_owned(),
    }
}

/// Writes the verdict on one host whose records show no fault, without a connection: what was looked at.
fn sound_by_records(diagnosis: &Diagnosis) -> Option<String> {
    let mut read = diagnosis.stages.iter().filter_map(|stage| stage.text.strip_prefix("read: ").zip(Some(stage)));
    let (what, stage) =
        read.next().filter(|(_, stage)| stage.stage == Stage::Host && stage.outcome == Outcome::Passed)?;
    let alone = read.next().is_none() && diagnosis.connections == 0 && diagnosis.findings.is_empty();
    let whose = subject_words::machine(diagnosis, stage.subject).unwrap_or_else(|| "the host".to_owned());
    alone.then(|| {
        format!(
            "Could not tell whether a client gets through, which only a connection shows. What was read of {whose} shows \
             no fault: {what}."
        )
    })
}

/// Writes the verdict where this computer could not make a connection.
fn not_tried(diagnosis: &Diagnosis) -> Option<String> {
    let why = diagnosis.subjects.iter().find_map(|who| diagnosis.not_tried(who.id))?;
    let others = diagnosis.stages.iter().any(|stage| stage.stage >= Stage::Tcp && stage.outcome == Outcome::Failed);
    (!others).then(|| format!("Could not tell: {NOT_TRIED} ({why}), so nothing was learned about the host."))
}

/// Writes the verdict where nothing that was given could be read.
fn nothing_read(diagnosis: &Diagnosis) -> Option<String> {
    let unread = diagnosis.observations.iter().filter_map(|seen| match &seen.told {
        Some(Told::Unread { what, why }) => Some((what, why)),
        _ => None,
    });
    let unread: Vec<_> = unread.collect();
    let (what, why) = unread.first().filter(|_| only_unread(diagnosis))?;
    let more = if unread.len() > 1 { format!(" (and {} more)", unread.len() - 1) } else { String::new() };
    Some(format!("Could not tell: nothing was read. {what}{more}: {why}."))
}

/// True if all that is known is that something was not read.
pub(crate) fn only_unread(diagnosis: &Diagnosis) -> bool {
    let unread = |seen: &ReportObservation| matches!(seen.told, Some(Told::Unread { .. }));
    !diagnosis.observations.is_empty() && diagnosis.connections == 0 && diagnosis.observations.iter().all(unread)
}

/// Writes the verdict of an `.rdp` file by itself whose signature holds.
fn intact(diagnosis: &Diagnosis) -> Option<String> {
    let alone = diagnosis.stages.iter().all(|stage| stage.stage == Stage::Client) && diagnosis.connections == 0;
    let signed = diagnosis.observations.iter().filter_map(|seen| match &seen.told {
        Some(Told::SignatureIntact { file, signer }) => Some((file, signer)),
        _ => None,
    });
    let intact: Vec<_> = signed.collect();
    let &[(file, by)] = intact.as_slice() else { return None };
    (alone && diagnosis.symptom.is_none() && diagnosis.observations.len() == 1).then(|| {
        format!(
            "The signature of {file} is intact: its signed settings are as {by} signed them, as far as this program \
             can check. Whether a connection works was not tried."
        )
    })
}

/// Writes the verdict where only clients on their way to gateways were captured.
fn to_gateway_words(diagnosis: &Diagnosis) -> Option<String> {
    let at_host = |stage: &StageResult| {
        let who = diagnosis.subjects.get(stage.subject);
        who.is_some_and(|who| who.role == Role::Host && who.address.is_some())
    };
    let mut to_gateway = diagnosis.stages.iter().filter(|stage| diagnosis.is_gateway(stage.subject)).peekable();
    if to_gateway.peek().is_none() || diagnosis.stages.iter().any(at_host) {
        return None;
    }
    let broken = to_gateway.find(|stage| matches!(stage.outcome, Outcome::Failed | Outcome::Degraded));
    let seen = match broken {
        Some(stage) => format!("something is wrong there ({}: {})", stage.stage.word(), stage.text),
        None => "nothing that was seen of it is wrong".to_owned(),
    };
    Some(format!(
        "Could not tell: the capture shows the client's connection to the gateway; {seen}. It says nothing about the \
         host behind it."
    ))
}

/// True if only UDP transports were seen.
fn only_udp(diagnosis: &Diagnosis) -> bool {
    diagnosis.stages.is_empty() && any_transport(diagnosis)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn a_root_that_only_hampers_is_the_reason_of_what_blocks() {
        let mut report = sample::diagnosis("words");
        let blocking = report.findings[0].clone();
        assert_eq!(blocking.severity, Severity::Blocking);
        let mut root = blocking.clone();
        (root.cause, root.severity) = ("hosts-file-overrides-dns".to_owned(), Severity::Degrading);
        root.root_of = vec![blocking.cause.clone()];
        report.findings.insert(0, root);
        assert!(verdict(&report).starts_with("The connection"), "{}", verdict(&report));
        // beside a fault that it does not bring about it is one of two
        report.findings[0].root_of.clear();
        assert!(verdict(&report).starts_with("Something is wrong"), "{}", verdict(&report));
    }
}
