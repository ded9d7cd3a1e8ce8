//! One leader's partitions: asks for their offsets, fetches batch after batch, hands records on.

use std::sync::Arc;

use bytes::Bytes;
use raban_core::Cause;
use raban_core::config::Address;
use raban_protocol::error_code::ErrorCode;
use raban_protocol::messages::fetch::{FetchPartition, FetchTopic, PartitionData};
use raban_protocol::messages::{FetchRequest, FetchResponse};
use raban_protocol::primitives::Uuid;
use raban_protocol::record_batch::{HEADER_LEN, RecordReader, split_batches, verify_crc};
use tokio::sync::mpsc;

use super::{Chunk, ReadError, ReadRecord, Start};
use crate::client::{Client, EARLIEST, LATEST, Link};

/// How long a broker may wait for records, in milliseconds.
const MAX_WAIT_MS: i32 = 500;
/// Bytes of one answer and of one partition in it; a first batch may be larger.
const MAX_BYTES: i32 = 4 << 20;
const PARTITION_MAX_BYTES: i32 = 1 << 20;
/// A batch that takes more when decompressed isn't read.
const MAX_DECOMPRESSED: usize = 256 << 20;
/// Records handed on at a time.
const CHUNK_RECORDS: usize = 512;
const CHUNK_BYTES: usize = 1 << 20;
/// From this version on, Fetch names topics by id.
const FETCH_BY_ID: i16 = 13;

/// A topic, by both of its names.
#[derive(Debug, Clone)]
pub(super) struct TopicName {
    pub(super) name: Arc<str>,
    /// Zero if the brokers don't know ids.
    pub(super) id: Uuid,
}

/// How far a partition is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor {
    pub(super) partition: i32,
    position: Start,
    end: End,
}

/// Where the reading of a partition stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Never,
    /// At the end that it has at the start, to be asked for.
    AtStart,
    At(i64),
}

impl Cursor {
    pub(super) fn new(partition: i32, start: Start, exit_at_end: bool) -> Self {
        Self {
            partition,
            position: start,
            end: if exit_at_end {
                End::AtStart
            } else {
                End::Never
            },
        }
    }

    fn is_resolved(&self) -> bool {
        matches!(self.position, Start::Offset(_)) && self.end != End::AtStart
    }

    fn is_done(&self) -> bool {
        matches!((self.position, self.end), (Start::Offset(next), End::At(end)) if next >= end)
    }

    fn offset(&self) -> i64 {
        match self.position {
            Start::Offset(offset) => offset,
            Start::Beginning | Start::End => unreachable!("offsets are resolved before a fetch"),
        }
    }
}

/// The partitions of one leader.
pub(super) struct Follow {
    pub(super) client: Client,
    pub(super) address: Address,
    pub(super) topic: TopicName,
    pub(super) cursors: Vec<Cursor>,
    pub(super) chunks: mpsc::Sender<Chunk>,
}

/// How the following of a leader ended.
pub(super) struct Followed {
    /// The partitions that aren't at their ends.
    pub(super) cursors: Vec<Cursor>,
    /// What ended it before all were.
    pub(super) trouble: Option<Cause>,
    /// Whether the leader answered a Fetch.
    pub(super) progressed: bool,
}

/// What ends the following.
enum Stop {
    Trouble(Cause),
    Fatal(ReadError),
    /// Nobody listens any more.
    Unheard,
}

impl From<Cause> for Stop {
    fn from(cause: Cause) -> Self {
        Self::Trouble(cause)
    }
}

impl From<ReadError> for Stop {
    fn from(error: ReadError) -> Self {
        Self::Fatal(error)
    }
}

impl Follow {
    pub(super) async fn run(mut self) -> Result<Followed, ReadError> {
        let mut progressed = false;
        let trouble = match self.follow(&mut progressed).await {
            Ok(()) => None,
            Err(Stop::Trouble(cause)) => Some(cause),
            Err(Stop::Fatal(error)) => return Err(error),
            Err(Stop::Unheard) => {
                self.cursors.clear();
                None
            }
        };
        Ok(Followed {
            cursors: self.cursors,
            trouble,
            progressed,
        })
    }

