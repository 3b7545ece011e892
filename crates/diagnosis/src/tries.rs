//! Questions put several times: whether a host's answers are its own, or a matter of chance.

use std::time::Duration;

use evidence::fact::Handshake;
use evidence::{Because, Source};
use wire::tls::{TlsOffer, TlsStack, TlsVersion};

use crate::as_client::{first_offer, named_by_rustls};
use crate::case::{Case, Seen};

/// True for anything that is no acceptance, where the fault is not ours.
fn refused_or_silent(answer: &Handshake) -> bool {
    !matches!(answer, Handshake::Accepted { .. } | Handshake::OwnFailure(_))
}

/// How long an answer took.
fn took(case: Case<'_>, id: usize) -> Option<Duration> {
    case.evidence.observations[id - 1].took
}

/// True for a silence that may have been slowness: the host took more than half that time for an answer, and another
/// time may take longer, or this computer may.
pub(crate) fn waited_too_short(waited: Option<Duration>, slowest: Option<Duration>) -> bool {
    slowest.unwrap_or_default().saturating_mul(2) > waited.unwrap_or_default()
}

/// Took or refused; `None` for what says neither, and for a silence that may have been slowness.
pub(crate) fn outcome(case: Case<'_>, seen: &Seen<(TlsOffer, &Handshake)>) -> Option<bool> {
    let taken = |answer: &Handshake| matches!(answer, Handshake::Accepted { .. });
    if taken(seen.value.1) {
        return Some(true);
    }
    let slowest = case.tls().filter(|seen| taken(seen.value.1)).filter_map(|seen| took(case, seen.id)).max();
    let silent = matches!(seen.value.1, Handshake::Silent { .. });
    let impatient = silent && waited_too_short(took(case, seen.id), slowest);
    (refused_or_silent(seen.value.1) && !impatient).then_some(false)
}

/// A hello that it has both taken and refused, or that it ended without a word although it takes all that is in it.
pub fn varied(case: Case<'_>) -> Option<TlsOffer> {
    taken_and_refused(case).or_else(|| contradicted(case))
}

/// A hello that it has both taken and refused.
fn taken_and_refused(case: Case<'_>) -> Option<TlsOffer> {
    let outcomes = || case.tls().filter_map(move |seen| Some((seen.value.0, outcome(case, &seen)?)));
    let taken = |offer| outcomes().any(|(other, up)| up && other == offer);
    let refused = || outcomes().filter(|(offer, up)| !up && offer.stack != TlsStack::Watched).map(|(offer, _)| offer);
    refused().find(|offer| taken(*offer))
}

/// The first hello, where it was ended without a word twice, and the host chose of another one what was in it as well.
fn contradicted(case: Case<'_>) -> Option<TlsOffer> {
    let modern = first_offer(case);
    let answers: Vec<_> = case.tls().filter(|seen| seen.value.0 == modern).collect();
    let wordless = answers.iter().all(|seen| matches!(seen.value.1, Handshake::Closed { bytes: 0, .. }));
    let shared = case.tls().any(|seen| match seen.value {
        (offer, Handshake::Accepted { version: Some(TlsVersion::Tls13), .. }) => offer.name == modern.name,
        _ => false,
    });
    let alike = shared && modern.max == TlsVersion::Tls13 && named_by_rustls(case);
    (answers.len() > 1 && wordless && alike).then_some(modern)
}

/// Every answer to a hello that the host has taken at least once, in order: true where it took it.
pub fn takings(case: Case<'_>) -> Vec<Seen<bool>> {
    let told: Vec<(TlsOffer, Seen<bool>)> = case
        .tls()
        .filter_map(|seen| Some((seen.value.0, Seen { value: outcome(case, &seen)?, id: seen.id })))
        .collect();
    let good = |offer| told.iter().any(|(other, seen)| seen.value && *other == offer);
    told.iter().filter(|(offer, _)| good(*offer)).map(|(_, seen)| *seen).collect()
}

/// True if this hello was sent twice in a row. Of machines that take turns behind one address, the same one never
/// answers both.
pub fn twice_in_a_row(case: Case<'_>, offer: TlsOffer) -> bool {
    let sent: Vec<TlsOffer> = case.tls().map(|seen| seen.value.0).collect();
    sent.windows(2).any(|pair| pair.iter().all(|hello| *hello == offer))
}

/// How many of the last tries must have gone well before a host that failed at first is taken for one that was
/// starting.
const STEADY: usize = 3;
/// How many tries tell how often a host fails, or that it fails less often than every other time.
pub const COUNTED: usize = 6;

/// Pause after which a connection is no longer on the heels of another. Some servers serve one client at a time, and
/// drop who comes while they put the last one away.
const HEELS: Duration = Duration::from_millis(250);

/// True if this was seen in a connection that came on the heels of another one to the same address.
fn on_the_heels(case: Case<'_>, id: usize) -> bool {
    let source = case.evidence.observations.get(id - 1).map(|seen| seen.source);
    let Some(Source::Probe(number)) = source else { return false };
    let (mut ended, mut began) = (None, None);
    for seen in case.evidence.observations.about(case.subject) {
        match seen.source {
            Source::Probe(earlier) if earlier < number => ended = ended.max(Some(seen.at)),
            Source::Probe(same) if same == number => {
                let start = seen.at.saturating_sub(seen.took.unwrap_or_default().try_into().unwrap_or_default());
                began = Some(began.map_or(start, |known: time::OffsetDateTime| known.min(start)));
            }
            _ => {}
        }
    }
    began.zip(ended).is_some_and(|(began, ended)| began - ended < HEELS)
}

