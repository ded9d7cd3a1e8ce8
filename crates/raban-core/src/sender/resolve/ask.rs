//! The questions of a resolution, and what their answers lead to.

use bytes::Bytes;
use raban_protocol::api::Request;
use raban_protocol::error_code::ErrorCode;
use raban_protocol::messages::describe_producers::{
    DescribeProducersRequest, DescribeProducersResponse, TopicRequest,
};
use raban_protocol::messages::fetch::{FetchPartition, FetchRequest, FetchResponse, FetchTopic};
use raban_protocol::messages::list_offsets::{ListOffsetsRequest, ListOffsetsResponse};
use raban_protocol::messages::offset_for_leader_epoch::{
    OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, OffsetForLeaderPartition,
    OffsetForLeaderTopic,
};
use raban_protocol::primitives::Records;

use super::Step;
use super::decide::State;
use super::floor::Floor;
use super::reading::{Anchor, Reading};
use crate::accumulator::partition::PartitionId;
use crate::connection::{ConnectionId, Question, RequestKind};
use crate::error::Unresolved;
use crate::mutant::Mutant;
use crate::sender::Sender;
use crate::sender::links::decode;
use crate::time::Instant;
use crate::trail::Found;

/// ListOffsets: the log's start.
const EARLIEST: i64 = -2;

/// The last version of Fetch that names topics; later ones use topic ids (KIP-516).
const NEWEST_FETCH_BY_NAME: i16 = 12;

/// A consumer asks, not a replica.
const CONSUMER: i32 = -1;

/// Bytes of records in an answer; a first batch that is larger comes nonetheless (KIP-74).
const FETCH_BYTES: i32 = 1 << 20;

/// How long a broker waits for the records that other replicas don't have yet, in milliseconds.
const FETCH_WAIT_MS: i32 = 100;

impl Sender {
    /// Sends the partition's next question.
    pub(super) fn ask(&mut self, now: Instant, id: PartitionId, conn: ConnectionId) {
        let queue = &self.queues[id.0 as usize];
        let Some(resolution) = &queue.doubt.resolution else {
            return;
        };
        match &resolution.step {
            Step::Ask => self.ask_state(now, id, conn),
            Step::Start => {
                let request = ListOffsetsRequest {
                    replica_id: CONSUMER,
                    topics: self.offset_questions(&[id], EARLIEST),
                    ..ListOffsetsRequest::default()
                };
                self.question(now, id, conn, i16::MAX, &request);
            }
            Step::Prefix { epoch, .. } => {
                let epoch = *epoch;
                self.ask_epoch_end(now, id, conn, epoch);
            }
            Step::End { .. } => {
                let epoch = queue.leader_epoch;
                self.ask_epoch_end(now, id, conn, epoch);
            }
            Step::Read(reading) => {
                let wait_ms = match reading.is_done() {
                    true => 0,
                    false => FETCH_WAIT_MS,
                };
                let from = reading.next;
                self.ask_records(now, id, conn, from, wait_ms);
            }
        }
    }

    fn ask_state(&mut self, now: Instant, id: PartitionId, conn: ConnectionId) {
        let connection = &self.connections[&conn];
        if connection
            .version::<DescribeProducersRequest>(i16::MAX)
            .is_err()
        {
            // Older than 2.8: only the log can tell.
            self.step_to(now, id, Step::Start);
            return;
        }
        let partition = &self.queues[id.0 as usize].partition;
        let request = DescribeProducersRequest {
            topics: vec![TopicRequest {
                name: partition.topic.to_string(),
                partition_indexes: vec![partition.index],
            }],
        };
        self.question(now, id, conn, i16::MAX, &request);
    }

    fn ask_epoch_end(&mut self, now: Instant, id: PartitionId, conn: ConnectionId, epoch: i32) {
        let queue = &self.queues[id.0 as usize];
        let request = OffsetForLeaderEpochRequest {
            replica_id: CONSUMER,
            topics: vec![OffsetForLeaderTopic {
                topic: queue.partition.topic.to_string(),
                partitions: vec![OffsetForLeaderPartition {
                    partition: queue.partition.index,
                    current_leader_epoch: queue.leader_epoch,
                    leader_epoch: epoch,
                }],
            }],
        };
        self.question(now, id, conn, i16::MAX, &request);
    }

