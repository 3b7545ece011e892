//! The order in which fixes and measurements are tried where several causes are in question: the one with the least
//! expected cost until the connection works, when a probe decides after each step.
//!
//! Causes in question exclude each other here: one of them is the root, each with a weight by its confidence. A fix
//! costs its minutes and leaves the causes that it does not mend; a measurement costs its minutes and leaves those of
//! one of its parts. Weights and minutes are assumptions, in this file alone: only their ratios matter.

use schemars::JsonSchema;
use serde::Serialize;

use crate::cause::{Confidence, Severity};
use crate::fixes::{self, Fix, Safety};
use crate::report::{Finding, Next};

/// Most causes in question that are put in order.
const ASKED: usize = 20;
/// Most causes for which all orders are looked at, over every subset of them.
const MOST: usize = 10;
/// Actions that the greedy order looks ahead.
const AHEAD: usize = 2;
/// Minutes of a measurement.
const MEASURING: f64 = 5.0;

/// Step of the order.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct OrderedStep {
    /// Fix that is tried, by its id; null for a measurement.
    pub fix: Option<String>,
    /// Command of the measurement; null for a fix.
    pub measure: Option<String>,
    /// Causes that the fix mends, or that the measurement decides between.
    pub causes: Vec<String>,
    /// Assumed cost, in minutes of work and of cut sessions.
    pub minutes: f64,
    /// Reason for its place.
    pub why: String,
}

/// Something that can be done, over causes that are numbered from 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Action {
    /// Cost of doing it once, minutes, above 0.
    pub cost: f64,
    /// Effect on the causes in question.
    pub effect: Effect,
}

/// Effect of an action, as sets of causes: bit n is cause n.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Mends these causes.
    Mends(u32),
    /// Tells in which of these sets the cause lies; what is in none of them is one more set.
    Tells(Vec<u32>),
}

/// Causes in question with their weights, and all that can be done.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Choice {
    /// Weight of each cause, above 0; they need not add up to 1.
    pub weights: Vec<f64>,
    /// Everything that can be done.
    pub actions: Vec<Action>,
}

impl Choice {
    /// Returns the least expected cost and the action to begin with, by looking at every order; the cost is that of all
    /// causes together, each times its weight. `None` with more than ten causes, or if nothing mends any of these.
    pub fn exact(&self) -> Option<(f64, usize)> {
        if self.weights.is_empty() || self.weights.len() > MOST {
            return None;
        }
        let all = (1_u32 << self.weights.len()) - 1;
        let mut best: Vec<(f64, Option<usize>)> = vec![(0.0, None); all as usize + 1];
        // a set is decided after all smaller ones, which actions lead to
        for set in 1..=all {
            let costs = (0..self.actions.len()).filter_map(|number| {
                let rest = self.left(number, set)?;
                let after: f64 = rest.iter().map(|rest| best[*rest as usize].0).sum();
                Some((self.actions[number].cost * self.weight(set) + after, number))
            });
            best[set as usize] = match costs.min_by(|one, other| one.0.total_cmp(&other.0)) {
                Some((cost, number)) => (cost, Some(number)),
                // what nothing mends costs nothing: no order changes it
                None => (0.0, None),
            };
        }
        let (cost, first) = best[all as usize];
        Some((cost, first?))
    }

    /// Returns a good action to begin with, for any number of causes: the one with the least cost, if the best action
    /// follows, and then each time the fix that mends most weight a minute.
    pub fn greedy(&self, set: u32) -> Option<usize> {
        self.ahead(set, AHEAD).map(|(_, number)| number)
    }

    /// Returns the least cost and its action, looking so many actions ahead and then going by rate.
    fn ahead(&self, set: u32, actions: usize) -> Option<(f64, usize)> {
        let costs = (0..self.actions.len()).filter_map(|number| {
            let rest = self.left(number, set)?;
            let after = rest.into_iter().map(|rest| match actions {
                0 | 1 => self.by_rate(rest),
                _ => self.ahead(rest, actions - 1).map_or(0.0, |(cost, _)| cost),
            });
            Some((self.actions[number].cost * self.weight(set) + after.sum::<f64>(), number))
        });
        costs.min_by(|one, other| one.0.total_cmp(&other.0))
    }

