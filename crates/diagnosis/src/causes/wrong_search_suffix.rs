//! `wrong-search-suffix`: a search suffix made another name out of the one that was typed.

use evidence::{Because, Role, Stage};

use crate::case::Case;
use crate::cause::{Cause, Confidence, Explains, Ground, Page, Proof, Severity, Shows};
use crate::need::Need;
use crate::stage::naming::{
    Elsewhere, cures, for_every_name, given, is_misled, leads_right, led_because, led_to, origin, settings, typed,
};

pub const CAUSE: Cause = Cause {
    id: "wrong-search-suffix",
    title: "a search suffix turns the name into that of another machine",
    stage: Stage::Name,
    severity: Severity::Degrading,
    role: Role::Resolver,
    codes: &[],
    proofs: &[
        Proof {
            shows: Shows::Presence(Confidence::Likely),
            needs: &[Need::NAME, Need::NAME_SETTINGS, Need::DNS],
            holds: caught,
        },
        Proof { shows: Shows::Absence, needs: &[Need::NAME], holds: leads_where_it_should },
        Proof { shows: Shows::Absence, needs: &[Need::NAME_SETTINGS], holds: no_suffix },
        Proof { shows: Shows::Absence, needs: &[Need::NAME, Need::NAME_SETTINGS, Need::DNS], holds: not_caught },
    ],
    explains: &[
        Explains { cause: "port-closed", when: is_caught },
        Explains { cause: "port-filtered", when: is_caught },
        Explains { cause: "host-unreachable", when: is_caught },
        Explains { cause: "dropped-after-accept", when: is_caught },
        Explains { cause: "listener-silent", when: is_caught },
        Explains { cause: "not-an-rdp-service", when: is_caught },
        Explains { cause: "name-sinkholed", when: is_caught },
        Explains { cause: "name-points-elsewhere", when: is_caught },
        Explains { cause: "certificate-name-mismatch", when: is_caught },
    ],
    page: Page {
        what_happens: "A short name leads to a machine that nobody meant, or to none; the full name works. It often begins with \
                       a new VPN or a move to another network.",
        why: "The resolver puts each of its search suffixes behind a short name, one after the other, and takes the first name \
              that exists. A suffix in front of the right one has a machine of the same name, or answers for every name (a \
              wildcard record).",
        confirm: "Ask for the name with each suffix. This program does so where the name leads nowhere or to another machine, \
                  and tries the other addresses. Which of two machines of one name is meant, only you know.",
        command: "Get-DnsClientGlobalSetting | Select-Object SuffixSearchList; Resolve-DnsName {host} | \
                  Format-Table Name,Type,IPAddress",
        how_to_fix: "Type the full name (host.domain). To mend the short one, put the right suffix first, or take the wrong one \
                     out of the list: of the adapter, the VPN or the policy that sets it.",
        references: &["resolv.conf(5) (search, ndots)", "RFC 1535", "Microsoft Learn: Set-DnsClientGlobalSetting"],
    },
    fixes: &["try-another-client"],
};

/// Name that a suffix made, and that leads nowhere or elsewhere.
struct Caught {
    because: Vec<Because>,
    /// True if another of the names led to the machine that is meant, when that was tested.
    cured: bool,
}

/// Finds the suffix that made the name, if another of the names works, or if the suffix answers for every name.
fn find(case: Case<'_>) -> Option<Caught> {
    let (settings, made) = (settings(case)?, origin(case)?);
    let typed = typed(case);
    let suffix = settings.value.search.iter().find(|suffix| made.eq_ignore_ascii_case(&format!("{typed}.{suffix}")))?;
    if !is_misled(case) {
        return None;
    }
    let led = led_to(case);
    let others: Vec<_> = given(case).filter(|other| !other.is_of(&made)).collect();
    let of_another = |cure: &Elsewhere<'_>| others.iter().find(|given| given.addresses.contains(&cure.address.ip()));
    let cures: Vec<_> = cures(case).into_iter().filter_map(|cure| Some((*of_another(&cure)?, cure))).collect();
    let wild = for_every_name(case, suffix, &led);
    if cures.is_empty() && wild.is_none() {
        return None;
    }
    let mut because = vec![settings.because(format!("the search suffix {suffix} makes {made} of {typed}"))];
    because.extend(cures.iter().map(|(_, cure)| cure.because()));
    because.extend(given(case).find(|given| given.is_of(&made)).map(|given| given.because()));
    because.extend(led_because(case));
    because.extend(wild.map(|given| {
        given.lookup.because(format!("under {suffix} DNS gives the same address to a name that nobody has (wildcard)"))
    }));
    because.extend(cures.iter().flat_map(|(given, cure)| [given.because(), cure.costs()]));
    Some(Caught { because, cured: !cures.is_empty() })
}

