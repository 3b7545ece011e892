//! Suggests the next measurement: what to run, where, and between which causes its result decides.

mod records;

use std::collections::BTreeSet;

use evidence::fact::{Fact, Handshake, Introduction};
use evidence::rdp_file::RdpSettings;
use evidence::symptom::Symptom;
use evidence::{Evidence, Role, Stage};
use wire::machine::{ConnectFailure, ConnectionSequenceAnswer, TcpAnswer};
use wire::transcript::NameAnswer;

use crate::case::{Case, Context};
use crate::cause::{Cause, Confidence, Judgement, Severity};
use crate::causes;
use crate::earlier::Earlier;
use crate::fixes::Given;
use crate::ladder::{Ladder, Outcome};
use crate::linux;
use crate::need::Need;
use crate::planner::decided_on_host;
use crate::report::{Finding, Next, Verdict};
use records::Open;

/// Most measurements that a report names.
const MOST: usize = 4;
/// Most other times that it names.
const TIMES: usize = 2;

/// Decisions made so far.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// Verdict so far.
    pub verdict: Verdict,
    /// Findings, ranked.
    pub findings: &'a [Finding],
    /// Ladder of the connection.
    pub ladder: &'a Ladder,
    /// Faults that the logs show at another time.
    pub earlier: &'a [Earlier],
}

/// Lists measurements that would tell more, best first. None for a healthy host, or for a fault that is proven.
pub fn measurements(evidence: &Evidence, context: &Context, known: Known<'_>) -> Vec<Next> {
    let Known { verdict, findings, ladder, earlier } = known;
    let mut next = Vec::new();
    let counted = || findings.iter().filter(|finding| finding.severity < Severity::Advisory);
    let settled = counted().next().is_some_and(|first| first.confidence == Confidence::Proven);
    if verdict == Verdict::Undetermined && (Case { evidence, subject: 0, context }).behind_gateway() {
        return vec![behind_gateway(&target(evidence, context))];
    }
    if verdict == Verdict::Undetermined && !evidence.hosts().any(|id| evidence.subjects[id].address.is_some()) {
        next.extend(to_gateway(evidence, context, ladder));
    }
    let unexplained =
        context.symptom.is_some() && !findings.iter().any(|finding| finding.explains_symptom == Some(true));
    if verdict == Verdict::Healthy || settled && !unexplained {
        return next;
    }
    next.extend(on_host(evidence, context, findings));
    if verdict == Verdict::Undetermined || unexplained {
        next.extend(at_another_time(evidence, context, earlier));
    }
    if verdict == Verdict::Undetermined {
        next.extend(by_failed_stage(evidence, context, ladder));
    }
    if verdict == Verdict::Undetermined && !unexplained && next.is_empty() {
        next.extend(by_a_client(evidence, context));
    }
    if unexplained {
        let more = context.symptom.into_iter().flat_map(|symptom| by_code(evidence, context, symptom));
        let more: Vec<_> = more.filter(|one| !next.contains(one)).collect();
        next.extend(more);
    }
    next.truncate(MOST);
    next
}

/// Suggests how to prove findings that are not: on the host, or by records of it that were not read yet.
fn on_host(evidence: &Evidence, context: &Context, findings: &[Finding]) -> Vec<Next> {
    let open = findings.iter().filter(|f| f.severity < Severity::Advisory && f.confidence > Confidence::Proven);
    let open = open.filter_map(|finding| Some((finding, causes::find(&finding.cause)?)));
    // several machines with one finding need one measurement
    let mut asked = BTreeSet::new();
    let open = open
        .filter(|(finding, cause)| decided_on_host(cause, Case { evidence, subject: finding.subject, context }))
        .filter(|(_, cause)| asked.insert(cause.id));
    open.filter_map(|(finding, cause)| {
        let case = Case { evidence, subject: finding.subject, context };
        match records::open(case, cause, finding) {
            Open::Files(files) => Some(records::with(case, cause, &files)),
            Open::Nothing => None,
            Open::Host => {
                let here = finding.cause_here()?;
                let shell = if finding.advice.is_some() { "a shell" } else { "PowerShell" };
                Some(Next {
                    command: format!("on the {}, in {shell}: {}", place(cause), given(case).fill(here.page.command)),
                    splits: splits(cause, case),
                    why: here.page.confirm.to_owned(),
                })
            }
        }
    })
    .collect()
}

