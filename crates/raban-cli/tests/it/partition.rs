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

#[test]
fn each_partitioner_by_its_name() {
    let dir = tempdir().unwrap();
    let told = |name: &str| {
        let args = [
            "partition",
            "--partitions",
            "17",
            "--partitioner",
            name,
            "",
            "hejsan",
        ];
        raban(dir.path(), &args, "").text()
    };
    // As librdkafka's test 0048 expects.
    assert_eq!(told("consistent"), "\t0\nhejsan\t14\n");
    assert_eq!(told("consistent_random"), "\t-\nhejsan\t14\n");
    assert_eq!(told("murmur2_random"), "\t11\nhejsan\t5\n");
    assert_eq!(told("fnv1a_random"), told("sarama"));
    assert_eq!(told("round_robin"), "\t-\nhejsan\t-\n");
    let args = [
        "partition",
        "--partitions",
        "17",
        "-X",
        "partitioner=consistent",
        "hejsan",
    ];
    assert_eq!(raban(dir.path(), &args, "").text(), "hejsan\t14\n");
    let args = [
        "partition",
        "--partitions",
        "17",
        "-X",
        "partitioner=crc",
        "hejsan",
    ];
    assert_eq!(raban(dir.path(), &args, "").code, 2);
}

/// Creates a topic with records of 1,000 keys, chosen by a partitioner, and records without a key.
fn fill(dir: &std::path::Path, topic: &str, partitions: &str, keys: usize, properties: &[&str]) {
    let create = [
        "topic",
        "create",
        topic,
        "--partitions",
        partitions,
        "--data-dir",
        "d",
    ];
    raban(dir, &create, "").text();
    let input: String = (0..keys).map(|key| format!("key-{key}:v\n")).collect();
    let mut args = vec!["produce", "-t", topic, "--data-dir", "d", "-K", ":"];
    for property in properties {
        args.extend(["-X", *property]);
    }
    raban(dir, &args, input).text();
    let keyless = ["produce", "-t", topic, "--data-dir", "d"];
    raban(dir, &keyless, "no key\nno key\n").text();
}

fn sample(dir: &std::path::Path, topic: &str, more: &[&str]) -> crate::support::Run {
    let mut args = vec!["partition", "--sample", topic, "--data-dir", "d"];
    args.extend(more);
    raban(dir, &args, "")
}

#[test]
fn a_sample_tells_who_wrote_the_keys() {
    let dir = tempdir().unwrap();
    let dir = dir.path();
    fill(
        dir,
        "librdkafka",
        "7",
        1000,
        &["partitioner=consistent_random"],
    );
    let run = sample(dir, "librdkafka", &[]);
    let told = run.text();
    assert!(
        told.starts_with("consistent\t100.0\nconsistent_random\t100.0\n"),
        "{told}"
    );
    assert_eq!(told.lines().count(), 8);
    insta::assert_snapshot!("sample_differs", run.stderr);
    let same = sample(dir, "librdkafka", &["-X", "partitioner=consistent_random"]);
    insta::assert_snapshot!("sample_fits", same.stderr);
    let keyless = sample(dir, "librdkafka", &["-X", "partitioner.ignore.keys=true"]);
    insta::assert_snapshot!("sample_ignores_keys", keyless.stderr);

    let json = sample(dir, "librdkafka", &["--report", "json"]).json();
    let row = |name: &str| json.iter().find(|row| row["partitioner"] == name).unwrap();
    assert_eq!(
        (&row("consistent")["keys"], &row("consistent")["placed"]),
        (&1000.into(), &1000.into())
    );
    assert_eq!(
        (&row("consistent")["fits"], &row("consistent")["configured"]),
        (&true.into(), &false.into())
    );
    assert_eq!(
        (
            &row("murmur2_random")["fits"],
            &row("murmur2_random")["configured"]
        ),
        (&false.into(), &true.into())
    );
}

#[test]
fn a_sample_that_tells_little() {
    let dir = tempdir().unwrap();
    let dir = dir.path();
    fill(dir, "few", "2", 1, &[]);
    insta::assert_snapshot!("sample_few_keys", sample(dir, "few", &[]).stderr);
    fill(dir, "turns", "7", 1000, &["partitioner.class=round_robin"]);
    let run = sample(dir, "turns", &["--max-messages", "100"]);
    assert_eq!(run.code, 0);
    let best = run.stderr.contains("different keys: 9")
        && run.stderr.contains("none fits all, the best, ");
    assert!(best, "{}", run.stderr);
    fill(dir, "one", "1", 3, &[]);
    let run = sample(dir, "one", &[]);
    assert_eq!((run.code, run.stdout.len()), (1, 0));
    insta::assert_snapshot!("sample_one_partition", run.stderr);
    let create = [
        "topic",
        "create",
        "empty",
        "--partitions",
        "2",
        "--data-dir",
        "d",
    ];
    raban(dir, &create, "").text();
    let run = sample(dir, "empty", &[]);
    assert_eq!((run.code, run.stdout.len()), (1, 0));
    insta::assert_snapshot!("sample_empty", run.stderr);
    let run = sample(dir, "nowhere", &[]);
    assert_eq!(run.code, 1);
    insta::assert_snapshot!("sample_nowhere", run.stderr);
}
