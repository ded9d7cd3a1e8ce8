//! What the brokers answer, and what that says of faults.

use raban_broker::Outcome;
use raban_protocol::api::Request;
use raban_protocol::error_code::ErrorCode;
use raban_protocol::frame::{Frame, decode_response, encode_response};
use raban_protocol::messages::{
    DescribeProducersRequest, FetchRequest, InitProducerIdRequest, ProduceRequest,
};
use raban_protocol::record_batch::BatchHeader;

use super::Brokers;
use crate::history::Log;
use crate::hits::Hit;
use crate::network::Produced;
use crate::stage::Stage;

/// An epoch that leaves room for two bumps.
const LATE_EPOCH: i16 = i16::MAX - 3;

/// Brokers that fetch in an earlier version can't be asked for their producers either.
const FETCH_BESIDE_DESCRIBE_PRODUCERS: i16 = 12;

/// What is to be known of a request when its answer comes.
#[derive(Debug)]
pub(super) enum Asked {
    Produce(Produce),
    /// In this version.
    Fetch(i16),
    /// In this version.
    ProducerId(i16),
    /// In this version.
    Producers(i16),
}

/// A Produce request.
#[derive(Debug)]
pub(crate) struct Produce {
    pub(super) version: i16,
    /// It came from a connection that the producer had given up: nobody hears the answer.
    pub(super) late: bool,
    pub(super) batches: Vec<Sent>,
}

/// A batch of it.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(super) topic: String,
    pub(super) index: i32,
    pub(super) header: BatchHeader,
    /// It is in the log by this request.
    pub(super) appended: bool,
    /// It was in the log before.
    pub(super) known: bool,
}

/// An answer for the connection with this number.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) number: u64,
    pub(crate) outcome: Outcome,
    /// If it answers a Produce request.
    pub(crate) produce: Option<Produced>,
}

impl Brokers {
    /// Answers of requests that waited and need not any longer.
    pub(super) fn replies(&mut self, stage: &mut Stage, answers: &mut Vec<Answer>) {
        while let Some((number, outcome)) = self.cluster.poll_reply(stage.broker_now()) {
            answers.push(self.answer(stage, number, outcome));
        }
    }

    pub(super) fn answer(&mut self, stage: &mut Stage, number: u64, outcome: Outcome) -> Answer {
        let asked = self.asked.remove(&number);
        self.waiting.remove(&number);
        let mut answer = Answer {
            number,
            outcome,
            produce: None,
        };
        if let Some(Asked::Produce(produce)) = &asked {
            answer.produce = Some(Produced {
                version: produce.version,
                appended: produce.batches.iter().any(|sent| sent.appended),
            });
        }
        if let (Some(asked), Outcome::Reply(frame)) = (asked, &mut answer.outcome) {
            match asked {
                Asked::Produce(produce) => self.judge(stage, &produce, frame),
                Asked::Producers(version) => self.note_producers(stage, version, frame),
                Asked::Fetch(version) => self.note_fetch(stage, version, frame),
                Asked::ProducerId(version) => {
                    let late = self.late_epoch.then(|| with_late_epoch(version, frame));
                    if let Some(late) = late.flatten() {
                        stage.hits.hit(Hit::EpochsUsedUp);
                        self.late_epoch = false;
                        *frame = late;
                    }
                    let given = decode::<InitProducerIdRequest>(version, frame);
                    let given = given.map(|given| (given.producer_id, given.producer_epoch));
                    self.history.given.extend(given);
                }
            }
        }
        answer
    }

    /// A leader told which producers it knows, or that it won't tell.
    fn note_producers(&mut self, stage: &mut Stage, version: i16, frame: &Frame) {
        let Some(response) = decode::<DescribeProducersRequest>(version, frame) else {
            return;
        };
        for topic in response.topics {
            for partition in topic.partitions {
                let denied = partition.error_code == ErrorCode::TOPIC_AUTHORIZATION_FAILED;
                if denied {
                    stage.hits.hit(Hit::ReadDenied);
                }
                let log = self.history.current(&topic.name, partition.partition_index);
                if let Some(log) = log.map(|log| &mut self.history.logs[log]) {
                    log.disturbed |= denied;
                    if denied {
                        log.amnesia.denied_at = Some(stage.now);
                    } else if !partition.active_producers.is_empty() {
                        log.amnesia.known_at = Some(stage.now);
                    }
                }
            }
        }
    }

