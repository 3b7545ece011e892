//! Sentences of a report, written once for every format that people read.

use diagnosis::cause::{Cause, Confidence, Severity};
use diagnosis::fixes::{Fix, Given};
use diagnosis::printable::counted;
use diagnosis::report::{Diagnosis, Finding, Outcome, ReportGateway, StageResult, Survey, Told, Verdict};
use diagnosis::symptom::Symptom;
use diagnosis::{Role, Stage, SubjectId, TimeSource, causes, claims};

use super::captured::any_connection;
use super::human_timeline::second;
use super::subject_words;

mod verdict;

pub(crate) use verdict::reached_words;
pub(crate) use verdict::{only_unread, verdict};

/// Heading of findings that change no verdict.
pub(super) const ADVICE: &str = "Worth knowing (not a fault by itself)";
/// Heading of the timeline.
pub(super) const TIMELINE: &str = "What happened (UTC)";
/// Lead before causes that are still open.
pub(super) const OPEN: &str = "Not checked or not decided";
/// Explanation of how to read the steps of a fix.
pub(crate) const STEPS: &str = "one per line; replace words in capitals";

/// Writes the title: the subject, and the client it is judged for.
pub(super) fn title(diagnosis: &Diagnosis) -> String {
    subject_words::head(diagnosis)
}

/// Names the subject of the report.
pub(super) fn target(diagnosis: &Diagnosis) -> String {
    diagnosis.target.as_ref().map_or("the evidence".to_owned(), |t| format!("{} port {}", t.host, t.port))
}

/// Names the time that records are judged for, and how to judge them for another. `None` where a probe saw the attempt
/// itself, and where nothing was read.
pub(super) fn judged_for(diagnosis: &Diagnosis) -> Option<String> {
    if diagnosis.stages.is_empty() {
        return None;
    }
    let at = format!("{} UTC", second(&diagnosis.at));
    let captured = any_connection(diagnosis);
    if captured && !diagnosis.stages.iter().any(|stage| stage.stage >= Stage::Host) {
        return match diagnosis.at_source {
            TimeSource::Attempt => None,
            TimeSource::Option => Some("judged by the clock of the capture, whatever --at says".to_owned()),
            _ if diagnosis.files.len() == 1 => Some(format!("judged by the clock of the capture, {at}")),
            _ => Some("judged by the clock of each capture".to_owned()),
        };
    }
    let own = if captured { "; what was captured, by its own clock" } else { "" };
    let whose = match diagnosis.at_source {
        TimeSource::Attempt => return None,
        TimeSource::Option => "as --at says",
        TimeSource::Evidence => "the newest time in the files (--at TIME for another)",
        TimeSource::Reading => "the time of reading (--at TIME for another)",
    };
    Some(format!("judged for {at}, {whose}{own}"))
}

/// Says how a rung went in a word, because colour alone tells nobody anything.
pub(super) fn mark(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "ok",
        Outcome::Degraded => "warn",
        Outcome::Failed => "FAIL",
        Outcome::Skipped => "-",
    }
}

/// Says how long a rung took; empty where nothing was asked.
pub(super) fn took(stage: &StageResult) -> String {
    stage.seconds.map_or(String::new(), |seconds| format!("{:.1} ms", seconds * 1000.0))
}

/// Returns the heading above a rung where another machine or address begins, if there are several.
pub(super) fn above_rung(diagnosis: &Diagnosis, stage: &StageResult, before: Option<SubjectId>) -> Option<String> {
    if before == Some(stage.subject) {
        return None;
    }
    if let Some(who) = diagnosis.subjects.get(stage.subject).filter(|who| who.role == Role::Gateway) {
        return Some(subject_words::gateway_heading(who));
    }
    let several = diagnosis.subjects.iter().filter(|subject| subject.address.is_some()).count() > 1;
    let address = || diagnosis.subjects.get(stage.subject).and_then(|subject| subject.address.clone());
    subject_words::machine(diagnosis, stage.subject).or_else(|| address().filter(|_| several))
}

/// Explains an exit status.
pub(super) fn status(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Healthy => "healthy",
        Verdict::Faulty => "a fault was found",
        Verdict::Undetermined => "could not tell",
    }
}

/// Says what the control host shows.
pub(super) fn control(diagnosis: &Diagnosis) -> Option<String> {
    let control = diagnosis.control.as_ref()?;
    let reached = control.reached.map_or("", reached_words);
    let verdict = match control.verdict {
        Verdict::Healthy => format!("healthy {reached}"),
        Verdict::Faulty => "faulty".to_owned(),
        Verdict::Undetermined => "undetermined".to_owned(),
    };
    Some(format!("{} port {} ({verdict}): {}.", control.target.host, control.target.port, control.meaning))
}