    async fn follow(&mut self, progressed: &mut bool) -> Result<(), Stop> {
        let mut link = self.client.connect(&self.address).await?;
        loop {
            self.resolve(&mut link).await?;
            self.cursors.retain(|cursor| !cursor.is_done());
            if self.cursors.is_empty() {
                return Ok(());
            }
            let response = self.fetch(&mut link).await?;
            link.check::<FetchRequest>(response.error_code)?;
            *progressed = true;
            let partitions = response
                .responses
                .into_iter()
                .flat_map(|topic| topic.partitions);
            for partition in partitions {
                self.take(&link, partition).await?;
            }
            // Each partition has its turn to be the first, which gets a batch of any size.
            self.cursors.rotate_left(1);
        }
    }

    /// Turns "beginning" and "end" into offsets.
    async fn resolve(&mut self, link: &mut Link) -> Result<(), Stop> {
        let unresolved = |cursors: &[Cursor], which: fn(&Cursor) -> bool| -> Vec<i32> {
            cursors
                .iter()
                .filter(|c| which(c))
                .map(|c| c.partition)
                .collect()
        };
        if self.cursors.iter().all(Cursor::is_resolved) {
            return Ok(());
        }
        let first = unresolved(&self.cursors, |cursor| cursor.position == Start::Beginning);
        for (partition, offset) in self.offsets(link, EARLIEST, &first).await? {
            self.cursor(partition).position = Start::Offset(offset);
        }
        let last = unresolved(&self.cursors, |cursor| {
            cursor.position == Start::End || cursor.end == End::AtStart
        });
        for (partition, offset) in self.offsets(link, LATEST, &last).await? {
            let cursor = self.cursor(partition);
            if cursor.position == Start::End {
                cursor.position = Start::Offset(offset);
            }
            if cursor.end == End::AtStart {
                cursor.end = End::At(offset);
            }
        }
        Ok(())
    }

    fn cursor(&mut self, partition: i32) -> &mut Cursor {
        let mut cursors = self.cursors.iter_mut();
        let cursor = cursors.find(|cursor| cursor.partition == partition);
        cursor.expect("answers are checked against what was asked")
    }

    async fn offsets(
        &self,
        link: &mut Link,
        timestamp: i64,
        partitions: &[i32],
    ) -> Result<Vec<(i32, i64)>, Stop> {
        if partitions.is_empty() {
            return Ok(Vec::new());
        }
        let answered = link
            .list_offsets(&self.topic.name, timestamp, partitions)
            .await?;
        let mut offsets = Vec::with_capacity(partitions.len());
        for (partition, answer) in answered {
            match answer {
                Ok(offset) => offsets.push((partition, offset)),
                Err(code) => return Err(self.refusal(link, "ListOffsets", code)),
            }
        }
        Ok(offsets)
    }

    async fn fetch(&self, link: &mut Link) -> Result<FetchResponse, Stop> {
        let newest = if self.topic.id.is_zero() {
            FETCH_BY_ID - 1
        } else {
            i16::MAX
        };
        let partition = |cursor: &Cursor| FetchPartition {
            partition: cursor.partition,
            fetch_offset: cursor.offset(),
            partition_max_bytes: PARTITION_MAX_BYTES,
            ..FetchPartition::default()
        };
        let topic = FetchTopic {
            topic: self.topic.name.to_string(),
            topic_id: self.topic.id,
            partitions: self.cursors.iter().map(partition).collect(),
        };
        let version = link.version::<FetchRequest>(newest)?;
        let request = FetchRequest {
            // Later versions say "a consumer" by leaving the follower's state out.
            replica_id: -1,
            max_wait_ms: MAX_WAIT_MS,
            min_bytes: 1,
            max_bytes: MAX_BYTES,
            topics: vec![topic],
            ..FetchRequest::default()
        };
        Ok(link.call(version, &request).await?)
    }