    /// A leader gave records, or said that it won't.
    fn note_fetch(&mut self, stage: &mut Stage, version: i16, frame: &Frame) {
        let Some(response) = decode::<FetchRequest>(version, frame) else {
            return;
        };
        for topic in response.responses {
            for partition in topic.partitions {
                if partition.error_code != ErrorCode::TOPIC_AUTHORIZATION_FAILED {
                    continue;
                }
                stage.hits.hit(Hit::ReadDenied);
                let asked = |log: &&mut Log| {
                    log.index == partition.partition_index
                        && (log.id == topic.topic_id || log.topic == topic.topic)
                };
                if let Some(log) = self.history.logs.iter_mut().rfind(asked) {
                    log.disturbed = true;
                    if version < FETCH_BESIDE_DESCRIBE_PRODUCERS {
                        log.amnesia.denied_at = Some(stage.now);
                    }
                }
            }
        }
    }

    /// Counts what an answer to Produce says of faults.
    fn judge(&mut self, stage: &mut Stage, produce: &Produce, frame: &Frame) {
        let Some(response) = decode::<ProduceRequest>(produce.version, frame) else {
            return;
        };
        if response.throttle_time_ms > 0 {
            stage.hits.hit(Hit::Throttled);
        }
        let answers = response.responses.iter();
        let answers = answers.flat_map(|topic| &topic.partition_responses);
        for (sent, answer) in produce.batches.iter().zip(answers) {
            let code = answer.error_code;
            if code.is_none() {
                if answer.log_append_time_ms >= 0 && sent.appended {
                    stage.hits.hit(Hit::LogAppendTime);
                }
                continue;
            }
            let Sent {
                topic,
                index,
                header,
                ..
            } = sent;
            stage.line(|| format!("{topic}-{index} sequence {}: {code}", header.base_sequence));
            if let Some(log) = self.history.current(topic, *index)
                && !produce.late
            {
                let amnesia = &mut self.history.logs[log].amnesia;
                (amnesia.known_at, amnesia.denied_at) = (None, None);
            }
            count(stage, sent, code);
        }
    }
}

fn count(stage: &mut Stage, sent: &Sent, code: ErrorCode) {
    if sent.appended {
        stage.hits.hit(Hit::ErrorAfterAppend);
    }
    let rejected = [ErrorCode::MESSAGE_TOO_LARGE, ErrorCode::NOT_ENOUGH_REPLICAS];
    if sent.known && rejected.contains(&code) {
        stage.hits.hit(Hit::ResendRejected);
    }
    match code {
        ErrorCode::MESSAGE_TOO_LARGE => stage.hits.hit(Hit::TooLarge),
        ErrorCode::INVALID_RECORD => stage.hits.hit(Hit::InvalidRecord),
        ErrorCode::TOPIC_AUTHORIZATION_FAILED => stage.hits.hit(Hit::WriteDenied),
        ErrorCode::NOT_ENOUGH_REPLICAS | ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND => {
            stage.hits.hit(Hit::NotEnoughReplicas);
        }
        _ => {}
    }
}

fn decode<R: Request>(version: i16, frame: &Frame) -> Option<R::Response> {
    let content = frame.to_bytes().slice(4..);
    decode_response::<R>(version, content)
        .ok()
        .map(|(_, response)| response)
}

/// As if the producer id had been in use for long; brokers take any id and epoch.
fn with_late_epoch(version: i16, frame: &Frame) -> Option<Frame> {
    let content = frame.to_bytes().slice(4..);
    let (correlation_id, mut response) =
        decode_response::<InitProducerIdRequest>(version, content).ok()?;
    if !response.error_code.is_none() {
        return None;
    }
    response.producer_epoch = LATE_EPOCH;
    encode_response::<InitProducerIdRequest>(version, correlation_id, &response).ok()
}
