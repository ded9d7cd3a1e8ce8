//! A client that speaks raw frames, and batches to send.
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use raban_broker::{BrokerConfig, Server, StorageKind};
use raban_protocol::api::Request;
use raban_protocol::compression::{Codec, Compression};
use raban_protocol::error_code::ErrorCode;
use raban_protocol::frame::{decode_response, encode_request};
use raban_protocol::messages::fetch::{FetchPartition, FetchTopic, PartitionData};
use raban_protocol::messages::produce::{
    PartitionProduceData, PartitionProduceResponse, TopicProduceData,
};
use raban_protocol::messages::{FetchRequest, InitProducerIdRequest, ProduceRequest};
use raban_protocol::primitives::{Records, Uuid};
use raban_protocol::record_batch::{RecordBatch, RecordRef, RecordsBuilder, split_batches};

/// How long a response may take before a test fails.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn start() -> Server {
    Server::start(BrokerConfig::default()).unwrap()
}

/// A broker on disk whose segments are so small that most tests fill some.
pub(crate) fn start_in(dir: &std::path::Path) -> Server {
    let config = BrokerConfig {
        storage: StorageKind::Disk(dir.to_owned()),
        segment_bytes: 500,
        ..BrokerConfig::default()
    };
    Server::start(config).unwrap()
}

pub(crate) struct Client {
    socket: TcpStream,
    correlation_id: i32,
}

impl Client {
    pub(crate) fn to(server: &Server) -> Self {
        Self::connect(server.address()).unwrap()
    }

    pub(crate) fn connect(address: SocketAddr) -> std::io::Result<Self> {
        let socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        Ok(Self {
            socket,
            correlation_id: 0,
        })
    }

    /// Sends a request without waiting for its response.
    pub(crate) fn send<R: Request>(&mut self, version: i16, request: &R) -> std::io::Result<()> {
        self.correlation_id += 1;
        let frame = encode_request(version, self.correlation_id, Some("test"), request).unwrap();
        self.socket.write_all(&frame.to_bytes())
    }

    pub(crate) fn receive<R: Request>(&mut self, version: i16) -> std::io::Result<R::Response> {
        let (_, response) = decode_response::<R>(version, self.receive_frame()?).unwrap();
        Ok(response)
    }

    pub(crate) fn call<R: Request>(&mut self, version: i16, request: &R) -> R::Response {
        self.send(version, request).unwrap();
        let (id, response) = decode_response::<R>(version, self.receive_frame().unwrap()).unwrap();
        assert_eq!(id, self.correlation_id);
        response
    }

    pub(crate) fn send_raw(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.socket.write_all(bytes)
    }

    /// The next frame without its size.
    pub(crate) fn receive_frame(&mut self) -> std::io::Result<Bytes> {
        let mut size = [0; 4];
        self.socket.read_exact(&mut size)?;
        let mut content = vec![0; u32::from_be_bytes(size) as usize];
        self.socket.read_exact(&mut content)?;
        Ok(content.into())
    }

    /// Whether the broker has closed the connection, with nothing more to read.
    pub(crate) fn is_closed(&mut self) -> bool {
        !matches!(self.socket.read(&mut [0; 1]), Ok(1..))
    }

    pub(crate) fn socket(&self) -> &TcpStream {
        &self.socket
    }

    pub(crate) fn producer_id(&mut self) -> i64 {
        let response = self.call(4, &InitProducerIdRequest::default());
        assert_eq!(
            (response.error_code, response.producer_epoch),
            (ErrorCode::NONE, 0)
        );
        response.producer_id
    }

    pub(crate) fn produce(
        &mut self,
        version: i16,
        topic: &str,
        partition: i32,
        records: Bytes,
    ) -> PartitionProduceResponse {
        let mut response = self.call(
            version,
            &produce_request(topic, Uuid::ZERO, partition, records),
        );
        response.responses.remove(0).partition_responses.remove(0)
    }

    pub(crate) fn fetch(
        &mut self,
        version: i16,
        topic: &str,
        partition: i32,
        offset: i64,
    ) -> PartitionData {
        let mut response = self.call(
            version,
            &fetch_request(topic, Uuid::ZERO, partition, offset),
        );
        assert_eq!(
            (response.error_code, response.session_id),
            (ErrorCode::NONE, 0)
        );
        response.responses.remove(0).partitions.remove(0)
    }
}

pub(crate) fn produce_request(
    topic: &str,
    topic_id: Uuid,
    partition: i32,
    records: Bytes,
) -> ProduceRequest {
    ProduceRequest {
        acks: -1,
        timeout_ms: 1_000,
        topic_data: vec![TopicProduceData {
            name: topic.to_owned(),
            topic_id,
            partition_data: vec![PartitionProduceData {
                index: partition,
                records: Some(Records::from(records)),
            }],
        }],
        ..Default::default()
    }
}

pub(crate) fn fetch_request(
    topic: &str,
    topic_id: Uuid,
    partition: i32,
    offset: i64,
) -> FetchRequest {
    FetchRequest {
        max_wait_ms: 0,
        min_bytes: 1,
        max_bytes: 50 << 20,
        topics: vec![FetchTopic {
            topic: topic.to_owned(),
            topic_id,
            partitions: vec![FetchPartition {
                partition,
                fetch_offset: offset,
                partition_max_bytes: 1 << 20,
                ..Default::default()
            }],
        }],
        ..Default::default()
    }
}

/// A batch of these values, stamped for a producer.
pub(crate) fn stamped(
    values: &[&str],
    compression: Compression,
    producer: (i64, i16, i32),
) -> Bytes {
    let mut builder = RecordsBuilder::new(BytesMut::new());
    for value in values {
        let record = RecordRef {
            value: Some(value.as_bytes()),
            ..Default::default()
        };
        builder.append(1_000, &record);
    }
    let codec = Codec::new(compression, None).unwrap();
    let (sealed, _) = builder.seal(&codec, BytesMut::new()).unwrap();
    sealed
        .stamp(producer.0, producer.1, producer.2)
        .into_bytes()
}

pub(crate) fn batch(values: &[&str]) -> Bytes {
    stamped(values, Compression::None, (-1, -1, -1))
}

/// Offsets and values of fetched records.
pub(crate) fn values(data: &PartitionData) -> Vec<(i64, String)> {
    let bytes = data.records.clone().unwrap().into_bytes();
    let mut found = Vec::new();
    for split in split_batches(bytes) {
        let batch = RecordBatch::decode(split.unwrap().1, 1 << 20).unwrap();
        for record in batch.records {
            let value = String::from_utf8(record.value.unwrap().to_vec()).unwrap();
            found.push((record.offset, value));
        }
    }
    found
}

/// All values in a topic, in order, straight from the broker.
pub(crate) fn stored(server: &Server, topic: &str) -> Vec<String> {
    let records = server.records(topic).unwrap().into_iter();
    let value = |bytes: Option<Bytes>| String::from_utf8(bytes.unwrap().to_vec()).unwrap();
    records.map(|r| value(r.record.value)).collect()
}
