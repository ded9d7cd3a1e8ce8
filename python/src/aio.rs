//! The base of `raban.aio.AIOKafkaProducer`. The producer's thread never takes the GIL: it writes a byte to a socket that the event
//! loop watches, once for all that is settled until the loop comes to it.

mod batch;
mod event_loop;
mod ops;
mod send;

use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Waker};
use std::time::Duration;

use pyo3::exceptions::{PyAssertionError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PySet, PyString, PyTuple};
use raban::Delivery;

pub(crate) use self::batch::{BatchBuilder, BatchRecordMetadata};
use self::event_loop::{LoopBell, NewFuture, resolve};
use self::ops::{Ops, Told, told};
pub(crate) use self::send::SendCoroutine;
use crate::closing;
use crate::core::{Core, Start};
use crate::exit::Inside;
use crate::failure::exception;
use crate::many::{Records, SendManyReport};
use crate::metadata::AioRecordMetadata;
use crate::outbox::{Outbox, Place, Settles, place_of};
use crate::producer::{bootstrap, metrics, with_leaders};
use crate::ready::Bell;
use crate::record::{Given, Serialized};
use crate::sync::lock;
use crate::wait::{timeout, wait};

/// Records that a task may send without a wait before the loop's other tasks run.
const YIELD_EVERY: u32 = 256;

/// A Kafka producer for asyncio. `raban.aio.AIOKafkaProducer` is what applications use.
#[pyclass(
    name = "AsyncProducer",
    module = "raban._raban",
    frozen,
    subclass,
    weakref
)]
pub(crate) struct AsyncProducer(OnceLock<Arc<Started>>);

pub(crate) struct Started {
    core: Arc<Core>,
    outbox: Outbox<Awaited>,
    ops: Ops,
    bell: Arc<LoopBell>,
    /// What the loop watches; gone once the producer has stopped.
    watched: Mutex<Option<UnixStream>>,
    new_future: NewFuture,
    since_yield: AtomicU32,
    /// Nothing is sent any more; once all is told, the loop needs to watch no longer.
    ending: AtomicBool,
    /// `max_batch_size`, in bytes.
    batch_size: usize,
}

/// Nobody can send any more: what was accepted is delivered, and told while the loop runs.
impl Drop for AsyncProducer {
    fn drop(&mut self) {
        if let Some(started) = self.0.get()
            && started.core.is_here()
        {
            closing::abandon(&started.core.producer);
            started.end();
        }
    }
}

/// What the loop calls when there is something to tell. It doesn't keep the producer that the application holds.
#[pyclass(name = "Drain", module = "raban._raban", frozen)]
pub(crate) struct Drain(Arc<Started>);

#[pymethods]
impl Drain {
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        let _inside = Inside::enter(py);
        let started = &self.0;
        if !started.core.is_here() {
            return Ok(());
        }
        started.drain(py)?;
        if started.ending.load(Ordering::Acquire) && started.is_idle() {
            let watched = lock(&started.watched).take();
            if let Some(watched) = watched {
                let running = py.import("asyncio")?.call_method0("get_running_loop")?;
                running.call_method1("remove_reader", (watched.as_raw_fd(),))?;
            }
        }
        Ok(())
    }
}

/// The loop is closed, or the producer stopped: what waits would wait for ever, and holds what it belongs to.
impl Drop for Drain {
    fn drop(&mut self) {
        let waiting = self.0.ops.take();
        if !self.0.core.is_here() {
            // Their locks may be held by threads that aren't there.
            std::mem::forget(waiting);
        }
    }
}

/// A record's `asyncio.Future`.
struct Awaited {
    delivery: Delivery,
    future: Py<PyAny>,
}

impl Settles for Awaited {
    fn place(&self) -> Place {
        place_of(&self.delivery)
    }

    fn poll_settled(&mut self, cx: &mut Context<'_>) -> bool {
        self.delivery.is_settled() || Pin::new(&mut self.delivery).poll(cx).is_ready()
    }
}

impl Awaited {
    fn tell(self, py: Python<'_>, core: &Core) -> PyResult<()> {
        let outcome = self.delivery.try_outcome().expect("it is settled");
        let made = match outcome {
            Ok(place) => Ok(Py::new(py, AioRecordMetadata::new(place))?.into_any()),
            Err(error) => Err(core.failures.produce(py, &error)),
        };
        resolve(self.future.bind(py), made)
    }
}

