//! Headers, versions, and what is refused.
use raban_broker::{BrokerConfig, Server};
use raban_protocol::api::{ApiKey, Message};
use raban_protocol::error_code::ErrorCode;
use raban_protocol::messages::{
    ApiVersionsRequest, FetchRequest, InitProducerIdRequest, MetadataRequest,
    SaslAuthenticateRequest, SaslHandshakeRequest,
};

use crate::support::{Client, batch, produce_request, start, stored};

fn named() -> ApiVersionsRequest {
    ApiVersionsRequest {
        client_software_name: "test".to_owned(),
        client_software_version: "1.0".to_owned(),
        ..Default::default()
    }
}

/// A frame with this header and body.
fn frame(api_key: i16, version: i16, body: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    content.extend(api_key.to_be_bytes());
    content.extend(version.to_be_bytes());
    content.extend(7i32.to_be_bytes());
    content.extend((-1i16).to_be_bytes());
    content.extend(body);
    let mut frame = (content.len() as u32).to_be_bytes().to_vec();
    frame.extend(content);
    frame
}

#[test]
fn api_versions_is_answered_in_each_version() {
    let server = start();
    let mut client = Client::to(&server);
    for version in 0..=5 {
        let response = client.call(version, &named());
        assert_eq!(response.error_code, ErrorCode::NONE);
        let produce = response.api_keys.iter().find(|k| k.api_key == 0).unwrap();
        assert_eq!((produce.min_version, produce.max_version), (0, 13));
        // All but the two that take clients' metrics.
        assert_eq!(response.api_keys.len(), ApiKey::ALL.len() - 2);
    }
    assert_eq!(
        client.call(3, &ApiVersionsRequest::default()).error_code,
        ErrorCode::INVALID_REQUEST
    );
}

#[test]
fn a_client_that_takes_the_broker_for_another_one_is_told() {
    let server = start();
    let mut client = Client::to(&server);
    let cluster_id = client.call(8, &MetadataRequest::default()).cluster_id;
    let right = ApiVersionsRequest {
        cluster_id,
        node_id: 1,
        ..named()
    };
    assert_eq!(client.call(5, &right).error_code, ErrorCode::NONE);
    let alone = ApiVersionsRequest {
        cluster_id: None,
        node_id: 2,
        ..right.clone()
    };
    assert_eq!(client.call(5, &alone).error_code, ErrorCode::NONE);
    let wrong = [
        ApiVersionsRequest {
            cluster_id: Some("other".to_owned()),
            ..right.clone()
        },
        ApiVersionsRequest {
            node_id: -1,
            ..right.clone()
        },
        ApiVersionsRequest {
            node_id: 2,
            ..right
        },
    ];
    for request in wrong {
        assert_eq!(
            client.call(5, &request).error_code,
            ErrorCode::REBOOTSTRAP_REQUIRED
        );
    }
}

#[test]
fn too_new_api_versions_is_answered_in_version_0() {
    let server = start();
    let mut client = Client::to(&server);
    client.send_raw(&frame(18, 99, &[0, 1, 1])).unwrap();
    let response = client.receive::<ApiVersionsRequest>(0).unwrap();
    assert_eq!(response.error_code, ErrorCode::UNSUPPORTED_VERSION);
    let keys: Vec<i16> = response.api_keys.iter().map(|k| k.api_key).collect();
    assert_eq!(keys, [18]);
    assert_eq!(response.api_keys[0].max_version, 5);
    assert_eq!(
        client.call(0, &named()).error_code,
        ErrorCode::NONE,
        "the connection lives on"
    );
}

#[test]
fn produce_before_version_3_is_answered_with_an_error() {
    let server = start();
    let mut client = Client::to(&server);
    let mut body = Vec::new();
    body.extend(1i16.to_be_bytes());
    body.extend(1000i32.to_be_bytes());
    body.extend(1i32.to_be_bytes());
    body.extend([0, 1, b't']);
    body.extend(1i32.to_be_bytes());
    body.extend(5i32.to_be_bytes());
    body.extend([0, 0, 0, 2, 0, 0]);
    client.send_raw(&frame(0, 2, &body)).unwrap();
    let response = client.receive_frame().unwrap();
    let mut expected = Vec::new();
    expected.extend(7i32.to_be_bytes());
    expected.extend(1i32.to_be_bytes());
    expected.extend([0, 1, b't']);
    expected.extend(1i32.to_be_bytes());
    expected.extend(5i32.to_be_bytes());
    expected.extend(35i16.to_be_bytes());
    expected.extend((-1i64).to_be_bytes());
    expected.extend((-1i64).to_be_bytes());
    expected.extend(0i32.to_be_bytes());
    assert_eq!(response, expected);
}