/// Suggests judging the same files for the time at which a fault was logged.
fn at_another_time(evidence: &Evidence, context: &Context, earlier: &[Earlier]) -> Vec<Next> {
    let mut newest: Vec<&Earlier> = earlier.iter().collect();
    newest.sort_by_key(|fault| std::cmp::Reverse(fault.at));
    let next = newest.into_iter().take(TIMES).map(|fault| Next {
        command: records::again(evidence, context, Some(fault.at)),
        splits: vec![fault.cause.to_owned(), "what was wrong later".to_owned()],
        why: format!(
            "the logs show {} at another time ({}); if the attempt was then, run this",
            fault.cause, fault.because.text
        ),
    });
    next.collect()
}

/// Returns what commands about this subject can name.
fn given(case: Case<'_>) -> Given {
    let target = case.context.target.as_ref();
    let met = case.who().address.filter(|_| case.who().role == Role::Host);
    let host = target.map(|target| target.host.to_string()).or_else(|| met.map(|met| met.ip().to_string()));
    let given = host.map(|host| Given::NOTHING.host(&host)).unwrap_or_default();
    given.port(met.map(|met| met.port()).or(target.map(|target| target.port)))
}

/// Names the machine whose own record decides.
fn place(cause: &Cause) -> &'static str {
    if cause.role == Role::Client { "client" } else { "host" }
}

/// Lists the cause and those of its stage that only the host's own record can tell apart.
fn splits(found: &Cause, case: Case<'_>) -> Vec<String> {
    let near = causes::ALL.iter().filter(|other| other.stage == found.stage && other.role == found.role);
    let left = |needs: &[Need]| needs.contains(&Need::HOST_LOG) && !needs.iter().any(|need| need.askable(case));
    let open = |other: &&&Cause| other.judge(case) == Judgement::Unknown && left(&other.open(case));
    let rivals: Vec<_> =
        near.filter(|other| other.id != found.id).filter(open).map(|other| other.id.to_owned()).collect();
    let rivals = if rivals.is_empty() { vec!["something on the way".to_owned()] } else { rivals };
    std::iter::once(found.id.to_owned()).chain(rivals).collect()
}

/// Names the host to ask: the one that was named, or else the only one that was captured.
fn target(evidence: &Evidence, context: &Context) -> String {
    let mut addresses = evidence.hosts().filter_map(|host| evidence.subjects[host].address);
    let only = addresses.next().filter(|_| addresses.next().is_none());
    let named = context.target.as_ref().map(ToString::to_string);
    named.or_else(|| only.map(|address| address.to_string())).unwrap_or_else(|| "HOST".to_owned())
}

/// Suggests a measurement where no cause is known: more time helps only against silence; a senseless answer is
/// explained, if at all, by the host's own record.
fn by_failed_stage(evidence: &Evidence, context: &Context, ladder: &Ladder) -> Vec<Next> {
    let mut wrong = ladder.to_hosts().filter(|stage| matches!(stage.outcome, Outcome::Failed | Outcome::Degraded));
    let Some(first) = wrong.next() else {
        let own = |fact: &Fact| match fact {
            Fact::TcpAnswer(TcpAnswer::Failed(ConnectFailure::Other(_))) => true,
            Fact::NameAnswer(answer) => *answer == NameAnswer::NoNetwork,
            _ => false,
        };
        return evidence
            .observations
            .iter()
            .find(|seen| own(&seen.fact))
            .map(|_| elsewhere(evidence, context))
            .into_iter()
            .collect();
    };
    // whether the host said or did anything in the stage that failed
    let spoke = |fact: &Fact| match (first.stage, fact) {
        (Stage::Tls, Fact::TlsAnswer { answer, direct: false, .. }) => !matches!(answer, Handshake::Silent { .. }),
        (Stage::Sequence, Fact::Settings { answer, .. }) => *answer != ConnectionSequenceAnswer::Silent,
        (Stage::Credssp, Fact::CredsspAnswer(answer)) => {
            matches!(answer, Introduction::Rejected(_) | Introduction::Refused { .. })
        }
        _ => false,
    };
    let answered = evidence.observations.about(first.subject).any(|seen| spoke(&seen.fact));
    let silent = || match evidence.subjects[first.subject].address.filter(|_| context.target.is_none()) {
        Some(address) => longer(&address.to_string()),
        None => longer(&target(evidence, context)),
    };
    match (answered, first.stage) {
        (false, _) => vec![silent()],
        (true, Stage::Credssp) => vec![by_ticket(Case { evidence, subject: first.subject, context })],
        (true, _) => vec![host_log()],
    }
}

