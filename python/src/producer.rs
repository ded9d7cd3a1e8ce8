//! The base of `raban.KafkaProducer`: what kafka-python's producer does, on threads that may wait.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PySet, PyString, PyTuple};
use raban::{Admin, AdminError, Delivery, EnqueueError, ErrorKind, PartitionInfo, TryEnqueueError};

use crate::callbacks::Callbacks;
use crate::closing;
use crate::core::{Core, Start, not_started};
use crate::exit::Inside;
use crate::future::RecordFuture;
use crate::many::{Records, SendManyReport};
use crate::record::{Given, Serialized};
use crate::wait::{deadline, timeout, wait};

/// A Kafka producer for threads. `raban.KafkaProducer` is what applications use.
#[pyclass(name = "Producer", module = "raban._raban", frozen, subclass, weakref)]
pub(crate) struct Producer(OnceLock<Started>);

struct Started {
    core: Arc<Core>,
    callbacks: Arc<Callbacks>,
    /// Whether a broker answered before the first record.
    answered: bool,
}

impl Producer {
    #[inline]
    fn started(&self, py: Python<'_>) -> PyResult<&Started> {
        match self.0.get() {
            Some(started) => {
                started.core.check_process(py)?;
                Ok(started)
            }
            None => Err(PyValueError::new_err(
                "the producer isn't started: KafkaProducer.__init__ wasn't called",
            )),
        }
    }
}

/// Nobody can send any more: what was accepted is delivered, and told, while there are futures of it.
impl Drop for Started {
    fn drop(&mut self) {
        if self.core.is_here() {
            closing::abandon(&self.core.producer);
            self.callbacks.end();
        }
    }
}

impl Started {
    /// Waits until fewer callbacks are to be called.
    #[cold]
    fn catch_up(&self, py: Python<'_>) -> PyResult<()> {
        let until = Instant::now().checked_add(self.core.max_block);
        wait(py, self.callbacks.catch_up(), until)?.ok_or_else(|| {
            let why = format!(
                "{} records have callbacks that weren't called within max.block.ms ({:?}): records come faster than the brokers \
                 take them, or than the callbacks are done",
                self.callbacks.len(),
                self.core.max_block
            );
            self.core.failures.other(py, "MemoryTimeout", &why)
        })
    }

    /// Waits until the record is accepted.
    fn accept(&self, py: Python<'_>, given: &Given<'_, '_>) -> PyResult<RecordFuture> {
        if self.callbacks.are_behind() {
            self.catch_up(py)?;
        }
        let core = &self.core;
        let record = core.serialize(py, given)?;
        let topic = core.topic(given.topic)?;
        let header_size = record.header_size();
        let accepted = match record.record(&topic).try_enqueue() {
            Ok(delivery) => Ok(delivery),
            Err(TryEnqueueError::Failed(error)) => Err(error),
            Err(_) => accept_later(py, &topic, record)?,
        };
        match accepted {
            Ok(delivery) => Ok(RecordFuture::new(
                core,
                &self.callbacks,
                delivery,
                header_size,
            )),
            Err(error) => {
                let raised = core.failures.enqueue(py, &error);
                match error.kind() {
                    // What brokers say comes in the future.
                    ErrorKind::TopicRefused { .. } => {
                        Ok(RecordFuture::failed_with(py, core, &self.callbacks, raised))
                    }
                    _ => Err(raised),
                }
            }
        }
    }
}

#[cold]
fn accept_later(
    py: Python<'_>,
    topic: &raban::Topic,
    record: Serialized,
) -> PyResult<Result<Delivery, EnqueueError>> {
    let record = record.keep();
    let accepted = wait(py, record.record(topic).enqueue(), None)?;
    Ok(accepted.expect("it has no deadline"))
}

#[pymethods]
impl Producer {
    #[new]
    #[pyo3(signature = (*_args, **_configs))]
    fn new(_args: &Bound<'_, PyTuple>, _configs: Option<&Bound<'_, PyDict>>) -> Self {
        Self(OnceLock::new())
    }