/// Takes out the failures that our own pace explains, before TLS: of connections on the heels of another. Whoever is
/// let in further is served.
pub fn minded(case: Case<'_>, tries: Vec<Seen<bool>>) -> Vec<Seen<bool>> {
    let spared = |seen: &Seen<bool>| seen.value || !on_the_heels(case, seen.id);
    tries.into_iter().filter(spared).collect()
}

/// True if it is clear whether the host was only starting: it failed after a success and was asked often enough, or
/// went on well.
pub fn settled(case: Case<'_>) -> bool {
    match contradicted(case).filter(|_| taken_and_refused(case).is_none()) {
        Some(offer) => case.times(offer) >= COUNTED,
        None => counted(&takings(case)),
    }
}

/// True if these tries of one thing, true where it went well, are enough to tell chance from a start.
pub fn counted(tries: &[Seen<bool>]) -> bool {
    let first = tries.iter().position(|seen| seen.value).unwrap_or(tries.len());
    let failed_later = tries.iter().skip(first).any(|seen| !seen.value);
    if failed_later { tries.len() >= COUNTED } else { only_started(tries) }
}

/// True if it went well each time, and often enough: of two times nobody knows whether the third does.
pub fn never_fails(tries: &[Seen<bool>]) -> bool {
    tries.len() >= COUNTED && tries.iter().all(|seen| seen.value)
}

/// True if it failed at first, if at all, and then went on well often enough to be believed.
pub fn only_started(tries: &[Seen<bool>]) -> bool {
    let well = tries.iter().skip_while(|seen| !seen.value);
    well.clone().all(|seen| seen.value) && well.count() >= STEADY
}

/// True if no hello that it has taken was refused later: what it makes of another hello is no chance.
pub fn steady(case: Case<'_>) -> bool {
    let takings = takings(case);
    takings.iter().skip_while(|seen| !seen.value).all(|seen| seen.value)
}

/// The interval in which the share of failures lies with 95 %, of k failures in n tries (Wilson), in whole per cent.
fn interval(k: usize, n: usize) -> (u32, u32) {
    let (least, most) = exact_interval(k, n);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 100")]
    let whole = |value: f64| value.round() as u32;
    (whole(least), whole(most))
}

/// Returns that interval in per cent, from 0 to 100, unrounded.
pub(crate) fn exact_interval(k: usize, n: usize) -> (f64, f64) {
    let (Ok(k), Ok(n)) = (u32::try_from(k), u32::try_from(n.max(1))) else { return (0.0, 100.0) };
    let (n, share, z) = (f64::from(n), f64::from(k) / f64::from(n), 1.96_f64);
    let middle = share + z * z / (2.0 * n);
    let half = z * (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt();
    let scale = 100.0 / (1.0 + z * z / n);
    (((middle - half) * scale).clamp(0.0, 100.0), ((middle + half) * scale).clamp(0.0, 100.0))
}

/// True if the failures came in one run behind tries that went well: a machine of several, or something that counts
/// connections and lets no more of them through for a while. Of who sent so many no share follows.
pub fn in_one_run(tries: &[Seen<bool>]) -> bool {
    let runs = || tries.chunk_by(|one, next| one.value == next.value);
    let mut failed = runs().filter(|run| !run[0].value);
    let last = tries.last().is_some_and(|seen| !seen.value);
    failed.next().is_some_and(|run| last || run.len() > 1) && failed.next().is_none()
}

/// Reasons that one thing went well, and failed later; `None` where it never failed after a success. The share of
/// failures is told where they are spread as chance and turns spread them.
pub fn at_times(tries: &[Seen<bool>], taken: &str, dropped: &str) -> Option<Vec<Because>> {
    let first = tries.iter().position(|seen| seen.value)?;
    let failure = tries.iter().skip(first).find(|seen| !seen.value)?;
    let (total, failed) = (tries.len(), tries.iter().filter(|seen| !seen.value).count());
    let spread = if in_one_run(tries) {
        "one after another: another machine was met, or something counts connections and had enough of ours".to_owned()
    } else {
        let (least, most) = interval(failed, total);
        format!("so {least} to {most} per cent of all (95 % confidence)")
    };
    let good = tries.get(first)?;
    let share = format!("{dropped}: {failed} of {total} such tries failed, {spread}");
    Some(vec![good.because(taken), failure.because(share)])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A host that takes a second for its answers takes more at times, as this computer does.
    #[test]
    fn a_silence_of_a_slow_host_is_no_loss() {
        let time = |milliseconds| Some(Duration::from_millis(milliseconds));
        assert!(waited_too_short(time(1200), time(1050)));
        assert!(!waited_too_short(time(1200), time(300)));
        assert!(!waited_too_short(time(1200), None));
    }

    /// A limiter lets so many through and then none; who takes turns comes round again.
    #[test]
    fn what_fails_in_one_run_has_no_share() {
        let tries = |outcomes: &str| -> Vec<Seen<bool>> {
            (1..).zip(outcomes.chars()).map(|(id, outcome)| Seen { value: outcome == '+', id }).collect()
        };
        let told = |outcomes| at_times(&tries(outcomes), "taken", "dropped").map(|because| because[1].text.clone());
        for run in ["+++---", "+++++-", "+---++", "++----"] {
            assert!(!told(run).unwrap().contains("per cent"), "{run}");
        }
        for spread in ["+-+-+-", "-+-+++", "+--+-+", "-++-++", "++-+++"] {
            assert!(told(spread).unwrap().contains("per cent"), "{spread}");
        }
        assert_eq!(told("--++++"), None, "it was starting");
    }

    #[test]
    fn a_share_has_its_interval() {
        assert_eq!(interval(3, 6), (19, 81));
        assert_eq!(interval(1, 6), (3, 56));
        assert_eq!(interval(0, 0), (0, 79));
    }
}
