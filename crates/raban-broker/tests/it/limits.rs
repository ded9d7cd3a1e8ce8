//! What a client can't make the broker hold.
use std::io::Write;
use std::time::Duration;

use raban_broker::{BrokerConfig, Server};
use raban_protocol::frame::encode_request;
use raban_protocol::messages::ApiVersionsRequest;
use raban_protocol::primitives::Uuid;

use crate::process::BrokerProcess;
use crate::support::{Client, batch, fetch_request};

/// Memory that the broker may take on top, in bytes.
const FLAT: u64 = 32 << 20;

fn assert_flat(broker: &BrokerProcess, before: Option<u64>) {
    if let (Some(before), Some(after)) = (before, broker.resident()) {
        let grown = after.saturating_sub(before);
        assert!(grown < FLAT, "memory grew by {grown} bytes from {before}");
    }
}

#[test]
fn announced_sizes_take_no_memory() {
    let broker = BrokerProcess::start("memory");
    broker.client().call(0, &ApiVersionsRequest::default());
    let before = broker.resident();
    let mut clients: Vec<Client> = (0..200).map(|_| broker.client()).collect();
    for client in &mut clients {
        client.send_raw(&(100u32 << 20).to_be_bytes()).unwrap();
        client.send_raw(&[0; 1_000]).unwrap();
    }
    broker.client().call(0, &ApiVersionsRequest::default());
    assert_flat(&broker, before);
}

#[test]
fn responses_that_are_not_read_do_not_pile_up() {
    let broker = BrokerProcess::start("memory");
    let mut writer = broker.client();
    writer.call(9, &crate::mutated::create("t"));
    for _ in 0..4 {
        writer.produce(9, "t", 0, batch(&["x".repeat(1_000_000).as_str()]));
    }
    let before = broker.resident();
    let mut request = fetch_request("t", Uuid::ZERO, 0, 0);
    request.topics[0].partitions[0].partition_max_bytes = 10 << 20;
    let frame = encode_request(11, 1, None, &request).unwrap().to_bytes();
    let reader = broker.client();
    reader
        .socket()
        .set_write_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    let mut sent = 0;
    // Each asks for 4 MB. The broker stops reading when it can't write, and then this end can't write either.
    while sent < 1_000_000 && reader.socket().write_all(&frame).is_ok() {
        sent += 1;
    }
    assert!(sent < 1_000_000, "the broker read on");
    broker.client().call(0, &ApiVersionsRequest::default());
    assert_flat(&broker, before);
}

#[test]
fn connections_beyond_the_limit_are_closed() {
    let config = BrokerConfig {
        max_connections: 2,
        ..BrokerConfig::default()
    };
    let server = Server::start(config).unwrap();
    let mut first = Client::to(&server);
    let mut second = Client::to(&server);
    for client in [&mut first, &mut second] {
        client.call(0, &ApiVersionsRequest::default());
    }
    assert!(Client::to(&server).is_closed());
    drop(first);
    // The broker notices the end of the first one in its own time.
    loop {
        let mut third = Client::to(&server);
        let sent = third.send(0, &ApiVersionsRequest::default());
        if sent.is_ok() && third.receive::<ApiVersionsRequest>(0).is_ok() {
            break;
        }
    }
    second.call(0, &ApiVersionsRequest::default());
}

#[test]
fn requests_beyond_the_limit_close_the_connection() {
    let config = BrokerConfig {
        max_request_bytes: 1_000,
        ..BrokerConfig::default()
    };
    let server = Server::start(config).unwrap();
    let mut client = Client::to(&server);
    client.send_raw(&1_001u32.to_be_bytes()).unwrap();
    assert!(client.is_closed());
}

#[test]
fn half_a_request_is_waited_for_only_so_long() {
    let config = BrokerConfig {
        connections_max_idle: Duration::from_millis(50),
        ..BrokerConfig::default()
    };
    let server = Server::start(config).unwrap();
    let mut client = Client::to(&server);
    client.send_raw(&[0, 0, 0, 50, 0, 18]).unwrap();
    assert!(client.is_closed());
    assert!(
        Client::to(&server).is_closed(),
        "nor is a connection that says nothing"
    );
}
