//! `brute-force-flood`: somebody tries passwords at a rate that may keep others out.

use std::collections::BTreeSet;

use evidence::events::{CORE, LSM, RCM, SECURITY};
use evidence::moment::moment;
use evidence::printable::counted;
use evidence::state::{EntryCount, LISTENER, LogEvent, LogSpan, POLICY};
use evidence::{Because, Role, Stage};
use time::Duration;

use crate::attempts;
use crate::case::{Case, NEAR, Seen};
use crate::cause::{Cause, Confidence, Explains, Ground, Page, Proof, Severity, Shows};
use crate::need::Need;

/// Refused logons in the ten minutes before the attempt from which on they are worth a word.
const NOTED: usize = 20;
/// Refused logons from which on others may be hampered: ten a minute.
const HAMPERING: usize = 100;
/// Least number of addresses that tells attackers from monitoring of whether the host is up.
const MANY: usize = 10;
/// Log in which a listener records connections, and logons before the session.
const RCM_OPERATIONAL: &str = "Microsoft-Windows-TerminalServices-RemoteConnectionManager/Operational";

/// Log in which Windows records sessions.
const LSM_OPERATIONAL: &str = "Microsoft-Windows-TerminalServices-LocalSessionManager/Operational";

pub const CAUSE: Cause = Cause {
    id: "brute-force-flood",
    title: "somebody is trying passwords so fast that others may not get in",
    stage: Stage::Host,
    severity: Severity::Degrading,
    role: Role::Host,
    codes: &[],
    proofs: &[
        Proof { shows: Shows::Presence(Confidence::Possible), needs: &[Need::HOST_LOG], holds: flooded },
        Proof { shows: Shows::Absence, needs: &[Need::HOST_LOG, Need::key(LISTENER), Need::key(POLICY)], holds: quiet },
    ],
    explains: &[
        Explains { cause: "outstanding-connections-limit", when: |_| true },
        Explains { cause: "listener-overloaded", when: |_| true },
    ],
    page: Page {
        what_happens: "The host's logs are full of failed logons from unknown addresses. Usually the host keeps \
                       working; at high rates it answers slowly, drops connections, and accounts get locked out.",
        why: "A Remote Desktop port that the internet can reach is found within hours, whatever its number, and \
              attacked without end.",
        confirm: "Refused logons (RdpCoreTS 140, which is written where Network Level Authentication is used; Security 4625 of type 10, \
                  or of type 3 where as many connections arrived) in the ten minutes before the attempt: from 20 on they are mentioned, \
                  from 100 on they may hamper others. So may 100 connections (RdpCoreTS 131) from ten or \
                  more addresses from where nobody came to a logon (1149). The rate alone never proves that they did: event 1006 of Remote Connection \
                  Manager would.",
        command: "Get-WinEvent -FilterHashtable @{LogName='Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational'; \
                  Id=140; StartTime=(Get-Date).AddMinutes(-10)} | Group-Object {$_.Properties[0].Value} | \
                  Sort-Object Count -Descending | Select-Object Count,Name",
        how_to_fix: "Let only the addresses that need it reach the port: use a firewall, VPN or RD Gateway. Keep \
                     Network Level Authentication on, and lock accounts after failed logons.",
        references: &["Microsoft: RdpCoreTS event 140", "Microsoft: Account lockout policy"],
    },
    fixes: &["limit-rdp-addresses", "require-nla"],
};

/// Entries of one kind.
type Entries<'a> = Vec<Seen<&'a LogEvent>>;

/// Entries of the ten minutes before the attempt that refuse a logon: those that are kept, and how many there were. Of
/// many the newest alone are kept, and all are counted.
struct Refused<'a> {
    kept: Entries<'a>,
    count: usize,
    addresses: usize,
    /// Time between the first and the last.
    took: Duration,
}

