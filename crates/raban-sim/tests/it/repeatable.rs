//! The same seed is the same run, byte for byte.

use raban_sim::{Plan, run};

#[test]
fn the_same_seed_twice_sends_the_same_bytes_at_the_same_times() {
    for seed in 0..20 {
        let hash = || run(&Plan::of(seed), false).hash;
        assert_eq!(hash(), hash(), "seed {seed}");
    }
    let hashes = [1, 2].map(|seed| run(&Plan::of(seed), false).hash);
    assert_ne!(hashes[0], hashes[1]);
}

#[test]
fn a_readable_trace_changes_nothing() {
    let plan = Plan::of(3);
    let told = run(&plan, true);
    assert!(!told.trace.is_empty());
    assert_eq!(told.hash, run(&plan, false).hash);
}
