//! Some seeds; the binary runs tens of thousands. Four tests, so that several cores share them.

use std::ops::Range;

use raban_sim::{Plan, run, shrink};

fn check(seeds: Range<u64>) {
    for seed in seeds {
        let plan = Plan::of(seed);
        assert!(plan.records() >= 1_000);
        if let Some(violation) = run(&plan, false).violation {
            let (plan, violation) = shrink(&plan, violation);
            panic!("seed {seed}: {violation}; the least of it that fails:\n{plan}");
        }
    }
}

#[test]
fn seeds_from_0_break_no_promise() {
    check(0..40);
}

#[test]
fn seeds_from_40_break_no_promise() {
    check(40..80);
}

#[test]
fn seeds_from_80_break_no_promise() {
    check(80..120);
}

#[test]
fn seeds_from_120_break_no_promise() {
    check(120..160);
}
