//! Metadata, CreateTopics, DeleteTopics.
use raban_broker::{BrokerConfig, Server};
use raban_protocol::error_code::ErrorCode;
use raban_protocol::messages::create_topics::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig, CreatableTopicResult,
};
use raban_protocol::messages::delete_topics::DeleteTopicState;
use raban_protocol::messages::metadata::{MetadataRequestTopic, MetadataResponseTopic};
use raban_protocol::messages::{
    CreateTopicsRequest, DeleteTopicsRequest, MetadataRequest, MetadataResponse,
};
use raban_protocol::primitives::Uuid;

use crate::support::{Client, batch, start};

fn named(names: &[&str], allow_auto_topic_creation: bool) -> MetadataRequest {
    let topic = |name: &&str| MetadataRequestTopic {
        name: Some((*name).to_owned()),
        ..Default::default()
    };
    MetadataRequest {
        topics: Some(names.iter().map(topic).collect()),
        allow_auto_topic_creation,
        ..Default::default()
    }
}

fn codes(response: &MetadataResponse) -> Vec<(&str, ErrorCode)> {
    let of = |t: &'_ MetadataResponseTopic| t.error_code;
    response
        .topics
        .iter()
        .map(|t| (t.name.as_deref().unwrap(), of(t)))
        .collect()
}

fn creatable(name: &str, num_partitions: i32) -> CreatableTopic {
    CreatableTopic {
        name: name.to_owned(),
        num_partitions,
        replication_factor: -1,
        ..Default::default()
    }
}

fn create(client: &mut Client, topics: Vec<CreatableTopic>) -> Vec<CreatableTopicResult> {
    client
        .call(
            7,
            &CreateTopicsRequest {
                topics,
                ..Default::default()
            },
        )
        .topics
}

#[test]
fn metadata_describes_broker_and_topics_in_each_version() {
    let server = start();
    server.create_topic("t", 3).unwrap();
    let mut client = Client::to(&server);
    for version in 0..=13 {
        let topics = if version == 0 { Some(Vec::new()) } else { None };
        let response = client.call(
            version,
            &MetadataRequest {
                topics,
                ..Default::default()
            },
        );
        let broker = &response.brokers[0];
        assert_eq!(
            (broker.host.as_str(), broker.port),
            ("127.0.0.1", i32::from(server.address().port()))
        );
        assert_eq!(codes(&response), [("t", ErrorCode::NONE)]);
        let partitions = &response.topics[0].partitions;
        assert_eq!(partitions.len(), 3);
        assert_eq!(
            (partitions[2].partition_index, partitions[2].leader_id),
            (2, broker.node_id)
        );
        assert_eq!(
            (
                &partitions[2].replica_nodes[..],
                &partitions[2].isr_nodes[..]
            ),
            (&[1][..], &[1][..])
        );
        assert_eq!(response.topics[0].topic_id.is_zero(), version < 10);
    }
    let none = client.call(
        1,
        &MetadataRequest {
            topics: Some(Vec::new()),
            ..Default::default()
        },
    );
    assert!(
        none.topics.is_empty(),
        "from version 1 on an empty list is no topic"
    );
}

#[test]
fn metadata_creates_topics_only_where_it_may() {
    let server = Server::start(BrokerConfig {
        default_partitions: 2,
        ..BrokerConfig::default()
    })
    .unwrap();
    let mut client = Client::to(&server);
    let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    let response = client.call(12, &named(&["a", "bad name"], false));
    assert_eq!(
        codes(&response),
        [
            ("a", unknown),
            ("bad name", ErrorCode::INVALID_TOPIC_EXCEPTION)
        ]
    );
    assert!(server.topics().is_empty());
    let response = client.call(12, &named(&["b", "a", "a", "bad name"], true));
    let invalid = ErrorCode::INVALID_TOPIC_EXCEPTION;
    assert_eq!(
        codes(&response),
        [
            ("a", ErrorCode::NONE),
            ("b", ErrorCode::NONE),
            ("bad name", invalid)
        ]
    );
    assert_eq!(response.topics[0].partitions.len(), 2);

    let config = BrokerConfig {
        auto_create_topics: false,
        ..BrokerConfig::default()
    };
    let server = Server::start(config).unwrap();
    let response = Client::to(&server).call(12, &named(&["a"], true));
    assert_eq!(codes(&response), [("a", unknown)]);
}

