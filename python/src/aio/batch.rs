//! Batches that the application fills itself: aiokafka's `BatchBuilder`.

use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use pyo3::prelude::*;
use pyo3::types::PyString;
use raban::{ProduceError, Topic};

use super::Started;
use super::ops::{self, told};
use crate::core::Core;
use crate::data::Data;
use crate::exit::Inside;
use crate::metadata::AioRecordMetadata;
use crate::record::header_of;
use crate::sync::lock;

/// Bytes of a batch without records.
const HEADER: usize = 61;

/// Records for one partition, made ahead. `append` adds one, and returns None once the batch is full.
#[pyclass(name = "BatchBuilder", module = "raban.aio", frozen)]
pub(crate) struct BatchBuilder {
    core: Arc<Core>,
    limit: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    filled: Arc<Filled>,
    size: usize,
    first_timestamp: Option<i64>,
    closed: bool,
}

#[derive(Default, Clone)]
pub(super) struct Filled {
    bytes: Vec<u8>,
    records: Vec<Appended>,
}

#[derive(Clone)]
struct Appended {
    timestamp: i64,
    key: Option<Range<usize>>,
    value: Option<Range<usize>>,
    headers: Vec<(String, Option<Range<usize>>)>,
}

/// What `append` returns: the record's place in the batch, its size in bytes and its timestamp.
#[pyclass(name = "BatchRecordMetadata", module = "raban.aio", frozen, get_all)]
pub(crate) struct BatchRecordMetadata {
    offset: usize,
    size: usize,
    timestamp: i64,
    crc: Option<u32>,
}

impl BatchBuilder {
    pub(super) fn new(core: Arc<Core>, limit: usize) -> Self {
        let state = State {
            size: HEADER,
            ..State::default()
        };
        Self {
            core,
            limit,
            state: Mutex::new(state),
        }
    }

    /// What is in it; nothing is added any more.
    pub(super) fn close_for_send(&self) -> Arc<Filled> {
        let mut state = lock(&self.state);
        state.closed = true;
        Arc::clone(&state.filled)
    }
}

#[pymethods]
impl BatchBuilder {
    /// Adds a record. `timestamp` are milliseconds since 1970, None is now. Returns None if the batch is full or closed; the first
    /// record always fits.
    #[pyo3(signature = (*, timestamp, key, value, headers=None))]
    fn append(
        &self,
        py: Python<'_>,
        timestamp: Option<i64>,
        key: &Bound<'_, PyAny>,
        value: &Bound<'_, PyAny>,
        headers: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Option<BatchRecordMetadata>> {
        let _inside = Inside::enter(py);
        let no_topic = PyString::new(py, "");
        let key = self.core.key.apply("key", &no_topic, None, key)?;
        let value = self.core.value.apply("value", &no_topic, None, value)?;
        let headers = match headers {
            None => Vec::new(),
            Some(headers) => headers
                .try_iter()?
                .map(|header| header_of(&header?))
                .collect::<PyResult<Vec<_>>>()?,
        };
        let timestamp = match timestamp {
            Some(timestamp) => timestamp,
            None => now(),
        };
        let mut state = lock(&self.state);
        let place = state.filled.records.len();
        let first = *state.first_timestamp.get_or_insert(timestamp);
        let size = size_of(place, timestamp.wrapping_sub(first), &key, &value, &headers);
        if state.closed || (place > 0 && state.size + size > self.limit) {
            return Ok(None);
        }
        state.size += size;
        Arc::make_mut(&mut state.filled).append(timestamp, &key, &value, headers);
        Ok(Some(BatchRecordMetadata {
            offset: place,
            size,
            timestamp,
            crc: None,
        }))
    }

    /// Lets nothing be added any more.
    fn close(&self) {
        lock(&self.state).closed = true;
    }

    /// Bytes of the batch, uncompressed.
    fn size(&self) -> usize {
        lock(&self.state).size
    }

    /// How many records it has.
    fn record_count(&self) -> usize {
        lock(&self.state).filled.records.len()
    }

    /// Whether nothing can be added any more.
    #[getter]
    fn closed(&self) -> bool {
        lock(&self.state).closed
    }
}

type BatchRecord<'f> = raban::TopicRecord<'f, [u8], [u8], Option<&'f [u8]>, Option<&'f [u8]>>;

impl Filled {
    fn append(&mut self, timestamp: i64, key: &Data, value: &Data, headers: Vec<(String, Data)>) {
        let mut keep = |part: &Data| {
            let from = self.bytes.len();
            part.bytes().map(|bytes| {
                self.bytes.extend_from_slice(bytes);
                from..self.bytes.len()
            })
        };
        let (key, value) = (keep(key), keep(value));
        let headers = headers.into_iter();
        let headers = headers.map(|(name, value)| (name, keep(&value))).collect();
        self.records.push(Appended {
            timestamp,
            key,
            value,
            headers,
        });
    }

