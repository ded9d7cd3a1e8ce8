//! Who may use a data directory.
use std::fs;

use raban_broker::{BrokerConfig, Server, StartError, StorageKind};
use raban_protocol::messages::ApiVersionsRequest;

use crate::support::{Client, start_in};

fn try_start(dir: &std::path::Path) -> Result<Server, StartError> {
    let storage = StorageKind::Disk(dir.to_owned());
    Server::start(BrokerConfig {
        storage,
        ..BrokerConfig::default()
    })
}

#[test]
fn a_second_broker_is_told_where_the_first_one_listens() {
    let dir = tempfile::tempdir().unwrap();
    let first = start_in(&dir.path().join("data"));
    match try_start(&dir.path().join("data")) {
        Err(StartError::InUse { address, .. }) => {
            assert_eq!(address, first.address());
            Client::connect(address)
                .unwrap()
                .call(0, &ApiVersionsRequest::default());
        }
        other => panic!("{other:?}"),
    }
    first.stop();
    let second = start_in(&dir.path().join("data"));
    second.kill();
    start_in(&dir.path().join("data"));
}

#[test]
fn a_directory_that_cannot_be_used_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "x").unwrap();
    for path in [file.clone(), file.join("below")] {
        let error = try_start(&path).unwrap_err();
        assert!(
            error.to_string().contains(&path.display().to_string()),
            "{error}"
        );
        assert!(matches!(error, StartError::DataDir { .. }), "{error}");
    }
}

#[test]
fn damaged_metadata_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    start_in(dir.path()).stop();
    fs::write(dir.path().join("raban-broker.metadata"), "nonsense").unwrap();
    let error = try_start(dir.path()).unwrap_err();
    assert!(matches!(error, StartError::Metadata { .. }), "{error}");
}

#[test]
fn an_address_in_use_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap();
    let error = Server::start(BrokerConfig {
        listen,
        ..BrokerConfig::default()
    })
    .unwrap_err();
    assert!(
        matches!(error, StartError::Listen { address, .. } if address == listen),
        "{error}"
    );
}

#[test]
fn settings_out_of_range_are_refused() {
    let config = BrokerConfig {
        default_partitions: 0,
        ..BrokerConfig::default()
    };
    let error = Server::start(config).unwrap_err();
    assert_eq!(
        error.to_string(),
        "default_partitions is 0, but must be 1 or more"
    );
}
