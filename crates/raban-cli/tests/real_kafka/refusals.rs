//! What a cluster refuses is said in time, and costs no other record.

use std::io::Write;
use std::time::Duration;

use testbed::Kafka;

use crate::support::{alone, ask, create_topic, raban};

#[test]
#[cfg_attr(not(real_kafka), ignore = "needs RABAN_REAL_KAFKA=1")]
fn what_a_cluster_refuses() {
    let _alone = alone();
    let kafka = Kafka::builder()
        .config("auto.create.topics.enable", "false")
        .config("message.max.bytes", "100000")
        .start()
        .unwrap();
    let server = kafka.bootstrap_servers();
    a_topic_that_may_not_be_created(&server);
    a_record_too_large_fails_alone(&kafka, &server);
}

fn a_topic_that_may_not_be_created(server: &str) {
    let args = [
        "produce",
        "-t",
        "nowhere",
        "-b",
        server,
        "-X",
        "max.block.ms=3000",
    ];
    let run = raban(&args, |out| out.write_all(b"one\ntwo\n"));
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(run.took <= Duration::from_secs(4), "{run:?}");
    for part in [
        "nowhere",
        "UNKNOWN_TOPIC_OR_PARTITION",
        "failed: 1, in doubt: 0",
    ] {
        assert!(run.stderr.contains(part), "{}", run.stderr);
    }
    let args = [
        "consume",
        "-t",
        "nowhere",
        "-b",
        server,
        "--from-beginning",
        "-e",
    ];
    let run = raban(&[&args[..], &["-X", "max.block.ms=3000"]].concat(), |_| {
        Ok(())
    });
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(run.took <= Duration::from_secs(4), "{run:?}");
    assert!(run.stderr.contains("nowhere"), "{}", run.stderr);
    assert_eq!(ask(&["topic", "list", "-b", server]), "");
}

fn a_record_too_large_fails_alone(kafka: &Kafka, server: &str) {
    const LARGE: usize = 5;
    let topic = "sizes";
    create_topic(server, topic, 1);
    for acks in ["1", "all"] {
        let acks = format!("acks={acks}");
        let args = [
            "produce", "-t", topic, "-b", server, "-X", &acks, "--report", "json",
        ];
        let run = raban(&args, |out| {
            (0..10).try_for_each(|number| {
                let size = if number == LARGE { 200_000 } else { 10 };
                writeln!(out, "{number}{}", "-".repeat(size))
            })
        });
        assert_eq!(run.code, 1, "{}", run.stderr);
        for part in ["MESSAGE_TOO_LARGE", "raise the topic's max.message.bytes"] {
            assert!(run.stderr.contains(part), "{}", run.stderr);
        }
        assert!(
            run.stderr.ends_with("failed: 1, in doubt: 0\n"),
            "{}",
            run.stderr
        );
        for (number, told) in run.report().iter().enumerate() {
            let failed = number == LARGE;
            assert_eq!(
                (told.error.is_some(), told.offset.is_none()),
                (failed, failed),
                "{told:?}"
            );
            assert_eq!(told.line, failed.then_some(LARGE as u64 + 1));
            assert_eq!(told.trail.is_some(), failed);
            assert!(!told.in_doubt);
        }
    }
    let read = kafka.consume(topic).unwrap();
    let numbers: Vec<u8> = read
        .iter()
        .map(|record| record.value.as_ref().unwrap()[0])
        .collect();
    assert_eq!(numbers, b"012346789012346789");
}