/// Suggests how to learn whether a host that takes no NTLM takes Kerberos: more time changes nothing about it.
fn by_ticket(case: Case<'_>) -> Next {
    Next {
        command: format!(
            "on a computer of the host's domain, in PowerShell: {}",
            given(case).fill("klist get TERMSRV/{name}")
        ),
        splits: vec!["ntlm-blocked".to_owned(), "credssp".to_owned()],
        why: "the host took no NTLM. With a ticket for its name a client gets in that goes by this name, with a \
              domain account; where none comes, neither that client gets in nor one that types an address"
            .to_owned(),
    }
}

fn elsewhere(evidence: &Evidence, context: &Context) -> Next {
    Next {
        command: format!("on another computer: rdpdoctor diagnose {}", target(evidence, context)),
        splits: vec!["this computer".to_owned(), "host".to_owned()],
        why: "this computer could not make the connection (no network, a local firewall, a sandbox or a missing \
              address family), so nothing was learned about the host"
            .to_owned(),
    }
}

fn longer(target: &str) -> Next {
    Next {
        command: format!("rdpdoctor diagnose {target} --timeout 60s --transcript probe.txt"),
        splits: vec!["slow".to_owned(), "silent".to_owned()],
        why: "a step did not end as it should: given more time, a slow host answers and a silent one does not; the \
              transcript keeps every byte"
            .to_owned(),
    }
}

/// Suggests a connection to a server of Linux of which nothing but its files was seen.
fn by_a_client(evidence: &Evidence, context: &Context) -> Option<Next> {
    let met = evidence.observations.iter().any(|seen| matches!(seen.fact, Fact::TcpAnswer(_)));
    let mut hosts = evidence.hosts().map(|subject| Case { evidence, subject, context }).filter(|case| case.is_linux());
    let case = hosts.next().filter(|_| !met)?;
    let port = linux::port(case);
    let target = case.context.target.as_ref().map_or_else(|| format!("HOST:{port}"), ToString::to_string);
    Some(Next {
        command: format!("on a client's computer: rdpdoctor diagnose {target}"),
        splits: vec!["path".to_owned(), "host".to_owned()],
        why: format!(
            "the files show no fault; whether a client gets through, a connection shows: from where the clients are, or on \
             that machine itself with 127.0.0.1:{port}, which passes no firewall"
        ),
    })
}