impl<'a> Refused<'a> {
    fn of(case: Case<'a>, provider: &'a str, id: &'a [u32], types: &[Option<u8>]) -> Self {
        let of_kinds = |event: &LogEvent| {
            types.iter().any(|kind| kind.is_none_or(|kind| says(event, "LogonType", &kind.to_string())))
        };
        let kept = entries(case, provider, id, of_kinds);
        let (from, until) = (case.context.at.saturating_sub(NEAR), case.context.at);
        let mut refused = Self { count: kept.len(), addresses: addresses(&kept).len(), took: Duration::ZERO, kept };
        let time = |seen: &Seen<&LogEvent>| case.time_of(seen.id);
        if let Some((first, last)) = refused.kept.first().map(time).zip(refused.kept.last().map(time)) {
            refused.took = last - first;
        }
        let counts = || case.counts(provider, id).filter(|seen| types.contains(&seen.value.logon_type));
        // of two files with the same log each has counted it
        let most = |kind: &Option<u8>| {
            let of_kind = counts().filter(|seen| seen.value.logon_type == *kind);
            of_kind.map(|seen| seen.value.within(from, until)).max().unwrap_or_default()
        };
        let counted = types.iter().map(most).fold(0, u64::saturating_add);
        let counted = usize::try_from(counted).unwrap_or(usize::MAX);
        if counted > refused.count {
            refused.count = counted;
            let whole = |count: &EntryCount| moment(&count.from).is_some_and(|first| first >= from);
            for count in counts().map(|seen| seen.value) {
                let first = moment(&count.from).map_or(from, |first| first.max(from));
                let last = moment(&count.until).map_or(until, |last| last.min(until));
                refused.took = refused.took.max(last - first);
                let addresses = usize::try_from(count.addresses).unwrap_or(usize::MAX);
                refused.addresses = refused.addresses.max(if whole(count) { addresses } else { 0 });
            }
        }
        refused
    }

    fn told(&self, what: &str) -> Option<Because> {
        told(self.kept.last()?, (self.count, self.addresses, self.took), what)
    }
}

/// Entries of the ten minutes before the attempt, of these numbers.
fn entries<'a>(case: Case<'a>, provider: &'a str, ids: &'a [u32], fits: impl Fn(&LogEvent) -> bool) -> Entries<'a> {
    let near = |seen: &Seen<&LogEvent>| (Duration::ZERO..=NEAR).contains(&(case.context.at - case.time_of(seen.id)));
    case.events(provider, ids).filter(|seen| near(seen) && fits(seen.value)).collect()
}

/// True if this field of the entry has this text.
fn says(event: &LogEvent, field: &str, text: &str) -> bool {
    event.data.get(field).is_some_and(|value| value.trim().eq_ignore_ascii_case(text))
}

