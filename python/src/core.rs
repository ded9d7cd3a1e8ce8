//! What both producers are around: raban's producer, and what turns Python's arguments into its records.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString};
use raban::{Producer, Settings, StartError, Topic};

use crate::data::Data;
use crate::failure::{Failures, exception};
use crate::fork::Born;
use crate::record::{Given, Serialized, headers_of};
use crate::serialize::Serializer;
use crate::sync::lock;

/// Handles of topics that are kept; beyond that all are looked up anew.
const MOST_TOPICS: usize = 1024;

pub(crate) struct Core {
    pub(crate) producer: Producer,
    pub(crate) failures: Failures,
    pub(crate) key: Serializer,
    pub(crate) value: Serializer,
    partitioner: Option<Py<PyAny>>,
    topics: Mutex<Topics>,
    /// `max.block.ms`
    pub(crate) max_block: Duration,
    born: Born,
}

#[derive(Default)]
struct Topics {
    by_name: HashMap<String, Arc<Topic>>,
    /// The latest one, and the name by which it was asked for: mostly the next record's as well.
    latest: Option<(Py<PyString>, Arc<Topic>)>,
}

/// What a producer is started with, by `KafkaProducer` or `AIOKafkaProducer`.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Start {
    /// Settings by Kafka's names.
    properties: HashMap<String, String>,
    key_serializer: Option<(String, Py<PyAny>)>,
    value_serializer: Option<(String, Py<PyAny>)>,
    /// `partitioner(topic, key, serialized_key, value, serialized_value) -> int`
    partitioner: Option<Py<PyAny>>,
    /// `from_native` of a module of errors.
    from_native: Py<PyAny>,
}

impl Start {
    pub(crate) fn settings(&self) -> Settings {
        self.properties.clone().into_iter().collect()
    }
}

impl Core {
    pub(crate) fn start(start: Start) -> PyResult<Self> {
        let settings = start.settings();
        let producer = Producer::builder().settings(&settings).build();
        let producer = producer.map_err(|error| not_started(&error))?;
        // The settings are valid, as was just seen; Kafka's default is a minute.
        let max_block = settings
            .get("max.block.ms")
            .and_then(|most| most.parse().ok());
        Ok(Self {
            producer,
            failures: Failures::new(start.from_native),
            key: Serializer::new(start.key_serializer)?,
            value: Serializer::new(start.value_serializer)?,
            partitioner: start.partitioner,
            topics: Mutex::default(),
            max_block: Duration::from_millis(max_block.unwrap_or(60_000)),
            born: Born::now(),
        })
    }

    /// Whether this is the process that it was started in.
    pub(crate) fn is_here(&self) -> bool {
        self.born.here()
    }

    /// # Errors
    /// In a process forked from that.
    #[inline]
    pub(crate) fn check_process(&self, py: Python<'_>) -> PyResult<()> {
        if self.is_here() {
            return Ok(());
        }
        let why = "this producer was made before a fork, and its threads stayed in the parent process; make one in each child";
        Err(self.failures.other(py, "Forked", why))
    }

    /// # Errors
    /// A name that isn't text in UTF-8.
    #[inline]
    pub(crate) fn topic(&self, name: &Bound<'_, PyString>) -> PyResult<Arc<Topic>> {
        let mut topics = lock(&self.topics);
        if let Some((latest, topic)) = &topics.latest
            && latest.is(name)
        {
            return Ok(Arc::clone(topic));
        }
        let text = name.to_str()?;
        let topic = if let Some(topic) = topics.by_name.get(text) {
            Arc::clone(topic)
        } else {
            if topics.by_name.len() >= MOST_TOPICS {
                topics.by_name.clear();
            }
            let topic = Arc::new(self.producer.topic(text));
            topics.by_name.insert(text.to_owned(), Arc::clone(&topic));
            topic
        };
        topics.latest = Some((name.clone().unbind(), Arc::clone(&topic)));
        Ok(topic)
    }

    /// Serializes a record and has its partition chosen, if Python does that.
    #[inline]
    pub(crate) fn serialize(&self, py: Python<'_>, given: &Given<'_, '_>) -> PyResult<Serialized> {
        let none = py.None();
        let none = none.bind(py);
        let (key, value) = (given.key.unwrap_or(none), given.value.unwrap_or(none));
        let takes_headers = self.key.takes_headers() || self.value.takes_headers();
        let list = match given.headers {
            None if takes_headers => Some(PyList::empty(py)),
            None => None,
            Some(headers) => Some(match headers.cast::<PyList>() {
                Ok(list) => list.clone(),
                Err(_) => {
                    return Err(PyTypeError::new_err(
                        "headers must be list-type: a list of (str, bytes) tuples",
                    ));
                }
            }),
        };
        // Before the serializers see them.
        let mut headers = headers_of(list.as_ref())?;
        let key_bytes = self.key.apply("key", given.topic, list.as_ref(), key)?;
        let value_bytes = self
            .value
            .apply("value", given.topic, list.as_ref(), value)?;
        if takes_headers {
            // They may have added some.
            headers = headers_of(list.as_ref())?;
        }
        let partition = match (given.partition, &self.partitioner) {
            (Some(partition), _) if partition < 0 => {
                return Err(self.negative_partition(py, partition));
            }
            (None, Some(partitioner)) => Some(choose(
                partitioner.bind(py),
                given.topic,
                (key, as_object(py, &key_bytes)),
                (value, as_object(py, &value_bytes)),
            )?),
            (given, _) => given,
        };
        Ok(Serialized {
            key: key_bytes,
            value: value_bytes,
            headers,
            partition,
            timestamp: given.timestamp,
        })
    }

    pub(crate) fn negative_partition(&self, py: Python<'_>, partition: i32) -> PyErr {
        let why =
            format!("partition must be >= 0, not {partition}; None lets the partitioner choose");
        self.failures.other(py, "InvalidPartition", &why)
    }

    /// Whether bytes go as they are given, and raban chooses their partition.
    pub(crate) fn sends_bytes(&self) -> bool {
        self.key.is_none() && self.value.is_none() && self.partitioner.is_none()
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        if !self.is_here() {
            // To close it would take locks that may be held by threads that aren't there.
            std::mem::forget(self.producer.clone());
        }
    }
}

fn as_object<'py>(py: Python<'py>, data: &Data) -> Bound<'py, PyAny> {
    match data.bytes() {
        None => py.None().into_bound(py),
        Some(bytes) => PyBytes::new(py, bytes).into_any(),
    }
}

fn choose<'py>(
    partitioner: &Bound<'py, PyAny>,
    topic: &Bound<'py, PyString>,
    (key, key_bytes): (&Bound<'py, PyAny>, Bound<'py, PyAny>),
    (value, value_bytes): (&Bound<'py, PyAny>, Bound<'py, PyAny>),
) -> PyResult<i32> {
    let chosen = partitioner.call1((topic, key, key_bytes, value, value_bytes))?;
    if chosen.is_none() {
        return Err(PyValueError::new_err(format!(
            "Partitioner did not assign a partition for topic {topic}!"
        )));
    }
    chosen.extract()
}

pub(crate) fn not_started(error: &StartError) -> PyErr {
    let why = error.to_string();
    Python::attach(|py| exception(py, "raban.errors", "KafkaConfigurationError", &why))
}