/// Suggests a measurement where only clients on their way to gateways were captured: for the first gateway at which
/// something is wrong, or else the first; and for the host behind it.
fn to_gateway(evidence: &Evidence, context: &Context, ladder: &Ladder) -> Vec<Next> {
    let at_gateway = |id: usize| evidence.subjects[id].role == Role::Gateway;
    let of_gateways = || ladder.stages.iter().filter(|stage| at_gateway(stage.subject));
    let wrong = of_gateways().find(|stage| matches!(stage.outcome, Outcome::Failed | Outcome::Degraded));
    let Some(first) = wrong.or_else(|| of_gateways().next()) else { return Vec::new() };
    let who = &evidence.subjects[first.subject];
    let place = match (&who.name, who.address) {
        (Some(name), Some(address)) if address.port() != 443 && first.stage < Stage::Gateway => {
            format!("{name}:{}", address.port())
        }
        (Some(name), _) => name.clone(),
        (None, Some(address)) => address.to_string(),
        (None, None) => "GATEWAY".to_owned(),
    };
    let way = Next {
        command: format!(
            "on the client, in PowerShell: curl.exe -v --max-time 10 -X RDG_OUT_DATA https://{place}/remoteDesktopGateway/"
        ),
        splits: vec!["path".to_owned(), "gateway".to_owned()],
        why: "without a logon, a gateway answers 401; a time-out, a TLS or certificate error, or another status \
              shows where the connection to it fails"
            .to_owned(),
    };
    let log = Next {
        command: "on the gateway, in PowerShell: Get-WinEvent -MaxEvents 20 -LogName \
                  'Microsoft-Windows-TerminalServices-Gateway/Operational' | Format-List TimeCreated,Id,Message"
            .to_owned(),
        splits: vec!["gateway".to_owned(), "host".to_owned()],
        why: "the gateway's log of the attempt shows whether it let the client in, which host it was asked for, and \
              whether it reached that host"
            .to_owned(),
    };
    // a request that did not reach its service is in no record of it
    let arrived = wrong.is_none_or(|stage| stage.stage == Stage::Gateway);
    let (way, log) = (wrong.map(|_| way), arrived.then_some(log));
    way.into_iter().chain(log).chain([behind_gateway(&host_behind(evidence, context))]).collect()
}

/// Names the host that the client wants, where one of its files tells.
fn host_behind(evidence: &Evidence, context: &Context) -> String {
    let mut files = evidence.observations.iter().filter_map(|seen| match &seen.fact {
        Fact::RdpFile(file) => RdpSettings(file).target()?.ok(),
        _ => None,
    });
    let wanted = context.target.clone().or_else(|| files.next_back());
    wanted.map_or_else(|| "HOST".to_owned(), |target| target.to_string())
}

fn behind_gateway(target: &str) -> Next {
    Next {
        command: format!("on the gateway, or a computer beside it: rdpdoctor diagnose {target}"),
        splits: vec!["gateway".to_owned(), "host".to_owned()],
        why: "the gateway connects to the host for the client. If the host is fine when tested from there, the \
              gateway or the path to it is at fault"
            .to_owned(),
    }
}

fn options(symptom: Symptom) -> String {
    let extended = symptom.extended.map(|extended| format!(" --extended {extended:#x}")).unwrap_or_default();
    format!("--code {:#x}{extended}", symptom.code)
}

/// Where the probe explains nothing: suggests the same question from the client's side, and the host's record of the
/// attempt.
fn by_code(evidence: &Evidence, context: &Context, symptom: Symptom) -> Vec<Next> {
    let (target, options) = (target(evidence, context), options(symptom));
    let from_client = Next {
        command: format!("on the computer that shows {symptom}: rdpdoctor diagnose {target} {options}"),
        splits: vec!["path".to_owned(), "client".to_owned(), "host".to_owned()],
        why: "the same test from the computer that shows the code tells whether the fault lies on the way from there, which \
              this test did not take"
            .to_owned(),
    };
    let client_log = Next {
        command: "on the client, in PowerShell: Get-WinEvent -MaxEvents 30 -LogName \
                  Microsoft-Windows-TerminalServices-RDPClient/Operational | Format-List TimeCreated,Id,Message"
            .to_owned(),
        splits: vec!["tcp".to_owned(), "tls".to_owned(), "logon".to_owned()],
        why: "the client's record: event 226 names the state in which its connection broke, 1026 the disconnect reason in \
              decimal"
            .to_owned(),
    };
    match symptom.code {
        Symptom::SOCKET_CONNECT_FAILED | Symptom::DNS_LOOKUP_FAILED => vec![from_client],
        _ => vec![from_client, host_log(), client_log],
    }
}

