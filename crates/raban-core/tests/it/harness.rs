//! A producer, a broker that answers when the test says so, and a clock that the test turns.

use std::collections::{BTreeMap, VecDeque};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use bytes::Bytes;
use raban_core::config::Settings;
use raban_core::{
    Accumulator, Action, CloseReason, Config, ConnectError, ConnectionId, Delivery, EnqueueError,
    EnqueueWait, Event, Instant, Metrics, NewRecord, Now, Sender, Topic,
};
use raban_protocol::api::{ApiKey, Message, Request};
use raban_protocol::error_code::ErrorCode;
use raban_protocol::frame::{decode_request_header, encode_response};
use raban_protocol::messages::api_versions::*;
use raban_protocol::messages::init_producer_id::*;
use raban_protocol::messages::metadata::*;
use raban_protocol::messages::produce::*;
use raban_protocol::primitives::{Reader, Uuid};
use raban_protocol::record_batch::RecordBatch;

use super::broker_log::BrokerLog;
use super::collector::Collector;

pub(crate) const TOPIC_ID: Uuid = Uuid([7; 16]);

/// A Produce request that waits for the test's answer.
#[derive(Debug, Clone)]
pub(crate) struct Produced {
    pub(crate) conn: ConnectionId,
    pub(crate) version: i16,
    pub(crate) correlation_id: i32,
    pub(crate) request: ProduceRequest,
}

impl Produced {
    /// Partition and decoded batch of each.
    pub(crate) fn batches(&self) -> Vec<(i32, RecordBatch)> {
        self.request
            .topic_data
            .iter()
            .flat_map(|topic| &topic.partition_data)
            .map(|data| {
                let bytes = data.records.clone().unwrap().into_bytes();
                (data.index, RecordBatch::decode(bytes, 1 << 24).unwrap())
            })
            .collect()
    }

    /// The first batch as it came.
    pub(crate) fn batch_bytes(&self) -> Bytes {
        let data = &self.request.topic_data[0].partition_data[0];
        data.records.clone().unwrap().into_bytes()
    }

    /// The only batch.
    pub(crate) fn batch(&self) -> RecordBatch {
        let mut batches = self.batches();
        assert_eq!(batches.len(), 1);
        batches.remove(0).1
    }

    pub(crate) fn values(&self) -> Vec<String> {
        self.batches()
            .iter()
            .flat_map(|(_, batch)| &batch.records)
            .map(|record| String::from_utf8(record.value.clone().unwrap().to_vec()).unwrap())
            .collect()
    }
}

