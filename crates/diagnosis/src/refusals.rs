//! Logons that the host's audit log records as refused, and the reason that each entry gives.
//!
//! A refusal keeps one user out, not everybody: it blocks where nothing shows that others got in at that time, or where
//! a person named the time of the attempt.

use evidence::TimeSource;
use evidence::events::{CORE, LSM, RCM, SECURITY};
use evidence::moment::{moment, whole_second};
use evidence::printable::printable;
use evidence::state::{LogEvent, LogSpan};
use time::Duration;

use crate::audit::{BY_KERBEROS, BY_NTLM, DENIED, FAILED, Kind, WRONG, account, kind, reason, source, split, status};
use crate::case::{Case, NEAR, Seen};
use crate::cause::{Confidence, Ground, Proof, Severity, Shows};
use crate::logs::DAY;
use crate::need::Need;

/// Channel of the audit log.
const CHANNEL: &str = "Security";
/// Refused logons in the ten minutes before the attempt from which on they look like guesses of somebody else.
const GUESSES: usize = 20;
/// Time between the arrival of a connection and the refusal of its logon.
const LOGON: Duration = Duration::minutes(2);
/// Longest time after the attempt at which a refusal may still be its own: clocks are not exact.
const TOLERANCE: Duration = Duration::minutes(1);

/// A refusal of Remote Desktop, and how sure it is that it was one.
struct Refusal<'a> {
    seen: Seen<&'a LogEvent>,
    confidence: Confidence,
}

/// Iterates over refused logons of the last day, up to the attempt, old to new.
fn recent(case: Case<'_>) -> impl Iterator<Item = Seen<&LogEvent>> {
    let before =
        move |event: &LogEvent| moment(&event.at).is_some_and(|at| at <= case.context.at.saturating_add(TOLERANCE));
    case.recent(SECURITY, &[FAILED, DENIED, BY_NTLM, BY_KERBEROS], DAY).filter(move |seen| before(seen.value))
}

/// Returns how sure it is that a refused logon came over Remote Desktop; `None` if it did not.
fn sureness(case: Case<'_>, seen: &Seen<&LogEvent>) -> Option<Confidence> {
    if seen.value.id == DENIED {
        return Some(Confidence::Proven);
    }
    let kind = kind(seen.value)?;
    if kind == Kind::Remote {
        return Some(Confidence::Proven);
    }
    let (at, from) = (case.time_of(seen.id), source(seen.value));
    let arrived = case.events(CORE, &[131, 140]).chain(case.events(RCM, &[261])).any(|other| {
        let address = ["ClientIP", "IPString"].iter().find_map(|name| other.value.data.get(*name));
        let address = address.map(|address| split(address).0);
        let same = address.zip(from.as_deref()).is_none_or(|(one, other)| one == other);
        same && (-TOLERANCE..=LOGON).contains(&(at - case.time_of(other.id)))
    });
    Some(if arrived { Confidence::Likely } else { Confidence::Possible })
}

/// True if this account got in after the entry, so that it is not kept out any more.
fn came_in(case: Case<'_>, seen: &Seen<&LogEvent>) -> bool {
    let Some(account) = account(seen.value) else { return false };
    let user = |name: &str| name.rsplit('\\').next().unwrap_or(name).to_lowercase();
    let (since, wanted) = (case.time_of(seen.id), user(&account));
    let entries = case.events(LSM, &[21, 25]).chain(case.events(RCM, &[1149])).chain(case.events(SECURITY, &[4624]));
    entries.filter(|other| case.time_of(other.id) >= since).any(|other| {
        let names = ["User", "Param1", "TargetUserName"];
        names.iter().filter_map(|name| other.value.data.get(*name)).any(|name| user(name) == wanted)
    })
}

