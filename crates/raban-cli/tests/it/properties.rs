//! Properties files of each kind that Kafka's documentation, its distribution and tutorials have: what `raban config
//! check` says of each, and that `raban produce` agrees.

use std::fs;
use std::path::Path;

use tempfile::tempdir;

use crate::support::{RunningBroker, raban};

/// The kinds, by the names of their files, which each tell in a comment what they are.
fn kinds() -> Vec<String> {
    let dir = fs::read_dir(dir()).unwrap();
    let files = dir.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut kinds: Vec<_> = files
        .filter_map(|file| Some(file.strip_suffix(".properties")?.to_owned()))
        .collect();
    kinds.sort();
    assert!(kinds.len() > 50, "{kinds:?}");
    kinds
}

fn dir() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/properties"))
}

#[test]
fn each_is_accepted_or_refused_with_the_reason() {
    for kind in kinds() {
        let run = raban(
            dir(),
            &["config", "check", &format!("{kind}.properties")],
            "",
        );
        let stdout = String::from_utf8(run.stdout).unwrap();
        assert!(matches!((run.code, &*stdout), (0, _) | (2, "")), "{kind}");
        // The defaults are the same for all, and other tests have them.
        let told = stdout.lines().filter(|line| !line.ends_with("\tdefault"));
        let told: String = told.flat_map(|line| [line, "\n"]).collect();
        let told = format!("exit code {}\n{}{told}", run.code, run.stderr);
        insta::with_settings!(
            { snapshot_path => "properties", prepend_module_to_snapshot => false, omit_expression => true },
            { insta::assert_snapshot!(kind, told) }
        );
    }
}

/// Each with a topic and servers of its own: what a check accepts delivers, and what it refuses is refused alike.
#[test]
fn producing_agrees_with_the_check() {
    let scratch = tempdir().unwrap();
    let broker = RunningBroker::start(scratch.path(), &["--storage", "memory"]);
    for kind in kinds() {
        let file = format!("{kind}.properties");
        let servers = format!("bootstrap.servers={}", broker.address);
        let check = raban(dir(), &["config", "check", &file, "-X", &servers], "");
        let produce = format!(
            "produce -t {kind} -q -K : --command-config {file} -b {}",
            broker.address
        );
        let produce: Vec<_> = produce.split(' ').collect();
        let run = raban(dir(), &produce, "1:10\n2:20\n");
        assert_eq!(run.code, check.code, "{kind}: {}", run.stderr);
        for line in run.stderr.lines() {
            let told = line.trim_start_matches("error: ");
            assert!(check.stderr.contains(told), "{kind}: {line}\n{check:?}");
        }
        if run.code == 0 {
            let consume = format!(
                "consume -t {kind} -b {} --from-beginning --max-messages 2 --format json",
                broker.address
            );
            let consume: Vec<_> = consume.split(' ').collect();
            assert_eq!(raban(dir(), &consume, "").json().len(), 2, "{kind}");
        }
    }
}
