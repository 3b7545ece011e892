//! The stage `credssp`: CredSSP up to the point where credentials would be needed ([MS-CSSP] 3.1.5).

use evidence::Stage;
use evidence::fact::{Fact, Introduction};
use evidence::telling::{flaw_words, version_text};
use time::{Duration, OffsetDateTime};
use wire::credssp::NEWEST;
use wire::ntlm::ChallengeFlaw;

use super::room::{Room, Whose};
use super::tls::finished;
use crate::as_client::{client_hello_asked, tunnel};
use crate::case::{Case, Seen};
use crate::need::{Again, Asking, Kind, Need, Of, Patience, Question};
use crate::stage::rung::{Outcome, Rung, took};
use crate::tries::{only_started, waited_too_short};
use crate::turns::by_turns;

/// Its place on the ladder.
pub const ROOM: Room = Room { stage: Stage::Credssp, of: Whose::Address, rung };

static INTRODUCTION: Kind = Kind {
    name: "introduction",
    words: |_| "the host's introduction through CredSSP".to_owned(),
    answered: |case, _| case.credssp().is_some(),
    asking: Some(Asking {
        again: Again::Never,
        askable: |case, _| {
            case.selected().is_some_and(|seen| seen.value.credssp())
                && case.tls_accepted().is_some()
                && (finished(case) || client_hello_asked(case))
                && tunnel(case).is_some()
        },
        question: introduce,
    }),
};

static SECOND_INTRODUCTION: Kind = Kind {
    name: "second-introduction",
    words: |_| "the host's second introduction through CredSSP, after a pause".to_owned(),
    answered: |case, _| case.introductions().count() >= 2,
    asking: Some(Asking {
        again: Again::Soon,
        askable: |case, _| case.credssp().is_some_and(|seen| failed(&seen)),
        question: introduce,
    }),
};

static PATIENT_INTRODUCTION: Kind = Kind {
    name: "patient-introduction",
    words: |_| "the host's introduction through CredSSP, given more time".to_owned(),
    answered: |case, _| case.introductions().count() >= 2,
    asking: Some(Asking {
        again: Again::Soon,
        askable: |case, _| case.credssp().is_some_and(|seen| *seen.value == Introduction::Silent),
        question: |case, of, all| Question { patient: Some(Patience::Introduction), ..introduce(case, of, all) },
    }),
};

static AT_VERSION: Kind = Kind {
    name: "introduction-at-version",
    words: |of| format!("the host's answer to version {} of CredSSP", of.version()),
    answered: |case, of| case.at_version(of.version()).is_some(),
    asking: Some(Asking {
        again: Again::Never,
        askable: |case, of| suspects_versions(case) && is_next(case, of.version()),
        question: |case, of, all| Question { credssp: Some(of.version()), ..introduce(case, of, all) },
    }),
};

static NEWEST_AGAIN: Kind = Kind {
    name: "newest-again",
    words: |_| "the host's introduction at the newest version of CredSSP, after an older one was taken".to_owned(),
    answered: |case, _| {
        let taken = case.older_version_taken();
        taken.is_some_and(|(_, taken)| case.introductions().any(|seen| seen.id > taken.id))
    },
    asking: Some(Asking {
        again: Again::Soon,
        askable: |case, _| case.older_version_taken().is_some(),
        question: introduce,
    }),
};

/// Oldest version ([MS-CSSP] 2.2.1).
const OLDEST: u32 = 2;

/// True if versions are suspected: the host broke off at each of several introductions.
fn suspects_versions(case: Case<'_>) -> bool {
    case.introductions().count() > 1 && case.introductions().all(|seen| broken_off(seen.value))
}

/// True if every version above this one was refused: the first that is taken ends the search.
fn is_next(case: Case<'_>, version: u32) -> bool {
    (version + 1..NEWEST).all(|above| case.at_version(above).is_some_and(|seen| refuses(seen.value)))
}

/// True if a version was refused: by breaking off, or by an error.
fn refuses(answer: &Introduction) -> bool {
    broken_off(answer) || errs(answer)
}