    fn part(&self, range: Option<&Range<usize>>) -> Option<&[u8]> {
        range.map(|range| &self.bytes[range.clone()])
    }

    fn record<'f>(
        &'f self,
        appended: &'f Appended,
        topic: &'f Topic,
        partition: i32,
    ) -> BatchRecord<'f> {
        let (key, value) = (
            self.part(appended.key.as_ref()),
            self.part(appended.value.as_ref()),
        );
        let mut record = topic
            .record(key, value)
            .partition(partition)
            .timestamp(appended.timestamp);
        for (name, value) in &appended.headers {
            record = record.header(name.as_str(), self.part(value.as_ref()));
        }
        record
    }
}

/// The records of a batch. A type of its own, for of a closure here the compiler can't tell that it may be sent to other threads.
struct RecordsOf<'f> {
    filled: &'f Filled,
    rest: std::slice::Iter<'f, Appended>,
    topic: &'f Topic,
    partition: i32,
}

impl<'f> Iterator for RecordsOf<'f> {
    type Item = BatchRecord<'f>;

    fn next(&mut self) -> Option<BatchRecord<'f>> {
        let appended = self.rest.next()?;
        Some(self.filled.record(appended, self.topic, self.partition))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.rest.size_hint()
    }
}

/// Has all records of a batch accepted, one behind the other; resolves to a future of where the first one is, None without records. It
/// fails if one of them does.
pub(super) fn send(
    started: &Arc<Started>,
    py: Python<'_>,
    filled: Arc<Filled>,
    topic: Arc<Topic>,
    partition: i32,
) -> PyResult<Py<PyAny>> {
    let this = Arc::clone(started);
    ops::submit(started, py, async move {
        let Some((first, rest)) = filled.records.split_first() else {
            let nowhere = async { told(|py| Ok(py.None())) };
            return told(move |py| ops::submit(&this, py, nowhere));
        };
        let first = match filled.record(first, &topic, partition).enqueue().await {
            Ok(first) => first,
            Err(error) => return told(move |py| Err(this.core.failures.enqueue(py, &error))),
        };
        let records = RecordsOf {
            filled: &filled,
            rest: rest.iter(),
            topic: &topic,
            partition,
        };
        let rest = topic.enqueue_many(records).await;
        told(move |py| {
            let core = Arc::clone(&this.core);
            ops::submit(&this, py, async move {
                let first = first.await;
                let report = rest.await;
                let failure = report.failures.into_iter().next().map(|(_, error)| error);
                let outcome: Result<_, ProduceError> = match failure {
                    Some(error) => first.and(Err(error)),
                    None => first,
                };
                told(move |py| match outcome {
                    Ok(place) => Ok(Py::new(py, AioRecordMetadata::new(place))?.into_any()),
                    Err(error) => Err(core.failures.produce(py, &error)),
                })
            })
        })
    })
}

fn now() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Bytes of a record in a batch.
fn size_of(
    place: usize,
    timestamp_delta: i64,
    key: &Data,
    value: &Data,
    headers: &[(String, Data)],
) -> usize {
    let part = |bytes: Option<&[u8]>| match bytes {
        None => varint(-1),
        Some(bytes) => varint(bytes.len() as i64) + bytes.len(),
    };
    let mut size = 1
        + varint(timestamp_delta)
        + varint(place as i64)
        + part(key.bytes())
        + part(value.bytes());
    size += varint(headers.len() as i64);
    for (name, value) in headers {
        size += part(Some(name.as_bytes())) + part(value.bytes());
    }
    size + varint(size as i64)
}

/// Bytes of a number in Kafka's variable length.
fn varint(number: i64) -> usize {
    let zigzag = (number << 1) ^ (number >> 63);
    let bits = (64 - zigzag.leading_zeros() as usize).max(1);
    bits.div_ceil(7)
}