    /// Starts it, and waits until a broker answers, for at most `bootstrap_timeout_ms`; None doesn't wait.
    fn _start(
        &self,
        py: Python<'_>,
        start: Start,
        bootstrap_timeout_ms: Option<f64>,
    ) -> PyResult<()> {
        let _inside = Inside::enter(py);
        let bootstrap = bootstrap_timeout_ms
            .map(|most| bootstrap(&start, most))
            .transpose()?;
        let answered = bootstrap.is_some();
        let core = Core::start(start)?;
        if let Some(bootstrap) = bootstrap {
            let answered = wait(py, bootstrap, None)?.expect("it has no deadline");
            answered.map_err(|error| not_connected(py, &core, &error))?;
        }
        let started = Started {
            core: Arc::new(core),
            callbacks: Arc::new(Callbacks::new()),
            answered,
        };
        self.0
            .set(started)
            .map_err(|_| PyTypeError::new_err("the producer is started already"))
    }

    /// Sends a record: returns a future of its outcome once the record is accepted. Waits for the topic's metadata and for memory
    /// up to `max_block_ms`.
    ///
    /// `value` and `key` are bytes, or whatever the serializers take. `headers` is a list of (str, bytes). `timestamp_ms` are
    /// milliseconds since 1970, by default now.
    ///
    /// Raises KafkaTimeoutError after `max_block_ms`, MessageSizeTooLargeError, ValueError without key and value, for an illegal
    /// topic and for a partition that there isn't, TypeError for what isn't bytes, IllegalStateError if the producer is closed.
    /// What brokers refuse is in the future.
    #[pyo3(signature = (topic, value=None, key=None, headers=None, partition=None, timestamp_ms=None))]
    #[expect(clippy::too_many_arguments, reason = "kafka-python's")]
    fn send<'py>(
        &self,
        py: Python<'py>,
        topic: &Bound<'py, PyString>,
        value: Option<&Bound<'py, PyAny>>,
        key: Option<&Bound<'py, PyAny>>,
        headers: Option<&Bound<'py, PyAny>>,
        partition: Option<i32>,
        timestamp_ms: Option<i64>,
    ) -> PyResult<RecordFuture> {
        let _inside = Inside::enter(py);
        let started = self.started(py)?;
        if value.is_none() && key.is_none() {
            return Err(PyValueError::new_err("Need at least one: key or value"));
        }
        started.accept(
            py,
            &Given {
                topic,
                key,
                value,
                headers,
                partition,
                timestamp: timestamp_ms,
            },
        )
    }

    /// Sends many records to a topic, and waits until each is acknowledged or failed: the way to send that costs least.
    ///
    /// `records` is an iterable of values, of (key, value) or of (key, value, headers), with serializers applied to each; or a
    /// numpy array whose rows are values; or a pyarrow array of type binary or string. Buffers aren't copied before they are put
    /// into batches: don't write to them meanwhile.
    ///
    /// With `partition` all go to that one.
    ///
    /// Returns a SendManyReport with what was delivered and what failed, each with its exception. Raises IllegalStateError if the
    /// producer is closed. An exception of the iterable or of a serializer ends it and
    /// is raised, once the records before it are settled.
    #[pyo3(signature = (topic, records, *, partition=None))]
    fn send_many(
        &self,
        py: Python<'_>,
        topic: &Bound<'_, PyString>,
        records: &Bound<'_, PyAny>,
        partition: Option<i32>,
    ) -> PyResult<SendManyReport> {
        let _inside = Inside::enter(py);
        let core = &self.started(py)?.core;
        let records = Records::new(core, topic, records, partition)?;
        let topic = core.topic(topic)?;
        let report = wait(py, records.send(topic), None)?.expect("it has no deadline")?;
        SendManyReport::new(py, core, &report)
    }

    /// Waits until all records sent before are acknowledged or failed and their callbacks were called, at most `timeout` seconds.
    /// They are sent at once, whatever `linger_ms` says. In a callback it doesn't wait for other callbacks.
    ///
    /// Raises KafkaTimeoutError after `timeout`.
    #[pyo3(signature = (timeout=None))]
    fn flush(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<()> {
        let _inside = Inside::enter(py);
        let started = self.started(py)?;
        let until = deadline(timeout)?;
        let flushed = wait(py, started.core.producer.flush(), until)?;
        let told = match flushed {
            None => None,
            Some(()) => wait(py, started.callbacks.called(), until)?,
        };
        told.ok_or_else(|| {
            let why = format!(
                "not all records were delivered within {} secs.; they are still under way",
                timeout.unwrap_or_default()
            );
            started.core.failures.other(py, "Timeout", &why)
        })
    }

    /// Closes it; returns how many records surely weren't written, and how many may have been.
    fn _close(&self, py: Python<'_>, seconds: Option<f64>) -> PyResult<(u64, u64)> {
        let _inside = Inside::enter(py);
        let most = timeout(seconds)?.unwrap_or(Duration::MAX);
        let Some(started) = self.0.get().filter(|started| started.core.is_here()) else {
            return Ok((0, 0));
        };
        let closed = wait(py, started.core.producer.close(most), None);
        started.callbacks.end();
        let closed = closed?.expect("it has no deadline");
        // Records settled by the end, and so their callbacks come at once.
        let until = Instant::now().checked_add(most.max(Duration::from_secs(1)));
        if wait(py, started.callbacks.called(), until)?.is_some() {
            started.callbacks.join(py);
        }
        Ok(closed.map_or_else(|error| (error.unsent, error.in_doubt), |()| (0, 0)))
    }

    /// The topic's partitions, waiting for them up to `max_block_ms`.
    ///
    /// Raises KafkaTimeoutError after that, ValueError for an illegal topic, what the brokers refuse, and IllegalStateError if the producer
    /// is closed.
    fn partitions_for<'py>(
        &self,
        py: Python<'py>,
        topic: &Bound<'py, PyString>,
    ) -> PyResult<Bound<'py, PySet>> {
        let partitions = self._partitions(py, topic)?;
        PySet::new(py, partitions.into_iter().map(|(partition, _)| partition))
    }

    /// The topic's partitions, and which of them have a leader.
    fn _partitions(
        &self,
        py: Python<'_>,
        topic: &Bound<'_, PyString>,
    ) -> PyResult<Vec<(i32, bool)>> {
        let _inside = Inside::enter(py);
        let core = &self.started(py)?.core;
        let partitions = core.producer.partitions_for(topic.to_str()?);
        let partitions = wait(py, partitions, None)?.expect("it has no deadline");
        let partitions = partitions.map_err(|error| core.failures.enqueue(py, &error))?;
        Ok(with_leaders(partitions))
    }

    /// Whether a broker was reached.
    fn _reached(&self, py: Python<'_>) -> PyResult<bool> {
        let started = self.started(py)?;
        Ok(started.answered || started.core.producer.metrics().connection_creation.total > 0)
    }

    /// What the producer tells of itself: {group: {name: value}}.
    fn _metrics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let _inside = Inside::enter(py);
        metrics(py, &self.started(py)?.core)
    }
}

