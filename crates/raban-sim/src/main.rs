//! Runs seeds on all cores, and counts which faults struck.
#![forbid(unsafe_code)]

mod args;
mod campaign;

use std::process::ExitCode;

use raban_sim::{Plan, run, shrink};

use crate::args::Args;

fn main() -> ExitCode {
    let args = match Args::parse(std::env::args().skip(1)) {
        Ok(args) => args,
        Err(message) => {
            eprintln!("{message}\n\n{}", args::USAGE);
            return ExitCode::from(2);
        }
    };
    match args.seed {
        Some(seed) => one(seed, &args),
        None => campaign::run(&args),
    }
}

/// One seed, told in full.
fn one(seed: u64, args: &Args) -> ExitCode {
    let plan = Plan::of(seed);
    println!("{plan}");
    let report = run(&plan, args.trace);
    for line in &report.trace {
        println!("{line}");
    }
    println!("{}\nhash {:016x}", report.counts, report.hash);
    let Some(violation) = report.violation else {
        return ExitCode::SUCCESS;
    };
    println!("seed {seed} fails: {violation}");
    if args.shrink {
        let (plan, violation) = shrink(&plan, violation);
        println!("\nthe least of it that fails:\n{plan}");
        if args.trace {
            run(&plan, true)
                .trace
                .iter()
                .for_each(|line| println!("{line}"));
        }
        println!("{violation}");
    }
    ExitCode::FAILURE
}