#[test]
fn metadata_finds_topics_by_id() {
    let server = start();
    server.create_topic("t", 1).unwrap();
    let id = server.topics()[0].id;
    let by_id = |topic_id| MetadataRequest {
        topics: Some(vec![MetadataRequestTopic {
            topic_id,
            name: None,
        }]),
        ..Default::default()
    };
    let mut client = Client::to(&server);
    let response = client.call(12, &by_id(id));
    assert_eq!(codes(&response), [("t", ErrorCode::NONE)]);
    let unknown = Uuid([3; 16]);
    let topic = client.call(12, &by_id(unknown)).topics.remove(0);
    assert_eq!(
        (topic.name, topic.topic_id, topic.error_code),
        (None, unknown, ErrorCode::UNKNOWN_TOPIC_ID)
    );
    let topic = client.call(11, &by_id(id)).topics.remove(0);
    assert_eq!(
        topic.error_code,
        ErrorCode::INVALID_REQUEST,
        "ids came with version 12"
    );
}

#[test]
fn clients_are_told_the_advertised_address() {
    let advertised = Some(("broker.example".to_owned(), 19092));
    let server = Server::start(BrokerConfig {
        advertised,
        ..BrokerConfig::default()
    })
    .unwrap();
    let response = Client::to(&server).call(12, &named(&[], false));
    let broker = &response.brokers[0];
    assert_eq!(
        (broker.host.as_str(), broker.port),
        ("broker.example", 19092)
    );
    assert_eq!(server.bootstrap_servers(), "broker.example:19092");

    let listen = "0.0.0.0:0".parse().unwrap();
    let server = Server::start(BrokerConfig {
        listen,
        ..BrokerConfig::default()
    })
    .unwrap();
    let local = std::net::SocketAddr::from(([127, 0, 0, 1], server.address().port()));
    let response = Client::connect(local).unwrap().call(12, &named(&[], false));
    assert_eq!(
        response.brokers[0].host, "127.0.0.1",
        "where the client reached the broker"
    );
    assert_eq!(
        server.bootstrap_servers(),
        format!("localhost:{}", local.port())
    );
}

#[test]
fn topics_are_created_in_each_version() {
    let server = Server::start(BrokerConfig {
        default_partitions: 4,
        ..BrokerConfig::default()
    })
    .unwrap();
    let mut client = Client::to(&server);
    for version in 2..=7 {
        let name = format!("t{version}");
        let request = CreateTopicsRequest {
            topics: vec![creatable(&name, -1)],
            ..Default::default()
        };
        let result = client.call(version, &request).topics.remove(0);
        assert_eq!(
            (result.name.as_str(), result.error_code),
            (name.as_str(), ErrorCode::NONE)
        );
        if version >= 5 {
            assert_eq!((result.num_partitions, result.replication_factor), (4, 1));
        }
        assert_eq!(result.topic_id.is_zero(), version < 7);
    }
    assert!(server.topics().iter().all(|t| t.partitions == 4));
}

