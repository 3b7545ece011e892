//! The stage `name`: turning the name into addresses.

use evidence::{Fact, Stage};
use wire::transcript::NameAnswer;

use super::room::{Room, Whose};
use crate::case::Case;
use crate::need::{Kind, Need, Of};
use crate::stage::rung::{Outcome, Rung, took};

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

fn rung(case: Case<'_>) -> Option<Rung> {
    let seen = case.last(|fact| if let Fact::NameAnswer(answer) = fact { Some(answer) } else { None })?;
    let (outcome, text) = match seen.value {
        NameAnswer::Addresses(list) => {
            let list: Vec<_> = list.iter().map(|address| address.ip().to_string()).collect();
            (Outcome::Passed, list.join(", "))
        }
        NameAnswer::NotFound { code } => (Outcome::Failed, format!("no such name, or no address for it (code {code})")),
        NameAnswer::TryAgain { code } => (Outcome::Failed, format!("the resolver could not answer (code {code})")),
        NameAnswer::Failed { code } => (Outcome::Failed, format!("the resolver failed (code {code})")),
        NameAnswer::Silent => (Outcome::Failed, "no answer from the resolver".to_owned()),
    };
    Some((outcome, took(case, seen.id), text))
}
