//! `name-server-silent`: one of the name servers does not answer, and the resolver waits for it before it asks another.

use std::collections::BTreeSet;
use std::time::Duration;

use evidence::{Because, Fact, Role, Stage};
use wire::dns::DnsAnswer;
use wire::transcript::NameAnswer;

use crate::case::{Case, Seen};
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::need::Need;
use crate::stage;
use crate::stage::naming::{asked_servers, given, server};

/// Time from which a resolver is slow. Windows goes on to the next server after one second, glibc after five
/// (resolv.conf(5), `timeout`).
const SLOW: Duration = Duration::from_secs(2);

pub const CAUSE: Cause = Cause {
    id: "name-server-silent",
    title: "a name server does not answer, so that names take long or fail at times",
    stage: Stage::Name,
    severity: Severity::Degrading,
    role: Role::Resolver,
    codes: &[],
    proofs: &[
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::NAME, Need::DNS], holds: waited_for },
        Proof { shows: Shows::Presence(Confidence::Likely), needs: &[Need::NAME, Need::DNS], holds: failed },
        Proof { shows: Shows::Absence, needs: &[Need::NAME], holds: soon },
        Proof { shows: Shows::Absence, needs: &[Need::NAME, Need::DNS], holds: all_answer },
    ],
    explains: &[],
    page: Page {
        what_happens: "The client takes seconds before it connects, or says at times that it cannot find the computer, and \
                       finds it when tried again. Every program on this computer that looks up a name waits as long.",
        why: "This computer is set up to ask several name servers, and one of them is gone or does not answer it; or a name \
              server answers one kind of question and drops the other (many home routers did so with IPv6 addresses, AAAA). \
              The resolver waits before it goes on: Windows about one second, Linux five.",
        confirm: "Ask each configured name server by its own address, for A and for AAAA; this program does so where the \
                  resolver is slow or fails. Silence that lasts is the server or the way to it.",
        command: "Get-DnsClientServerAddress; (Get-DnsClientServerAddress).ServerAddresses | Sort-Object -Unique | \
                  ForEach-Object { Resolve-DnsName {host} -Server $_ -DnsOnly }",
        how_to_fix: "Take the name server that is gone out of the adapter's settings (or out of DHCP, the VPN's settings or \
                     resolv.conf), or bring it back. Until then the connection works, only late.",
        references: &["resolv.conf(5): timeout, attempts", "RFC 4074 (name servers that misbehave for AAAA)"],
    },
    fixes: &[],
};

/// Returns what the resolver answered last, and all its answers before that.
fn answers(case: Case<'_>) -> Option<(Seen<&NameAnswer>, Vec<Seen<&NameAnswer>>)> {
    let all = case.seen(|fact| if let Fact::NameAnswer(answer) = fact { Some(answer) } else { None });
    let mut all: Vec<_> = all.collect();
    Some((all.pop()?, all))
}

fn is_answer(answer: &NameAnswer) -> bool {
    matches!(answer, NameAnswer::Addresses(_))
}

fn took(case: Case<'_>, seen: &Seen<&NameAnswer>) -> Duration {
    stage::rung::took(case, seen.id).unwrap_or_default()
}

/// Says which name servers, or which kinds of question to them, stay without an answer beside others that are answered.
fn silent(case: Case<'_>) -> Vec<Because> {
    let is_silent = |answer: &DnsAnswer| matches!(answer, DnsAnswer::Silent | DnsAnswer::Unreachable);
    let answering: BTreeSet<_> =
        asked_servers(case).filter(|seen| !is_silent(&seen.value.answer)).map(|seen| seen.value.server).collect();
    let mut told = BTreeSet::new();
    let silent = asked_servers(case).filter(|seen| is_silent(&seen.value.answer)).filter_map(|seen| {
        let lookup = seen.value;
        let kind = answering.contains(&lookup.server).then(|| lookup.question.kind.word());
        let new = told.insert((lookup.server, kind));
        let of_kind = kind.map(|kind| format!(" for {} ({kind})", lookup.question.name)).unwrap_or_default();
        new.then(|| seen.because(format!("the name server {} does not answer{of_kind}", server(&seen))))
    });
    silent.collect()
}

