//! The stage `name`: turning the name into addresses.

use std::net::SocketAddr;

use evidence::{Because, Evidence, Fact, Source, Stage};
use wire::transcript::NameAnswer;

use super::addresses::is_nobodys;
use super::room::{Room, Whose};
use crate::case::Case;
use crate::need::{Kind, Need, Of};
use crate::stage::rung::{NO_NETWORK, NOT_TRIED, Outcome, Rung, took};

/// Its place on the ladder.
pub const ROOM: Room = Room { stage: Stage::Name, of: Whose::Resolver, rung };

static NAME: Kind = Kind {
    name: "name",
    words: |_| "what the name resolves to".to_owned(),
    answered: |case, _| case.seen(|fact| matches!(fact, Fact::NameAnswer(_)).then_some(())).next().is_some(),
    asking: None,
};

impl Need {
    /// Resolves the name. The run begins with it, whatever is asked.
    pub const NAME: Self = Self::new(&NAME, Of::Nothing);
}

/// Most addresses that are told one by one.
const TOLD: usize = 8;

/// Says which addresses of the name were not asked, if any: what a client meets there is not known, so such a host is
/// not called healthy.
pub fn unasked(evidence: &Evidence) -> Option<Because> {
    let (observation, list) = evidence.observations.iter().rev().find_map(|seen| match &seen.fact {
        Fact::NameAnswer(NameAnswer::Addresses(list)) => Some((seen.id, list)),
        _ => None,
    })?;
    let asked = |address: &SocketAddr| {
        let host = evidence.hosts().find(|id| evidence.subjects[*id].address == Some(*address));
        host.is_some_and(|id| evidence.observations.about(id).any(|seen| matches!(seen.source, Source::Probe(_))))
    };
    let unasked: Vec<String> =
        list.iter().filter(|one| !asked(one) && !is_nobodys(one)).map(|one| one.ip().to_string()).collect();
    // without a single connection it was no run, or the run says so itself
    if unasked.is_empty() || unasked.len() == list.len() {
        return None;
    }
    let more = unasked.len().saturating_sub(TOLD);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    let text = format!(
        "{} of the {} addresses of this name were not asked: {}{rest}. The next run asks others of them; to ask a \
         certain one, name it instead.",
        unasked.len(),
        list.len(),
        unasked.iter().take(TOLD).cloned().collect::<Vec<_>>().join(", ")
    );
    Some(Because { text, observation })
}

fn rung(case: Case<'_>) -> Option<Rung> {
    let seen = case.last(|fact| if let Fact::NameAnswer(answer) = fact { Some(answer) } else { None })?;
    let (outcome, text) = match seen.value {
        NameAnswer::Addresses(list) => {
            let outcome = if list.iter().all(is_nobodys) { Outcome::Failed } else { Outcome::Passed };
            let list: Vec<_> = list.iter().map(|address| address.ip().to_string()).collect();
            (outcome, list.join(", "))
        }
        NameAnswer::NotFound { code } => (Outcome::Failed, format!("no such name, or no address for it (code {code})")),
        NameAnswer::TryAgain { code } => (Outcome::Failed, format!("the resolver could not answer (code {code})")),
        NameAnswer::Failed { code } => (Outcome::Failed, format!("the resolver failed (code {code})")),
        NameAnswer::Silent => (Outcome::Failed, "no answer from the resolver".to_owned()),
        NameAnswer::NoNetwork => (Outcome::Skipped, format!("{NOT_TRIED}: {NO_NETWORK}")),
    };
    Some((outcome, took(case, seen.id), text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Verdict;
    use crate::sketch::host;
    use evidence::fact::Introduction;
    use wire::tls::TlsVersion;

    /// Name with these addresses, of which 192.0.2.7 was asked and is healthy.
    fn of_addresses(list: &[&str]) -> (Verdict, Vec<String>) {
        let list = list.iter().map(|address| address.parse().unwrap()).collect();
        let sketch = host("server").with(Fact::NameAnswer(NameAnswer::Addresses(list))).accepted().nla();
        let sketch = sketch.tls_up(TlsVersion::Tls13).with(Fact::CredsspAnswer(Introduction::Challenge(6)));
        let report = sketch.diagnose();
        (report.verdict, report.notices.into_iter().map(|notice| notice.text).collect())
    }

    #[test]
    fn what_was_not_asked_is_said_and_is_not_healthy() {
        assert_eq!(of_addresses(&["192.0.2.7:3389"]), (Verdict::Healthy, Vec::new()));
        let (verdict, told) = of_addresses(&["192.0.2.7:3389", "192.0.2.2:3389", "192.0.2.3:3389"]);
        assert_eq!(verdict, Verdict::Undetermined);
        assert!(
            told[0].starts_with("2 of the 3 addresses of this name were not asked: 192.0.2.2, 192.0.2.3."),
            "{told:?}"
        );
    }
}