pub(crate) struct Harness {
    pub(crate) accumulator: Arc<Accumulator>,
    pub(crate) sender: Sender,
    pub(crate) now: Now,
    /// Produce requests in the order they came.
    pub(crate) produced: VecDeque<Produced>,
    pub(crate) partitions: i32,
    /// Those that metadata names.
    pub(crate) brokers: Vec<i32>,
    /// Leader by partition; broker 0 where nothing is said.
    pub(crate) leaders: BTreeMap<i32, i32>,
    pub(crate) leader_epoch: i32,
    /// By broker.
    pub(crate) racks: BTreeMap<i32, Option<&'static str>>,
    /// What Metadata says of the topic.
    pub(crate) topic_error: ErrorCode,
    pub(crate) topic_id: Uuid,
    pub(crate) producer_id_errors: VecDeque<ErrorCode>,
    pub(crate) newest_produce: i16,
    pub(crate) reachable: bool,
    /// Hosts whose names have no address.
    pub(crate) unresolved: Vec<String>,
    /// ApiVersions isn't answered.
    pub(crate) silent: bool,
    pub(crate) connections: Vec<ConnectionId>,
    pub(crate) metadata_requests: usize,
    pub(crate) log_append_time: i64,
    /// The pause that answers to Produce ask for (KIP-219), in milliseconds.
    pub(crate) throttle_time_ms: i32,
    /// What partition 0's leader has, for those who ask before they send again.
    pub(crate) log: BrokerLog,
    /// What brokers do with metrics.
    pub(crate) collector: Collector,
    /// Named as the new leader in the next answer (KIP-951): its id and epoch.
    pub(crate) hint: Option<(i32, i32)>,
    /// The offset that answers with an error tell; -1: none.
    pub(crate) error_base_offset: i64,
    /// The records that the next answer blames (KIP-467).
    pub(crate) record_errors: Vec<BatchIndexAndErrorMessage>,
    /// Metadata is answered with this.
    pub(crate) metadata_error: ErrorCode,
    /// What Metadata says, and what brokers compare themselves with.
    pub(crate) cluster_id: Option<&'static str>,
    /// The cluster of the bootstrap server, if it is another one than that of the brokers.
    pub(crate) bootstrap_cluster_id: Option<&'static str>,
    /// Brokers whose addresses lead to another one.
    pub(crate) misrouted: Vec<i32>,
    /// The newest ApiVersions that brokers know.
    pub(crate) newest_api_versions: i16,
    /// Requests for ApiVersions: their version, and whom they are meant for.
    pub(crate) introductions: Vec<(i16, Option<String>, i32)>,
    /// Hosts that were connected to, in order.
    pub(crate) connected_to: Vec<String>,
    /// When connections were asked for, and how long each may take.
    pub(crate) attempts: Vec<(Instant, Duration)>,
    /// Hosts whose canonical names were to be connected to.
    pub(crate) canonical: Vec<String>,
    /// The topics that each Metadata request names.
    pub(crate) asked_topics: Vec<Vec<String>>,
    /// Requests about batches in doubt, by name.
    pub(crate) questions: Vec<ApiKey>,
    /// What is worth a line in a log.
    pub(crate) events: Vec<Event>,
    hosts: BTreeMap<ConnectionId, String>,
    /// Answers by connection and correlation id, behind those of earlier Produce requests.
    answers: VecDeque<(ConnectionId, i32, Bytes)>,
    /// Those that were given.
    pub(crate) producer_ids: Vec<i64>,
    next_producer_id: i64,
    offsets: BTreeMap<i32, i64>,
    waker: Arc<CountingWaker>,
    /// So many wake-ups of the driver led to a look.
    looks: usize,
}

#[derive(Default)]
pub(crate) struct CountingWaker(AtomicUsize);

impl Wake for CountingWaker {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Harness {
    pub(crate) fn new(settings: &[(&str, &str)]) -> Self {
        let defaults = [("bootstrap.servers", "broker:9092"), ("linger.ms", "0")];
        let mut all = Settings::default();
        for (key, value) in defaults.iter().chain(settings) {
            all.set(*key, *value);
        }
        Self::with_config(Config::from_settings(&all).unwrap())
    }

    pub(crate) fn with_config(config: Config) -> Self {
        let (accumulator, sender) = raban_core::new(config, 42);
        let waker = Arc::new(CountingWaker::default());
        accumulator.set_driver_waker(Waker::from(Arc::clone(&waker)));
        Self {
            accumulator,
            sender,
            now: Now {
                instant: Instant::from_nanos(1_000_000_000),
                wall_ms: 1_700_000_000_000,
            },
            produced: VecDeque::new(),
            partitions: 1,
            brokers: vec![0, 1],
            leaders: BTreeMap::new(),
            leader_epoch: 0,
            racks: BTreeMap::new(),
            topic_error: ErrorCode::NONE,
            topic_id: TOPIC_ID,
            producer_id_errors: VecDeque::new(),
            newest_produce: 13,
            reachable: true,
            unresolved: Vec::new(),
            silent: false,
            connections: Vec::new(),
            metadata_requests: 0,
            log_append_time: -1,
            throttle_time_ms: 0,
            log: BrokerLog::default(),
            collector: Collector::default(),
            hint: None,
            error_base_offset: -1,
            record_errors: Vec::new(),
            metadata_error: ErrorCode::NONE,
            cluster_id: None,
            bootstrap_cluster_id: None,
            misrouted: Vec::new(),
            newest_api_versions: 4,
            introductions: Vec::new(),
            connected_to: Vec::new(),
            attempts: Vec::new(),
            canonical: Vec::new(),
            asked_topics: Vec::new(),
            questions: Vec::new(),
            events: Vec::new(),
            hosts: BTreeMap::new(),
            answers: VecDeque::new(),
            producer_ids: Vec::new(),
            next_producer_id: 1000,
            offsets: BTreeMap::new(),
            waker,
            looks: 0,
        }
    }

