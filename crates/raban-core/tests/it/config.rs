//! Settings as users bring them: whole files, and keys and values of other clients.

use std::time::Duration;

use raban_core::config::{
    Acks, Address, Bootstrap, Config, ConfigProblemKind, ConfigWarning, SETTINGS, Settings,
    Treatment,
};

/// A file as Java applications have it.
const JAVA_FILE: &str = r"
# The orders service
bootstrap.servers=kafka-1.example.com:9092,\
                  kafka-2.example.com:9092
client.id: orders
key.serializer = org.apache.kafka.common.serialization.StringSerializer
value.serializer = org.apache.kafka.common.serialization.ByteArraySerializer

acks all
linger.ms=20
batch.size=131072
max.block.ms=9223372036854775807
enable.metrics.push=false
security.protocol=PLAINTEXT
";

#[test]
fn a_java_file_works_as_it_is() {
    let settings = Settings::from_properties_file("orders.properties", JAVA_FILE).unwrap();
    let config = Config::from_settings(&settings).unwrap();
    let address = |host: &str| Address {
        host: host.to_owned(),
        port: 9092,
    };
    assert_eq!(
        config.bootstrap,
        Bootstrap::Servers(vec![
            address("kafka-1.example.com"),
            address("kafka-2.example.com")
        ])
    );
    assert_eq!(config.client_id.as_deref(), Some("orders"));
    assert_eq!((config.acks, config.enable_idempotence), (Acks::All, true));
    assert_eq!(config.linger, Duration::from_millis(20));
    assert_eq!(config.batch_size, 131_072);
    assert_eq!(config.warnings, []);
}

#[test]
fn the_command_line_wins_over_the_file() {
    let mut settings = Settings::from_properties_text(JAVA_FILE).unwrap();
    settings
        .set("metadata.broker.list", "localhost:9093")
        .set("queue.buffering.max.ms", "0");
    let config = Config::from_settings(&settings).unwrap();
    assert_eq!(config.linger, Duration::ZERO);
    let Bootstrap::Servers(servers) = config.bootstrap else {
        panic!("{:?}", config.bootstrap)
    };
    let servers: Vec<_> = servers.iter().map(Address::to_string).collect();
    assert_eq!(servers, ["localhost:9093"]);
}

#[test]
fn settings_of_librdkafka_work_where_they_mean_the_same() {
    let config = Config::from_properties([
        ("metadata.broker.list", "localhost:9092"),
        ("request.required.acks", "-1"),
        ("queue.buffering.max.ms", "7"),
        ("message.timeout.ms", "60000"),
        ("socket.timeout.ms", "10000"),
        ("message.send.max.retries", "3"),
        ("max.in.flight", "2"),
        ("compression.codec", "none"),
        ("security.protocol", "plaintext"),
    ])
    .unwrap();
    assert_eq!(config.linger, Duration::from_millis(7));
    assert_eq!(config.delivery_timeout, Duration::from_secs(60));
    assert_eq!(config.request_timeout, Duration::from_secs(10));
    assert_eq!((config.retries, config.max_in_flight), (3, 2));
    assert_eq!(config.warnings, []);
}

#[test]
fn no_setting_of_the_java_client_is_unknown() {
    for setting in SETTINGS {
        let value = setting.default.unwrap_or("a:1");
        let settings = [("bootstrap.servers", "a:1"), (setting.name, value)];
        if let Err(error) = Config::from_properties(settings) {
            for problem in error.problems() {
                assert_ne!(problem.kind(), ConfigProblemKind::Unknown, "{problem}");
                let number = problem.kind() == ConfigProblemKind::Invalid;
                let refused = matches!(
                    setting.treatment,
                    Treatment::Refused(_) | Treatment::Translated(_)
                );
                assert!(number || refused, "{problem}");
            }
        }
    }
}

#[test]
fn a_secured_cluster_is_one_refusal_and_shows_no_secret() {
    let file = "bootstrap.servers=kafka:9093\n\
                security.protocol=SASL_SSL\n\
                sasl.mechanism=SCRAM-SHA-512\n\
                sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username=\"u\" password=\"hunter2\";\n\
                ssl.truststore.location=/etc/kafka/trust.jks\n\
                ssl.truststore.password=hunter2\n";
    let settings = Settings::from_properties_file("c.properties", file).unwrap();
    let error = Config::from_settings(&settings).unwrap_err();
    assert_eq!(
        error.to_string(),
        "c.properties:2: `security.protocol=SASL_SSL` is refused: raban has neither TLS nor SASL yet. Use a listener of \
         the brokers that speaks PLAINTEXT, and set security.protocol=PLAINTEXT."
    );
    assert!(!format!("{settings:?}{error:?}").contains("hunter2"));
}

#[test]
fn warnings_name_their_settings() {
    let config = Config::from_properties([
        ("bootstrap.servers", "localhost:9092"),
        ("acks", "1"),
        ("metrics.recording.level", "DEBUG"),
    ])
    .unwrap();
    let keys: Vec<_> = config.warnings.iter().map(ConfigWarning::keys).collect();
    assert_eq!(
        keys,
        [
            vec!["metrics.recording.level".to_owned()],
            vec!["acks".to_owned(), "enable.idempotence".to_owned()]
        ]
    );
}
