//! Leaves out of a failing plan whatever isn't needed to fail in the same way (delta debugging).

use std::ops::Range;

use crate::plan::Plan;
use crate::violation::Violation;
use crate::world::run;

/// Runs that shrinking may take.
const BUDGET: u32 = 3_000;

/// A smaller plan that breaks the same promise, and how it breaks it. `violation` is what `plan` came to.
pub fn shrink(plan: &Plan, violation: Violation) -> (Plan, Violation) {
    let mut shrinking = Shrinking {
        plan: plan.clone(),
        violation,
        left: BUDGET,
    };
    loop {
        let before = shrinking.size();
        shrinking.reduce(
            |plan| plan.schedule.0.len(),
            |plan, range| drop(plan.schedule.0.drain(range)),
        );
        for task in 0..plan.workload.tasks.len() {
            shrinking.reduce(
                |plan| plan.workload.tasks[task].len(),
                |plan, range| drop(plan.workload.tasks[task].drain(range)),
            );
        }
        if shrinking.size() == before || shrinking.left == 0 {
            return (shrinking.plan, shrinking.violation);
        }
    }
}

struct Shrinking {
    plan: Plan,
    violation: Violation,
    left: u32,
}

impl Shrinking {
    fn size(&self) -> usize {
        self.plan.schedule.0.len() + self.plan.workload.operations()
    }

    /// Leaves out ranges of a list, ever smaller ones, as long as the plan fails without them.
    fn reduce(&mut self, len: impl Fn(&Plan) -> usize, cut: impl Fn(&mut Plan, Range<usize>)) {
        let mut step = len(&self.plan);
        while step > 0 && self.left > 0 {
            let mut at = 0;
            while at < len(&self.plan) && self.left > 0 {
                let end = (at + step).min(len(&self.plan));
                let mut smaller = self.plan.clone();
                cut(&mut smaller, at..end);
                if !self.fails(smaller) {
                    at = end;
                }
            }
            step /= 2;
        }
    }

    /// Takes the plan if it fails as well.
    fn fails(&mut self, plan: Plan) -> bool {
        self.left -= 1;
        match run(&plan, false).violation {
            Some(violation) if violation.checker == self.violation.checker => {
                (self.plan, self.violation) = (plan, violation);
                true
            }
            _ => false,
        }
    }
}