    pub(crate) fn topic(&self) -> Arc<Topic> {
        self.accumulator.topic("t").unwrap()
    }

    /// Polls an enqueue until it is ready or time would have to pass.
    pub(crate) fn enqueue(&mut self, record: &NewRecord<'_>) -> Result<Delivery, EnqueueError> {
        let mut wait = EnqueueWait::default();
        for _ in 0..1000 {
            match self.poll_enqueue(record, &mut wait) {
                Poll::Ready(outcome) => return outcome,
                Poll::Pending => self.run(),
            }
        }
        panic!("the record is still waiting");
    }

    pub(crate) fn poll_enqueue(
        &mut self,
        record: &NewRecord<'_>,
        wait: &mut EnqueueWait,
    ) -> Poll<Result<Delivery, EnqueueError>> {
        let topic = self.topic();
        let mut cx = Context::from_waker(Waker::noop());
        self.accumulator
            .poll_enqueue(&mut cx, &self.now, &topic, record, wait)
    }

    pub(crate) fn send(&mut self, value: &str) -> Delivery {
        let record = NewRecord {
            partition: Some(0),
            value: Some(value.as_bytes()),
            ..NewRecord::default()
        };
        self.enqueue(&record).unwrap()
    }

    /// Sends a record, lets it go out, and answers it well, so that several may be in flight.
    pub(crate) fn confirm(&mut self) {
        let first = self.send("first");
        self.run();
        self.answer_next(ErrorCode::NONE);
        assert!(first.try_outcome().unwrap().is_ok());
    }

    /// The driver was woken.
    pub(crate) fn look(&mut self) {
        self.looks = self.driver_wakes();
        self.sender.handle_wakeup(self.now);
    }

    /// Has the sender look if the driver was woken, and does what it asks for until it asks for nothing more.
    pub(crate) fn run(&mut self) {
        if self.driver_wakes() > self.looks {
            self.look();
        }
        while let Some(action) = self.sender.poll_action() {
            if let Action::Connect {
                address,
                canonical,
                setup_timeout,
                ..
            } = &action
            {
                self.attempts.push((self.now.instant, *setup_timeout));
                if *canonical {
                    self.canonical.push(address.host.clone());
                }
            }
            match action {
                Action::Connect { conn, address, .. }
                    if self.unresolved.contains(&address.host) =>
                {
                    self.connected_to.push(address.host);
                    let error = ConnectError::Unresolved("no such name".to_owned());
                    self.sender.handle_connect_failed(self.now, conn, error);
                }
                Action::Connect { conn, address, .. } if self.reachable => {
                    self.hosts.insert(conn, address.host.clone());
                    self.connected_to.push(address.host);
                    self.connections.push(conn);
                    self.sender.handle_connected(self.now, conn);
                }
                Action::Connect { conn, .. } => {
                    let error = ConnectError::Unreachable("connection refused".to_owned());
                    self.sender.handle_connect_failed(self.now, conn, error);
                }
                Action::Write { conn, token, frame } => {
                    let content = frame.to_bytes().slice(4..);
                    self.sender.handle_written(self.now, conn, token);
                    self.serve(conn, content);
                }
                Action::Close { conn } => self.connections.retain(|open| *open != conn),
            }
        }
        while let Some(event) = self.sender.poll_event() {
            self.events.push(event);
        }
    }

    /// Turns the clock, stopping at each timeout on the way.
    pub(crate) fn advance(&mut self, duration: Duration) {
        let end = self.now.instant + duration;
        self.run();
        while let Some(at) = self.sender.poll_timeout().filter(|at| *at <= end) {
            self.turn_to(at.max(self.now.instant));
            self.sender.handle_timeout(self.now);
            self.run();
        }
        self.turn_to(end);
        self.sender.handle_timeout(self.now);
        self.run();
    }