/// Says a finding's severity and confidence.
pub(super) fn rank(finding: &Finding) -> String {
    format!("{}, {}", severity_word(finding.severity), confidence_word(finding.confidence))
}

/// Says what a finding means for the client's code, and for other findings.
pub(super) fn consequences(diagnosis: &Diagnosis, finding: &Finding) -> Vec<String> {
    let mut sentences = Vec::new();
    if let (Some(explains), Some(symptom)) = (finding.explains_symptom, symptom(diagnosis)) {
        let verb = if explains { "This produces" } else { "This does not by itself produce" };
        sentences.push(format!("{verb} {symptom}."));
    }
    if !finding.root_of.is_empty() {
        sentences.push(format!("It brings about: {}.", finding.root_of.join(", ")));
    }
    sentences
}

/// Returns the most harmful advice that blames this cause: of several the first, the page has them all. Nothing where
/// another server than Windows answers, since what circulates is about Windows.
pub(super) fn beware(finding: &Finding) -> Option<String> {
    let mut claims = claims::about_cause(&finding.cause).filter(|_| finding.advice.is_none());
    let (text, id) = claims.find_map(|claim| Some((claim.beware.as_ref()?, &claim.id)))?;
    Some(format!("{text} (rdpdoctor explain {id})"))
}

/// Returns what commands about this finding can name: the host that was asked for, or where it was met, and its port.
pub(super) fn given(diagnosis: &Diagnosis, finding: &Finding, cause: &Cause) -> Given {
    let subject = diagnosis.subjects.iter().find(|subject| subject.id == finding.subject);
    let met = subject.filter(|subject| subject.role == Role::Host);
    let target = diagnosis.target.as_ref();
    let address = met.and_then(|host| host.address.as_deref());
    let given = target.map(|target| target.host.as_str()).or(address).map(|host| Given::NOTHING.host(host));
    let port = met.and_then(|host| host.port).or(target.map(|target| target.port));
    given.unwrap_or_default().port(port).side_of(cause)
}

/// Says how safe a fix is, and why.
pub(super) fn safety(fix: &Fix) -> String {
    format!("{}: {}", fix.safety.word(), fix.reason.trim_end_matches('.'))
}

/// Returns the one line of an advisory finding; its page says the rest.
pub(super) fn first_reason(finding: &Finding) -> &str {
    finding.because.first().map_or(finding.title.as_str(), |because| because.text.as_str())
}

/// Lists notices that change no verdict but have to be said.
pub(super) fn notices(diagnosis: &Diagnosis) -> Vec<String> {
    gateway(diagnosis).into_iter().chain(diagnosis.notices.iter().map(|notice| notice.text.clone())).collect()
}

/// Says that the client goes through a gateway; `None` where the verdict has said it.
pub(super) fn gateway(diagnosis: &Diagnosis) -> Option<String> {
    diagnosis.gateway.as_ref().filter(|_| diagnosis.verdict == Verdict::Faulty).map(gateway_words)
}

/// Returns the heading of a survey.
pub(super) fn survey(diagnosis: &Diagnosis, survey: &Survey) -> String {
    let address = diagnosis.subjects.get(survey.subject).and_then(|s| s.address.clone()).unwrap_or_default();
    let state = if survey.complete { "" } else { " (incomplete: the host stopped answering or time ran out)" };
    format!("What {address} accepts{state}")
}

/// Lists what the evidence excludes, where nothing else was found.
pub(super) fn ruled_out(diagnosis: &Diagnosis) -> Option<String> {
    let said = diagnosis.verdict == Verdict::Undetermined && !diagnosis.ruled_out.is_empty();
    said.then(|| format!("{}.", diagnosis.ruled_out.join(", ")))
}

/// Lists what was not seen or is still open, as lead and text.
pub(super) fn not_seen(diagnosis: &Diagnosis) -> Option<(&'static str, String)> {
    let addresses = diagnosis.subjects.iter().filter(|subject| subject.address.is_some()).count();
    let beside = diagnosis.stages.iter().all(|stage| stage.stage >= Stage::Host);
    if diagnosis.connections == 0 && addresses == 0 && beside && !diagnosis.subjects.is_empty() {
        return Some(("Not seen", "the connection itself: no probe was made, and the files hold none.".to_owned()));
    }
    let open = diagnosis.verdict != Verdict::Healthy && !diagnosis.unknown.is_empty();
    open.then(|| (OPEN, unseen(diagnosis)))
}

/// Lists what could not be read, and why.
pub(super) fn unread(diagnosis: &Diagnosis) -> Vec<String> {
    let unread = diagnosis.observations.iter().filter_map(|seen| match &seen.told {
        Some(Told::Unread { what, why }) => Some(format!("{what}: {why}")),
        _ => None,
    });
    unread.collect()
}

