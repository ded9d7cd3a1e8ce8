//! A Produce request on the wire: the records are not copied.

use bytes::{Bytes, BytesMut};
use raban_protocol::api::Message;
use raban_protocol::frame::{FrameDecoder, decode_request_header, encode_request};
use raban_protocol::messages::ProduceRequest;
use raban_protocol::messages::produce::{PartitionProduceData, TopicProduceData};
use raban_protocol::primitives::{Reader, Records, Uuid};

fn request(batches: &[Records]) -> ProduceRequest {
    let partition = |(index, records): (usize, &Records)| PartitionProduceData {
        index: index as i32,
        records: Some(records.clone()),
    };
    ProduceRequest {
        acks: -1,
        timeout_ms: 30_000,
        topic_data: vec![TopicProduceData {
            topic_id: Uuid([7; 16]),
            partition_data: batches.iter().enumerate().map(partition).collect(),
            ..TopicProduceData::default()
        }],
        ..ProduceRequest::default()
    }
}

fn batch(byte: u8) -> Records {
    Records::new(vec![vec![byte; 61].into(), vec![byte; 16_384].into()])
}

#[test]
fn the_body_of_a_batch_is_written_from_where_it_is() {
    let batches = [batch(1), batch(2), batch(3)];
    let bodies: Vec<Bytes> = batches
        .iter()
        .map(|batch| batch.segments().nth(1).unwrap().clone())
        .collect();
    for version in 3..=13 {
        let frame = encode_request(version, 1, Some("c"), &request(&batches)).unwrap();
        let large: Vec<_> = frame.segments().iter().filter(|s| s.len() > 1000).collect();
        assert!(
            large
                .iter()
                .map(|s| s.as_ptr())
                .eq(bodies.iter().map(|s| s.as_ptr()))
        );
        // In between, headers of batches and what stands around them.
        assert_eq!(frame.segments().len(), if version < 9 { 6 } else { 7 });
        let len: usize = frame.segments().iter().map(Bytes::len).sum();
        assert_eq!(len, frame.len());
    }
}

#[test]
fn a_broker_reads_what_was_written() {
    let sent = request(&[batch(1), batch(2)]);
    let mut stream = BytesMut::new();
    for correlation_id in 0..3 {
        let frame = encode_request(13, correlation_id, Some("client"), &sent).unwrap();
        stream.extend_from_slice(&frame.to_bytes());
    }
    let mut decoder = FrameDecoder::new(1 << 20);
    for correlation_id in 0..3 {
        let content = decoder.next(&mut stream).unwrap().unwrap();
        let body = content.clone();
        let mut r = Reader::new(content);
        let header = decode_request_header(&mut r).unwrap();
        assert_eq!(header.correlation_id, correlation_id);
        assert_eq!(header.client_id.as_deref(), Some("client"));
        let received = ProduceRequest::decode(header.api_version, &mut r).unwrap();
        r.finish().unwrap();
        assert_eq!(received, sent);
        // Nor are they copied on this side.
        let records = received.topic_data[0].partition_data[0]
            .records
            .clone()
            .unwrap();
        assert!(body.as_ptr_range().contains(&records.into_bytes().as_ptr()));
    }
    assert_eq!(decoder.next(&mut stream), Ok(None));
}