    fn ask_records(
        &mut self,
        now: Instant,
        id: PartitionId,
        conn: ConnectionId,
        from: i64,
        wait_ms: i32,
    ) {
        let queue = &self.queues[id.0 as usize];
        let topic_id = self.metadata.topic_id(&queue.partition.topic);
        let newest = if topic_id.is_zero() {
            NEWEST_FETCH_BY_NAME
        } else {
            i16::MAX
        };
        let request = FetchRequest {
            max_wait_ms: wait_ms,
            min_bytes: 1,
            max_bytes: FETCH_BYTES,
            topics: vec![FetchTopic {
                topic: queue.partition.topic.to_string(),
                topic_id,
                partitions: vec![FetchPartition {
                    partition: queue.partition.index,
                    current_leader_epoch: queue.leader_epoch,
                    fetch_offset: from,
                    partition_max_bytes: FETCH_BYTES,
                    ..FetchPartition::default()
                }],
            }],
            ..FetchRequest::default()
        };
        self.question(now, id, conn, newest, &request);
    }

    fn question<R: Request>(
        &mut self,
        now: Instant,
        id: PartitionId,
        conn: ConnectionId,
        newest: i16,
        request: &R,
    ) {
        let round = self.queues[id.0 as usize].doubt.round;
        let deadline = now + self.config.request_timeout;
        let Some(connection) = self.connections.get_mut(&conn) else {
            return;
        };
        let Ok(version) = connection.version::<R>(newest) else {
            self.cannot_tell(now, id, Unresolved::OldBroker);
            return;
        };
        let kind = RequestKind::Resolve(Question {
            partition: id,
            round,
            api: R::KEY,
        });
        let frame = connection.send(kind, version, &self.client_id, request, deadline);
        self.write(now, conn, frame);
    }

    /// Takes in the answer to a question; the error says what is wrong with its bytes.
    pub(in crate::sender) fn resolution_answered(
        &mut self,
        now: Instant,
        conn: ConnectionId,
        version: i16,
        question: Question,
        content: Bytes,
    ) -> Result<(), String> {
        use raban_protocol::api::ApiKey;
        let id = question.partition;
        let awaited = self.resolution(id, question.round).is_some();
        match question.api {
            ApiKey::DescribeProducers => {
                let response = decode::<DescribeProducersRequest>(version, content)?;
                self.answered(now, conn, response.throttle_time_ms);
                if awaited {
                    self.state_answered(now, id, &response);
                }
            }
            ApiKey::ListOffsets => {
                let response = decode::<ListOffsetsRequest>(version, content)?;
                self.answered(now, conn, response.throttle_time_ms);
                if awaited {
                    self.start_answered(now, id, &response);
                }
            }
            ApiKey::OffsetForLeaderEpoch => {
                let response = decode::<OffsetForLeaderEpochRequest>(version, content)?;
                self.answered(now, conn, response.throttle_time_ms);
                if awaited {
                    self.epoch_end_answered(now, id, &response);
                }
            }
            _ => {
                let response = decode::<FetchRequest>(version, content)?;
                self.answered(now, conn, response.throttle_time_ms);
                if awaited {
                    self.records_answered(now, id, response)?;
                }
            }
        }
        Ok(())
    }

    fn state_answered(
        &mut self,
        now: Instant,
        id: PartitionId,
        response: &DescribeProducersResponse,
    ) {
        let queue = &mut self.queues[id.0 as usize];
        let answer = response
            .topics
            .iter()
            .flat_map(|topic| &topic.partitions)
            .next();
        let (Some(answer), Some(resolution)) = (answer, queue.doubt.resolution.as_mut()) else {
            self.resolve_again(now, id, None);
            return;
        };
        match answer.error_code {
            ErrorCode::NONE => {}
            ErrorCode::TOPIC_AUTHORIZATION_FAILED => {
                resolution.denied = true;
                self.step_to(now, id, Step::Start);
                return;
            }
            code => {
                self.resolve_again(now, id, Some(code));
                return;
            }
        }
        let own = queue.sequences.identity().map(|identity| identity.id);
        let producers = answer.active_producers.iter();
        let known = producers
            .filter(|state| Some(state.producer_id) == own)
            .max_by_key(|state| state.producer_epoch);
        let state = known.map_or(State::Absent, |known| State::Known {
            epoch: known.producer_epoch as i16,
            last_sequence: known.last_sequence,
            lasting: self.is_remembered(known.last_timestamp),
        });
        let may_resend = self.may_resend(id, state);
        let queue = self.queue(id);
        if let State::Known {
            epoch,
            last_sequence,
            ..
        } = state
        {
            queue.sequences.see(epoch, last_sequence);
        }
        if let Some(resolution) = queue.doubt.resolution.as_mut() {
            resolution.state = state;
        }
        if may_resend {
            self.send_again(now, id, Found::Remembered);
        } else {
            self.step_to(now, id, Step::Start);
        }
    }