    fn turn_to(&mut self, at: Instant) {
        self.now.wall_ms += (at - self.now.instant).as_millis() as i64;
        self.now.instant = at;
    }

    fn serve(&mut self, conn: ConnectionId, content: Bytes) {
        let mut reader = Reader::new(content);
        let header = decode_request_header(&mut reader).unwrap();
        let version = header.api_version;
        let id = header.correlation_id;
        match ApiKey::try_from(header.api_key).unwrap() {
            ApiKey::ApiVersions if self.silent => {}
            ApiKey::ApiVersions => {
                let mut response = self.api_versions();
                if version > self.newest_api_versions {
                    response.error_code = ErrorCode::UNSUPPORTED_VERSION;
                    self.introductions.push((version, None, -1));
                    self.reply::<ApiVersionsRequest>(conn, 0, id, &response);
                    return;
                }
                let request = ApiVersionsRequest::decode(version, &mut reader).unwrap();
                let other = request.cluster_id.is_some()
                    && request.cluster_id.as_deref() != self.cluster_id;
                if other || self.misrouted.contains(&request.node_id) {
                    response.error_code = ErrorCode::REBOOTSTRAP_REQUIRED;
                }
                self.introductions
                    .push((version, request.cluster_id, request.node_id));
                self.reply::<ApiVersionsRequest>(conn, version, id, &response);
            }
            ApiKey::Metadata => {
                self.metadata_requests += 1;
                let request = MetadataRequest::decode(version, &mut reader).unwrap();
                let topics = request.topics.iter().flatten();
                let names = topics.map(|topic| topic.name.clone().unwrap());
                self.asked_topics.push(names.collect());
                let mut response = self.metadata(&request);
                if self.hosts[&conn] == "broker" && self.bootstrap_cluster_id.is_some() {
                    response.cluster_id = self.bootstrap_cluster_id.map(str::to_owned);
                }
                self.reply::<MetadataRequest>(conn, version, id, &response);
            }
            ApiKey::InitProducerId => {
                let error = self
                    .producer_id_errors
                    .pop_front()
                    .unwrap_or(ErrorCode::NONE);
                self.next_producer_id += 1;
                self.producer_ids.push(self.next_producer_id);
                let response = InitProducerIdResponse {
                    error_code: error,
                    producer_id: self.next_producer_id,
                    producer_epoch: 0,
                    ..InitProducerIdResponse::default()
                };
                self.reply::<InitProducerIdRequest>(conn, version, id, &response);
            }
            ApiKey::Produce => self.produced.push_back(Produced {
                conn,
                version,
                correlation_id: id,
                request: ProduceRequest::decode(version, &mut reader).unwrap(),
            }),
            ApiKey::GetTelemetrySubscriptions | ApiKey::PushTelemetry => {
                let asked = ApiKey::try_from(header.api_key).unwrap();
                let answer = self
                    .collector
                    .answer(self.now, conn, asked, id, &mut reader);
                if let Some(content) = answer {
                    self.sender.handle_frame(self.now, conn, content);
                }
            }
            other => {
                self.questions.push(other);
                if let Some(content) = self.log.answer(other, version, id, &mut reader) {
                    self.answers.push_back((conn, id, content));
                    self.hand_over();
                }
            }
        }
    }

    fn api_versions(&self) -> ApiVersionsResponse {
        let range = |key: ApiKey, max| ApiVersion {
            api_key: key as i16,
            min_version: 0,
            max_version: max,
        };
        let collected = self.collector.collects.then_some([
            range(ApiKey::GetTelemetrySubscriptions, 0),
            range(ApiKey::PushTelemetry, 0),
        ]);
        let mut api_keys: Vec<_> = collected.into_iter().flatten().collect();
        api_keys.extend([
            range(ApiKey::Produce, self.newest_produce),
            range(ApiKey::Metadata, 13),
            range(ApiKey::ApiVersions, self.newest_api_versions),
            range(ApiKey::InitProducerId, 5),
            range(ApiKey::DescribeProducers, 0),
            range(ApiKey::ListOffsets, 11),
            range(ApiKey::OffsetForLeaderEpoch, 4),
            range(ApiKey::Fetch, 18),
        ]);
        ApiVersionsResponse {
            api_keys,
            ..ApiVersionsResponse::default()
        }
    }