fn host_log() -> Next {
    Next {
        command: "on the host, in PowerShell: Get-WinEvent -FilterHashtable \
                  @{LogName='System','Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational'; \
                  StartTime=(Get-Date).AddMinutes(-5)} | Where-Object { $_.ProviderName -match \
                  'Schannel|TerminalServices|RdpCoreTS' -and \
                  $_.Id -in 131,139,140,226,36870,36871,36874,36887,36888,1057,1058 } | Format-List TimeCreated,Id,Message"
            .to_owned(),
        splits: vec!["path".to_owned(), "tls".to_owned(), "credssp".to_owned()],
        why:
            "read the host's log right after a failed attempt: no event 131 means that the attempt never reached \
             this host, 36870 to 36888 that TLS failed, 140 that the logon failed"
                .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::EVERYTHING;
    use crate::sketch::{Sketch, client, host, host_at, machine};
    use evidence::state::TERMINAL_SERVER;
    use wire::machine::X224Answer;
    use wire::tls::{Alert, TlsOffer};

    fn alert(sketch: Sketch, offer: TlsOffer, description: u8) -> Sketch {
        sketch.tls(offer, Handshake::Alert(Alert { level: 2, description }))
    }

    /// More time does not change what a host has said.
    #[test]
    fn a_refusal_that_no_cause_explains_is_looked_up_on_the_host() {
        let sketch = alert(alert(host("192.0.2.7").nla(), TlsOffer::MODERN, 70), TlsOffer::PLAIN_12, 80);
        let report = alert(sketch, TlsOffer::OLD, 80).diagnose();
        assert_eq!(report.verdict, Verdict::Undetermined);
        assert!(report.next[0].command.contains("36871") && report.next.len() == 1, "{:?}", report.next);
    }

    #[test]
    fn a_host_that_takes_no_ntlm_is_not_given_more_time() {
        let up = |target| host(target).nla().tls_up(wire::tls::TlsVersion::Tls13);
        let next = |sketch: Sketch| sketch.diagnose().next[0].command.clone();
        let rejected = || Fact::CredsspAnswer(Introduction::Rejected(6));
        let command = "on a computer of the host's domain, in PowerShell: klist get TERMSRV/";
        assert_eq!(next(up("server01.corp.example").with(rejected())), format!("{command}server01.corp.example"));
        assert_eq!(next(up("192.0.2.7").with(rejected())), format!("{command}NAME"));
        let silent = up("192.0.2.7").with(Fact::CredsspAnswer(Introduction::Silent));
        assert!(next(silent).contains("--timeout 60s"));
    }

    #[test]
    fn an_end_behind_tls_is_looked_up_on_the_host_and_silence_is_given_time() {
        let ssl = wire::x224::SecurityProtocols::SSL;
        let next = |answer| {
            let sketch = host("192.0.2.7").selects(EVERYTHING, ssl).tls_up(wire::tls::TlsVersion::Tls13);
            sketch.with(Fact::Settings { requested: EVERYTHING, answer }).diagnose().next[0].command.clone()
        };
        assert!(next(ConnectionSequenceAnswer::Closed(wire::machine::End::Fin)).contains("36871"));
        assert!(next(ConnectionSequenceAnswer::Silent).contains("--timeout 60s"));
    }

    #[test]
    fn half_an_answer_is_asked_for_with_more_time() {
        let report = host("192.0.2.7").accepted().x224(EVERYTHING, X224Answer::Incomplete(vec![3])).diagnose();
        assert_eq!(report.verdict, Verdict::Undetermined);
        assert!(report.next[0].command.contains("--timeout 60s"), "{:?}", report.next);
    }

    /// A printed command can be typed as it is.
    #[test]
    fn a_command_names_whom_to_ask() {
        let asked = |sketch: Sketch| sketch.without_target().code(0x904).diagnose().next[0].command.clone();
        assert!(asked(machine()).ends_with("rdpdoctor diagnose HOST --code 0x904"), "{}", asked(machine()));
        let captured = || host("192.0.2.7").nla();
        let told = asked(captured());
        assert!(told.ends_with("rdpdoctor diagnose 192.0.2.7:3389 --code 0x904"), "{told}");
        let silent = host("192.0.2.7").accepted().x224(EVERYTHING, X224Answer::Incomplete(vec![3]));
        let told = silent.without_target().diagnose().next[0].command.clone();
        assert_eq!(told, "rdpdoctor diagnose 192.0.2.7:3389 --timeout 60s --transcript probe.txt");
    }

    /// A host that was asked for on another port is asked about that port.
    #[test]
    fn a_command_names_the_host_and_port_that_were_asked_for() {
        let filled = |sketch: &Sketch| sketch.with_case(|case| given(case).fill("{host} {name} {port}"));
        let of = |target| host_at(target, "192.0.2.7:3399");
        assert_eq!(filled(&of("server01:3399")), "server01 server01 3399");
        assert_eq!(filled(&of("192.0.2.7:3399")), "192.0.2.7 NAME 3399");
        assert_eq!(filled(&of("192.0.2.7:3399").without_target()), "192.0.2.7 NAME 3399");
        assert_eq!(filled(&machine().without_target()), "HOST NAME 3389");
    }

    /// An id that no table of log entries knows would be looked for in vain.
    #[test]
    fn the_entries_that_are_asked_for_are_known() {
        let command = host_log().command;
        let list = command.split("-in ").nth(1).unwrap().split(' ').next().unwrap();
        let providers = [evidence::events::CORE, evidence::events::SCHANNEL, evidence::events::RCM];
        for id in list.split(',').map(|id| id.parse().unwrap()) {
            assert!(providers.iter().any(|provider| evidence::events::find(provider, id).is_some()), "{id}");
        }
    }

    /// Records that were read are not asked for again: the policy is open, which may say otherwise.
    #[test]
    fn what_was_read_is_not_asked_for_again() {
        let off = machine().dword(TERMINAL_SERVER, "fDenyTSConnections", 1).without_target().newest_in_files();
        let next = off.diagnose().next;
        assert_eq!((next.len(), next[0].command.as_str()), (1, "rdpdoctor inspect PATH… SOFTWARE"), "{next:?}");
        assert!(
            next[0].why.contains(r"the registry key HKLM\SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services")
        );
        let refused = client("server01").without_target().event(evidence::events::LSA, 6041, 1).newest_in_files();
        let next = refused.diagnose().next;
        assert_eq!(next[0].command, "rdpdoctor inspect PATH… --from-client SOFTWARE", "{next:?}");
        assert!(next[0].why.contains("CredSSP"), "{next:?}");
        // a crash entry tells all, so nothing is left to read
        let crashed = [("param1", "Remote Desktop Services")];
        let report = machine().event_with(evidence::events::SERVICES, 7031, 1, &crashed).diagnose();
        assert_eq!((report.findings[0].cause.as_str(), report.next), ("service-crashing", vec![]));
    }

    #[test]
    fn several_machines_with_the_same_fault_take_one_measurement() {
        let off = |sketch: Sketch| sketch.dword(TERMINAL_SERVER, "fDenyTSConnections", 1);
        let report = off(machine()).of_another_machine("SERVER02", TERMINAL_SERVER, "fDenyTSConnections", 1).diagnose();
        assert_eq!((report.findings.len(), report.next.len()), (2, 1), "{:?}", report.next);
    }

    /// EACCES, EADDRNOTAVAIL, EAFNOSUPPORT: faults of this computer, not the host.
    #[test]
    fn what_this_computer_refuses_is_no_failure_of_the_host() {
        let refused = TcpAnswer::Failed(ConnectFailure::Other("Permission denied (os error 13)".to_owned()));
        let report = host("192.0.2.7").with(Fact::TcpAnswer(refused)).diagnose();
        assert_eq!(report.verdict, Verdict::Undetermined);
        assert!(report.stages.iter().all(|stage| stage.outcome == Outcome::Skipped));
        assert!(report.next[0].command.starts_with("on another computer"), "{:?}", report.next);
    }

    /// The certificate came in answer to a hello that no client sends.
    #[test]
    fn nothing_is_reached_behind_a_stage_that_failed() {
        let reset = Handshake::Closed { end: wire::machine::End::Rst, bytes: 0 };
        let up = Handshake::Accepted { version: Some(wire::tls::TlsVersion::Tls12), suite: 0xC030, finished: false };
        let whole = host("192.0.2.7").nla().tls(TlsOffer::MODERN, reset.clone()).tls(TlsOffer::PLAIN_12, reset);
        let report = whole.tls(TlsOffer::SPLIT_12, up).windows_made("SERVER01").diagnose();
        assert_eq!(report.reached, Some(Stage::X224));
    }
}
