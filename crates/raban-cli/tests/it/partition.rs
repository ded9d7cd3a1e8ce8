//! `raban partition`.

use tempfile::tempdir;

use crate::support::raban;

#[test]
fn agrees_with_the_java_client() {
    // What BuiltInPartitioner.partitionForKey of Kafka 4.3.1 returns for 10 partitions.
    let dir = tempdir().unwrap();
    let run = raban(dir.path(), &["partition", "--partitions", "10", "", "a", "kafka", "größe", "customer-42"], "");
    insta::assert_snapshot!(run.text());
    let hex = ["partition", "--partitions", "10", "--key-format", "hex", "61", "00ff", "6B61666b61"];
    insta::assert_snapshot!("hex", raban(dir.path(), &hex, "").text());
}

#[test]
fn is_where_produce_sends_the_key() {
    let dir = tempdir().unwrap();
    let keys: Vec<String> = (0..50).map(|index| format!("key-{index}")).collect();
    let mut args = vec!["partition", "--partitions", "7"];
    args.extend(keys.iter().map(String::as_str));
    let told = raban(dir.path(), &args, "").text();
    raban(dir.path(), &["topic", "create", "a", "--partitions", "7", "--data-dir", "d"], "").text();
    let input: String = keys.iter().map(|key| format!("{key}:v\n")).collect();
    let report = raban(dir.path(), &["produce", "-t", "a", "--data-dir", "d", "-K", ":", "--report", "json"], input).json();
    let sent: String = keys.iter().zip(report).map(|(key, line)| format!("{key}\t{}\n", line["partition"])).collect();
    assert_eq!(sent, told);
}
