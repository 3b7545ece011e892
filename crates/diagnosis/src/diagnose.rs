//! Judges every cause for every subject and ranks the findings.

mod contradicted;
mod help;
mod judged;

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use evidence::fact::Fact;
use evidence::moment::rfc3339;
use evidence::{Because, Evidence, Role, Stage, SubjectId};

use wire::x224::SecurityProtocols;

use self::contradicted::weighed;
use self::judged::{judged, subjects};
use crate::assemble::{Judged, assemble};
use crate::case::{Case, Context};
use crate::cause::{Cause, Confidence, Judgement, Severity};
use crate::fixes::change::{Change, Machine};
use crate::fixes::{Fix, Safety};
use crate::ladder::{Ladder, Outcome};
pub use crate::report::Run;
use crate::report::{Diagnosis, Finding, UnknownCause, Verdict};
use crate::server::advice::{advice, of_settings, of_this_machine};
use crate::server::server;
use crate::stage::connection_sequence::client_goes_in_clear;
use crate::{claims, earlier, linux};

/// A present cause, before it is ranked.
struct Present<'a> {
    cause: &'static Cause,
    case: Case<'a>,
    severity: Severity,
    confidence: Confidence,
    because: Vec<Because>,
}

/// Diagnoses the evidence. Pure: the same evidence and context give the same diagnosis.
pub fn diagnose(evidence: &Evidence, context: &Context, run: Run) -> Diagnosis {
    diagnose_with(crate::causes::ALL, evidence, context, run)
}

/// Diagnoses with another list of causes (the mutation table switches single detectors off).
pub fn diagnose_with(causes: &[&'static Cause], evidence: &Evidence, context: &Context, run: Run) -> Diagnosis {
    let evidence = &*evidence.in_order();
    let context = &*context.for_client_of(evidence);
    let contexts = context.of_subjects(evidence);
    let (mut present, mut unknown, mut absent) = (Vec::new(), Vec::<UnknownCause>::new(), Vec::<&str>::new());
    for (cause, told) in causes.iter().zip(judged(causes, evidence, context, &contexts)) {
        present.extend(told.present);
        unknown.extend(told.unknown);
        absent.extend(told.absent.then_some(cause.id));
    }
    let mut earlier = earlier::logged(causes, evidence, context, |cause| subjects(evidence, cause, context));
    earlier.retain(|fault| !present.iter().any(|found| found.cause.id == fault.cause));
    for fault in earlier.iter().filter(|fault| absent.contains(&fault.cause)) {
        let needs = vec![format!("whether the attempt was at {}, when it was logged", rfc3339(fault.at))];
        unknown.push(UnknownCause { cause: fault.cause.to_owned(), needs });
    }
    unknown.retain(|open| !present.iter().any(|found| found.cause.id == open.cause));
    absent.retain(|id| !present.iter().any(|p| p.cause.id == *id) && !unknown.iter().any(|open| open.cause == *id));
    let absent = absent.into_iter().map(str::to_owned).collect();
    let findings = rank(&present, context);
    let (verdict, ladder) = decided(evidence, context, &findings, run.interrupted);
    let known = crate::next::Known { verdict, findings: &findings, ladder: &ladder, earlier: &earlier };
    let next = crate::next::measurements(evidence, context, known);
    assemble(evidence, context, run, Judged { verdict, findings, unknown, absent, ladder, next })
}

/// Returns the verdict on one subject and the findings that lead to it, from judgements of all causes that were made
/// before: what a survey of many hosts needs, without a report.
pub(crate) fn verdict_on<'j>(
    case: Case<'_>,
    judgements: impl Iterator<Item = (&'static Cause, Cow<'j, Judgement>)>,
) -> (Verdict, Vec<Finding>) {
    let present = judgements.filter_map(|(cause, judgement)| match &*judgement {
        Judgement::Present { severity, confidence, because } => {
            let (severity, confidence, because) = (for_client(cause, case, *severity), *confidence, because.clone());
            let confidence = weighed(case, severity, confidence, &because);
            Some(Present { cause, case, severity, confidence, because })
        }
        Judgement::Absent | Judgement::Unknown => None,
    });
    let findings = rank(&present.collect::<Vec<_>>(), case.context);
    (decided(case.evidence, case.context, &findings, false).0, findings)
}