/// Says what the run cost the host.
pub(super) fn cost(diagnosis: &Diagnosis) -> String {
    let made = counted(diagnosis.connections, "connection", "connections");
    format!("{made}, {:.1} s. No logon was attempted.", diagnosis.seconds)
}

/// Lists the causes that are still open. Those behind the broken rung are only counted: nobody gets there before it is
/// mended.
fn unseen(diagnosis: &Diagnosis) -> String {
    let (here, later) = open_here(diagnosis);
    let here = here.join(", ");
    let Some((stage, count)) = later else { return format!("{here}.") };
    let later = counted(count, "later cause", "later causes");
    let rest = format!("{later}, because the connection did not get past {}.", stage.word());
    if here.is_empty() { rest } else { format!("{here}; and {rest}") }
}

/// Lists the causes that are still open where the connection got to, and counts those that lie behind the broken stage.
pub(super) fn open_here(diagnosis: &Diagnosis) -> (Vec<&str>, Option<(Stage, usize)>) {
    let failed = diagnosis.stages.iter().filter(|stage| stage.outcome == Outcome::Failed);
    let failed = failed.filter(|stage| !diagnosis.is_gateway(stage.subject)).map(|stage| stage.stage);
    // the last one, because one of several addresses may have got further
    let broken = failed.max();
    let behind = |id: &str| broken.is_some_and(|broken| causes::find(id).is_some_and(|cause| cause.stage > broken));
    let (later, here): (Vec<&str>, Vec<&str>) =
        diagnosis.unknown.iter().map(|open| open.cause.as_str()).partition(|id| behind(id));
    (here, broken.filter(|_| !later.is_empty()).map(|stage| (stage, later.len())))
}

/// Causes whose proof is a command for the client, though they lie elsewhere.
const PROVED_FROM_CLIENT: [&str; 4] =
    ["certificate-untrusted", "host-unreachable", "name-points-elsewhere", "server-name-refused"];

/// Says where a cause is proven, and that doing so is harmless.
pub(super) fn prove_place(cause: &Cause) -> String {
    let client = matches!(cause.role, Role::Client | Role::Resolver) || PROVED_FROM_CLIENT.contains(&cause.id);
    let place = if client { "the client" } else { "the host" };
    let shell = if of_unix(cause.page.command) { "as root" } else { "PowerShell as administrator" };
    format!("on {place} ({shell}; this only reads)")
}

/// True for a command of a Unix shell.
pub(super) fn of_unix(command: &str) -> bool {
    const PROGRAMS: [&str; 8] = ["grep", "ps", "ss", "sudo", "grdctl", "openssl x509", "systemctl", "df"];
    PROGRAMS.iter().any(|name| command.starts_with(&format!("{name} "))) || command.contains("/var/log/")
}

/// Says which server most likely answers at each address, where its answers tell something.
pub(super) fn servers(diagnosis: &Diagnosis) -> Vec<String> {
    let told = diagnosis.servers.iter().map(|server| {
        let sure = if server.confidence == Confidence::Possible { "may be" } else { "is most likely" };
        let whose = subject_words::whose(diagnosis, server.subject).unwrap_or_else(|| "it".to_owned());
        format!("{whose} {sure} {}: {}", server.name, server.because.text)
    });
    told.collect()
}

/// Tells the figures of the way to each address whose packets were counted.
pub(super) fn paths(diagnosis: &Diagnosis) -> Vec<String> {
    let told = diagnosis.measured_paths.iter().map(|path| {
        let whose = subject_words::whose(diagnosis, path.subject).map_or(String::new(), |name| format!("to {name}: "));
        let trip = path.round_trip_milliseconds.map_or(String::new(), |time| format!("round trip {time:.1} ms, "));
        let (there, back) = (path.lost_to_host, path.lost_from_host);
        format!("{whose}{trip}{} of {} packets to it lost, {} of {} from it", there.lost, there.of, back.lost, back.of)
    });
    told.collect()
}

/// Tells the machines on the way to each address, where they were looked for.
pub(super) fn ways(diagnosis: &Diagnosis) -> Vec<String> {
    let told = diagnosis.ways.iter().map(|way| {
        let whose = subject_words::whose(diagnosis, way.subject).map_or(String::new(), |name| format!("to {name}: "));
        let routers = way.routers.iter().map(|router| format!("{} {}", router.hop, router.addresses.join(" or ")));
        let end = match (way.hops, way.answer.as_deref()) {
            (Some(hops), Some("accepted")) => format!("{hops} the host"),
            (Some(hops), Some(answer)) => format!("{hops} somebody who says {answer}"),
            _ => "nothing answers behind".to_owned(),
        };
        format!("{whose}{}", routers.chain([end]).collect::<Vec<_>>().join(", "))
    });
    told.collect()
}