/// Answers of hosts without NTLM to its first message, before any account is named: blocked, `STATUS_ACCESS_DENIED`,
/// `STATUS_NOT_SUPPORTED`, `SEC_E_UNSUPPORTED_FUNCTION`.
pub const NTLM_REFUSALS: [u32; 4] = [NTLM_BLOCKED, 0xC000_0022, 0xC000_00BB, 0x8009_0302];

/// `STATUS_NTLM_BLOCKED`.
pub const NTLM_BLOCKED: u32 = 0xC000_0418;
/// Those by which Windows says that NTLM is what it does not take (the second is
/// `STATUS_NOT_SUPPORTED`); the others may as
/// well mean that nobody gets in.
const NTLM_ONLY: [u32; 2] = [NTLM_BLOCKED, 0xC000_00BB];

impl Need {
    /// Asks for its introduction through CredSSP.
    pub const INTRODUCTION: Self = Self::new(&INTRODUCTION, Of::Nothing);
    /// Asks for a second introduction, after a pause.
    pub const SECOND_INTRODUCTION: Self = Self::new(&SECOND_INTRODUCTION, Of::Nothing);
    /// Asks for its introduction with an older version of CredSSP.
    pub const fn introduction_at(version: u32) -> Self {
        Self::new(&AT_VERSION, Of::Version(version))
    }
    /// Asks for its introduction with the newest version once more, after it took an older one: a host that breaks off
    /// by chance does so at no version.
    pub const NEWEST_AGAIN: Self = Self::new(&NEWEST_AGAIN, Of::Nothing);
    /// Asks for an introduction that was not given, and gives it more time.
    pub const PATIENT_INTRODUCTION: Self = Self::new(&PATIENT_INTRODUCTION, Of::Nothing);
}

fn introduce(case: Case<'_>, _: Of, all: Question) -> Question {
    Question { tls: tunnel(case).or(all.tls), ..all }
}

impl<'a> Case<'a> {
    /// Returns its last answer to our `TSRequest`.
    pub fn credssp(self) -> Option<Seen<&'a Introduction>> {
        self.introductions().last()
    }

    /// Iterates over its answers to our `TSRequest`s, in order.
    pub fn introductions(self) -> impl Iterator<Item = Seen<&'a Introduction>> + 'a {
        self.seen(|fact| if let Fact::CredsspAnswer(answer) = fact { Some(answer) } else { None })
    }

    /// Returns its last answer to a `TSRequest` of this older version.
    pub fn at_version(self, version: u32) -> Option<Seen<&'a Introduction>> {
        self.last(move |fact| match fact {
            Fact::CredsspVersionAnswer { version: asked, answer } if *asked == version => Some(answer),
            _ => None,
        })
    }

    /// Returns the newest of the older versions that it took, with its answer.
    pub fn older_version_taken(self) -> Option<(u32, Seen<&'a Introduction>)> {
        (OLDEST..NEWEST).rev().find_map(|version| {
            let seen = self.at_version(version)?;
            matches!(seen.value, Introduction::Challenge(_)).then_some((version, seen))
        })
    }

    /// Returns the fault of its CHALLENGE, if it has one.
    pub fn challenge_flaw(self) -> Option<Seen<ChallengeFlaw>> {
        self.last(|fact| if let Fact::ChallengeFlaw(flaw) = fact { Some(*flaw) } else { None })
    }

    /// Returns its clock minus ours, in milliseconds.
    pub fn clock_offset(self) -> Option<Seen<i64>> {
        self.last(|fact| if let Fact::ClockOffset(offset) = fact { Some(*offset) } else { None })
    }

    /// Returns whether it is a member of a domain: in its CHALLENGE the domain's name differs from the computer's; on a
    /// workgroup machine they are equal.
    pub fn domain_member(self) -> Option<bool> {
        let computer = self.last(|fact| if let Fact::NtlmComputer(name) = fact { Some(name) } else { None })?;
        let domain = self.last(|fact| if let Fact::NtlmDomain(name) = fact { Some(name) } else { None })?;
        Some(!domain.value.is_empty() && !computer.value.eq_ignore_ascii_case(domain.value))
    }

    /// Returns the time by its own clock.
    pub fn host_time(self) -> Option<Seen<OffsetDateTime>> {
        let offset = self.clock_offset()?;
        let time = self.context.at.checked_add(Duration::milliseconds(offset.value))?;
        Some(Seen { value: time, id: offset.id })
    }
}

