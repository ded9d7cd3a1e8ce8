//! `raban partition`.

use tempfile::tempdir;

use crate::support::raban;

/// What `BuiltInPartitioner.partitionForKey` of the Java client 4.3.1 returns for ten partitions.
#[test]
fn agrees_with_the_java_client() {
    let dir = tempdir().unwrap();
    let long = "x".repeat(1000);
    let keys = [
        "partition",
        "--partitions",
        "10",
        "",
        "a",
        "kafka",
        "größe",
        "customer-42",
        &long,
    ];
    let told = raban(dir.path(), &keys, "").text();
    assert_eq!(
        told,
        format!("\t1\na\t4\nkafka\t0\ngröße\t4\ncustomer-42\t3\n{long}\t6\n")
    );
    let hex = [
        "partition",
        "--partitions",
        "10",
        "--key-format",
        "hex",
        "61",
        "00ff",
        "6B61666b61",
        "ffffffff",
    ];
    assert_eq!(
        raban(dir.path(), &hex, "").text(),
        "61\t4\n00ff\t3\n6B61666b61\t0\nffffffff\t9\n"
    );
}

#[test]
fn is_where_produce_sends_the_key() {
    let dir = tempdir().unwrap();
    let keys: Vec<String> = (0..50).map(|index| format!("key-{index}")).collect();
    let mut args = vec!["partition", "--partitions", "7"];
    args.extend(keys.iter().map(String::as_str));
    let told = raban(dir.path(), &args, "").text();
    raban(
        dir.path(),
        &[
            "topic",
            "create",
            "a",
            "--partitions",
            "7",
            "--data-dir",
            "d",
        ],
        "",
    )
    .text();
    let input: String = keys.iter().map(|key| format!("{key}:v\n")).collect();
    let args = [
        "produce",
        "-t",
        "a",
        "--data-dir",
        "d",
        "-K",
        ":",
        "--report",
        "json",
    ];
    let report = raban(dir.path(), &args, input).json();
    let sent: String = keys
        .iter()
        .zip(report)
        .map(|(key, line)| format!("{key}\t{}\n", line["partition"]))
        .collect();
    assert_eq!(sent, told);
}