#[test]
fn what_cannot_be_answered_closes_the_connection_alone() {
    let server = start();
    let mut witness = Client::to(&server);
    let bad = [
        frame(0, 14, &[]),
        frame(1, 3, &[]),
        frame(999, 0, &[]),
        frame(-1, -1, &[]),
        frame(3, 1, &[0x7f, 0xff, 0xff, 0xff]),
        frame(22, 0, &[0xff, 0xff, 0, 0, 0, 0, 1]),
        vec![0, 0, 0, 1, 0],
        vec![0, 0, 0, 0],
        vec![0xff, 0xff, 0xff, 0xff],
        vec![0x7f, 0xff, 0xff, 0xff],
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        vec![0x16, 0x03, 0x01, 0x02, 0x00, 0x01],
    ];
    for bytes in bad {
        let mut client = Client::to(&server);
        client.send_raw(&bytes).unwrap();
        assert!(client.is_closed(), "{bytes:?}");
    }
    assert_eq!(witness.call(0, &named()).error_code, ErrorCode::NONE);
}

#[test]
fn acks_0_gets_no_response_and_a_failure_closes_the_connection() {
    let server = start();
    server.create_topic("t", 1).unwrap();
    let mut client = Client::to(&server);
    for value in ["a", "b"] {
        let mut request = produce_request("t", Default::default(), 0, batch(&[value]));
        request.acks = 0;
        client.send(9, &request).unwrap();
    }
    assert_eq!(
        client.call(0, &named()).error_code,
        ErrorCode::NONE,
        "the next response is that of the next request"
    );
    assert_eq!(stored(&server, "t"), ["a", "b"]);
    let mut request = produce_request("t", Default::default(), 1, batch(&["c"]));
    request.acks = 0;
    client.send(9, &request).unwrap();
    assert!(client.is_closed());
}

#[test]
fn requests_sent_ahead_are_answered_in_order() {
    let server = start();
    let mut client = Client::to(&server);
    for _ in 0..1_000 {
        client.send(4, &InitProducerIdRequest::default()).unwrap();
    }
    for expected in 0..1_000 {
        assert_eq!(
            client
                .receive::<InitProducerIdRequest>(4)
                .unwrap()
                .producer_id,
            expected
        );
    }
}

#[test]
fn sasl_is_refused_as_on_a_plaintext_listener() {
    let server = start();
    let mut client = Client::to(&server);
    for version in 0..=1 {
        let request = SaslHandshakeRequest {
            mechanism: "PLAIN".to_owned(),
        };
        assert_eq!(
            client.call(version, &request).error_code,
            ErrorCode::ILLEGAL_SASL_STATE
        );
    }
    for version in 0..=2 {
        let response = client.call(version, &SaslAuthenticateRequest::default());
        assert_eq!(response.error_code, ErrorCode::ILLEGAL_SASL_STATE);
        assert!(response.error_message.is_some());
    }
}

#[test]
fn transactions_are_refused() {
    let server = start();
    let request = InitProducerIdRequest {
        transactional_id: Some("tx".to_owned()),
        ..Default::default()
    };
    for version in InitProducerIdRequest::VERSIONS.min..=InitProducerIdRequest::VERSIONS.max {
        let response = Client::to(&server).call(version, &request);
        assert_eq!(
            (response.error_code, response.producer_id),
            (ErrorCode::INVALID_REQUEST, -1)
        );
    }
}

#[test]
fn a_fetch_session_that_was_never_given_is_unknown() {
    let server = start();
    let request = FetchRequest {
        session_id: 5,
        session_epoch: 1,
        ..Default::default()
    };
    let response = Client::to(&server).call(11, &request);
    assert_eq!(response.error_code, ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
}

#[test]
fn a_broker_starts_and_stops_inside_of_a_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let server = start();
        assert_eq!(
            Client::to(&server).call(0, &named()).error_code,
            ErrorCode::NONE
        );
        let listen = server.address();
        let taken = BrokerConfig {
            listen,
            ..BrokerConfig::default()
        };
        assert!(Server::start(taken).is_err());
        server.stop();
        start().kill();
        drop(start());
    });
}
