//! CredSSP: the answer to our first `TSRequest`, and what the host says of itself in it.

use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};
use wire::credssp::NEWEST;
use wire::machine::{CredsspAnswer, Outcome};
use wire::ntlm::{self, Challenge, ChallengeFlaw, WindowsVersion};
use wire::transcript::ConnectionRecord;

use super::end::end_word;
use crate::fact::Fact;
use crate::observe::seen::Seen;
use crate::printable::printable;

/// Names of the facts in the report.
pub(crate) mod named {
    pub const ANSWER: &str = "credssp.answer";
    pub const VERSION_ANSWER: &str = "credssp.version_answer";
    pub const COMPUTER: &str = "ntlm.computer";
    pub const DOMAIN: &str = "ntlm.domain";
    pub const DNS_COMPUTER: &str = "ntlm.dns_computer";
    pub const DNS_DOMAIN: &str = "ntlm.dns_domain";
    pub const VERSION: &str = "ntlm.version";
    pub const FLAW: &str = "ntlm.challenge_flaw";
    pub const CLOCK_OFFSET: &str = "clock.offset_seconds";
}

/// Adds the answer to our `TSRequest`, and what the host says of itself.
pub(super) fn observe(record: &ConnectionRecord, outcome: &mut Outcome, seen: &mut Seen<'_>) {
    let Some(credssp) = outcome.credssp.take().filter(|_| !record.survey) else { return };
    let at = seen.moment(credssp.at);
    let mut answer = credssp.value;
    if let Some(words) = answer.words_mut() {
        *words = printable(words);
    }
    // what a host says of itself does not hang on the version, so it is taken from the usual one alone
    if let Some(version) = record.plan.credssp.filter(|version| *version != NEWEST) {
        seen.add(at, Some(credssp.took), Fact::CredsspVersionAnswer { version, answer });
        return;
    }
    seen.add(at, Some(credssp.took), Fact::CredsspAnswer(answer));
    if let Some(challenge) = outcome.challenge.take() {
        let answering = Duration::try_from(credssp.took / 2).unwrap_or(Duration::MAX);
        observe_challenge(at, &challenge, at.saturating_sub(answering), seen);
    }
}

/// `asked`: our clock half-way between question and answer, when the host most likely read its own.
fn observe_challenge(at: OffsetDateTime, challenge: &Challenge, asked: OffsetDateTime, seen: &mut Seen<'_>) {
    type Named = fn(String) -> Fact;
    let names: [(&Option<String>, Named); 4] = [
        (&challenge.netbios_computer, Fact::NtlmComputer),
        (&challenge.netbios_domain, Fact::NtlmDomain),
        (&challenge.dns_computer, Fact::NtlmDnsComputer),
        (&challenge.dns_domain, Fact::NtlmDnsDomain),
    ];
    let told = names.into_iter().filter_map(|(name, fact)| Some(fact(printable(name.as_ref()?))));
    let flaw = challenge.flaw.map(Fact::ChallengeFlaw);
    let facts = told.chain(challenge.version.map(Fact::NtlmVersion)).chain(flaw).collect();
    seen.together(at, facts);
    if let Some(offset) = challenge.timestamp.and_then(|ticks| offset(ticks, asked)) {
        seen.add(at, None, Fact::ClockOffset(offset));
    }
}

/// Returns the milliseconds by which a clock is ahead of ours; `None` for a host that tells none. It is reckoned by
/// number, because a clock may say more than a date can.
fn offset(ticks: u64, asked: OffsetDateTime) -> Option<i64> {
    let ahead = (ntlm::unix_nanoseconds(ticks) - asked.unix_timestamp_nanos()) / 1_000_000;
    (ticks != 0).then(|| i64::try_from(ahead).unwrap_or(i64::MAX))
}

/// Converts the answer for the report.
pub(crate) fn value(answer: &CredsspAnswer) -> Value {
    match answer {
        CredsspAnswer::Challenge(version) => json!({"version": version, "challenge": true}),
        CredsspAnswer::Refused { version, status } => {
            json!({"version": version, "challenge": false, "status": status.map(|s| format!("{s:#010x}"))})
        }
        CredsspAnswer::Rejected(version) => json!({"version": version, "challenge": false, "spnego": "reject"}),
        CredsspAnswer::Malformed(words) => json!({"malformed": words}),
        CredsspAnswer::Closed(end) => json!({"closed": end_word(*end)}),
        CredsspAnswer::Alert(alert) => json!({"alert": alert.description, "name": alert.name()}),
        CredsspAnswer::Silent => "silent".into(),
    }
}

/// Converts the answer to an older version for the report.
pub(crate) fn version_value(version: u32, answer: &CredsspAnswer) -> Value {
    json!({"asked": version, "answer": value(answer)})
}

/// Says the fault of a CHALLENGE.
pub fn flaw_words(flaw: ChallengeFlaw) -> String {
    match flaw {
        ChallengeFlaw::NoTargetInfo => "it names nothing of the host (no TargetInfo)".to_owned(),
        ChallengeFlaw::Flags(flags) => format!("its flags agree to no NTLM that a client asks for ({flags:#010x})"),
        ChallengeFlaw::ShortKey(flags) => format!("its flags agree to no key of 128 bits ({flags:#010x})"),
        ChallengeFlaw::NoNames => "it has none of the names that have to be in it (NetBIOS)".to_owned(),
        ChallengeFlaw::Completed => "it comes with SPNEGO's accept-completed, before any proof".to_owned(),
    }
}

/// Converts the offset of a clock for the report.
pub(crate) fn seconds_of(milliseconds: i64) -> Value {
    // exactly three decimals: no float arithmetic on evidence
    let sign = if milliseconds < 0 { "-" } else { "" };
    let size = milliseconds.unsigned_abs();
    let text = format!("{sign}{}.{:03}", size / 1000, size % 1000);
    serde_json::from_str(&text).unwrap_or(Value::Null)
}

/// Formats a version such as `10.0.20348`.
pub fn version_text(version: WindowsVersion) -> String {
    format!("{}.{}.{}", version.major, version.minor, version.build)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A clock beyond the year 9999 is no date any more, and is told all the same.
    #[test]
    fn any_clock_is_told() {
        let epoch = 116_444_736_000_000_000;
        let offset = |ticks| offset(ticks, OffsetDateTime::UNIX_EPOCH);
        assert_eq!(offset(epoch + 15_000_000), Some(1500));
        assert_eq!(offset(epoch - 15_000_000), Some(-1500));
        assert_eq!(offset(u64::MAX), Some(1_833_029_933_770_955), "the year 60056");
        assert_eq!(offset(0), None, "no clock");
    }
}