    fn start_answered(&mut self, now: Instant, id: PartitionId, response: &ListOffsetsResponse) {
        let answer = response
            .topics
            .iter()
            .flat_map(|topic| &topic.partitions)
            .next();
        let start = match answer {
            Some(answer) if answer.error_code.is_none() && answer.offset >= 0 => answer.offset,
            answer => {
                self.resolve_again(now, id, answer.map(|answer| answer.error_code));
                return;
            }
        };
        let queue = &self.queues[id.0 as usize];
        let Some(resolution) = &queue.doubt.resolution else {
            return;
        };
        if resolution.denied {
            self.judge_unread(now, id, start);
            return;
        }
        let (from, epoch) = match queue.doubt.floor {
            Floor::Unknown | Floor::Asked => (0, None),
            Floor::Watermark { offset, epoch } => (offset, Some(epoch)),
            // The anchor's last record is read, too.
            Floor::Confirmed { offset, .. } => (offset - 1, None),
        };
        let step = match epoch {
            _ if start > from => Step::End {
                from: start,
                incomplete: Some(Unresolved::LogStartMoved),
            },
            Some(epoch) if (0..queue.leader_epoch).contains(&epoch) => Step::Prefix { from, epoch },
            _ => Step::End {
                from,
                incomplete: None,
            },
        };
        self.step_to(now, id, step);
    }

    fn epoch_end_answered(
        &mut self,
        now: Instant,
        id: PartitionId,
        response: &OffsetForLeaderEpochResponse,
    ) {
        let answer = response
            .topics
            .iter()
            .flat_map(|topic| &topic.partitions)
            .next();
        let end = match answer {
            // -1: no record is as old as that epoch.
            Some(answer) if answer.error_code.is_none() => answer.end_offset,
            answer => {
                self.resolve_again(now, id, answer.map(|answer| answer.error_code));
                return;
            }
        };
        let names = self.names(id);
        let queue = &self.queues[id.0 as usize];
        let has_topic_id = !self.metadata.topic_id(&queue.partition.topic).is_zero();
        let Some(resolution) = &queue.doubt.resolution else {
            return;
        };
        let step = match resolution.step {
            Step::Prefix { from, .. } => Step::End {
                from,
                incomplete: (end < from).then_some(Unresolved::LogTruncated),
            },
            Step::End { .. } if end < 0 => {
                self.resolve_again(now, id, None);
                return;
            }
            Step::End { from, incomplete } => {
                let anchor = match (queue.doubt.floor, incomplete) {
                    (Floor::Confirmed { anchor, .. }, None) => Some(anchor),
                    _ => None::<Anchor>,
                };
                let mut reading = Reading::new(from, end, anchor, names);
                reading.by_count = self.config.has(Mutant::MatchByCount);
                if let Some(reason) = incomplete {
                    reading.incomplete.get_or_insert(reason);
                }
                // Up to here only names were given: of a topic made anew just a Fetch, by its id, knows.
                if reading.is_done() && (reading.incomplete.is_some() || !has_topic_id) {
                    self.judge(now, id, reading);
                    return;
                }
                Step::Read(reading)
            }
            _ => return,
        };
        self.step_to(now, id, step);
    }

    fn records_answered(
        &mut self,
        now: Instant,
        id: PartitionId,
        response: FetchResponse,
    ) -> Result<(), String> {
        let error_code = response.error_code;
        let answer = response
            .responses
            .into_iter()
            .flat_map(|topic| topic.partitions)
            .next();
        let code = answer
            .as_ref()
            .map_or(error_code, |answer| answer.error_code);
        let (Some(answer), true) = (answer, code.is_none() && error_code.is_none()) else {
            self.records_refused(now, id, code);
            return Ok(());
        };
        let pause = self.config.retry_backoff;
        let Some(resolution) = self.queue(id).doubt.resolution.as_mut() else {
            return Ok(());
        };
        let Step::Read(reading) = &mut resolution.step else {
            return Ok(());
        };
        let before = reading.next;
        let records = answer.records.map_or_else(Bytes::new, Records::into_bytes);
        reading.take(records).map_err(|error| error.to_string())?;
        if reading.is_done() {
            let step = std::mem::replace(&mut resolution.step, Step::Ask);
            if let Step::Read(reading) = step {
                self.judge(now, id, reading);
            }
            return Ok(());
        }
        if reading.next == before {
            // Not all replicas have it yet.
            resolution.paused_until = Some(now + pause);
            self.evaluate(now, id);
        } else {
            self.resolve(now, id);
        }
        Ok(())
    }

    fn records_refused(&mut self, now: Instant, id: PartitionId, code: ErrorCode) {
        if code != ErrorCode::TOPIC_AUTHORIZATION_FAILED {
            self.resolve_again(now, id, Some(code));
            return;
        }
        if let Some(resolution) = self.queue(id).doubt.resolution.as_mut() {
            resolution.denied = true;
        }
        self.step_to(now, id, Step::Start);
    }
}