/// Finds the newest refusal of Remote Desktop for one of these reasons.
fn newest<'a>(case: Case<'a>, fits: &dyn Fn(&LogEvent) -> bool) -> Option<Refusal<'a>> {
    let refusals = recent(case).filter(|seen| fits(seen.value));
    let sure = refusals.filter_map(|seen| Some(Refusal { confidence: sureness(case, &seen)?, seen }));
    let still = sure.filter(|refusal| !came_in(case, &refusal.seen));
    // of several the surest, and of those that of the logon itself before that of the check of its credentials
    let logon = |id: u32| matches!(id, FAILED | DENIED);
    still.max_by_key(|refusal| {
        let Refusal { seen, confidence } = refusal;
        (std::cmp::Reverse(*confidence), logon(seen.value.id), case.time_of(seen.id))
    })
}

/// Makes a finding from the entries that refuse a logon for a reason that `fits`.
pub(crate) fn refused(case: Case<'_>, fits: impl Fn(&LogEvent) -> bool) -> Option<Ground> {
    let Refusal { seen, confidence } = newest(case, &fits)?;
    let event = seen.value;
    let same = |other: &Seen<&LogEvent>| {
        other.value.id == event.id && fits(other.value) && account(other.value) == account(event)
    };
    let count = recent(case).filter(same).count();
    let who = account(event).unwrap_or_else(|| "an account without a name".to_owned());
    let from = source(event).map_or(String::new(), |from| format!(" from {from}"));
    let way = match (event.id, kind(event)) {
        (DENIED, _) => "Remote Desktop was denied to",
        (BY_NTLM | BY_KERBEROS, _) => "credentials were refused to",
        (_, Some(Kind::Network)) => "a network logon was refused to",
        _ => "the logon through Remote Desktop was refused to",
    };
    let why = status(event).map_or(String::new(), |status| format!(": {}", reason(status)));
    let least = if case.counts(SECURITY, &[event.id]).next().is_some() { "at least " } else { "" };
    let more =
        if count > 1 { format!(", the last of {least}{count} such entries within a day") } else { String::new() };
    let text =
        format!("Auditing {} at {}: {way} {who}{from}{why}{more}", event.id, printable(&whole_second(&event.at)));
    let near = (case.context.at - case.time_of(seen.id)).abs() <= NEAR;
    let guessed = guesses(case) >= GUESSES;
    let named = case.context.at_source == TimeSource::Option && near;
    let ground = Ground::on(vec![seen.because(text)]);
    let ground = ground.confidence(if near { confidence } else { confidence.max(Confidence::Likely) });
    Some(if guessed || confidence == Confidence::Possible {
        ground.severity(Severity::Advisory)
    } else if !near || !named && case.let_in_near(seen.id) {
        ground.severity(Severity::Degrading)
    } else {
        ground
    })
}

/// Counts the logons over the network that were refused in the ten minutes around the attempt for a wrong name or a
/// wrong password.
fn guesses(case: Case<'_>) -> usize {
    let near = |seen: &Seen<&LogEvent>| (case.context.at - case.time_of(seen.id)).abs() <= NEAR;
    let wrong = |event: &LogEvent| {
        event.id == FAILED && kind(event).is_some() && status(event).is_some_and(|status| WRONG.contains(&status))
    };
    recent(case).filter(|seen| near(seen) && wrong(seen.value)).count()
}

/// Makes an absence: the audit log covers the ten minutes before the attempt and holds no refusal that `fits`, on a
/// host that is known to record refusals, because within the day it did.
pub(crate) fn not_refused(case: Case<'_>, fits: impl Fn(&LogEvent) -> bool) -> Option<Ground> {
    let since = case.context.at.saturating_sub(NEAR);
    let whole = |log: &LogSpan| log.whole_since(since) && log.channel.eq_ignore_ascii_case(CHANNEL);
    case.logs_near(case.context.at).find(|seen| whole(seen.value))?;
    recent(case).last()?;
    (!recent(case).any(|seen| fits(seen.value))).then(Ground::nothing)
}

/// Proofs of a cause that is all in the status of the refusal: `A`, or `B` as well.
pub(crate) struct Says<const A: u32, const B: u32 = A>;

