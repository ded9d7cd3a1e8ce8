//! Faults that are put into the producer on purpose are found, each within so many seeds. Four tests, so that several
//! cores share them.

use raban_core::mutant::Mutant;
use raban_sim::{Plan, run};

/// Within how many seeds each is found.
fn bound(mutant: Mutant) -> u64 {
    match mutant {
        Mutant::DropGhost => 2_000,
        _ => 1_000,
    }
}

/// What the seed shows of the fault alone: sound, the producer passes it.
fn catches(seed: u64, mutant: Mutant) -> bool {
    let fails = |plan: &Plan| run(plan, false).violation.is_some();
    fails(&Plan::of(seed).with(mutant)) && !fails(&Plan::of(seed))
}

fn check(quarter: usize) {
    for mutant in Mutant::ALL.into_iter().skip(quarter).step_by(4) {
        let seeds = bound(mutant);
        let caught = (0..seeds).find(|seed| catches(*seed, mutant));
        println!("{mutant:?}: {caught:?}");
        assert!(caught.is_some(), "{mutant:?} passes {seeds} seeds");
    }
}

#[test]
fn mutants_from_0_are_caught() {
    check(0);
}

#[test]
fn mutants_from_1_are_caught() {
    check(1);
}

#[test]
fn mutants_from_2_are_caught() {
    check(2);
}

#[test]
fn mutants_from_3_are_caught() {
    check(3);
}