impl Started {
    /// The future of a record that is accepted.
    fn await_record(&self, py: Python<'_>, delivery: Delivery) -> PyResult<Py<PyAny>> {
        let future = self.new_future.call(py)?;
        self.outbox.push(Awaited {
            delivery,
            future: future.clone_ref(py),
        });
        Ok(future)
    }

    /// Lets the loop stop watching once all is told.
    fn end(&self) {
        self.ending.store(true, Ordering::Release);
        self.bell.ring();
    }

    fn is_idle(&self) -> bool {
        self.outbox.len() == 0 && self.ops.is_empty()
    }

    /// Whether other tasks should run before the next record.
    #[inline]
    fn should_yield(&self) -> bool {
        if self.since_yield.fetch_add(1, Ordering::Relaxed) < YIELD_EVERY {
            return false;
        }
        self.since_yield.store(0, Ordering::Relaxed);
        true
    }

    /// Has a record accepted that has to wait for memory; resolves to its future.
    fn accept_later(
        self: &Arc<Self>,
        py: Python<'_>,
        topic: Arc<raban::Topic>,
        record: Serialized,
    ) -> PyResult<Py<PyAny>> {
        ops::submit(self, py, self.accepting(topic, record))
    }

    /// Has a record accepted once its topic's metadata is known and those that wait for that had their turn; resolves to its future.
    fn accept_in_line(
        self: &Arc<Self>,
        py: Python<'_>,
        topic: Arc<raban::Topic>,
        record: Serialized,
    ) -> PyResult<Py<PyAny>> {
        let (core, name) = (Arc::clone(&self.core), topic.name().to_owned());
        let known = async move {
            let known = core.producer.partitions_for(&name).await;
            known.map(drop).map_err(|error| {
                told(move |py| Err::<Py<PyAny>, _>(core.failures.enqueue(py, &error)))
            })
        };
        let accepting = self.accepting(Arc::clone(&topic), record);
        ops::submit_in_line(self, py, topic.name(), known, accepting)
    }

    fn accepting(
        self: &Arc<Self>,
        topic: Arc<raban::Topic>,
        record: Serialized,
    ) -> impl Future<Output = Told> + Send + 'static {
        let this = Arc::clone(self);
        let record = record.keep();
        async move {
            let accepted = record.record(&topic).enqueue().await;
            told(move |py| match accepted {
                Ok(delivery) => this.await_record(py, delivery),
                Err(error) => Err(this.core.failures.enqueue(py, &error)),
            })
        }
    }

    /// Tells all that is to be told.
    fn drain(self: &Arc<Self>, py: Python<'_>) -> PyResult<()> {
        if let Some(watched) = &*lock(&self.watched) {
            self.bell.heard(watched)?;
        }
        let mut failed = Ok(());
        for awaited in self.outbox.take(false) {
            failed = failed.and(awaited.tell(py, &self.core));
        }
        failed.and(ops::go_on(self, py))
    }
}

impl AsyncProducer {
    fn started(&self, py: Python<'_>) -> PyResult<&Arc<Started>> {
        let started = self.0.get().ok_or_else(|| {
            let why = "the producer isn't started: await producer.start() first";
            exception(py, "raban.aio.errors", "IllegalOperation", why)
        })?;
        started.core.check_process(py)?;
        Ok(started)
    }
}

#[pymethods]
impl AsyncProducer {
    #[new]
    #[pyo3(signature = (*_args, **_configs))]
    fn new(_args: &Bound<'_, PyTuple>, _configs: Option<&Bound<'_, PyDict>>) -> Self {
        Self(OnceLock::new())
    }

    /// Starts it for this loop; returns the socket that the loop has to watch, and what it is to call then.
    fn _start(
        &self,
        start: Start,
        event_loop: &Bound<'_, PyAny>,
        batch_size: usize,
    ) -> PyResult<(i32, Drain)> {
        let (bell, watched) = LoopBell::new()?;
        let fd = watched.as_raw_fd();
        let started = Started {
            core: Arc::new(Core::start(start)?),
            outbox: Outbox::new(Arc::clone(&bell) as Arc<dyn Bell>),
            ops: Ops::new(Arc::clone(&bell) as Arc<dyn Bell>),
            bell,
            watched: Mutex::new(Some(watched)),
            new_future: NewFuture::of(event_loop)?,
            since_yield: AtomicU32::new(0),
            ending: AtomicBool::new(false),
            batch_size,
        };
        let started = Arc::new(started);
        let drain = Drain(Arc::clone(&started));
        self.0
            .set(started)
            .map_err(|_| PyTypeError::new_err("the producer is started already"))?;
        Ok((fd, drain))
    }

