//! `raban config` and `raban config check`.

use std::fs;

use tempfile::tempdir;

use crate::support::raban;

const TUTORIAL: &str = "\
# A producer as tutorials have it.
bootstrap.servers=localhost:9092
key.serializer=org.apache.kafka.common.serialization.StringSerializer
value.serializer=org.apache.kafka.common.serialization.StringSerializer
acks=1
reconnect.backoff.ms=20
metrics.recording.level=DEBUG
";

#[test]
fn lists_all_settings_or_some() {
    let dir = tempdir().unwrap();
    let all = raban(dir.path(), &["config", "--format", "json"], "").json();
    let own = [
        "allow.auto.create.topics",
        "batch.growth.enable",
        "in.doubt.policy",
        "statistics.interval.ms",
    ];
    let java = all
        .iter()
        .filter(|row| !own.contains(&row["name"].as_str().unwrap()));
    assert_eq!(java.count(), 120);
    let args = [
        "config",
        "linger.ms",
        "metadata.recovery.*",
        "compression.type",
        "ssl.key.password",
    ];
    insta::assert_snapshot!("config_some", raban(dir.path(), &args, "").text());
    let alias = raban(dir.path(), &["config", "queue.buffering.max.ms"], "").text();
    assert!(alias.starts_with("linger.ms\n"), "{alias}");
}

#[test]
fn a_setting_that_does_not_exist() {
    let dir = tempdir().unwrap();
    let run = raban(dir.path(), &["config", "linger.ms", "linger.sec"], "");
    assert_eq!((run.code, run.stdout.len()), (2, 0));
    insta::assert_snapshot!("config_no_such", run.stderr);
}

#[test]
fn what_is_in_force() {
    let dir = tempdir().unwrap();
    fs::write(dir.path().join("c.properties"), TUTORIAL).unwrap();
    let args = ["config", "check", "c.properties", "-X", "linger.ms=7"];
    let run = raban(dir.path(), &args, "");
    insta::assert_snapshot!("config_check", run.text());
    insta::assert_snapshot!("config_check_warnings", run.stderr);
    let json = raban(
        dir.path(),
        &["config", "check", "-", "--format", "json"],
        TUTORIAL,
    )
    .json();
    let row = |name: &str| json.iter().find(|row| row["name"] == name).unwrap();
    assert_eq!(row("acks")["origin"], "standard input:5");
    assert_eq!(row("enable.idempotence")["source"], "changed");
    assert_eq!(row("metrics.recording.level")["has_effect"], false);
    assert!(row("client.id")["value"].is_null());
}

#[test]
fn what_a_producer_would_not_start_on() {
    let dir = tempdir().unwrap();
    fs::write(
        dir.path().join("c.properties"),
        "acks=all\nlinger.msec=5\nbatch.size=much\nsecurity.protocol=SSL\n",
    )
    .unwrap();
    let run = raban(dir.path(), &["config", "check", "c.properties"], "");
    assert_eq!((run.code, run.stdout.len()), (2, 0));
    insta::assert_snapshot!("config_check_errors", run.stderr);
    let missing = raban(dir.path(), &["config", "check", "d.properties"], "");
    assert_eq!(missing.code, 2);
    insta::assert_snapshot!("config_check_missing", missing.stderr);
}
