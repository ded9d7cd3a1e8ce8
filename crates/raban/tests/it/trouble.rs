//! Nobody there, the wrong one there: what the error says, and when.

use std::net::SocketAddr;
use std::time::Duration;

use raban::{
    Admin, AdminError, Cause, EnqueueError, ErrorKind, Producer, ReadError, Reader, Record, Speaks,
};

use crate::support::{Answer, broker, listener, nobody};

const BLOCK: Duration = Duration::from_millis(400);

/// The error of a record that no broker takes within `max.block.ms`, with its cause.
fn refused(servers: impl ToString) -> (EnqueueError, Cause) {
    let builder = Producer::builder()
        .bootstrap_servers(servers.to_string())
        .max_block(BLOCK);
    let error = builder
        .build()
        .unwrap()
        .blocking()
        .enqueue(Record::to("t"))
        .unwrap_err();
    let ErrorKind::MetadataTimeout { waited, cause, .. } = error.kind() else {
        panic!("{error}")
    };
    assert!(*waited >= BLOCK);
    let cause = cause.clone().unwrap_or_else(|| panic!("no cause: {error}"));
    (error, cause)
}

#[test]
fn nobody_there_names_the_address_and_the_systems_error() {
    let address = nobody();
    let (error, cause) = refused(address);
    assert!(matches!(&cause, Cause::Connect { address: said, .. } if *said == address.to_string()));
    let text = error.to_string();
    for part in [
        "max.block.ms",
        &address.to_string(),
        "Connection refused",
        "is a broker listening there?",
    ] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn a_name_that_does_not_exist_is_said() {
    let producer = Producer::new("no-such-host.invalid:9092").unwrap();
    let error = producer.blocking().enqueue(Record::to("t")).unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::BootstrapUnresolved { .. }),
        "{error}"
    );
    let text = error.to_string();
    for part in [
        "can be resolved",
        "no-such-host.invalid:9092 (",
        "bootstrap.resolve.timeout.ms",
    ] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn a_web_server() {
    let address = listener(Answer::Bytes(
        b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
    ));
    let (error, cause) = refused(address);
    assert!(
        matches!(
            cause,
            Cause::NotKafka {
                speaks: Speaks::Http,
                ..
            }
        ),
        "{error}"
    );
    assert!(
        error.to_string().contains("a web server answered"),
        "{error}"
    );
}

#[test]
fn a_tls_listener() {
    let address = listener(Answer::Bytes(b"\x15\x03\x01\x00\x02\x02\x46"));
    let (error, cause) = refused(address);
    assert!(
        matches!(
            cause,
            Cause::NotKafka {
                speaks: Speaks::Tls,
                ..
            }
        ),
        "{error}"
    );
    assert!(error.to_string().contains("expects TLS"), "{error}");
}

#[test]
fn something_unknown() {
    let address = listener(Answer::Bytes(b"\xff\xff\xff\xffhello"));
    let (error, cause) = refused(address);
    assert!(
        matches!(
            cause,
            Cause::NotKafka {
                speaks: Speaks::Unknown,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn a_listener_that_closes_at_once() {
    let address = listener(Answer::Nothing);
    let (error, cause) = refused(address);
    assert!(matches!(cause, Cause::ClosedInHandshake { .. }), "{error}");
    assert!(error.to_string().contains("security.protocol"), "{error}");
}

#[test]
fn a_listener_that_says_nothing() {
    let address = listener(Answer::Silence);
    let builder = Producer::builder()
        .bootstrap_servers(address.to_string())
        .request_timeout(Duration::from_millis(100))
        .max_block(BLOCK);
    let error = builder
        .build()
        .unwrap()
        .blocking()
        .enqueue(Record::to("t"))
        .unwrap_err();
    let ErrorKind::MetadataTimeout {
        cause: Some(cause), ..
    } = error.kind()
    else {
        panic!("{error}")
    };
    assert!(
        matches!(cause, Cause::RequestTimeout { address: said, api: "ApiVersions", .. } if *said == address.to_string()),
        "{error}"
    );
}

#[test]
fn the_server_that_works_is_found_among_others() {
    let broker = broker();
    let dead: [SocketAddr; 2] = [nobody(), listener(Answer::Nothing)];
    let servers = format!("{},{},{}", dead[0], dead[1], broker.bootstrap_servers());
    let producer = Producer::new(servers).unwrap().blocking();
    producer.send(Record::to("t").value("v")).unwrap();
}

#[test]
fn readers_and_admins_say_the_same() {
    for (address, part) in [
        (nobody(), "Connection refused"),
        (
            listener(Answer::Bytes(b"HTTP/1.1 400 Bad Request\r\n\r\n")),
            "a web server answered",
        ),
        (
            listener(Answer::Bytes(b"\x15\x03\x01\x00\x02\x02\x46")),
            "expects TLS",
        ),
        (listener(Answer::Nothing), "security.protocol"),
    ] {
        let reader = Reader::builder("t").bootstrap_servers(address.to_string());
        let mut reader = reader.set("max.block.ms", "100").open().unwrap();
        let error = reader.blocking_next().unwrap_err();
        assert!(matches!(error, ReadError::Unreachable { .. }));
        assert!(error.to_string().contains(part), "{error}");
        assert!(reader.is_done());
        let admin = Admin::builder().bootstrap_servers(address.to_string());
        let admin = admin.set("max.block.ms", "100").build().unwrap();
        let admin = admin.blocking();
        for error in [admin.ping().unwrap_err(), admin.list_topics().unwrap_err()] {
            assert!(matches!(error, AdminError::Unreachable { .. }));
            assert!(error.to_string().contains(part), "{error}");
        }
    }
}