/// Logons that the protocol refused. With Network Level Authentication each one leaves an entry.
fn refused(case: Case<'_>) -> Refused<'_> {
    Refused::of(case, CORE, &[140], &[None])
}

/// Network logons that the audit refused: type 10 came over Remote Desktop, type 3 may have.
fn audited(case: Case<'_>) -> Refused<'_> {
    Refused::of(case, SECURITY, &[4625], &[Some(3), Some(10)])
}

/// Connections that arrived, in entries that name the sender's address.
fn arrived(case: Case<'_>) -> Entries<'_> {
    entries(case, CORE, &[131], |event| !says(event, "ConnType", "UDP"))
}

/// Connections that arrived, in entries without an address.
fn accepted(case: Case<'_>) -> Entries<'_> {
    entries(case, RCM, &[261], |_| true)
}

/// Address that an entry names: of the protocol, Remote Connection Manager, sessions or the audit.
fn address(event: &LogEvent) -> Option<&str> {
    let fields = ["IPString", "ClientIP", "IpAddress", "Address", "Param3"];
    let field = fields.iter().find_map(|name| event.data.get(*name))?;
    (field != "-").then(|| attempts::split(field).0)
}

/// Connections in ten minutes, one every two seconds, that are a flood even if one address sends them all: what watches
/// a host asks more rarely.
const FLOOD: usize = 300;

fn addresses<'a>(entries: &Entries<'a>) -> BTreeSet<&'a str> {
    entries.iter().filter_map(|seen| address(seen.value)).collect()
}

/// Says in words how many there were, from how many addresses and how fast: by the time they took, at least a minute.
fn told(last: &Seen<&LogEvent>, (count, addresses, took): (usize, usize, Duration), what: &str) -> Option<Because> {
    let seconds = usize::try_from(took.whole_seconds()).ok()?.clamp(60, 600);
    let sources = counted(addresses, "address", "addresses");
    let rate = format!("{} a minute", count.saturating_mul(60).div_ceil(seconds));
    let text = format!("{count} {what} from {sources} in the ten minutes before the attempt ({rate})");
    Some(last.because(text))
}

/// Takes from each log the most that it can show; the protocol's refusals are the surest.
fn flooded(case: Case<'_>) -> Option<Ground> {
    [by_refusals, by_audit, by_arrivals].iter().find_map(|look| look(case))
}

fn by_refusals(case: Case<'_>) -> Option<Ground> {
    let refused = refused(case);
    let ground = Ground::on(vec![refused.told("refused logons").filter(|_| refused.count >= NOTED)?]);
    Some(if refused.count >= HAMPERING { ground } else { ground.severity(Severity::Advisory) })
}

/// Counts refusals of the audit. File shares and mail also refuse logons of type 3, so these are Remote Desktop's only
/// if as many connections arrived from those addresses; where no log has addresses, if as many were accepted that did
/// not get in.
fn by_audit(case: Case<'_>) -> Option<Ground> {
    let audited = audited(case);
    let kept = &audited.kept;
    let own = kept.iter().filter(|seen| says(seen.value, "LogonType", "10")).count();
    let (arrived, from) = (arrived(case), addresses(kept));
    let count = if arrived.is_empty() {
        accepted(case).len().saturating_sub(entries(case, RCM, &[1149], |_| true).len())
    } else {
        arrived.iter().filter(|seen| address(seen.value).is_some_and(|address| from.contains(address))).count()
    };
    let of_remote_desktop = own == kept.len() || count >= kept.len();
    let least = if of_remote_desktop { NOTED } else { HAMPERING };
    let because = audited.told("logons over the network refused (4625)").filter(|_| audited.count >= least)?;
    let ground = Ground::on(vec![because]);
    let hampers = of_remote_desktop && audited.count >= HAMPERING;
    Some(if hampers { ground } else { ground.severity(Severity::Advisory) })
}

/// Counts connections from addresses that never got as far as a logon. Without the logs that record logons they may
/// have; from few addresses it may be monitoring.
fn by_arrivals(case: Case<'_>) -> Option<Ground> {
    let passed: Entries<'_> =
        entries(case, RCM, &[1149], |_| true).into_iter().chain(entries(case, LSM, &[21, 25], |_| true)).collect();
    let known_here = addresses(&passed);
    let stranger = |seen: &Seen<&LogEvent>| address(seen.value).is_some_and(|address| !known_here.contains(address));
    let strangers: Entries<'_> = arrived(case).into_iter().filter(stranger).collect();
    let many = addresses(&strangers).len() >= MANY && strangers.len() >= HAMPERING;
    if !many && strangers.len() < FLOOD {
        return None;
    }
    // without Network Level Authentication a logon is recorded only when its session begins
    let first = case.setting(LISTENER, "UserAuthentication").is_some_and(|nla| nla.settled && nla.number == Some(1));
    let known = whole(case, RCM_OPERATIONAL).is_some() && (first || whole(case, LSM_OPERATIONAL).is_some());
    let outcome = if known { "from where nobody came to a logon," } else { "whose outcome was not seen," };
    let last = strangers.last()?;
    let took = case.time_of(last.id) - case.time_of(strangers.first()?.id);
    let counts = (strangers.len(), addresses(&strangers).len(), took);
    let ground = Ground::on(vec![told(last, counts, &format!("connections, {outcome}"))?]);
    Some(if known { ground } else { ground.severity(Severity::Advisory) })
}

/// Log of this name that covers all of the ten minutes without a gap.
fn whole<'a>(case: Case<'a>, channel: &str) -> Option<Seen<&'a LogSpan>> {
    let fits = |log: &LogSpan| log.channel.contains(channel) && log.whole_since(case.context.at.saturating_sub(NEAR));
    case.logs_near(case.context.at).find(|seen| fits(seen.value))
}