/// Returns how much a fault matters to the client: one behind TLS matters nothing to who is led past TLS.
fn for_client(fault: &Cause, case: Case<'_>, severity: Severity) -> Severity {
    let behind_tls = matches!(fault.stage, Stage::Tls | Stage::Certificate | Stage::Credssp);
    if behind_tls && client_goes_in_clear(case) { Severity::Advisory } else { severity }
}

fn decided(evidence: &Evidence, context: &Context, findings: &[Finding], interrupted: bool) -> (Verdict, Ladder) {
    let ladder = Ladder::of(evidence, context, findings);
    let behind_gateway = Case { evidence, subject: 0, context }.behind_gateway();
    // a capture that was not read completely may lack the very packets that show the fault
    let unread = evidence.observations.iter().any(|seen| matches!(seen.fact, Fact::Unread(_)));
    // what clients meet at an address that nobody asked is not known
    let unasked = crate::stage::name::unasked(evidence).is_some();
    // who was asked may be another than the one to whom the client is led
    let led = context.routing.doubtful();
    let cut = interrupted || unasked || behind_gateway || led || ladder.incomplete;
    let cut = cut || unread && !evidence.clients.is_empty();
    (verdict(findings, &ladder, context, cut), ladder)
}

/// Sorts findings: one that explains another comes first; then by severity, by whether it fits the client's code, by
/// confidence, and by stage.
fn rank(present: &[Present<'_>], context: &Context) -> Vec<Finding> {
    let roots = Roots::of(present);
    let mut root_of = vec![Vec::new(); present.len()];
    for (place, symptom) in present.iter().enumerate() {
        roots.behind(place).for_each(|root| root_of[root].push(symptom.cause.id.to_owned()));
    }
    let mut ranked: Vec<(_, Finding)> = present
        .iter()
        .zip(root_of)
        .enumerate()
        .map(|(place, (found, root_of))| {
            let explains = explains_symptom(found.cause, context);
            let key = (
                roots.depth(place, 0),
                found.severity,
                Reverse(explains == Some(true)),
                found.confidence,
                found.cause.stage,
                found.case.subject,
            );
            (key, finding(found, root_of, explains))
        })
        .collect();
    ranked.sort_by_key(|(key, _)| *key);
    ranked.into_iter().map(|(_, finding)| finding).collect()
}

fn finding(found: &Present<'_>, root_of: Vec<String>, explains_symptom: Option<bool>) -> Finding {
    let (case, because) = (found.case, &found.because);
    let gnome = linux::shows_gnome(case, because);
    let of_settings = || of_settings(found.cause, gnome).filter(|_| linux::shows(case, because));
    let guessed = || server(found.case).and_then(|guess| advice(&guess, found.cause));
    let loopback = case.who().address.is_some_and(|address| address.ip().is_loopback());
    let refused_here = || of_this_machine(found.cause).filter(|_| case.context.on_linux && loopback);
    let advice = of_settings().or_else(guessed).or_else(refused_here);
    Finding {
        cause: found.cause.id.to_owned(),
        subject: found.case.subject,
        severity: found.severity,
        confidence: found.confidence,
        stage: found.cause.stage,
        title: linux::title(case, (found.cause, found.severity), because).unwrap_or(found.cause.title).to_owned(),
        because: found.because.clone(),
        explains_symptom,
        root_of,
        fixes: fixes(found, advice.is_some()),
        advice,
        claims: claims::about_cause(found.cause.id).map(|claim| claim.id.clone()).collect(),
    }
}

/// Lists the cause's fixes. A certificate from an authority is renewed there and bound again, so fixes of Windows' own
/// come last.
fn fixes(found: &Present<'_>, other_server: bool) -> Vec<String> {
    let issued = found.cause.stage == Stage::Certificate && found.case.self_issued().is_some_and(|seen| !seen.value);
    // a finding that keeps nobody out is no reason to lower security
    let weakens_in_vain = |fix: &Fix| found.severity == Severity::Advisory && fix.safety == Safety::Weakening;
    // rules for some are somebody's wish
    let opens_in_vain = |fix: &Fix| {
        found.severity == Severity::Advisory && fix.changes().any(|change| *change == Change::OpenLinuxFirewall)
    };
    let by_address = found.case.context.target.as_ref().is_some_and(|target| target.name().is_none());
    // Windows selects CredSSP where it is offered; xrdp and others know TLS alone, and have no key files of Windows
    let other = found.case.selected().is_some_and(|seen| seen.value == SecurityProtocols::SSL);
    let seen = found.case.xrdp();
    let (of_xrdp, of_linux) = (seen.is_some(), found.case.is_linux());
    let of_gnome = linux::shows_gnome(found.case, &found.because);
    let fits = |id: &&str| {
        let fix = crate::fixes::find(id);
        let in_vain = |fix: &Fix| by_address && fix.is_about_names() || other && fix.is_of_windows_own();
        // every other fix on a host is one of Windows
        let of_windows = |fix: &Fix| matches!(fix.place.machine, Machine::Host | Machine::Concerned(_));
        let foreign = |fix: &Fix| match fix.place.machine {
            Machine::Xrdp => !of_xrdp || of_gnome,
            Machine::Gnome => !linux::shows_gnome_of_person(found.case, &found.because),
            _ => (of_linux || other_server) && of_windows(fix),
        };
        let helpless = |fix: &Fix| of_linux && !help::helps(found.case, found.cause, &found.because, fix);
        fix.is_none_or(|fix| {
            !(weakens_in_vain(fix) || opens_in_vain(fix) || in_vain(fix) || foreign(fix) || helpless(fix))
        })
    };
    let mut list: Vec<&str> = found.cause.fixes.iter().copied().filter(fits).collect();
    list.sort_by_key(|id| issued && crate::fixes::find(id).is_some_and(Fix::is_of_windows_own));
    list.into_iter().map(str::to_owned).collect()
}

/// Links among findings, by which one brings another about: only those of one machine, and a client's, can.
struct Roots<'p, 'a> {
    present: &'p [Present<'a>],
    /// Places of the findings at each subject.
    at: BTreeMap<SubjectId, Vec<usize>>,
    /// Places of those of a client's own, and of a name, which show at every host.
    everywhere: Vec<usize>,
}