    fn metadata(&self, request: &MetadataRequest) -> MetadataResponse {
        let brokers = self
            .brokers
            .iter()
            .map(|node_id| MetadataResponseBroker {
                node_id: *node_id,
                host: format!("broker{node_id}"),
                port: 9092,
                rack: self
                    .racks
                    .get(node_id)
                    .copied()
                    .flatten()
                    .map(str::to_owned),
            })
            .collect();
        let partitions = (0..self.partitions)
            .map(|index| MetadataResponsePartition {
                partition_index: index,
                leader_id: self.leaders.get(&index).copied().unwrap_or(0),
                leader_epoch: self.leader_epoch,
                ..MetadataResponsePartition::default()
            })
            .collect::<Vec<_>>();
        let topics = request
            .topics
            .iter()
            .flatten()
            .map(|topic| MetadataResponseTopic {
                error_code: self.topic_error,
                name: topic.name.clone(),
                topic_id: self.topic_id,
                partitions: if self.topic_error.is_none() {
                    partitions.clone()
                } else {
                    Vec::new()
                },
                ..MetadataResponseTopic::default()
            })
            .collect();
        MetadataResponse {
            brokers,
            topics,
            error_code: self.metadata_error,
            cluster_id: self.cluster_id.map(str::to_owned),
            ..MetadataResponse::default()
        }
    }

    fn reply<R: Request>(
        &mut self,
        conn: ConnectionId,
        version: i16,
        id: i32,
        response: &R::Response,
    ) {
        let frame = encode_response::<R>(version, id, response).unwrap();
        let content = frame.to_bytes().slice(4..);
        self.sender.handle_frame(self.now, conn, content);
    }

    /// Answers the oldest Produce request with this code for all its partitions.
    pub(crate) fn answer_next(&mut self, code: ErrorCode) {
        let produced = self
            .produced
            .pop_front()
            .expect("a request waits for an answer");
        self.answer(&produced, code);
    }

    pub(crate) fn answer(&mut self, produced: &Produced, code: ErrorCode) {
        let counts: BTreeMap<i32, i64> = produced
            .batches()
            .iter()
            .map(|(index, batch)| (*index, batch.records.len() as i64))
            .collect();
        let hint = self.hint.take();
        let record_errors = std::mem::take(&mut self.record_errors);
        let responses = produced
            .request
            .topic_data
            .iter()
            .map(|topic| TopicProduceResponse {
                name: topic.name.clone(),
                topic_id: topic.topic_id,
                partition_responses: topic
                    .partition_data
                    .iter()
                    .map(|data| {
                        let next = self.offsets.entry(data.index).or_default();
                        let base_offset = if code.is_none() {
                            *next
                        } else {
                            self.error_base_offset
                        };
                        if code.is_none() {
                            *next = next.wrapping_add(counts[&data.index]);
                        }
                        PartitionProduceResponse {
                            index: data.index,
                            error_code: code,
                            base_offset,
                            log_append_time_ms: self.log_append_time,
                            record_errors: record_errors.clone(),
                            current_leader: hint.map_or_else(LeaderIdAndEpoch::default, |hint| {
                                let (leader_id, leader_epoch) = hint;
                                LeaderIdAndEpoch {
                                    leader_id,
                                    leader_epoch,
                                }
                            }),
                            ..PartitionProduceResponse::default()
                        }
                    })
                    .collect(),
            })
            .collect();
        let response = ProduceResponse {
            responses,
            node_endpoints: hint
                .iter()
                .map(|(node_id, _)| NodeEndpoint {
                    node_id: *node_id,
                    host: format!("broker{node_id}"),
                    port: 9092,
                    rack: None,
                })
                .collect(),
            throttle_time_ms: self.throttle_time_ms,
        };
        self.reply::<ProduceRequest>(
            produced.conn,
            produced.version,
            produced.correlation_id,
            &response,
        );
        self.hand_over();
        self.run();
    }