    /// Returns the expected cost of going by [`Self::greedy`] at every step.
    pub fn greedy_cost(&self, set: u32) -> f64 {
        let Some((number, rest)) = self.greedy(set).and_then(|number| Some((number, self.left(number, set)?))) else {
            return 0.0;
        };
        let after: f64 = rest.iter().map(|rest| self.greedy_cost(*rest)).sum();
        self.actions[number].cost * self.weight(set) + after
    }

    /// Returns the expected cost of fixes alone, the one that mends most weight a minute first.
    fn by_rate(&self, mut set: u32) -> f64 {
        let mut cost = 0.0;
        loop {
            let mending = self.actions.iter().filter_map(|action| match action.effect {
                Effect::Mends(mends) if mends & set != 0 => {
                    Some((self.weight(mends & set) / action.cost, action, mends))
                }
                _ => None,
            });
            let Some((_, action, mends)) = mending.max_by(|one, other| one.0.total_cmp(&other.0)) else { return cost };
            cost += action.cost * self.weight(set);
            set &= !mends;
        }
    }

    /// Returns the sets of causes that may be left after an action; `None` if it changes nothing about this set.
    fn left(&self, number: usize, set: u32) -> Option<Vec<u32>> {
        match &self.actions[number].effect {
            Effect::Mends(mends) => (mends & set != 0).then(|| vec![set & !mends]),
            Effect::Tells(parts) => {
                let told = parts.iter().fold(0, |all, part| all | part);
                let sets = parts.iter().copied().chain([!told]).map(|part| part & set).filter(|part| *part != 0);
                let sets: Vec<u32> = sets.collect();
                (sets.len() > 1).then_some(sets)
            }
        }
    }

    fn weight(&self, set: u32) -> f64 {
        let own = self.weights.iter().enumerate().filter(|(number, _)| set & (1 << number) != 0);
        own.map(|(_, weight)| weight).sum()
    }
}

/// Assumes how often a cause in question is the root, by the confidence in it.
fn weight(confidence: Confidence) -> f64 {
    match confidence {
        Confidence::Proven => 20.0,
        Confidence::Likely => 6.0,
        Confidence::Possible => 2.0,
    }
}

/// Assumes the minutes of a fix, those of people whose sessions it cuts among them.
fn minutes(fix: &Fix) -> f64 {
    match fix.safety {
        Safety::Safe => 3.0,
        Safety::Disruptive => 15.0,
        Safety::Manual => 30.0,
        // never before anything else
        Safety::Weakening | Safety::Refused => 600.0,
    }
}

/// Returns the order of fixes and measurements for what was found, best first: one that is tried as long as the step
/// before it did not help. Empty where there is nothing to choose: fewer than two causes in question.
pub fn order(findings: &[Finding], next: &[Next]) -> Vec<OrderedStep> {
    let mut asked: Vec<&Finding> = Vec::new();
    for finding in findings.iter().filter(|finding| finding.severity < Severity::Advisory) {
        let brought = findings.iter().any(|root| root.root_of.contains(&finding.cause));
        if !brought && !asked.iter().any(|known| known.cause == finding.cause) && asked.len() < ASKED {
            asked.push(finding);
        }
    }
    if asked.len() < 2 || asked.iter().all(|finding| finding.confidence == Confidence::Proven) {
        return Vec::new();
    }
    let named = |causes: &[String]| -> u32 {
        let numbered = asked.iter().enumerate().filter(|(_, finding)| causes.contains(&finding.cause));
        numbered.map(|(number, _)| 1 << number).sum()
    };
    let mut steps: Vec<(OrderedStep, Action)> = Vec::new();
    for (number, finding) in asked.iter().enumerate() {
        let usual = finding.fixes.first().and_then(|id| fixes::find(id));
        let Some(fix) = usual.filter(|fix| fix.safety != Safety::Refused) else { continue };
        if let Some((step, Action { effect: Effect::Mends(mends), .. })) =
            steps.iter_mut().find(|(step, _)| step.fix.as_deref() == Some(fix.id))
        {
            step.causes.push(finding.cause.clone());
            *mends |= 1 << number;
            continue;
        }
        let (cost, causes) = (minutes(fix), vec![finding.cause.clone()]);
        let step =
            OrderedStep { fix: Some(fix.id.to_owned()), measure: None, causes, minutes: cost, why: String::new() };
        steps.push((step, Action { cost, effect: Effect::Mends(1 << number) }));
    }
    for measure in next {
        let parts: Vec<u32> = measure.splits.iter().map(|cause| named(std::slice::from_ref(cause))).collect();
        let (measured, causes) = (Some(measure.command.clone()), measure.splits.clone());
        let step = OrderedStep { fix: None, measure: measured, causes, minutes: MEASURING, why: String::new() };
        let parts = parts.into_iter().filter(|part| *part != 0).collect();
        steps.push((step, Action { cost: MEASURING, effect: Effect::Tells(parts) }));
    }
    let choice = Choice {
        weights: asked.iter().map(|finding| weight(finding.confidence)).collect(),
        actions: steps.iter().map(|(_, action)| action.clone()).collect(),
    };
    chain(&choice, &steps, &asked)
}

