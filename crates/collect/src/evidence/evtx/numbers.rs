//! Record numbers of a log. They are consecutive, even where a full log has wrapped around, so that a gap in the
//! numbers is a missing entry.

/// Most runs of numbers that are remembered.
const RUNS: usize = 512;

/// Numbers seen so far, in any order, as runs without a gap.
#[derive(Default)]
pub(super) struct Numbers {
    runs: Vec<(u64, u64)>,
    current: Option<(u64, u64)>,
    /// True if there were too many runs: only the lowest and highest number are known.
    scattered: bool,
}

/// Missing entries.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// A number of entries at a number of places, the first of them from number to number.
    Entries { count: u64, places: usize, first: (u64, u64) },
    /// Entries at more places than are counted.
    Scattered,
}

impl Numbers {
    pub(super) fn saw(&mut self, number: u64) {
        match &mut self.current {
            Some((first, last)) if (*first..=*last).contains(&number) => {}
            Some((_, last)) if last.checked_add(1) == Some(number) => *last = number,
            current => {
                self.runs.extend(current.replace((number, number)));
                if self.runs.len() >= RUNS {
                    self.shorten();
                }
            }
        }
    }

    fn shorten(&mut self) {
        self.runs = joined(std::mem::take(&mut self.runs));
        if self.runs.len() >= RUNS / 2 {
            self.scattered = true;
            let ends = self.runs.first().zip(self.runs.last()).map(|((first, _), (_, last))| (*first, *last));
            self.runs = ends.into_iter().collect();
        }
    }

    fn all(&self) -> Vec<(u64, u64)> {
        joined(self.runs.iter().copied().chain(self.current).collect())
    }

    /// Returns the lowest number and the highest.
    pub(super) fn ends(&self) -> Option<(u64, u64)> {
        let runs = self.all();
        Some((runs.first()?.0, runs.last()?.1))
    }

    /// Returns the entries missing between them.
    pub(super) fn missing(&self) -> Option<Missing> {
        if self.scattered {
            return Some(Missing::Scattered);
        }
        let runs = self.all();
        let gaps: Vec<(u64, u64)> = runs.iter().zip(runs.iter().skip(1)).map(|(a, b)| (a.1 + 1, b.0 - 1)).collect();
        let count = gaps.iter().map(|(first, last)| last - first + 1).sum();
        gaps.first().map(|first| Missing::Entries { count, places: gaps.len(), first: *first })
    }
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Scattered => write!(f, "entries are missing at more than {} places", RUNS / 2),
            Self::Entries { count, places, first: (first, last) } => {
                let entries = if *count == 1 { "entry is" } else { "entries are" };
                write!(f, "{count} {entries} missing between those that were read: ")?;
                match (*places, first == last) {
                    (1, true) => write!(f, "number {first}"),
                    (1, false) => write!(f, "numbers {first} to {last}"),
                    (places, _) => write!(f, "at {places} places, the first of them number {first} to {last}"),
                }
            }
        }
    }
}

/// Sorts runs, and joins those that touch or overlap.
fn joined(mut runs: Vec<(u64, u64)>) -> Vec<(u64, u64)> {
    runs.sort_unstable();
    let mut joined: Vec<(u64, u64)> = Vec::with_capacity(runs.len());
    for (first, last) in runs {
        match joined.last_mut() {
            Some(before) if first <= before.1.saturating_add(1) => before.1 = before.1.max(last),
            _ => joined.push((first, last)),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing(seen: impl IntoIterator<Item = u64>) -> Option<Missing> {
        let mut numbers = Numbers::default();
        seen.into_iter().for_each(|number| numbers.saw(number));
        numbers.missing()
    }

    #[test]
    fn what_is_missing_between_two_numbers_is_counted() {
        assert_eq!(missing([]), None);
        // wrapped around to the beginning of the file, and one chunk twice
        assert_eq!(missing((7..=9).chain(1..=6).chain(4..=6)), None);
        assert_eq!(missing([5, 6, 7, 5, 6]), None);
        let gap = missing((1..=1155).chain(1418..=1422)).unwrap();
        assert_eq!(gap, Missing::Entries { count: 262, places: 1, first: (1156, 1417) });
        assert_eq!(gap.to_string(), "262 entries are missing between those that were read: numbers 1156 to 1417");
        let two = missing([9, 1, 4, 5]).unwrap().to_string();
        assert_eq!(
            two,
            "5 entries are missing between those that were read: at 2 places, the first of them number 2 to 3"
        );
        assert!(
            missing([1, 3]).unwrap().to_string().contains("1 entry is missing between those that were read: number 2")
        );
        assert_eq!(
            missing([0, u64::MAX]),
            Some(Missing::Entries { count: u64::MAX - 1, places: 1, first: (1, u64::MAX - 1) })
        );
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut numbers = Numbers::default();
        (0..100_000).for_each(|number| numbers.saw(number * 3));
        assert!(numbers.runs.len() < RUNS);
        assert_eq!((numbers.missing(), numbers.ends()), (Some(Missing::Scattered), Some((0, 299_997))));
        // the runs of a log whose chunks come in any order join in the end
        assert_eq!(missing((0..5000).rev()), None);
    }
}
