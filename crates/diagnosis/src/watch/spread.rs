//! How times spread, without keeping them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

/// Share of a new difference in the jitter (RFC 3550 section 6.4.1).
const SHARE: f64 = 1.0 / 16.0;

/// Spread of times, all in seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, JsonSchema)]
pub struct Spread {
    /// Number of times.
    pub count: u64,
    /// Shortest.
    pub least: f64,
    /// Mean.
    pub mean: f64,
    /// Longest.
    pub most: f64,
    /// Smoothed difference from one to the next (RFC 3550 section 6.4.1).
    pub jitter: f64,
    /// The newest.
    pub last: f64,
}

impl Spread {
    /// Adds a time.
    pub fn add(&mut self, seconds: f64) {
        if self.count == 0 {
            *self = Self { count: 1, least: seconds, mean: seconds, most: seconds, jitter: 0.0, last: seconds };
            return;
        }
        self.count += 1;
        // exact up to 2^53 rounds, and nobody waits for so many
        #[allow(clippy::cast_precision_loss)]
        let count = self.count as f64;
        self.mean += (seconds - self.mean) / count;
        self.jitter += ((seconds - self.last).abs() - self.jitter) * SHARE;
        (self.least, self.most, self.last) = (self.least.min(seconds), self.most.max(seconds), seconds);
    }
}

/// Times of rounds in which the host was up.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct StageTimes {
    /// All stages of a round together.
    pub whole: Spread,
    /// Each stage, by its word.
    pub stages: BTreeMap<String, Spread>,
}

impl StageTimes {
    pub(super) fn add(&mut self, whole: f64, stages: &BTreeMap<String, f64>) {
        self.whole.add(whole);
        for (stage, seconds) in stages {
            if let Some(spread) = self.stages.get_mut(stage) {
                spread.add(*seconds);
            } else {
                let mut spread = Spread::default();
                spread.add(*seconds);
                self.stages.insert(stage.clone(), spread);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_that_of_all_its_times() {
        let mut spread = Spread::default();
        for seconds in [2.0, 4.0, 3.0, 3.0] {
            spread.add(seconds);
        }
        assert_eq!((spread.count, spread.least, spread.mean, spread.most, spread.last), (4, 2.0, 3.0, 4.0, 3.0));
        // 2/16, then towards 1, then towards 0
        let expected = [2.0, 1.0, 0.0].iter().fold(0.0, |jitter, step| jitter + (step - jitter) / 16.0);
        assert!((spread.jitter - expected).abs() < 1e-12, "{}", spread.jitter);
    }
}