#[test]
fn topics_are_refused_as_kafka_refuses_them() {
    let server = Server::start(BrokerConfig {
        max_partitions: 10,
        ..BrokerConfig::default()
    })
    .unwrap();
    server.create_topic("old.topic", 1).unwrap();
    let mut client = Client::to(&server);
    let assigned = |indexes: &[i32], node: i32| CreatableTopic {
        assignments: indexes
            .iter()
            .map(|index| CreatableReplicaAssignment {
                partition_index: *index,
                broker_ids: vec![node],
            })
            .collect(),
        ..creatable("assigned", -1)
    };
    let setting = CreatableTopicConfig {
        name: "cleanup.policy".to_owned(),
        value: Some("compact".to_owned()),
    };
    let cases = [
        (creatable("old.topic", 1), ErrorCode::TOPIC_ALREADY_EXISTS),
        (
            creatable("old_topic", 1),
            ErrorCode::INVALID_TOPIC_EXCEPTION,
        ),
        (creatable("..", 1), ErrorCode::INVALID_TOPIC_EXCEPTION),
        (creatable("zero", 0), ErrorCode::INVALID_PARTITIONS),
        (creatable("minus", -2), ErrorCode::INVALID_PARTITIONS),
        (creatable("many", 10), ErrorCode::POLICY_VIOLATION),
        (creatable("most", i32::MAX), ErrorCode::POLICY_VIOLATION),
        (
            CreatableTopic {
                replication_factor: 3,
                ..creatable("r", 1)
            },
            ErrorCode::INVALID_REPLICATION_FACTOR,
        ),
        (
            CreatableTopic {
                configs: vec![setting],
                ..creatable("c", 1)
            },
            ErrorCode::INVALID_CONFIG,
        ),
        (assigned(&[0, 2], 1), ErrorCode::INVALID_REPLICA_ASSIGNMENT),
        (assigned(&[0, 1], 2), ErrorCode::INVALID_REPLICA_ASSIGNMENT),
        (
            CreatableTopic {
                num_partitions: 2,
                ..assigned(&[0, 1], 1)
            },
            ErrorCode::INVALID_REQUEST,
        ),
        (assigned(&[1, 0], 1), ErrorCode::NONE),
    ];
    for (topic, expected) in cases {
        let name = topic.name.clone();
        let result = create(&mut client, vec![topic]).remove(0);
        assert_eq!(
            result.error_code, expected,
            "{name}: {:?}",
            result.error_message
        );
    }
    let twice = create(
        &mut client,
        vec![creatable("a", 1), creatable("a", 1), creatable("b", 1)],
    );
    let codes: Vec<_> = twice
        .iter()
        .map(|r| (r.name.as_str(), r.error_code))
        .collect();
    assert_eq!(
        codes,
        [("a", ErrorCode::INVALID_REQUEST), ("b", ErrorCode::NONE)]
    );
    let request = CreateTopicsRequest {
        topics: vec![creatable("d", 1)],
        validate_only: true,
        ..Default::default()
    };
    assert_eq!(
        client.call(7, &request).topics[0].error_code,
        ErrorCode::NONE
    );
    let names: Vec<String> = server.topics().into_iter().map(|t| t.name).collect();
    assert_eq!(names, ["assigned", "b", "old.topic"]);
    assert_eq!(
        server.create_topic("b", 1).unwrap_err().code,
        ErrorCode::TOPIC_ALREADY_EXISTS
    );
}

#[test]
fn deleted_topics_are_gone_and_come_back_empty_with_another_id() {
    let server = start();
    let mut client = Client::to(&server);
    let mut ids = Vec::new();
    for version in 1..=6 {
        server.create_topic("t", 1).unwrap();
        let id = server.topics()[0].id;
        assert!(!ids.contains(&id));
        ids.push(id);
        client.produce(9, "t", 0, batch(&["a"]));
        let request = match version {
            6 => DeleteTopicsRequest {
                topics: vec![DeleteTopicState {
                    name: None,
                    topic_id: id,
                }],
                ..Default::default()
            },
            _ => DeleteTopicsRequest {
                topic_names: vec!["t".to_owned()],
                ..Default::default()
            },
        };
        let result = client.call(version, &request).responses.remove(0);
        assert_eq!(
            (result.name.as_deref(), result.error_code),
            (Some("t"), ErrorCode::NONE)
        );
        assert!(server.topics().is_empty());
    }
    let unknown = DeleteTopicsRequest {
        topic_names: vec!["t".to_owned()],
        ..Default::default()
    };
    assert_eq!(
        client.call(5, &unknown).responses[0].error_code,
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
    );
    let by = |name: Option<&str>, topic_id| DeleteTopicState {
        name: name.map(str::to_owned),
        topic_id,
    };
    let request = DeleteTopicsRequest {
        topics: vec![
            by(None, Uuid([1; 16])),
            by(None, Uuid::ZERO),
            by(Some("t"), Uuid([1; 16])),
        ],
        ..Default::default()
    };
    let codes: Vec<_> = client
        .call(6, &request)
        .responses
        .iter()
        .map(|r| r.error_code)
        .collect();
    let invalid = ErrorCode::INVALID_REQUEST;
    assert_eq!(codes, [ErrorCode::UNKNOWN_TOPIC_ID, invalid, invalid]);
}