    async fn take(&mut self, link: &Link, data: PartitionData) -> Result<(), Stop> {
        let mut cursors = self.cursors.iter_mut();
        let Some(cursor) = cursors.find(|cursor| cursor.partition == data.partition_index) else {
            // Not asked for: nothing to do with it.
            return Ok(());
        };
        match data.error_code {
            ErrorCode::NONE => {}
            ErrorCode::OFFSET_OUT_OF_RANGE => {
                let (topic, offset) = (&self.topic.name, cursor.offset());
                tracing::warn!(
                    "topic {topic}, partition {}: offset {offset} is gone from the log; reading on from the first \
                     one that is there",
                    cursor.partition
                );
                cursor.position = Start::Beginning;
                return Ok(());
            }
            code => return Err(self.refusal(link, "Fetch", code)),
        }
        // The log was cut since the end was asked for: there is no more to come.
        if let End::At(end) = cursor.end
            && data.high_watermark < end
            && cursor.offset() >= data.high_watermark
        {
            cursor.end = End::At(data.high_watermark);
        }
        let records = data
            .records
            .map(|records| records.into_bytes())
            .unwrap_or_default();
        self.read(data.partition_index, records).await
    }

    /// Hands on the records of batches in a row.
    async fn read(&mut self, partition: i32, batches: Bytes) -> Result<(), Stop> {
        let topic = Arc::clone(&self.topic.name);
        let mut at = self.cursor(partition).offset();
        for batch in split_batches(batches) {
            let unreadable = |offset, reason: &dyn ToString| ReadError::Unreadable {
                topic: Arc::clone(&topic),
                partition,
                offset,
                reason: reason.to_string(),
            };
            let (header, bytes) = batch.map_err(|error| unreadable(at, &error))?;
            let failed = |error| unreadable(header.base_offset, &error);
            verify_crc(&bytes).map_err(failed)?;
            // Control batches mark the ends of transactions: they aren't for readers.
            if !header.is_control() {
                let body = bytes.slice(HEADER_LEN..);
                let records = RecordReader::new(&header, body, MAX_DECOMPRESSED).map_err(failed)?;
                let mut chunk = ChunkOut::new(&self.chunks);
                for record in records {
                    let record = record.map_err(failed)?;
                    // A batch may begin before the offset that was asked for.
                    if record.offset >= at {
                        chunk
                            .push(ReadRecord::new(Arc::clone(&topic), partition, record))
                            .await?;
                    }
                }
                chunk.flush().await?;
            }
            at = at.max(header.last_offset().saturating_add(1));
            self.cursor(partition).position = Start::Offset(at);
        }
        Ok(())
    }

    fn refusal(&self, link: &Link, api: &'static str, code: ErrorCode) -> Stop {
        // The latter says that the topic was deleted and created again.
        if code.is_retriable()
            || code.is_invalid_metadata()
            || code == ErrorCode::INCONSISTENT_TOPIC_ID
        {
            Stop::Trouble(Cause::Broker {
                address: link.address.clone(),
                api,
                code,
            })
        } else {
            Stop::Fatal(ReadError::Refused {
                topic: Arc::clone(&self.topic.name),
                api,
                code,
            })
        }
    }
}

/// Records on their way to the reader, some at a time.
struct ChunkOut<'a> {
    chunks: &'a mpsc::Sender<Chunk>,
    records: Vec<ReadRecord>,
    bytes: usize,
}

impl<'a> ChunkOut<'a> {
    fn new(chunks: &'a mpsc::Sender<Chunk>) -> Self {
        Self {
            chunks,
            records: Vec::new(),
            bytes: 0,
        }
    }

    async fn push(&mut self, record: ReadRecord) -> Result<(), Stop> {
        self.bytes += record.value.as_ref().map_or(0, Bytes::len);
        self.records.push(record);
        if self.records.len() >= CHUNK_RECORDS || self.bytes >= CHUNK_BYTES {
            self.flush().await?;
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Stop> {
        self.bytes = 0;
        let records = std::mem::take(&mut self.records);
        if records.is_empty() {
            return Ok(());
        }
        let sent = self.chunks.send(Ok(records)).await;
        sent.map_err(|_| Stop::Unheard)
    }
}
