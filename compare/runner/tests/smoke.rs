//! The whole way with few records: builds raban's programs, runs them against the broker that keeps nothing, and writes all files.

use std::path::Path;
use std::process::{Command, Output};

fn compare(out: &Path, args: &[&str]) -> Output {
    let mut compare = Command::new(env!("CARGO_BIN_EXE_compare"));
    compare.args(args).arg("--out").arg(out);
    compare.output().expect("compare can be started")
}

#[test]
fn raban_and_the_floor_against_the_broker_that_keeps_nothing() {
    let out = tempfile::tempdir().unwrap();
    let args = [
        "--target=discard",
        "--only=raban,raban-blocking,raban-callback,floor",
        "--cells=keyed-4s-lz4,rate1000-linger0",
        "--records=5000",
        "--rounds=2",
        "--timeout=120",
    ];
    let run = compare(out.path(), &args);
    let errors = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{errors}");
    let table = String::from_utf8_lossy(&run.stdout);
    assert!(
        table.contains("discard 100b-6p-keyed-lz4-4s-best"),
        "{table}"
    );

    let read = |name: &str| std::fs::read_to_string(out.path().join(name)).unwrap();
    assert_eq!(read("results.txt"), table);
    assert!(read("results.html").contains("</html>"));
    let results: serde_json::Value = serde_json::from_str(&read("results.json")).unwrap();
    let samples = results["samples"].as_array().unwrap();
    // Four programs in the first case, and in the second, where the floor has no part, three: twice each.
    assert_eq!(samples.len(), 14, "{samples:?}");
    for sample in samples {
        let measured = &sample["measured"];
        assert_eq!(measured["records"], 5000, "{sample}");
        assert!(measured["cpu_seconds"].as_f64().unwrap() > 0.0, "{sample}");
        assert!(measured["peak_kib"].as_u64().unwrap() > 0, "{sample}");
        let paced = sample["cell"].as_str().unwrap().contains("rate");
        assert_eq!(measured["latency"].is_object(), paced, "{sample}");
    }
}

#[test]
fn bad_input_is_an_error_that_names_it() {
    let out = tempfile::tempdir().unwrap();
    for (arg, named) in [
        ("--cells=6x", "\"6x\" in \"6x\" is no part of a cell's name"),
        ("--only=kafka-rs", "there is no program \"kafka-rs\""),
        ("--rounds=0", "invalid value '0'"),
    ] {
        let run = compare(out.path(), &[arg]);
        let errors = String::from_utf8_lossy(&run.stderr);
        assert_eq!(run.status.code(), Some(2), "{arg}: {errors}");
        assert!(errors.contains(named), "{arg}: {errors}");
    }
}