/// Never proven: of two machines of one name the one that is down may be meant. A wildcard alone is less: it may be
/// made for a balancer.
fn caught(case: Case<'_>) -> Option<Ground> {
    let Caught { because, cured } = find(case)?;
    let ground = Ground::on(because);
    Some(if cured { ground } else { ground.confidence(Confidence::Possible) })
}

fn is_caught(case: Case<'_>) -> bool {
    find(case).is_some_and(|caught| caught.cured)
}

fn leads_where_it_should(case: Case<'_>) -> Option<Ground> {
    leads_right(case).then(Ground::nothing)
}

fn no_suffix(case: Case<'_>) -> Option<Ground> {
    settings(case)?.value.search.is_empty().then(Ground::nothing)
}

fn not_caught(case: Case<'_>) -> Option<Ground> {
    let made = origin(case)?;
    (made.eq_ignore_ascii_case(typed(case)) || !is_misled(case)).then(Ground::nothing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::names::{answers, name, refuses};
    use crate::sketch::{Expect, Sketch, resolver};
    use wire::dns::DnsAnswer;

    const PRESENT: Expect = Expect::Present(Severity::Degrading, Confidence::Likely);
    const CAUGHT: &str = "192.0.2.9";
    const MEANT: &str = "192.0.2.7";
    const SEARCH: &[&str] = &["vpn.example", "corp.example"];

    /// The first suffix has a machine of the same name, where this was seen.
    fn caught(there: Vec<evidence::Fact>) -> Sketch {
        let led = name("srv", &[(CAUGHT, there)]).set_up(&[], SEARCH).dns_gives("srv.vpn.example", &[CAUGHT]);
        led.dns_gives("srv.corp.example", &[MEANT])
    }

    #[test]
    fn present_where_the_name_with_another_suffix_works() {
        caught(refuses()).tested(MEANT, &answers("srv.corp.example")).check(&CAUSE, PRESENT);
        let report = caught(refuses()).tested(MEANT, &answers("")).diagnose();
        let found: Vec<_> = report.findings.iter().map(|finding| finding.cause.as_str()).collect();
        assert_eq!(found, ["wrong-search-suffix", "port-closed"]);
        assert_eq!(report.findings[0].root_of, ["port-closed"]);
        let first = &report.findings[0].because[0].text;
        assert_eq!(first, "the search suffix vpn.example makes srv.vpn.example of srv");
        assert_eq!(report.findings.iter().filter(|finding| finding.cause == "split-answers").count(), 0);
    }

    /// A wildcard may be meant, so it is no proof.
    #[test]
    fn possible_where_the_suffix_answers_for_every_name() {
        let led = || name("srv", &[(CAUGHT, refuses())]).set_up(&[], SEARCH).dns_gives("srv.vpn.example", &[CAUGHT]);
        let wild = led().dns_gives("rdpdoctor-nobody.vpn.example", &[CAUGHT]);
        wild.check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Possible));
        let report = wild.diagnose();
        assert_eq!(report.findings[0].cause, "port-closed", "it stands above what may explain it");
        let other = led().dns_gives("rdpdoctor-nobody.vpn.example", &[MEANT]);
        other.check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn near_miss_the_name_leads_where_it_should() {
        caught(answers("srv.vpn.example")).tested(MEANT, &answers("srv.corp.example")).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_no_suffix_made_the_name() {
        name("srv", &[(CAUGHT, refuses())]).set_up(&[], &[]).check(&CAUSE, Expect::Absent);
        let whole = name("srv.corp.example", &[(CAUGHT, refuses())]).set_up(&[], SEARCH);
        whole.dns_gives("srv.corp.example", &[CAUGHT]).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_the_other_machine_does_not_work_either() {
        caught(refuses()).tested(MEANT, &refuses()).check(&CAUSE, Expect::Unknown);
        caught(refuses()).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn unseen() {
        resolver("srv").check(&CAUSE, Expect::Unknown);
        let asked = name("srv", &[(CAUGHT, refuses())]).set_up(&[], SEARCH);
        asked.dns(53, "srv.vpn.example", DnsAnswer::Silent).check(&CAUSE, Expect::Unknown);
    }
}