impl<'p, 'a> Roots<'p, 'a> {
    fn of(present: &'p [Present<'a>]) -> Self {
        let (mut at, mut everywhere) = (BTreeMap::<_, Vec<usize>>::new(), Vec::new());
        let roots = present.iter().enumerate().filter(|(_, found)| !found.cause.explains.is_empty());
        for (place, root) in roots {
            at.entry(root.case.subject).or_default().push(place);
            let elsewhere = matches!(root.cause.role, Role::Client | Role::Resolver);
            if elsewhere && root.case.who().address.is_none() {
                everywhere.push(place);
            }
        }
        Self { present, at, everywhere }
    }

    /// Iterates over the places of the findings that bring this one about.
    fn behind(&self, place: usize) -> impl Iterator<Item = usize> {
        let symptom = &self.present[place];
        // a fault inside a machine shows at each of its addresses
        let machine = || symptom.case.machine().map(|machine| machine.subject);
        let machine = if self.at.is_empty() { None } else { machine() };
        let subjects: BTreeSet<SubjectId> = machine.into_iter().chain([symptom.case.subject]).collect();
        let here = subjects.iter().filter_map(|subject| self.at.get(subject)).flatten();
        let places: BTreeSet<usize> = here.chain(&self.everywhere).copied().collect();
        places.into_iter().filter(|root| {
            let root = &self.present[*root];
            root.cause.explains.iter().any(|link| link.cause == symptom.cause.id && (link.when)(root.case))
        })
    }

    /// Counts the findings behind this one. The bound ends cycles, which a test forbids among the declared links.
    fn depth(&self, place: usize, level: usize) -> usize {
        if level > self.present.len() {
            return level;
        }
        self.behind(place).map(|root| self.depth(root, level + 1) + 1).max().unwrap_or(0)
    }
}

