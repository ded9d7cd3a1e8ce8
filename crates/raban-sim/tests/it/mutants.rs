//! Faults that are put into the producer on purpose are found, each within so many seeds.

use raban_core::mutant::Mutant;
use raban_sim::{Plan, run};

/// Within how many seeds each is found; none where no seed has found it yet.
fn bound(mutant: Mutant) -> Option<u64> {
    match mutant {
        Mutant::FloorAtHighestAcknowledged
        | Mutant::AbsentIsNever
        | Mutant::IgnoreGap
        | Mutant::ResendOldUnread => None,
        Mutant::DropGhost => Some(2_000),
        _ => Some(400),
    }
}

/// What the seed shows of the fault alone: sound, the producer passes it.
fn catches(seed: u64, mutant: Mutant) -> bool {
    let fails = |plan: &Plan| run(plan, false).violation.is_some();
    fails(&Plan::of(seed).with(mutant)) && !fails(&Plan::of(seed))
}

#[test]
fn mutants_are_caught() {
    for mutant in Mutant::ALL {
        if let Some(seeds) = bound(mutant) {
            let caught = (0..seeds).find(|seed| catches(*seed, mutant));
            println!("{mutant:?}: {caught:?}");
            assert!(caught.is_some(), "{mutant:?} passes {seeds} seeds");
        }
    }
}