/// True for an introduction that broke off or made no sense. Silence is none: asking again would only cost time.
pub fn broken_off(answer: &Introduction) -> bool {
    matches!(answer, Introduction::Malformed(_) | Introduction::Closed(_) | Introduction::Alert(_))
}

/// True for an error status in place of an introduction, beside those that only refuse NTLM.
fn errs(answer: &Introduction) -> bool {
    match answer {
        Introduction::Refused { status: Some(status), .. } => !NTLM_REFUSALS.contains(status),
        _ => false,
    }
}

/// True for an introduction that failed by what the host did, and not for want of time.
fn failed(seen: &Seen<&Introduction>) -> bool {
    broken_off(seen.value) || errs(seen.value)
}

/// Tells for each try whether the host introduced itself, or refused NTLM as hosts do that take none. A silence that
/// may have been slowness says neither. Of a host that never does better an error is its
/// answer; of one that introduced itself once nothing else is.
pub(super) fn tries(case: Case<'_>) -> Vec<Seen<bool>> {
    let told = || case.introductions().filter(|seen| *seen.value != Introduction::Silent);
    let never_better = told().all(|seen| failed(&seen));
    let slowest = told().map(|seen| took(case, seen.id)).max();
    let impatient =
        |seen: &Seen<&Introduction>| slowest.is_none_or(|slowest| waited_too_short(took(case, seen.id), slowest));
    let introduces = told().any(|seen| matches!(seen.value, Introduction::Challenge(_)));
    let answered = |seen: &Seen<&Introduction>| match seen.value {
        Introduction::Challenge(_) => true,
        _ if introduces => false,
        Introduction::Silent => false,
        answer => !failed(seen) || never_better && errs(answer),
    };
    let counts = |seen: &Seen<&Introduction>| *seen.value != Introduction::Silent || !impatient(seen);
    case.introductions().filter(counts).map(|seen| Seen { value: answered(&seen), id: seen.id }).collect()
}

/// True for a fault with which the client is known to go on.
fn is_taken(case: Case<'_>, flaw: ChallengeFlaw) -> bool {
    matches!(flaw, ChallengeFlaw::ShortKey(_)) && case.context.profile.short_ntlm_keys == Some(true)
}

fn rung(case: Case<'_>) -> Option<Rung> {
    let client = &case.context.profile;
    if !client.protocols.credssp() && case.credssp().is_some() {
        // whatever the host says there, this client never hears it
        return Some((Outcome::Skipped, None, format!("{} does not offer CredSSP", client.name)));
    }
    let Some(seen) = case.credssp() else {
        if case.tls_watched().next().is_some() {
            return Some((Outcome::Skipped, None, "encrypted: a capture does not show it".to_owned()));
        }
        let selected = case.selected()?;
        // with any hello: old hosts refuse the first one
        let done = case.tls_accepted().is_some();
        let text = "the host did not choose CredSSP".to_owned();
        return (done && !selected.value.credssp()).then_some((Outcome::Skipped, None, text));
    };
    let (outcome, text) = match seen.value {
        Introduction::Challenge(version) => {
            let text = format!("TSRequest version {version}{}", introduced(case));
            if let Some(flaw) = case.challenge_flaw().filter(|flaw| !is_taken(case, flaw.value)) {
                return Some((Outcome::Failed, took(case, seen.id), format!("{text}; {}", flaw_words(flaw.value))));
            }
            // who is let in at times only is not well, and one try more says no more than that
            let tries = tries(case);
            match (tries.iter().filter(|seen| !seen.value).count(), tries.len()) {
                (0, _) => (Outcome::Passed, text),
                (failed, all) if only_started(&tries) && !by_turns(case, &tries) => {
                    (Outcome::Passed, format!("{text}; {failed} of {all} tries failed"))
                }
                (failed, all) => (Outcome::Degraded, format!("{text}; {failed} of {all} tries failed")),
            }
        }
        // without NTLM the host cannot introduce itself to a probe; Kerberos may still work
        Introduction::Refused { status: Some(status), .. } if NTLM_ONLY.contains(status) => {
            (Outcome::Passed, format!("NTLM refused ({status:#010x})"))
        }
        Introduction::Refused { status: Some(status), .. } if NTLM_REFUSALS.contains(status) => {
            (Outcome::Degraded, format!("NTLM refused ({status:#010x})"))
        }
        Introduction::Refused { status: Some(status), .. } => (Outcome::Failed, format!("error {status:#010x}")),
        // whether it takes Kerberos is not known from here
        Introduction::Rejected(_) => {
            let text = "NTLM rejected (SPNEGO): whoever has no Kerberos ticket for its name gets no further";
            (Outcome::Degraded, text.to_owned())
        }
        // it may want Kerberos, or have no mechanism left at all: neither is known from here
        Introduction::Refused { status: None, .. } => {
            let text = "answered without NTLM: it wants Kerberos, or has no mechanism left (SPNEGO)";
            (Outcome::Degraded, text.to_owned())
        }
        Introduction::Malformed(words) => (Outcome::Failed, words.clone()),
        Introduction::Closed(end) => (Outcome::Failed, format!("{} without an answer", end.verb())),
        Introduction::Alert(alert) => (Outcome::Failed, format!("ended with {alert}")),
        Introduction::Silent => (Outcome::Failed, "no answer in time".to_owned()),
    };
    Some((outcome, took(case, seen.id), text))
}