fn explains_symptom(cause: &Cause, context: &Context) -> Option<bool> {
    let symptom = context.symptom?;
    (!cause.codes.is_empty()).then(|| cause.codes.contains(&symptom.code))
}

/// `cut`: the evidence does not cover the whole way.
fn verdict(findings: &[Finding], ladder: &Ladder, context: &Context, cut: bool) -> Verdict {
    let faulty = findings.iter().any(|finding| finding.severity < Severity::Advisory);
    let sound = !ladder.to_hosts().any(|stage| matches!(stage.outcome, Outcome::Failed | Outcome::Degraded));
    if faulty {
        Verdict::Faulty
    } else if sound && context.symptom.is_none() && !cut && ladder.reached() >= Some(Stage::X224) {
        Verdict::Healthy
    } else {
        Verdict::Undetermined
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::causes;
    use crate::report::Diagnosis;
    use crate::sketch::{host, host_at};
    use evidence::fact::Handshake;
    use evidence::rdp_file::GatewayUse;
    use evidence::state::Unread;
    use wire::tls::{TlsOffer, TlsVersion};

    /// Rights on the key file of Windows' own certificate do not renew one from an authority, and cut every session.
    #[test]
    fn a_certificate_from_an_authority_is_bound_anew() {
        let up = || host("192.0.2.7").nla().tls_up(TlsVersion::Tls13);
        for (sketch, first) in [
            (up().windows_made("SERVER01"), "repair-machine-keys-access"),
            (up().ca_issued(&["server01.corp.example"]), "bind-certificate"),
        ] {
            let report = sketch.certificate(-200, -1).diagnose();
            assert_eq!(
                (report.findings[0].cause.as_str(), report.findings[0].fixes[0].as_str()),
                ("certificate-expired", first)
            );
        }
        let own: Vec<_> = crate::fixes::ALL.iter().filter(|fix| fix.is_of_windows_own()).map(|fix| fix.id).collect();
        assert_eq!(own, ["renew-rdp-certificate", "repair-machine-keys-access", "replace-rdp-key-container"]);
    }

    /// A host that takes TLS and not CredSSP is no Windows of today.
    #[test]
    fn a_host_that_is_no_windows_gets_no_key_repair_of_windows() {
        let ssl = SecurityProtocols::SSL;
        let xrdp = host("192.0.2.7").selects(crate::case::EVERYTHING, ssl).tls_up(TlsVersion::Tls13);
        let report = xrdp.windows_made("SERVER01").certificate(-200, -1).diagnose();
        let fixes = &report.findings[0].fixes;
        assert_eq!(
            (report.findings[0].cause.as_str(), fixes.as_slice()),
            ("certificate-expired", &["bind-certificate".to_owned()][..])
        );
    }

    /// xrdp and others have files and logs of their own.
    #[test]
    fn a_server_that_is_no_windows_gets_its_own_advice() {
        let told = |early_capabilities| {
            let response = wire::mcs::ConnectResponse {
                version: Some(0x0008_0004),
                early_capabilities,
                ..wire::mcs::ConnectResponse::default()
            };
            let answer = wire::machine::ConnectionSequenceAnswer::Settings(response);
            let settings = Fact::Settings { requested: crate::case::EVERYTHING, answer };
            let ssl = SecurityProtocols::SSL;
            let sketch = host("192.0.2.7").selects(crate::case::EVERYTHING, ssl).tls_up(TlsVersion::Tls13);
            let report = sketch.windows_made("SERVER01").certificate(-200, -1).with(settings).diagnose();
            let expired = report.findings.into_iter().find(|found| found.cause == "certificate-expired").unwrap();
            (expired.cause_here().unwrap().page.command, expired.fixes)
        };
        let (command, fixes) = told(None);
        assert!(command.contains("/etc/xrdp/xrdp.ini"), "{command}");
        assert_eq!(fixes, [] as [&str; 0]);
        // nobody that we have met says this
        let (command, fixes) = told(Some(0x10));
        assert!(!command.contains("xrdp"), "{command}");
        assert_eq!(fixes, ["bind-certificate"]);
    }

    /// Who refuses at a loopback address of Linux is that machine itself.
    #[test]
    fn a_refusal_of_this_machine_gets_the_commands_of_linux() {
        use wire::machine::{ConnectFailure, TcpAnswer};
        let refused = || Fact::TcpAnswer(TcpAnswer::Failed(ConnectFailure::Refused));
        let told = |address: &str, on_linux: bool| {
            let sketch = host_at(address, &format!("{address}:3389")).with(refused());
            let report = diagnose(sketch.evidence(), &Context { on_linux, ..sketch.context().clone() }, Run::default());
            let command = report.findings[0].cause_here().unwrap().page.command;
            (command.contains("ss -ltnp"), command.contains("TermService"), report.findings[0].fixes.is_empty())
        };
        assert_eq!(told("127.0.0.1", true), (true, false, true));
        assert_eq!(told("127.0.0.1", false), (false, true, false));
        assert_eq!(told("192.0.2.7", true), (false, true, false));
    }

    /// Names that resolve wrongly do not matter to somebody who typed an address.
    #[test]
    fn names_are_mended_for_those_who_go_by_them() {
        let banner = || wire::machine::X224Answer::Foreign {
            service: wire::foreign::ForeignService::Ssh,
            bytes: b"SSH-2.0-x\r\n".to_vec(),
        };
        for (target, fixes) in [
            ("192.0.2.7", &["find-program-on-port", "set-listener-port"][..]),
            ("server01", &["find-program-on-port", "flush-dns", "set-listener-port"]),
        ] {
            let report = host(target).accepted().x224(crate::case::EVERYTHING, banner()).diagnose();
            assert_eq!(report.findings[0].cause, "not-an-rdp-service");
            assert_eq!(report.findings[0].fixes, fixes, "{target}");
        }
    }

    fn told(diagnosis: &Diagnosis) -> (Verdict, Vec<&str>) {
        (diagnosis.verdict, diagnosis.findings.iter().map(|finding| finding.cause.as_str()).collect())
    }

    /// Who offers no TLS never meets what is wrong behind it.
    #[test]
    fn what_is_wrong_behind_tls_does_not_matter_to_who_is_led_past_it() {
        let broken = |protocol| {
            let up = host("192.0.2.7").nla().tls(TlsOffer::MODERN, Handshake::WrongKey);
            let own = up.profile_with(|profile| profile.protocols = SecurityProtocols::SSL);
            own.selects(SecurityProtocols::SSL, protocol).diagnose()
        };
        let severity = |report: Diagnosis| {
            report.findings.iter().find(|found| found.cause == "certificate-key-mismatch").map(|found| found.severity)
        };
        assert_eq!(severity(broken(SecurityProtocols::SSL)), Some(Severity::Blocking));
        assert_eq!(severity(broken(SecurityProtocols::RDP)), Some(Severity::Advisory));
    }

    /// The missing packets may be those that show the fault.
    #[test]
    fn a_capture_that_was_not_read_whole_shows_no_health() {
        let whole = || host("192.0.2.7").nla().tls_up(TlsVersion::Tls12).of_a_watched_client();
        assert_eq!(whole().diagnose().verdict, Verdict::Healthy);
        let unread = Unread { what: "a.pcap".to_owned(), why: "it ends inside a packet".to_owned() };
        assert_eq!(whole().with(Fact::Unread(unread)).diagnose().verdict, Verdict::Undetermined);
    }

    /// Packets were dropped between the negotiation and its outcome.
    #[test]
    fn a_capture_without_the_handshake_shows_no_health() {
        use crate::sketch::Sketch;
        use evidence::captured::{CapturedConnection, Doubt};
        let connection = |notes: &[Doubt]| {
            Fact::CapturedConnection(CapturedConnection {
                client: "192.0.2.9:50100".to_owned(),
                through: None,
                server_name: None,
                cookie: false,
                sent: 500,
                received: 900,
                ended: None,
                client_alert: None,
                host_alert: None,
                notes: notes.to_vec(),
            })
        };
        let agreed = SecurityProtocols::HYBRID_EX;
        let selected = || wire::x224::ServerAnswer::Selected { protocol: agreed, flags: 0 };
        let captured = |notes: &[Doubt]| {
            let begun = host("192.0.2.7")
                .watched(Fact::TcpAnswer(wire::machine::TcpAnswer::Accepted))
                .watched(connection(notes));
            begun.watched_x224(crate::case::EVERYTHING, wire::machine::X224Answer::Server(selected()))
        };
        let told = |sketch: &Sketch| {
            let report = sketch.diagnose();
            let tls = report.stages.iter().find(|stage| stage.stage == Stage::Tls).unwrap();
            (report.verdict, tls.text.clone())
        };
        let hole = [Doubt::Gaps];
        assert_eq!(told(&captured(&hole)), (Verdict::Undetermined, "not captured".to_owned()));
        // agreed on, and the client did not go on
        assert_eq!(told(&captured(&[])), (Verdict::Undetermined, "not reached".to_owned()));
        let tls = |sketch: Sketch, finished: bool| {
            let accepted = Handshake::Accepted { version: Some(TlsVersion::Tls12), suite: 0xC030, finished };
            sketch.watched_tls(TlsVersion::Tls10, TlsVersion::Tls12, accepted)
        };
        let up = |sketch: Sketch| tls(sketch, true);
        assert_eq!(told(&tls(captured(&[]), false)).0, Verdict::Undetermined, "the client left it unfinished");
        // a doubt about contents is no lack of packets, whatever its words
        for doubt in [Doubt::Altered, Doubt::HiddenCertificate] {
            assert_eq!(told(&up(captured(&[doubt]))).0, Verdict::Healthy, "{doubt:?}");
        }
        assert_eq!(told(&up(captured(&hole))).0, Verdict::Healthy, "the hole is behind what was judged");
        // one of two connections is complete
        let two = up(captured(&[])).watched(connection(&hole));
        let two = two.watched_x224(crate::case::EVERYTHING, wire::machine::X224Answer::Server(selected()));
        assert_eq!(told(&two).0, Verdict::Undetermined);
    }

    #[test]
    fn what_is_seen_beside_a_gateway_is_never_a_finding_about_the_host() {
        let expired = || host("192.0.2.7").nla().tls_up(TlsVersion::Tls13).certificate(-100, -1);
        assert_eq!(told(&expired().diagnose()).0, Verdict::Faulty);
        let always = expired().gateway(GatewayUse::Always).diagnose();
        assert_eq!(told(&always), (Verdict::Undetermined, vec![]));
        assert!(always.unknown.iter().any(|open| open.cause == "certificate-expired"));
        assert_eq!(always.gateway.unwrap().host.as_deref(), Some("gateway.corp.example"));
        let direct = expired().gateway(GatewayUse::IfDirectFails).diagnose();
        assert_eq!((told(&direct).0, &direct.gateway), (Verdict::Faulty, &None));
        let fails = host("192.0.2.7").gateway(GatewayUse::IfDirectFails).diagnose();
        assert_eq!(told(&fails), (Verdict::Undetermined, vec![]));
        let healthy = host("192.0.2.7").nla().gateway(GatewayUse::Always).diagnose();
        assert_eq!(told(&healthy).0, Verdict::Undetermined);
    }

    #[test]
    fn no_cause_explains_itself_through_others() {
        fn reaches(from: &str, to: &str, left: usize) -> bool {
            let cause = causes::ALL.iter().find(|cause| cause.id == from);
            left > 0
                && cause.is_some_and(|c| {
                    c.explains.iter().any(|link| link.cause == to || reaches(link.cause, to, left - 1))
                })
        }
        for cause in causes::ALL {
            assert!(!reaches(cause.id, cause.id, causes::ALL.len()), "{} explains itself", cause.id);
        }
    }
}
