//! Messages against the frames that the Java client wrote (testbed/java/GoldenBatches.java): one line per
//! version with the version, the frame, and the message in Java's JSON.

use std::path::Path;

use bytes::Bytes;

use super::leaves::{leaves, leaves_of_json};
use crate::api::Request;
use crate::frame::{decode_request_header, decode_response, encode_request, encode_response};
use crate::messages::{ApiVersionsRequest, InitProducerIdRequest, MetadataRequest, ProduceRequest};
use crate::primitives::Reader;

struct Line {
    version: i16,
    frame: Bytes,
    json: String,
}

fn lines(name: &str) -> Vec<Line> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let text = std::fs::read_to_string(golden.join(name)).unwrap();
    text.lines()
        .map(|line| {
            let columns: Vec<&str> = line.split('\t').collect();
            let byte = |place| u8::from_str_radix(&columns[1][place..place + 2], 16).unwrap();
            Line {
                version: columns[0].parse().unwrap(),
                frame: (0..columns[1].len()).step_by(2).map(byte).collect(),
                json: columns[2].to_owned(),
            }
        })
        .collect()
}

/// Every name and value that Java says must be there, in its order. Java leaves out what the version
/// doesn't have, and tagged fields with their default.
fn check_values(message: &impl std::fmt::Debug, json: &str) {
    let ours = leaves(message, &[]);
    let mut rest = ours.iter();
    let mut javas = leaves_of_json(json).into_iter();
    while let Some(name_or_value) = javas.next() {
        assert!(
            rest.any(|ours| *ours == name_or_value),
            "{name_or_value} of {json} is not in {ours:?}"
        );
        if name_or_value == "records" {
            let null = javas.next().unwrap() == "None";
            assert_eq!(rest.next().unwrap() == "None", null);
        }
    }
}

fn agree<R: Request>(file: &str) {
    let requests = lines(&format!("{file}-request.tsv"));
    assert!(
        requests
            .iter()
            .map(|line| line.version)
            .eq(R::VERSIONS.min..=R::VERSIONS.max)
    );
    for line in requests {
        let mut r = Reader::new(line.frame.slice(4..));
        let header = decode_request_header(&mut r).unwrap();
        assert_eq!(header.api_key, R::KEY as i16);
        assert_eq!(header.api_version, line.version);
        let request = R::decode(line.version, &mut r).unwrap();
        r.finish().unwrap();
        check_values(&request, &line.json);
        let (id, client) = (header.correlation_id, header.client_id.as_deref());
        let ours = encode_request(line.version, id, client, &request).unwrap();
        assert_eq!(ours.to_bytes(), line.frame);
    }
    let responses = lines(&format!("{file}-response.tsv"));
    assert!(
        responses
            .iter()
            .map(|line| line.version)
            .eq(R::VERSIONS.min..=R::VERSIONS.max)
    );
    for line in responses {
        let content = line.frame.slice(4..);
        let (id, response) = decode_response::<R>(line.version, content).unwrap();
        check_values(&response, &line.json);
        let ours = encode_response::<R>(line.version, id, &response).unwrap();
        assert_eq!(ours.to_bytes(), line.frame);
    }
}

#[test]
fn frames_of_java_are_read_and_written() {
    agree::<ApiVersionsRequest>("api-versions");
    agree::<InitProducerIdRequest>("init-producer-id");
    agree::<MetadataRequest>("metadata");
    agree::<ProduceRequest>("produce");
}
