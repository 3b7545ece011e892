//! First words of a client behind TLS, whichever way it goes: its introduction through CredSSP, or its opening of the
//! connection sequence. Of several tries at either it is counted how many fail.

use super::connection_sequence::{ask, outcomes};
use super::credssp::tries;
use crate::case::{Case, Seen};
use crate::need::{Again, Asking, Kind, Need, Of};
use crate::tries::counted;

static FURTHER_SETUPS: Kind = Kind {
    name: "further-setups",
    words: |_| "the answers to a client's first words behind TLS on further tries".to_owned(),
    answered: |case, _| varied(case) && counted(&setups(case)),
    asking: Some(Asking {
        again: Again::Soon,
        askable: |case, _| varied(case),
        question: |case, _, all| ask(case, all),
    }),
};

impl Need {
    /// Asks what was answered and broken off behind TLS again, until it is clear how often it fails.
    pub const FURTHER_SETUPS: Self = Self::new(&FURTHER_SETUPS, Of::Nothing);
}

/// Tells for each try whether it was answered, in order.
pub(crate) fn setups(case: Case<'_>) -> Vec<Seen<bool>> {
    let mut all = outcomes(case);
    if case.context.profile.protocols.credssp() {
        all.extend(tries(case));
    }
    all.sort_by_key(|seen| seen.id);
    all
}

/// True if it was both answered and broken off.
fn varied(case: Case<'_>) -> bool {
    let setups = setups(case);
    [true, false].iter().all(|outcome| setups.iter().any(|seen| seen.value == *outcome))
}