impl<const A: u32, const B: u32> Says<A, B> {
    pub(crate) const PROOFS: &[Proof] = &[
        Proof {
            shows: Shows::Presence(Confidence::Proven),
            needs: &[Need::HOST_LOG],
            holds: |case| refused(case, Self::fits),
        },
        Proof { shows: Shows::Absence, needs: &[Need::HOST_LOG], holds: |case| not_refused(case, Self::fits) },
    ];

    fn fits(event: &LogEvent) -> bool {
        says(event, &[A, B])
    }
}

/// True for an entry that refuses a logon with one of these statuses.
pub(crate) fn says(event: &LogEvent, statuses: &[u32]) -> bool {
    event.id != DENIED && status(event).is_some_and(|status| statuses.contains(&status))
}

#[cfg(test)]
pub(crate) mod sketch {
    use evidence::events::SECURITY;

    use super::CHANNEL;
    use crate::cause::{Cause, Confidence, Severity};
    use crate::sketch::{Expect, Sketch, machine};

    /// Checks that an entry with this status shows the cause, with a severity that depends on the cause.
    pub(crate) fn shown_by(status: u32, cause: &'static Cause, severity: Severity) {
        audited(status, "10", 2).check(cause, Expect::Present(severity, Confidence::Proven));
    }

    /// Checks that a logon over the network that nothing connects with Remote Desktop is hardly one of it, as a file
    /// share refuses logons of the same kind, and one at the console none.
    pub(crate) fn hardly_shown_by_another_way(status: u32, cause: &'static Cause) {
        audited(status, "3", 2).check(cause, Expect::Present(Severity::Advisory, Confidence::Possible));
        audited(status, "2", 2).check(cause, Expect::Unknown);
    }

    /// Checks that a refusal for this other reason rules the cause out where the log is whole.
    pub(crate) fn ruled_out_by(status: u32, cause: &'static Cause) {
        with(audited(status, "10", 2), 48).check(cause, Expect::Absent);
    }

    /// Checks that nothing is known without a log, and by one that records no refusals.
    pub(crate) fn unseen(cause: &'static Cause) {
        machine().check(cause, Expect::Unknown);
        with(machine(), 48).check(cause, Expect::Unknown);
    }

    /// Host that refused a logon of this type with this status, this many minutes before the attempt.
    pub(crate) fn audited(status: u32, kind: &str, minutes: i64) -> Sketch {
        refuses(machine(), status, kind, minutes)
    }

    /// Adds a refusal.
    pub(crate) fn refuses(sketch: Sketch, status: u32, kind: &str, minutes: i64) -> Sketch {
        let status = format!("{status:#x}");
        let fields = [
            ("TargetUserName", "user.alpha"),
            ("TargetDomainName", "CORP"),
            ("IpAddress", "192.0.2.9"),
            ("LogonType", kind),
            ("Status", "0xc000006d"),
            ("SubStatus", status.as_str()),
        ];
        sketch.event_with(SECURITY, super::FAILED, minutes, &fields)
    }

    /// Adds the audit log itself, whole over these hours.
    pub(crate) fn with(sketch: Sketch, hours: i64) -> Sketch {
        sketch.log(CHANNEL, hours)
    }
}

#[cfg(test)]
mod tests {
    use evidence::events::{CORE, LSM, RCM};

    use super::sketch::{audited, refuses};
    use super::*;
    use crate::sketch::{Expect, Sketch};

    const LOCKED: u32 = 0xC000_0234;

    fn check(sketch: &Sketch, severity: Severity, confidence: Confidence) {
        sketch.check(crate::causes::find("account-locked").unwrap(), Expect::Present(severity, confidence));
    }

    #[test]
    fn a_network_logon_is_remote_desktop_s_where_a_connection_arrived_from_there() {
        let arrived = |from| audited(LOCKED, "3", 2).event_with(CORE, 131, 2, &[("ClientIP", from)]);
        check(&arrived("192.0.2.9:50100"), Severity::Blocking, Confidence::Likely);
        check(&arrived("198.51.100.4:50100"), Severity::Advisory, Confidence::Possible);
    }