fn introduced(case: Case<'_>) -> String {
    let name = case.last(|fact| match fact {
        Fact::NtlmDnsComputer(name) | Fact::NtlmComputer(name) => Some(name.clone()),
        _ => None,
    });
    let version = case.last(|fact| if let Fact::NtlmVersion(version) = fact { Some(*version) } else { None });
    let name = name.map(|seen| format!(", it calls itself {}", seen.value)).unwrap_or_default();
    let version = version.map(|seen| format!(", version {}", version_text(seen.value))).unwrap_or_default();
    name + &version
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Verdict;
    use crate::sketch::{Sketch, host};
    use wire::machine::End;
    use wire::tls::TlsVersion;

    fn answers(answers: &[Introduction]) -> Verdict {
        let up = host("192.0.2.7").nla().tls_up(TlsVersion::Tls13);
        let add = |sketch: Sketch, answer: &Introduction| sketch.with(Fact::CredsspAnswer(answer.clone()));
        answers.iter().fold(up, add).diagnose().verdict
    }

    fn patient(first: u64, second: u64) -> Verdict {
        let up = host("192.0.2.7").nla().tls_up(TlsVersion::Tls13);
        let silent = up.with(Fact::CredsspAnswer(Introduction::Silent)).took(std::time::Duration::from_millis(first));
        let answered = silent.with(Fact::CredsspAnswer(Introduction::Challenge(6)));
        answered.took(std::time::Duration::from_millis(second)).diagnose().verdict
    }

    /// Every second logon fails there. A slow host answers when it is given time, and is well; one that answers at once
    /// lost the first.
    #[test]
    fn a_host_that_breaks_off_at_times_is_not_healthy() {
        let (up, closed) = (Introduction::Challenge(6), Introduction::Closed(End::Fin));
        assert_eq!(answers(std::slice::from_ref(&up)), Verdict::Healthy);
        assert_eq!(answers(&[closed, up]), Verdict::Undetermined);
        let empty = || Introduction::Refused { version: 6, status: None };
        for odd in [empty(), Introduction::Refused { version: 6, status: Some(0) }, Introduction::Rejected(6)] {
            let up = || Introduction::Challenge(6);
            assert_eq!(answers(&[odd.clone(), up()]), Verdict::Undetermined);
            assert_eq!(answers(&[odd.clone(), up(), up(), up()]), Verdict::Undetermined, "or one of four machines");
            let later = [vec![odd], vec![up(); 6]].concat();
            assert_eq!(answers(&later), Verdict::Healthy, "it was starting");
        }
        assert_eq!(patient(3000, 5000), Verdict::Healthy);
        assert_eq!(patient(3000, 5), Verdict::Undetermined);
    }
}
