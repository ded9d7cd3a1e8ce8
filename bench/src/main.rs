//! Counts the instructions of each bench under valgrind and compares them with `bench/instructions.tsv`; `--update`
//! writes that file anew.
//!
//! No clock is read to judge. Each bench runs as a process of its own, `--run INDEX`.

mod kept;

use std::error::Error;
use std::process::{Command, ExitCode};

use raban_bench::{BENCHES, Bench, COUNTED, Meter};

use self::kept::{Figures, compare, too_steep};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    let done = match *args.as_slice() {
        [] => check(),
        ["--update"] => update(),
        ["--run", index] => run(index),
        _ => {
            Err("usage: cargo run --release --manifest-path bench/Cargo.toml [-- --update]".into())
        }
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs one bench, for callgrind.
fn run(index: &str) -> Result<bool> {
    let bench = BENCHES
        .get(index.parse::<usize>()?)
        .ok_or("no such bench")?;
    println!("{}", (bench.run)(&mut Meter::default()));
    Ok(true)
}

fn update() -> Result<bool> {
    let counted = count_all()?;
    for line in too_steep(&counted) {
        println!("{line}");
    }
    counted.write()?;
    Ok(true)
}

/// Whether nothing costs more than it may.
fn check() -> Result<bool> {
    let (kept, counted) = (Figures::read()?, count_all()?);
    let comparison = compare(&kept, &counted);
    print!("{}", comparison.table);
    let steep = too_steep(&counted);
    for line in comparison
        .grown
        .iter()
        .chain(&steep)
        .chain(&comparison.fallen)
    {
        println!("{line}");
    }
    if !comparison.grown.is_empty() || !comparison.fallen.is_empty() {
        println!(
            "to keep the figures of now: cargo run --release --manifest-path bench/Cargo.toml -- --update"
        );
    }
    Ok(comparison.grown.is_empty() && steep.is_empty())
}

fn count_all() -> Result<Figures> {
    // The odd ones beside the even ones: machines that check changes have two processors at least.
    let every_second = |first| BENCHES.iter().enumerate().skip(first).step_by(2);
    let count = |first| -> Result<Vec<_>> { every_second(first).map(count).collect() };
    let (even, odd) = std::thread::scope(|scope| {
        let odd = scope.spawn(|| count(1));
        (count(0), odd.join())
    });
    let odd = odd.map_err(|_| "a bench could not be counted")??;
    let mut figures: Vec<_> = even?.into_iter().chain(odd).collect();
    figures.sort_by_key(|(index, _)| *index);
    let figures = figures
        .into_iter()
        .map(|(index, figure)| (&BENCHES[index], figure));
    Ok(Figures::of(figures))
}

/// The bench's instructions for one of its units.
fn count((index, bench): (usize, &Bench)) -> Result<(usize, f64)> {
    let name = bench.name;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(format!("--toggle-collect=*{COUNTED}*"))
        .arg(std::env::current_exe()?)
        .args(["--run", &index.to_string()])
        // What is there for others moves the stack.
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .output()
        .map_err(|error| format!("valgrind: {error}; is it installed?"))?;
    let (said, units) = (
        String::from_utf8(output.stderr)?,
        String::from_utf8(output.stdout)?,
    );
    if !output.status.success() {
        return Err(format!("{name}: {}\n{said}", output.status).into());
    }
    let collected = said
        .lines()
        .find_map(|line| line.split_once("Collected : "));
    let (_, instructions) =
        collected.ok_or_else(|| format!("{name}: no instructions in\n{said}"))?;
    let (instructions, units): (f64, f64) = (instructions.trim().parse()?, units.trim().parse()?);
    if instructions == 0.0 {
        return Err(format!("{name}: valgrind found no function {COUNTED}").into());
    }
    Ok((index, instructions / units))
}