    #[test]
    fn one_who_got_in_since_is_not_kept_out() {
        let unknown = |sketch: Sketch| sketch.check(crate::causes::find("account-locked").unwrap(), Expect::Unknown);
        unknown(audited(LOCKED, "10", 5).event_with(
            LSM,
            21,
            1,
            &[("User", "CORP\\user.alpha"), ("Address", "192.0.2.9")],
        ));
        // before it, or somebody else
        let before = audited(LOCKED, "10", 5).event_with(RCM, 1149, 60, &[("Param1", "user.alpha")]);
        check(&before, Severity::Blocking, Confidence::Proven);
        let other = audited(LOCKED, "10", 5).event_with(RCM, 1149, 1, &[("Param1", "user.beta")]);
        check(&other, Severity::Degrading, Confidence::Proven);
    }

    /// A check of credentials may be of any service, and on a domain controller of any machine.
    #[test]
    fn a_check_of_credentials_speaks_for_the_reason() {
        let checked = |id, status: &str| {
            let fields = [("TargetUserName", "user.alpha"), ("Workstation", "CLIENT01"), ("Status", status)];
            crate::sketch::machine().event_with(SECURITY, id, 2, &fields)
        };
        check(&checked(BY_NTLM, "0xc0000234"), Severity::Advisory, Confidence::Possible);
        let arrived = checked(BY_NTLM, "0xc0000234").event_with(CORE, 131, 2, &[("ClientIP", "192.0.2.9:50100")]);
        check(&arrived, Severity::Blocking, Confidence::Likely);
        checked(BY_NTLM, "0xc000006a").check(crate::causes::find("account-locked").unwrap(), Expect::Unknown);
        // the logon itself says more
        let both = refuses(checked(BY_NTLM, "0xc0000234"), LOCKED, "10", 3);
        let ground = both.with_case(|case| refused(case, |event| says(event, &[LOCKED]))).unwrap();
        assert!(ground.because[0].text.starts_with("Auditing 4625"), "{}", ground.because[0].text);
        let expired = crate::causes::find("password-expired").unwrap();
        checked(BY_KERBEROS, "0x17").check(expired, Expect::Present(Severity::Advisory, Confidence::Possible));
        // one code for several reasons
        checked(BY_KERBEROS, "0x12").check(crate::causes::find("account-locked").unwrap(), Expect::Unknown);
    }

    /// Whoever guesses names meets accounts that are locked or disabled; that is no fault of the host.
    #[test]
    fn among_guesses_it_is_worth_a_word_only() {
        let guessed = (0..GUESSES).fold(audited(LOCKED, "10", 2), |sketch, _| refuses(sketch, 0xC000_006A, "3", 1));
        check(&guessed, Severity::Advisory, Confidence::Proven);
    }

    #[test]
    fn hours_before_it_is_likely_and_after_the_attempt_it_is_nothing() {
        check(&audited(LOCKED, "10", 300), Severity::Degrading, Confidence::Likely);
        audited(LOCKED, "10", -5).check(crate::causes::find("account-locked").unwrap(), Expect::Unknown);
    }

    #[test]
    fn a_time_that_a_person_named_is_that_of_the_refusal() {
        let sketch = audited(0xC000_006A, "10", 2);
        let cause = crate::causes::find("logon-failure").unwrap();
        sketch.check(cause, Expect::Present(Severity::Advisory, Confidence::Proven));
        sketch.at_named().check(cause, Expect::Present(Severity::Blocking, Confidence::Proven));
    }

    #[test]
    fn the_reason_says_who_and_why() {
        let ground = audited(0xC000_015B, "10", 2).with_case(|case| refused(case, |event| event.id == FAILED)).unwrap();
        let text = &ground.because[0].text;
        assert!(text.contains("CORP\\user.alpha from 192.0.2.9: 0xC000015B, the user lacks the right"), "{text}");
    }
}