/// Partitions, and which of them have a leader.
pub(crate) fn with_leaders(partitions: Vec<PartitionInfo>) -> Vec<(i32, bool)> {
    let seen = |info: PartitionInfo| (info.partition, info.leader.is_some());
    partitions.into_iter().map(seen).collect()
}

pub(crate) fn metrics<'py>(py: Python<'py>, core: &Core) -> PyResult<Bound<'py, PyDict>> {
    let groups = PyDict::new(py);
    let mut failed = Ok(());
    core.producer.metrics().for_each(|metric| {
        let group = match metric.tag {
            None => metric.group.to_owned(),
            Some((_, tag)) => format!("{}.{tag}", metric.group),
        };
        let put = || -> PyResult<()> {
            let values = match groups.get_item(&group)? {
                Some(values) => values.cast_into::<PyDict>()?,
                None => {
                    let values = PyDict::new(py);
                    groups.set_item(&group, &values)?;
                    values
                }
            };
            values.set_item(metric.name.as_str(), metric.value)
        };
        if failed.is_ok() {
            failed = put();
        }
    });
    failed?;
    Ok(groups)
}

/// No broker answered in time.
pub(crate) fn not_connected(py: Python<'_>, core: &Core, error: &AdminError) -> PyErr {
    let why = match error {
        AdminError::Unreachable { waited, cause } => {
            format!("no broker answered within {waited:.1?}; the latest trouble: {cause}")
        }
        other => other.to_string(),
    };
    core.failures.other(py, "NotConnected", &why)
}

/// A wait for a broker that answers.
pub(crate) fn bootstrap(
    start: &Start,
    most_ms: f64,
) -> PyResult<impl Future<Output = Result<(), AdminError>> + Send + 'static + use<>> {
    let admin = Admin::builder()
        .settings(&start.settings())
        .set(
            "max.block.ms",
            format!("{}", most_ms.clamp(0.0, 9e15) as u64),
        )
        .build()
        .map_err(|error| not_started(&error))?;
    Ok(async move { admin.ping().await })
}