    /// Resolves when a broker answers.
    fn _bootstrap(&self, py: Python<'_>, start: Start, most_ms: f64) -> PyResult<Py<PyAny>> {
        let _inside = Inside::enter(py);
        let started = self.started(py)?;
        let (core, bootstrap) = (Arc::clone(&started.core), bootstrap(&start, most_ms)?);
        ops::submit(started, py, async move {
            let answered = bootstrap.await;
            told(move |py| match answered {
                Ok(()) => Ok(py.None()),
                Err(error) => Err(crate::producer::not_connected(py, &core, &error)),
            })
        })
    }

    /// Tells what is to be told now.
    fn _drain(&self, py: Python<'_>) -> PyResult<()> {
        self.started(py)?.drain(py)
    }

    /// Sends a record: resolves to an asyncio.Future of its outcome once the record is accepted. Waits for the topic's metadata and
    /// for memory, up to `request_timeout_ms`. Cancelling this wait takes the record back; cancelling the future that it
    /// resolves to doesn't.
    ///
    /// `value` and `key` are bytes, or whatever the serializers take. `headers` are any iterable of (str, bytes). `timestamp_ms` are
    /// milliseconds since 1970, by default now.
    ///
    /// Raises IllegalOperation at once if the producer isn't started. Awaited, it raises KafkaTimeoutError or MetadataTimeoutError after
    /// `request_timeout_ms`, MessageSizeTooLargeError, IllegalTopicNameError, InvalidPartitionError, AssertionError without key and
    /// value, TypeError for what isn't bytes, and ProducerClosed.
    #[pyo3(signature = (topic, value=None, key=None, partition=None, timestamp_ms=None, headers=None))]
    #[expect(clippy::too_many_arguments, reason = "aiokafka's")]
    fn send<'py>(
        &self,
        py: Python<'py>,
        topic: &Bound<'py, PyString>,
        value: Option<Py<PyAny>>,
        key: Option<Py<PyAny>>,
        partition: Option<i32>,
        timestamp_ms: Option<i64>,
        headers: Option<Py<PyAny>>,
    ) -> PyResult<SendCoroutine> {
        Ok(SendCoroutine::new(
            Arc::clone(self.started(py)?),
            send::Args {
                topic: topic.clone().unbind(),
                value,
                key,
                partition,
                timestamp_ms,
                headers,
            },
        ))
    }

    /// As `send_many`; returns an asyncio.Future.
    #[pyo3(signature = (topic, records, *, partition=None))]
    fn _send_many(
        &self,
        py: Python<'_>,
        topic: &Bound<'_, PyString>,
        records: &Bound<'_, PyAny>,
        partition: Option<i32>,
    ) -> PyResult<Py<PyAny>> {
        let _inside = Inside::enter(py);
        let started = self.started(py)?;
        let core = Arc::clone(&started.core);
        let records = Records::new(&core, topic, records, partition)?;
        let topic = core.topic(topic)?;
        ops::submit(started, py, async move {
            let report = records.send(topic).await;
            told(move |py| {
                let report = SendManyReport::new(py, &core, &report?)?;
                Ok(Py::new(py, report)?.into_any())
            })
        })
    }

    /// An empty batch, to be filled by `append` and sent by `send_batch`.
    fn create_batch(&self, py: Python<'_>) -> PyResult<BatchBuilder> {
        let started = self.started(py)?;
        Ok(BatchBuilder::new(
            Arc::clone(&started.core),
            started.batch_size,
        ))
    }

    /// Resolves to the asyncio.Future of a batch once all of its records are accepted.
    fn _send_batch(
        &self,
        py: Python<'_>,
        batch: &Bound<'_, BatchBuilder>,
        topic: &Bound<'_, PyString>,
        partition: i32,
    ) -> PyResult<Py<PyAny>> {
        let _inside = Inside::enter(py);
        let started = self.started(py)?;
        if partition < 0 {
            return Err(started.core.negative_partition(py, partition));
        }
        let topic = started.core.topic(topic)?;
        batch::send(started, py, batch.get().close_for_send(), topic, partition)
    }

    /// Resolves when all records sent before are acknowledged or failed.
    fn _flush(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let _inside = Inside::enter(py);
        let started = self.started(py)?;
        let flush = started.core.producer.flush();
        ops::submit(started, py, async move {
            flush.await;
            told(|py| Ok(py.None()))
        })
    }

    /// Resolves, when all is delivered, to how many records surely weren't written and how many may have been.
    fn _close(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let _inside = Inside::enter(py);
        let started = self.started(py)?;
        let close = started.core.producer.close(Duration::MAX);
        ops::submit(started, py, async move {
            let closed = close.await;
            let counts = closed.map_or_else(|error| (error.unsent, error.in_doubt), |()| (0, 0));
            told(move |py| Ok(counts.into_pyobject(py)?.into_any().unbind()))
        })
    }

    /// Closes it where no loop runs any more.
    fn _close_blocking(&self, py: Python<'_>, seconds: Option<f64>) -> PyResult<()> {
        let _inside = Inside::enter(py);
        let most = timeout(seconds)?.unwrap_or(Duration::MAX);
        if let Some(started) = self.0.get().filter(|started| started.core.is_here()) {
            wait(py, started.core.producer.close(most), None)?;
        }
        Ok(())
    }

    /// Whether all is told.
    fn _is_idle(&self, py: Python<'_>) -> PyResult<bool> {
        let Some(started) = self.0.get() else {
            return Ok(true);
        };
        started.ops.drop_cancelled(py)?;
        Ok(started.is_idle())
    }

    /// Lets the loop stop watching once all is told: the closing goes on, and nobody waits for it.
    fn _end_later(&self) {
        if let Some(started) = self.0.get() {
            started.end();
        }
    }

    /// Lets go of the socket, once the loop doesn't watch it any more.
    fn _stopped(&self) {
        if let Some(started) = self.0.get() {
            drop(lock(&started.watched).take());
        }
    }

    /// Resolves to the topic's partitions.
    fn _partitions_for(&self, py: Python<'_>, topic: &Bound<'_, PyString>) -> PyResult<Py<PyAny>> {
        let _inside = Inside::enter(py);
        let started = self.started(py)?;
        let core = Arc::clone(&started.core);
        let topic = topic.to_str()?.to_owned();
        ops::submit(started, py, async move {
            let partitions = core.producer.partitions_for(&topic).await;
            told(move |py| {
                let partitions = partitions.map_err(|error| core.failures.enqueue(py, &error))?;
                let partitions = partitions.into_iter().map(|info| info.partition);
                Ok(PySet::new(py, partitions)?.into_any().unbind())
            })
        })
    }

    /// The topic's partitions, and which of them have a leader, if that is known already.
    fn _partitions(
        &self,
        py: Python<'_>,
        topic: &Bound<'_, PyString>,
    ) -> PyResult<Vec<(i32, bool)>> {
        let _inside = Inside::enter(py);
        let core = &self.started(py)?.core;
        let mut partitions = std::pin::pin!(core.producer.partitions_for(topic.to_str()?));
        let mut nobody = Context::from_waker(Waker::noop());
        match partitions.as_mut().poll(&mut nobody) {
            std::task::Poll::Pending => Err(PyValueError::new_err(format!(
                "the partitions of {topic} aren't known yet; await partitions_for(…) first"
            ))),
            std::task::Poll::Ready(known) => {
                let known = known.map_err(|error| core.failures.enqueue(py, &error))?;
                Ok(with_leaders(known))
            }
        }
    }

    /// What the producer tells of itself, under Kafka's names: {group: {name: value}}.
    fn metrics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let _inside = Inside::enter(py);
        metrics(py, &self.started(py)?.core)
    }
}

/// Serializes a record as aiokafka's producer takes it.
fn serialize(py: Python<'_>, core: &Core, args: &send::Args) -> PyResult<Serialized> {
    let (value, key) = (args.value.as_ref(), args.key.as_ref());
    if value.is_none() && key.is_none() {
        return Err(PyAssertionError::new_err("Need at least one: key or value"));
    }
    let headers = match &args.headers {
        None => None,
        Some(headers) => match headers.bind(py) {
            list if list.is_instance_of::<PyList>() => Some(list.clone()),
            other => {
                Some(PyList::new(py, other.try_iter()?.collect::<PyResult<Vec<_>>>()?)?.into_any())
            }
        },
    };
    core.serialize(
        py,
        &Given {
            topic: args.topic.bind(py),
            key: key.map(|key| key.bind(py)),
            value: value.map(|value| value.bind(py)),
            headers: headers.as_ref(),
            partition: args.partition,
            timestamp: args.timestamp_ms,
        },
    )
}