/// Follows the best order as long as nothing helped. A measurement ends the chain: its result decides what follows.
fn chain(choice: &Choice, steps: &[(OrderedStep, Action)], asked: &[&Finding]) -> Vec<OrderedStep> {
    let (mut set, mut ordered) = ((1_u32 << asked.len()) - 1, Vec::new());
    while let Some(number) = choice.of(set).exact().map(|(_, number)| number).or_else(|| choice.greedy(set)) {
        let (mut step, action) = steps[number].clone();
        step.why = why(&step, set, asked);
        ordered.push(step);
        match action.effect {
            Effect::Mends(mends) => set &= !mends,
            Effect::Tells(_) => break,
        }
        if set == 0 {
            break;
        }
    }
    ordered
}

impl Choice {
    /// Narrows the choice to a set of causes: the others weigh nothing.
    fn of(&self, set: u32) -> Self {
        let weights = self.weights.iter().enumerate();
        let weights = weights.map(|(number, weight)| if set & (1 << number) == 0 { 0.0 } else { *weight });
        let actions = self.actions.iter().map(|action| Action {
            cost: action.cost,
            effect: match &action.effect {
                Effect::Mends(mends) => Effect::Mends(mends & set),
                Effect::Tells(parts) => Effect::Tells(parts.iter().map(|part| part & set).collect()),
            },
        });
        Self { weights: weights.collect(), actions: actions.collect() }
    }
}