/// Splits the place off the command of a next step: `on the host, in PowerShell: Get-Service`.
pub(super) fn place_and_command(text: &str) -> (Option<&str>, &str) {
    match text.split_once(": ") {
        Some((place, command)) if place.starts_with("on ") => (Some(place), command),
        _ => (None, text),
    }
}

/// Returns the code that the client showed.
pub(super) fn symptom(diagnosis: &Diagnosis) -> Option<Symptom> {
    diagnosis.symptom.map(|s| Symptom { code: s.code, extended: s.extended })
}

fn gateway_words(gateway: &ReportGateway) -> String {
    let which = gateway.host.as_ref().map(|host| format!(" {host}")).unwrap_or_default();
    format!(
        "the .rdp file sends the client through the gateway{which}, and this program cannot connect through gateways \
         yet. The test above was direct, so it says nothing about how the client reaches the host."
    )
}

/// Names a severity.
pub(super) fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Blocking => "blocking",
        Severity::Degrading => "degrading",
        Severity::Advisory => "advisory",
    }
}

/// Names a confidence.
pub(super) fn confidence_word(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::Proven => "proven",
        Confidence::Likely => "likely",
        Confidence::Possible => "possible",
    }
}

/// Turns the text into a sentence.
pub(super) fn sentence(text: &str) -> String {
    format!("{}.", capital(text.trim_end_matches('.')))
}

/// Makes the first letter a capital.
pub(crate) fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| first.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use diagnosis::report::{CapturedConnection, CapturedTransport, ReportObservation};
    use diagnosis::sketch::{host, machine};
    use evidence::Fact;
    use evidence::state::TERMINAL_SERVER;

    #[test]
    fn recorded_evidence_says_for_which_time_it_is_judged() {
        let mut report = sample::diagnosis("words");
        assert_eq!(judged_for(&report), None, "a probe is the attempt");
        report.stages[0].stage = Stage::Host;
        report.at_source = TimeSource::Evidence;
        let newest = "judged for 2026-11-21 09:00:00 UTC, the newest time in the files (--at TIME for another)";
        assert_eq!(judged_for(&report).as_deref(), Some(newest));
        let connection = CapturedConnection {
            client: "192.0.2.9:50100".to_owned(),
            through: None,
            server_name: None,
            cookie: false,
            sent: 0,
            received: 0,
            ended: None,
            client_alert: None,
            host_alert: None,
            notes: Vec::new(),
        };
        let told = Some(Told::Connection(connection));
        let captured = ReportObservation { told, ..report.observations[0].clone() };
        report.observations.push(captured);
        report.at_source = TimeSource::Option;
        let both = "judged for 2026-11-21 09:00:00 UTC, as --at says; what was captured, by its own clock";
        assert_eq!(judged_for(&report).as_deref(), Some(both));
        report.stages.retain(|stage| stage.stage < Stage::Host);
        assert_eq!(judged_for(&report).as_deref(), Some("judged by the clock of the capture, whatever --at says"));
        report.at_source = TimeSource::Evidence;
        report.files.push("a.pcap".to_owned());
        assert_eq!(judged_for(&report).as_deref(), Some("judged by the clock of the capture, 2026-11-21 09:00:00 UTC"));
        report.stages.clear();
        assert_eq!(judged_for(&report), None, "nothing was read");
    }

    /// A host that nobody asked is not sound.
    #[test]
    fn a_code_is_unexplained_by_what_was_read() {
        let report = machine().dword(TERMINAL_SERVER, "fDenyTSConnections", 0).without_target().code(0x904).diagnose();
        let told = verdict(&report);
        assert!(told.starts_with("Could not tell: nothing that was read explains 0x904 (the other side"), "{told}");
    }

    /// "Not seen" would read as if these faults were absent.
    #[test]
    fn an_open_cause_is_neither_shown_nor_ruled_out() {
        let report = host("192.0.2.7").nla().code(0x904).diagnose();
        assert_eq!(not_seen(&report).unwrap().0, "Not checked or not decided");
        let report = machine().diagnose();
        assert_eq!(not_seen(&report).unwrap().0, "Not seen");
    }

    #[test]
    fn udp_alone_is_said_to_be_udp_alone() {
        let transport =
            CapturedTransport { client: "192.0.2.9:50100".to_owned(), asked: Some(2), answered: true, chosen: Some(2) };
        let mut report = host("192.0.2.7").watched(Fact::CapturedTransport(transport)).diagnose();
        report.stages.clear();
        assert!(verdict(&report).contains("only UDP transports"), "{}", verdict(&report));
        let told = super::super::captured::lines(&report, 8);
        let words = "a UDP transport (RDPEUDP version 2) was asked for by 192.0.2.9:50100 at 192.0.2.7: answered with version 2; \
                     what follows is encrypted";
        assert_eq!(told, [words]);
    }
}