/// The protocol's log is complete and quiet, on a host that logs every refusal (Network Level Authentication).
fn quiet(case: Case<'_>) -> Option<Ground> {
    whole(case, "RdpCoreTS").filter(|log| case.logs_of(case.context.at).any(|seen| seen.id == log.id))?;
    case.setting(LISTENER, "UserAuthentication").filter(|nla| nla.settled && nla.number == Some(1))?;
    let (refused, arrived) = (refused(case).count, arrived(case).len().max(accepted(case).len()));
    let few = refused < NOTED && audited(case).count < NOTED && arrived < HAMPERING;
    few.then(Ground::nothing)
}

#[cfg(test)]
mod tests {
    use evidence::fact::Fact;
    use evidence::moment::rfc3339;

    use super::*;
    use crate::sketch::{Expect, NOW, Sketch, machine};

    const PROTOCOL: &str = "Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational";

    /// Host with its protocol log that requires Network Level Authentication.
    fn logged() -> Sketch {
        machine().log(PROTOCOL, 48).dword(LISTENER, "UserAuthentication", 1).absent(POLICY)
    }

    fn many(sketch: Sketch, count: usize, sources: usize, entry: (&str, u32), data: &[(&str, &str)]) -> Sketch {
        (0..count).fold(sketch, |sketch, number| {
            let address = format!("203.0.113.{}", number % sources);
            let peer = format!("{address}:{}", 40_000 + number);
            let place = [("IPString", &address), ("ClientIP", &peer), ("IpAddress", &address)];
            let place = place.map(|(name, value)| (name, value.as_str()));
            sketch.event_with(entry.0, entry.1, 3, &[data, &place[..]].concat())
        })
    }

    fn refusals(count: usize) -> Sketch {
        many(logged(), count, 7, (CORE, 140), &[])
    }

    fn arrivals(sketch: Sketch, count: usize, sources: usize) -> Sketch {
        many(sketch, count, sources, (CORE, 131), &[("ConnType", "TCP")])
    }

    fn hampers() -> Expect {
        Expect::Present(Severity::Degrading, Confidence::Possible)
    }

    fn said() -> Expect {
        Expect::Present(Severity::Advisory, Confidence::Possible)
    }

    #[test]
    fn present() {
        refusals(HAMPERING).check(&CAUSE, hampers());
    }

    #[test]
    fn at_a_low_rate_it_is_worth_a_word_only() {
        refusals(NOTED).check(&CAUSE, said());
    }