    /// Hands over the answers that no Produce request stands before.
    fn hand_over(&mut self) {
        let produced = &self.produced;
        let waits = |conn: ConnectionId, id: i32| {
            let before =
                |produced: &Produced| produced.conn == conn && produced.correlation_id < id;
            produced.iter().any(before)
        };
        let ready = |(conn, id, _): &(ConnectionId, i32, Bytes)| !waits(*conn, *id);
        while let Some(index) = self.answers.iter().position(ready) {
            let answer = self.answers.remove(index);
            let (conn, _, content) = answer.expect("it has just been found");
            self.sender.handle_frame(self.now, conn, content);
        }
    }

    /// Answers all Produce requests well until none comes any more.
    pub(crate) fn answer_all(&mut self) {
        self.run();
        while !self.produced.is_empty() {
            self.answer_next(ErrorCode::NONE);
        }
    }

    /// Carries out the oldest Produce request on the log of partition 0.
    pub(crate) fn append_quietly(&mut self) -> i64 {
        let batch = self.produced[0].batch_bytes();
        self.log.append(batch)
    }

    /// The next answer says that partition 0 has it at this offset.
    pub(crate) fn tell_offset(&mut self, offset: i64) {
        self.offsets.insert(0, offset);
    }

    /// Carries out the oldest Produce request on the log of partition 0, and answers it.
    pub(crate) fn append_next(&mut self) {
        let base_offset = self.append_quietly();
        self.offsets.insert(0, base_offset);
        self.answer_next(ErrorCode::NONE);
    }

    /// Carries out Produce requests as a broker does that remembers all it has, until none comes any more.
    pub(crate) fn serve_log(&mut self) {
        while let Some(produced) = self.produced.front() {
            match self.log.carry_out(produced.batch_bytes()) {
                Ok(base_offset) => {
                    self.offsets.insert(0, base_offset);
                    self.answer_next(ErrorCode::NONE);
                }
                Err(code) => {
                    self.error_base_offset = -1;
                    self.answer_next(code);
                }
            }
        }
    }

    /// Sends a record that is acknowledged, so that several may be in flight.
    pub(crate) fn begin_log(&mut self) {
        let first = self.send("first");
        self.run();
        self.append_next();
        assert!(first.try_outcome().unwrap().is_ok());
    }

    /// Sends records, each in a request of its own.
    pub(crate) fn send_each(&mut self, values: &[&str]) -> Vec<Delivery> {
        let send = |value: &&str| {
            let delivery = self.send(value);
            self.run();
            delivery
        };
        values.iter().map(send).collect()
    }

    /// The first Produce requests are carried out, and all answers lost with the connection.
    pub(crate) fn lose_answers(&mut self, appended: usize) {
        for produced in self.produced.iter().take(appended) {
            let data = &produced.request.topic_data[0].partition_data[0];
            self.log.append(data.records.clone().unwrap().into_bytes());
        }
        let conn = self.produced[0].conn;
        self.cut(conn);
    }

    /// Loses the connection and all that wait for an answer on it.
    pub(crate) fn cut(&mut self, conn: ConnectionId) {
        self.produced.retain(|produced| produced.conn != conn);
        self.answers.retain(|(held, ..)| *held != conn);
        self.sender.handle_closed(self.now, conn, CloseReason::Eof);
        self.run();
    }

    pub(crate) fn metrics(&self) -> Metrics {
        self.accumulator.metrics(self.now)
    }

    /// How long the sender sleeps if nothing happens.
    pub(crate) fn sleeps(&self) -> Option<Duration> {
        let timeout = self.sender.poll_timeout();
        timeout.map(|at| at - self.now.instant)
    }

    pub(crate) fn driver_wakes(&self) -> usize {
        self.waker.0.load(Ordering::SeqCst)
    }
}

/// Polls a future once.
pub(crate) fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    let mut cx = Context::from_waker(Waker::noop());
    pin!(future).as_mut().poll(&mut cx)
}
