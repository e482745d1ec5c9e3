//! Which case comes when.

use super::cases::{Case, Expected, Kind};
use crate::derived::Derived;

/// The cases in the order of a seed. After the last the next round begins, in another order.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    cases: Vec<Case>,
    seed: u64,
}

impl Plan {
    pub(super) fn new(cases: Vec<Case>, seed: u64) -> Self {
        Self { cases, seed }
    }

    pub(super) fn cases(&self) -> &[Case] {
        &self.cases
    }

    /// The case of task `number`; absent only when there are no cases at all.
    pub(super) fn case(&self, number: u64) -> Option<Case> {
        let n_cases = u64::try_from(self.cases.len()).ok()?;
        let round = number.checked_div(n_cases)?;
        let place = usize::try_from(number.checked_rem(n_cases)?).ok()?;
        self.order(round).get(place).and_then(|&at| self.cases.get(at)).cloned()
    }

    /// Positions of the cases in the order of a round: shuffled, with one in front that a newcomer understands.
    fn order(&self, round: u64) -> Vec<usize> {
        let derived = Derived::from_words(&["order", &self.seed.to_string(), &round.to_string()]);
        let mut order: Vec<usize> = (0..self.cases.len()).collect();
        for at in (1..order.len()).rev() {
            let other = derived.below(at as u64 + 1);
            order.swap(at, usize::try_from(other).unwrap_or(at));
        }
        let is_opener = |case: &Case| {
            case.kind == Kind::Plain
                && case.handoffs.len() == 1
                && case.handoffs.iter().all(|handoff| handoff.expected == Expected::Open)
        };
        if let Some(opener) = order.iter().position(|&at| self.cases.get(at).is_some_and(is_opener)) {
            order.swap(0, opener);
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::cases::read_cases;
    use super::*;

    #[test]
    fn a_round_holds_every_case_once_and_the_first_waits_for_a_person() {
        let plan = Plan::new(read_cases().unwrap(), 7);
        let n_cases = plan.cases().len() as u64;
        for round in 0..3 {
            let ids: BTreeSet<String> =
                (0..n_cases).map(|place| plan.case(round * n_cases + place).unwrap().id).collect();
            assert_eq!(ids.len() as u64, n_cases);
            let first = plan.case(round * n_cases).unwrap();
            assert_eq!((first.kind, first.handoffs[0].expected), (Kind::Plain, Expected::Open));
        }
    }

    #[test]
    fn the_order_follows_from_the_seed() {
        let ids = |seed| {
            let plan = Plan::new(read_cases().unwrap(), seed);
            (0..40).map(|number| plan.case(number).unwrap().id).collect::<Vec<_>>()
        };
        assert_eq!(ids(7), ids(7));
        assert_ne!(ids(7), ids(8));
    }

    #[test]
    fn without_cases_there_is_nothing_to_do() {
        assert!(Plan::new(Vec::new(), 1).case(0).is_none());
    }
}