    #[test]
    fn present_by_connections_that_never_came_to_a_logon() {
        let listener = || logged().log(RCM_OPERATIONAL, 48);
        arrivals(listener(), HAMPERING, 50).check(&CAUSE, hampers());
        // whether any of them got as far as a logon was not seen
        arrivals(logged(), HAMPERING, 50).check(&CAUSE, said());
        // a farm in the morning, beside monitoring
        let logons = many(arrivals(listener(), HAMPERING, 50), HAMPERING, 50, (RCM, 1149), &[]);
        logons.check(&CAUSE, Expect::Unknown);
        // each makes two connections and gets in once; or only the start of its session is recorded
        let pairs = arrivals(listener(), 2 * HAMPERING, 50);
        many(pairs, HAMPERING, 50, (RCM, 1149), &[]).check(&CAUSE, Expect::Unknown);
        let open = || machine().log(PROTOCOL, 48).log(RCM_OPERATIONAL, 48).dword(LISTENER, "UserAuthentication", 0);
        let sessions = arrivals(open().absent(POLICY), HAMPERING, 50);
        sessions.check(&CAUSE, said());
        let named = |sketch: Sketch, number: usize| {
            sketch.event_with(LSM, 21, 3, &[("Address", format!("203.0.113.{number}").as_str())])
        };
        (0..50).fold(sessions, named).check(&CAUSE, Expect::Unknown);
        // strangers among those who get in, and a log without addresses that counts one more of them
        let mixed = many(arrivals(listener(), 3 * HAMPERING, 150), 5, 5, (RCM, 1149), &[]);
        many(mixed, 3 * HAMPERING + 1, 1, (RCM, 261), &[]).check(&CAUSE, hampers());
        arrivals(listener(), HAMPERING, MANY - 1).check(&CAUSE, Expect::Unknown);
        arrivals(listener(), FLOOD, 1).check(&CAUSE, hampers());
        arrivals(listener(), FLOOD - 1, 1).check(&CAUSE, Expect::Unknown);
        let udp = many(listener(), HAMPERING, 50, (CORE, 131), &[("ConnType", "UDP")]);
        udp.check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn present_by_the_audit() {
        let audit = |count, kind| many(logged(), count, 50, (SECURITY, 4625), &[("LogonType", kind)]);
        audit(HAMPERING, "10").check(&CAUSE, hampers());
        audit(NOTED, "10").check(&CAUSE, said());
        // whichever service refused them
        audit(HAMPERING, "3").check(&CAUSE, said());
        audit(NOTED, "3").check(&CAUSE, Expect::Unknown);
        arrivals(audit(HAMPERING, "3"), HAMPERING, 5).check(&CAUSE, hampers());
        // of a file share, beside as many people who get in
        let share = many(logged(), HAMPERING, 1, (SECURITY, 4625), &[("LogonType", "3")]);
        let logons = many(arrivals(share, HAMPERING, 50), HAMPERING, 50, (RCM, 1149), &[]);
        logons.check(&CAUSE, said());
        // where no log has addresses
        let accepted = |sketch| many(sketch, HAMPERING, 1, (RCM, 261), &[]);
        accepted(audit(HAMPERING, "3")).check(&CAUSE, hampers());
        many(accepted(audit(HAMPERING, "3")), 9, 9, (RCM, 1149), &[]).check(&CAUSE, said());
        audit(HAMPERING, "2").check(&CAUSE, Expect::Absent);
    }

    /// Of many entries the newest are kept, and all are counted.
    #[test]
    fn what_is_not_kept_counts() {
        let at = |minutes| rfc3339(NOW - Duration::minutes(minutes));
        let counted = |sketch: Sketch, (from, until): (i64, i64)| {
            sketch.recorded(Fact::EntryCount(EntryCount {
                channel: "Security".to_owned(),
                provider: SECURITY.to_owned(),
                id: 4625,
                logon_type: Some(10),
                count: 3561,
                from: at(from),
                until: at(until),
                addresses: 12,
                minutes: std::collections::BTreeMap::new(),
            }))
        };
        let few = || many(logged(), NOTED, 2, (SECURITY, 4625), &[("LogonType", "10")]);
        few().check(&CAUSE, said());
        counted(few(), (5, 3)).check(&CAUSE, hampers());
        let ground = counted(few(), (5, 3)).with_case(flooded).unwrap();
        assert!(ground.because[0].text.contains("3561 logons"), "{}", ground.because[0].text);
        assert!(ground.because[0].text.contains("from 12 addresses"), "{}", ground.because[0].text);
        assert!(ground.because[0].text.contains("(1781 a minute)"), "{}", ground.because[0].text);
        // an hour before, and after the attempt
        counted(few(), (65, 61)).check(&CAUSE, said());
        counted(few(), (5, -3)).check(&CAUSE, said());
    }

    #[test]
    fn near_miss_what_came_after_the_attempt() {
        let later =
            (0..HAMPERING).fold(logged(), |sketch, _| sketch.event_with(CORE, 140, -5, &[("IPString", "203.0.113.7")]));
        later.check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_one_below_the_threshold() {
        refusals(NOTED - 1).check(&CAUSE, Expect::Absent);
        arrivals(logged(), HAMPERING - 1, 50).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn unseen() {
        machine().check(&CAUSE, Expect::Unknown);
        machine().log("System", 48).check(&CAUSE, Expect::Unknown);
        // a log that begins with the attempt
        let settings = || machine().dword(LISTENER, "UserAuthentication", 1).absent(POLICY);
        settings().log(PROTOCOL, 0).check(&CAUSE, Expect::Unknown);
        // without Network Level Authentication the protocol's log does not record refusals
        machine().log(PROTOCOL, 48).check(&CAUSE, Expect::Unknown);
        logged().dword(LISTENER, "UserAuthentication", 0).check(&CAUSE, Expect::Unknown);
    }
}
