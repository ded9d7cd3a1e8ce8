//! Where settings come from, and what is said of wrong ones.

use std::time::Duration;

use raban::{Acks, Compression, ConfigProblemKind, Producer, Record, Settings, StartError};

use crate::support::broker;

fn problems(error: StartError) -> raban::ConfigError {
    match error {
        StartError::Config(error) => error,
        error => panic!("{error}"),
    }
}

#[test]
fn an_unknown_setting_names_the_nearest() {
    let error =
        Producer::from_properties([("bootstrap.servers", "h:1"), ("linger.sm", "5")]).unwrap_err();
    assert!(error.to_string().contains("linger.ms"), "{error}");
    let error = problems(error);
    let problem = &error.problems()[0];
    assert_eq!(
        (problem.kind(), problem.key()),
        (ConfigProblemKind::Unknown, "linger.sm")
    );
    assert_eq!(problem.suggestion(), Some("linger.ms"));
}

#[test]
fn all_problems_come_at_once() {
    let error = Producer::builder()
        .set("acks", "7")
        .set("batch.size", "many")
        .build()
        .unwrap_err();
    let keys: Vec<_> = problems(error)
        .problems()
        .iter()
        .map(|p| p.key().to_owned())
        .collect();
    for key in ["acks", "batch.size", "bootstrap.servers"] {
        assert!(keys.iter().any(|found| found == key), "{key} of {keys:?}");
    }
}

#[test]
fn every_setter_sets_what_it_says() {
    let broker = broker();
    let producer = Producer::builder()
        .bootstrap_servers(broker.bootstrap_servers())
        .client_id("tests")
        .acks(Acks::All)
        .enable_idempotence(true)
        .linger(Duration::from_micros(1500))
        .batch_size(1000)
        .buffer_memory(1 << 20)
        .max_request_size(1 << 19)
        .compression(Compression::None)
        .max_in_flight(3)
        .max_block(Duration::from_secs(30))
        .request_timeout(Duration::from_secs(20))
        .delivery_timeout(Duration::from_secs(40))
        .retries(9)
        .build()
        .unwrap();
    assert_eq!(producer.metrics().buffer_total_bytes, 1 << 20);
    producer
        .blocking()
        .send(Record::to("t").value("v"))
        .unwrap();
}

#[test]
fn a_shorter_time_than_a_millisecond_is_not_none() {
    // 100 µs would be 0 ms, which "may not be 0" settings refuse.
    let builder = Producer::builder()
        .bootstrap_servers("h:1")
        .request_timeout(Duration::from_micros(100));
    builder
        .delivery_timeout(Duration::from_secs(1))
        .build()
        .unwrap();
}

#[test]
fn a_properties_file() {
    let broker = broker();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("client.properties");
    let text = format!(
        "# a comment\nbootstrap.servers = {}\nacks: all\n",
        broker.bootstrap_servers()
    );
    std::fs::write(&path, text).unwrap();
    let producer = Producer::from_properties_file(&path).unwrap();
    producer
        .blocking()
        .send(Record::to("t").value("v"))
        .unwrap();
    // What is set later counts.
    let builder = Producer::builder()
        .properties_file(&path)
        .unwrap()
        .set("acks", "nonsense");
    assert!(builder.build().is_err());
}

#[test]
fn errors_in_a_properties_file_name_file_and_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("client.properties");
    std::fs::write(&path, "bootstrap.servers=h:1\n\nlinger.sm=5\n").unwrap();
    let error = Producer::from_properties_file(&path)
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with(&format!("{}:3: ", path.display())),
        "{error}"
    );
    std::fs::write(&path, "a=b\nc=\\u12\n").unwrap();
    let error = Producer::from_properties_file(&path)
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with(&format!("{}:2: ", path.display())),
        "{error}"
    );
    let missing = dir.path().join("missing.properties");
    let error = Producer::from_properties_file(&missing).unwrap_err();
    assert!(matches!(error, StartError::File { .. }));
    assert!(
        error
            .to_string()
            .contains("missing.properties: can't be read: No such file"),
        "{error}"
    );
}

#[test]
fn a_latin_1_file_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("client.properties");
    std::fs::write(&path, b"# caf\xe9\nbootstrap.servers=h:1\n").unwrap();
    Producer::from_properties_file(&path).unwrap();
}

#[test]
fn settings_as_a_value() {
    let broker = broker();
    let mut settings = Settings::new();
    settings.set("bootstrap.servers", broker.bootstrap_servers());
    let producer = Producer::from_settings(&settings).unwrap();
    producer
        .blocking()
        .send(Record::to("t").value("v"))
        .unwrap();
}