/// Holds where the resolver took long, and a name server stays silent beside one that has the name.
fn waited_for(case: Case<'_>) -> Option<Ground> {
    let (last, _) = answers(case)?;
    let (took, silent) = (took(case, &last), silent(case));
    let other = given(case).next()?;
    let text = match last.value {
        NameAnswer::Addresses(_) if took >= SLOW => {
            format!("this computer's resolver took {:.1} s for {}", took.as_secs_f64(), case.label())
        }
        NameAnswer::Silent => {
            format!("this computer's resolver had not answered for {} after {:.1} s", case.label(), took.as_secs_f64())
        }
        _ => return None,
    };
    let because = silent.into_iter().chain([last.because(text), other.because()]).collect::<Vec<_>>();
    (because.len() > 2).then(|| Ground::on(because))
}

/// Holds where the resolver failed for a name that a name server has.
fn failed(case: Case<'_>) -> Option<Ground> {
    let (last, before) = answers(case)?;
    let other = given(case).next()?;
    let failed = before.into_iter().chain([last]).find(|seen| matches!(seen.value, NameAnswer::TryAgain { .. }))?;
    let again = if is_answer(last.value) { ", and had it when it was asked again" } else { "" };
    let text = format!("this computer's resolver failed for {}{again}", case.label());
    Some(Ground::on([failed.because(text), other.because()].into_iter().chain(silent(case)).collect()))
}

/// Holds where the resolver had an answer at once.
fn soon(case: Case<'_>) -> Option<Ground> {
    let (last, before) = answers(case)?;
    let answered = is_answer(last.value) && before.is_empty();
    (answered && took(case, &last) < SLOW).then(Ground::nothing)
}

/// Holds where every name server answers: then it is something else that takes long.
fn all_answer(case: Case<'_>) -> Option<Ground> {
    let (last, before) = answers(case)?;
    (silent(case).is_empty() && before.is_empty() && is_answer(last.value)).then(Ground::nothing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, names, resolver};

    const NAME: &str = "srv.corp.example";
    const ADDRESS: &str = "192.0.2.7";
    const PRESENT: Expect = Expect::Present(Severity::Degrading, Confidence::Proven);

    fn found() -> Fact {
        Fact::NameAnswer(NameAnswer::Addresses(vec![format!("{ADDRESS}:3389").parse().unwrap()]))
    }

    /// The resolver took so long, and one name server knows the name.
    fn took(milliseconds: u64) -> Sketch {
        resolver(NAME).with_took(found(), milliseconds).set_up(&[], &[]).dns_gives(NAME, &[ADDRESS])
    }

    #[test]
    fn present() {
        took(5_000).dns(54, NAME, DnsAnswer::Silent).check(&CAUSE, PRESENT);
        took(5_000).dns(54, NAME, DnsAnswer::Unreachable).check(&CAUSE, PRESENT);
    }

    #[test]
    fn present_where_the_resolver_still_waits() {
        let waits = || resolver(NAME).with(Fact::NameAnswer(NameAnswer::Silent)).set_up(&[], &[]);
        let known = waits().dns(54, NAME, DnsAnswer::Silent).dns_gives(NAME, &[ADDRESS]);
        let report = known.tested(ADDRESS, &names::answers(NAME)).diagnose();
        let found: Vec<_> = report.findings.iter().map(|finding| finding.cause.as_str()).collect();
        assert_eq!(found, ["name-server-silent"]);
        // without a server that has it, nobody can say that the connection works
        waits().dns(54, NAME, DnsAnswer::Silent).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn one_kind_of_question_that_is_dropped_is_named() {
        let report = took(15_000).dns(53, NAME, DnsAnswer::Silent).diagnose();
        let because: Vec<_> = report.findings[0].because.iter().map(|because| because.text.as_str()).collect();
        assert_eq!(because[0], "the name server 192.0.2.53 does not answer for srv.corp.example (A)");
    }

    #[test]
    fn likely_where_the_resolver_failed_once() {
        let failed = resolver(NAME).with(Fact::NameAnswer(NameAnswer::TryAgain { code: -3 })).with(found());
        let told = failed.set_up(&[], &[]).dns_gives(NAME, &[ADDRESS]);
        told.check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Likely));
    }

    /// A long way to the root servers, say.
    #[test]
    fn near_miss_it_took_long_and_all_answer() {
        took(5_000).check(&CAUSE, Expect::Absent);
        took(5_000).dns(54, NAME, DnsAnswer::NoSuchName).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_nobody_waited_for_the_silent_one() {
        took(30).dns(54, NAME, DnsAnswer::Silent).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn unseen() {
        resolver(NAME).check(&CAUSE, Expect::Unknown);
        resolver(NAME).with_took(found(), 5_000).check(&CAUSE, Expect::Unknown);
    }
}