fn why(step: &OrderedStep, set: u32, asked: &[&Finding]) -> String {
    let open = asked.iter().enumerate().filter(|(number, _)| set & (1 << number) != 0).count();
    let minutes = step.minutes;
    if step.measure.is_some() {
        return format!("it tells which of {open} causes it is, for about {minutes} minutes");
    }
    let confidence =
        asked.iter().filter(|finding| step.causes.contains(&finding.cause)).map(|finding| finding.confidence);
    let likely = match confidence.min() {
        Some(Confidence::Proven) => "proven",
        Some(Confidence::Likely) => "likely",
        _ => "possible",
    };
    let cuts = step.fix.as_deref().and_then(fixes::find).is_some_and(|fix| fix.safety == Safety::Disruptive);
    let cuts = if cuts { ", and may cut sessions" } else { "" };
    format!("it mends a {likely} cause for about {minutes} minutes{cuts}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::strategy::ValueTree as _;

    use super::*;

    fn mends(cost: f64, causes: u32) -> Action {
        Action { cost, effect: Effect::Mends(causes) }
    }

    #[test]
    fn the_cheap_and_likely_goes_first_and_a_measurement_where_it_pays() {
        let two = Choice { weights: vec![6.0, 2.0], actions: vec![mends(30.0, 1), mends(3.0, 2)] };
        // 3 minutes for all, then 30 for three of four
        assert_eq!(two.exact(), Some((3.0 * 8.0 + 30.0 * 6.0, 1)));
        let alike = Choice { weights: vec![6.0, 2.0], actions: vec![mends(15.0, 1), mends(15.0, 2)] };
        assert_eq!(alike.exact().map(|(_, first)| first), Some(0));
        let dear = |measuring: f64| {
            let tells = Action { cost: measuring, effect: Effect::Tells(vec![1, 2]) };
            Choice { weights: vec![4.0, 4.0], actions: vec![mends(30.0, 1), mends(30.0, 2), tells] }
        };
        // a wrong fix costs 30 minutes for every second one
        assert_eq!([10.0, 20.0].map(|cost| dear(cost).exact().unwrap().1), [2, 0]);
        assert_eq!([10.0, 20.0].map(|cost| dear(cost).greedy(3).unwrap()), [2, 0]);
        assert_eq!(Choice { weights: vec![1.0], actions: Vec::new() }.exact(), None);
    }

    fn found(cause: &'static crate::cause::Cause, confidence: Confidence) -> Finding {
        Finding {
            cause: cause.id.to_owned(),
            subject: 0,
            severity: Severity::Blocking,
            confidence,
            stage: cause.stage,
            title: cause.title.to_owned(),
            because: Vec::new(),
            explains_symptom: None,
            root_of: Vec::new(),
            fixes: cause.fixes.iter().map(|id| (*id).to_owned()).collect(),
            advice: None,
            claims: Vec::new(),
        }
    }

    #[test]
    fn a_doubt_is_put_in_order_and_what_is_proven_is_none() {
        let cause = |id: &str| crate::causes::find(id).unwrap();
        let (key, port) = (cause("private-key-unusable"), cause("port-filtered"));
        let doubt = [found(key, Confidence::Likely), found(port, Confidence::Possible)];
        let ordered = order(&doubt, &[]);
        let tried: Vec<_> = ordered.iter().map(|step| step.fix.as_deref()).collect();
        assert_eq!(tried.len(), 2, "{ordered:?}");
        assert!(ordered.iter().any(|step| step.why.contains("likely")), "{ordered:?}");
        // measuring is cheaper than a fix for the wrong cause
        let causes = doubt.iter().map(|finding| finding.cause.clone());
        let measure = Next { command: "look".to_owned(), splits: causes.collect(), why: String::new() };
        let even = [found(key, Confidence::Likely), found(port, Confidence::Likely)];
        let measured = order(&even, std::slice::from_ref(&measure));
        assert_eq!(measured.first().and_then(|step| step.measure.as_deref()), Some("look"), "{measured:?}");
        let proven = [found(key, Confidence::Proven), found(port, Confidence::Proven)];
        assert_eq!((order(&proven, &[]), order(&doubt[..1], &[measure])), (Vec::new(), Vec::new()));
        // a symptom is no cause of its own
        let mut root = doubt.clone();
        root[0].root_of.push(port.id.to_owned());
        assert_eq!(order(&root, &[]), Vec::new());
    }

    /// Choices with two to seven causes, a fix for each, and a few more fixes and measurements.
    fn choices() -> impl Strategy<Value = Choice> {
        (2_usize..=7).prop_flat_map(|causes| {
            let most = (1_u32 << causes) - 1;
            let own = prop::collection::vec(1.0_f64..60.0, causes);
            let more = prop::collection::vec((1.0_f64..60.0, 1..=most), 0..3);
            let tells = prop::collection::vec((1.0_f64..30.0, 1..=most), 0..3);
            (prop::collection::vec(0.5_f64..20.0, causes), own, more, tells).prop_map(|(weights, own, more, tells)| {
                let own = own.into_iter().enumerate().map(|(cause, cost)| mends(cost, 1 << cause));
                let more = more.into_iter().map(|(cost, causes)| mends(cost, causes));
                let tells = tells.into_iter().map(|(cost, part)| Action { cost, effect: Effect::Tells(vec![part]) });
                Choice { weights, actions: own.chain(more).chain(tells).collect() }
            })
        })
    }

    /// Over 1,000 random choices, going by the greedy rule costs at most 5 % more than the best order, in each of them.
    #[test]
    #[allow(clippy::print_stdout)] // the figures of the book
    fn the_greedy_order_costs_little_more_than_the_best() {
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        let (mut best, mut ours, mut worst, mut near) = (0.0, 0.0, 1.0_f64, 0);
        for _ in 0..1000 {
            let choice = choices().new_tree(&mut runner).unwrap().current();
            let (exact, _) = choice.exact().unwrap();
            let all = (1_u32 << choice.weights.len()) - 1;
            let greedy = choice.greedy_cost(all);
            assert!(greedy >= exact * 0.999_999, "{greedy} is less than the best, {exact}: {choice:?}");
            (best, ours, worst) = (best + exact, ours + greedy, worst.max(greedy / exact));
            near += usize::from(greedy <= exact * 1.05);
        }
        let more = (ours / best - 1.0) * 100.0;
        println!("all in all {more:.2} % more; {near} of 1,000 within 5 %; the worst {worst:.2} times the best");
        assert!(ours <= best * 1.05 && near == 1000, "{ours} and {best}: {near} of 1,000 near, at worst {worst} times");
    }
}
