//! The producer that applications hold: records go in, deliveries come out.

use std::fmt;
use std::future::{Future, poll_fn};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use raban_core::config::Settings;
use raban_core::{
    Accumulator, CallbackSlot, ClientInstanceIdError, EnqueueError, EnqueueWait, InstanceIdWait,
    Metrics, PartitionInfo, ProduceError, Purge, RecordMetadata,
};
use raban_protocol::primitives::Uuid;

use crate::accept::LastThread;
use crate::blocking;
use crate::builder::{Builder, Keep, StartError};
use crate::callbacks::Callbacks;
use crate::clock::Clock;
use crate::delivery::Delivery;
use crate::many::{ManyCalls, SendManyReport, Sending, note_vain_wait, waits_for_another};
use crate::record::Record;
use crate::topic::Topic;

/// A Kafka producer. Cheap to clone; clones share everything, and any thread may use them.
///
/// Its futures run on any executor, and [`blocking`](Self::blocking) needs none: connections,
/// timers and retries live on a thread of the producer's own.
///
/// When the last clone is dropped, what was accepted is still delivered in the background, for at
/// most `delivery.timeout.ms`, and a warning is logged if something stays undelivered. The end of
/// the process doesn't wait for that: [`close`](Self::close) or [`flush`](Self::flush) before it.
#[derive(Clone)]
pub struct Producer {
    pub(crate) shared: Arc<Shared>,
}

impl Producer {
    /// A producer with default settings for the cluster at these addresses, `host:port` separated
    /// by commas. Nothing is connected yet: a wrong address shows with the first record.
    ///
    /// # Errors
    /// An address that can't be one, or no thread to be had.
    pub fn new(bootstrap_servers: impl Into<String>) -> Result<Self, StartError> {
        Self::builder().bootstrap_servers(bootstrap_servers).build()
    }

    /// A producer with settings of choice.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// A producer with these settings, by Kafka's names.
    ///
    /// # Errors
    /// All that is wrong with them, at once.
    pub fn from_properties<K: Into<String>, V: Into<String>>(
        properties: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Self, StartError> {
        Self::from_settings(&properties.into_iter().collect())
    }

    /// A producer with the settings of a Java `.properties` file.
    ///
    /// # Errors
    /// That the file can't be read, or all that is wrong in it, each as `FILE:LINE: …`.
    pub fn from_properties_file(path: impl AsRef<Path>) -> Result<Self, StartError> {
        Self::builder().properties_file(path)?.build()
    }

    /// A producer with these settings.
    ///
    /// # Errors
    /// All that is wrong with them, at once.
    pub fn from_settings(settings: &Settings) -> Result<Self, StartError> {
        Self::builder().settings(settings).build()
    }

    /// Sends a record: resolves when the brokers have acknowledged it as `acks` asks for.
    ///
    /// Dropping the future before the record is accepted takes it back; after that it is
    /// delivered, and nobody hears of it.
    ///
    /// # Errors
    /// Why it failed, and whether it may be in the log all the same.
    pub async fn send(&self, record: Record<'_>) -> Result<RecordMetadata, ProduceError> {
        self.enqueue(record).await?.await
    }

    /// Resolves when the record is accepted: its batch has room in `buffer.memory`. The
    /// [`Delivery`] tells how it ends.
    ///
    /// It waits for the topic's metadata and for memory, up to `max.block.ms` together; calls that
    /// wait for memory have their turn in order. Dropping the future takes the record back.
    ///
    /// # Errors
    /// Why the record isn't accepted. It surely isn't in the log then.
    pub async fn enqueue(&self, mut record: Record<'_>) -> Result<Delivery, EnqueueError> {
        self.shared.callbacks.intercept(&mut record);
        self.shared.accept_seen(&record, None).await
    }

    /// Resolves when the record is accepted, as [`enqueue`](Self::enqueue) does; then `callback` is
    /// called once with the outcome, on the producer's thread: in a partition in the order of the
    /// records, before [`flush`](Self::flush) and [`close`](Self::close) end. It should be quick, for
    /// nothing is sent meanwhile; it can't wait for this producer
    /// ([`ErrorKind::InCallback`](crate::ErrorKind::InCallback)); and a panic is logged.
    ///
    /// # Errors
    /// Why the record isn't accepted: then `callback` isn't called.
    pub async fn send_with_callback(
        &self,
        mut record: Record<'_>,
        callback: impl FnOnce(Result<RecordMetadata, ProduceError>) + Send + 'static,
    ) -> Result<(), EnqueueError> {
        let slot = CallbackSlot::new(Box::new(callback));
        self.shared.callbacks.intercept(&mut record);
        let accepted = self.shared.accept_seen(&record, Some(&slot)).await;
        accepted.map(Delivery::detach)
    }

    /// Accepts the record now or gives it back.
    ///
    /// # Errors
    /// What it would have to wait for, with the record; or why it will never be accepted.
    #[expect(clippy::result_large_err, reason = "the record is what is given back")]
    pub fn try_enqueue<'a>(
        &self,
        record: Record<'a>,
    ) -> Result<Delivery, TryEnqueueError<Record<'a>>> {
        let callbacks = &self.shared.callbacks;
        let seen = (!callbacks.interceptors.is_empty()).then(|| {
            let mut seen = record.clone();
            callbacks.intercept(&mut seen);
            seen
        });
        let sent = seen.as_ref().unwrap_or(&record);
        let tried = match self.shared.accumulator.topic(sent.topic()) {
            Ok(topic) => self.shared.try_accept(&topic, &sent.as_new()),
            Err(error) => Err(error.into()),
        };
        if let Err(TryEnqueueError::Failed(error)) = &tried {
            callbacks.refused(sent.as_new().tag, error);
        }
        // It comes back as it was, to be seen by interceptors the next time.
        tried.map_err(|refused| refused.map(|()| record))
    }

    /// Sends all records, waiting for memory as it goes, and resolves when each is acknowledged or
    /// failed.
    ///
    /// Once a record has waited for `max.block.ms` in vain, those after it that would have to wait
    /// for the same fail at once, until one is accepted again. Dropping the future leaves the
    /// records that it hasn't come to unsent.
    pub async fn send_many<'a>(
        &self,
        records: impl IntoIterator<Item = Record<'a>>,
    ) -> SendManyReport {
        let mut sending = Sending::default();
        let mut waited_in_vain = None;
        let _counted = self.shared.many_calls.begin();
        for record in records {
            sending
                .make_room(&self.shared, 1, &mut waited_in_vain)
                .await;
            let enqueued = self.enqueue_after(record, &mut waited_in_vain).await;
            sending.took(enqueued).await;
        }
        sending.end().await
    }

    /// `enqueue`, but without a wait for what an earlier record has waited for in vain.
    async fn enqueue_after(
        &self,
        record: Record<'_>,
        waited_in_vain: &mut Option<EnqueueError>,
    ) -> Result<Delivery, EnqueueError> {
        let record = match waited_in_vain {
            None => record,
            Some(error) => match self.try_enqueue(record) {
                Ok(delivery) => {
                    *waited_in_vain = None;
                    return Ok(delivery);
                }
                Err(refused) => waits_for_another(refused, error, |record| record.topic())?,
            },
        };
        let enqueued = self.enqueue(record).await;
        note_vain_wait(&enqueued, waited_in_vain);
        enqueued
    }

    /// Resolves when all records accepted before the call are acknowledged or failed. They are sent
    /// at once, whatever `linger.ms` says; later records don't prolong it.
    pub fn flush(&self) -> impl Future<Output = ()> + Send + 'static {
        self.shared.accumulator.flush(self.shared.clock.now())
    }

    /// Closes the producer and all its clones: from now on no record is accepted. What was accepted
    /// has `timeout` to be delivered, then it fails. The closing starts with the call and goes on
    /// if the future is dropped; of two calls the earlier deadline wins.
    ///
    /// # Errors
    /// How many records weren't delivered in time.
    pub fn close(
        &self,
        timeout: Duration,
    ) -> impl Future<Output = Result<(), CloseError>> + Send + 'static {
        let now = self.shared.clock.now();
        let close = self.shared.accumulator.close(now, timeout);
        async move {
            let report = close.await;
            match (report.unsent, report.in_doubt) {
                (0, 0) => Ok(()),
                (unsent, in_doubt) => Err(CloseError { unsent, in_doubt }),
            }
        }
    }

    /// Gets ready for a topic's records ahead of the first one: waits for its partitions, up to
    /// `max.block.ms`, and has connections made to their leaders, which may still be on their way when it
    /// resolves.
    ///
    /// # Errors
    /// As [`partitions_for`](Self::partitions_for).
    pub async fn warm(&self, topic: &str) -> Result<(), EnqueueError> {
        self.partitions_for(topic).await?;
        let accumulator = &self.shared.accumulator;
        accumulator.warm(&accumulator.topic(topic)?);
        Ok(())
    }

    /// Gives up records that were accepted and not delivered: they fail with
    /// [`ErrorKind::Purged`](crate::ErrorKind::Purged), in doubt if a request carried them. It returns at
    /// once; [`flush`](Self::flush) behind it waits until all of them have failed. Records that calls
    /// still wait to have accepted are not among them.
    pub fn purge(&self, what: Purge) {
        self.shared.accumulator.purge(what);
    }

    /// The topic's partitions with their leaders and replicas. Waits for them up to `max.block.ms`.
    ///
    /// # Errors
    /// An illegal name, a topic that doesn't exist, or nobody who knows within `max.block.ms`.
    pub async fn partitions_for(&self, topic: &str) -> Result<Vec<PartitionInfo>, EnqueueError> {
        let shared = &self.shared;
        let topic = shared.accumulator.topic(topic)?;
        let mut wait = EnqueueWait::default();
        poll_fn(|cx| {
            let now = shared.clock.now();
            shared
                .accumulator
                .poll_partitions(cx, now, &topic, &mut wait)
        })
        .await
    }

    /// What the producer tells of itself, as typed values and under Kafka's names.
    pub fn metrics(&self) -> Metrics {
        self.shared.accumulator.metrics(self.shared.clock.now())
    }

    /// The id under which brokers know this producer's telemetry (KIP-714), to find its metrics in what
    /// they collect. The producer keeps it for its life. Waits up to `timeout` for it, and connects to a
    /// broker if no record has done so yet.
    ///
    /// # Errors
    /// `enable.metrics.push=false`, brokers that collect no metrics, or nobody who answers within `timeout`.
    pub async fn client_instance_id(
        &self,
        timeout: Duration,
    ) -> Result<Uuid, ClientInstanceIdError> {
        let shared = &self.shared;
        let mut wait = InstanceIdWait::new(shared.clock.now(), timeout);
        poll_fn(|cx| {
            let now = shared.clock.now();
            shared
                .accumulator
                .poll_client_instance_id(cx, now, &mut wait)
        })
        .await
    }

    /// A handle for one topic, for bytes at first;
    /// [`with_key`](Topic::with_key) and [`with_value`](Topic::with_value) give it types. It saves
    /// each record the topic's lookup. An illegal name shows with the first record.
    pub fn topic(&self, name: &str) -> Topic<[u8], [u8]> {
        Topic::new(self.clone(), name)
    }

    /// The same producer for threads that may block.
    pub fn blocking(&self) -> blocking::Producer {
        blocking::Producer(self.clone())
    }
}

impl fmt::Debug for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer")
            .field("closed", &self.shared.accumulator.is_closed())
            .finish_non_exhaustive()
    }
}

/// What all clones of a producer share.
pub(crate) struct Shared {
    pub(crate) accumulator: Arc<Accumulator>,
    pub(crate) clock: Clock,
    pub(crate) callbacks: Arc<Callbacks>,
    pub(crate) many_calls: ManyCalls,
    pub(crate) last_thread: LastThread,
    pub(crate) delivery_timeout: Duration,
    /// Set when nobody is left who could hear what a close reports: to how many records had failed
    /// by then.
    pub(crate) abandoned: Arc<OnceLock<u64>>,
    /// The embedded broker that this producer keeps running, if any.
    pub(crate) _keep: Keep,
}

impl Drop for Shared {
    fn drop(&mut self) {
        if !self.accumulator.is_closed() {
            let failed = self.accumulator.record_error_total();
            // Set nowhere else.
            let _ = self.abandoned.set(failed);
        }
        // The closing goes on in the driver, which reports it.
        drop(
            self.accumulator
                .close(self.clock.now(), self.delivery_timeout),
        );
    }
}

/// Why a record isn't accepted right now. `R` is the record, given back.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum TryEnqueueError<R> {
    /// `buffer.memory` is full, or others wait for it before this call.
    Full(R),
    /// The topic's metadata isn't known yet; it has been asked for.
    MetadataPending(R),
    /// It will never be accepted.
    Failed(EnqueueError),
}

impl<R> TryEnqueueError<R> {
    pub(crate) fn map<S>(self, record: impl FnOnce(R) -> S) -> TryEnqueueError<S> {
        match self {
            Self::Full(given) => TryEnqueueError::Full(record(given)),
            Self::MetadataPending(given) => TryEnqueueError::MetadataPending(record(given)),
            Self::Failed(error) => TryEnqueueError::Failed(error),
        }
    }
}

impl<R> From<EnqueueError> for TryEnqueueError<R> {
    fn from(error: EnqueueError) -> Self {
        Self::Failed(error)
    }
}

impl<R> fmt::Display for TryEnqueueError<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(_) => f.write_str("buffer.memory is full; wait with enqueue, or try later"),
            Self::MetadataPending(_) => {
                f.write_str("the topic's metadata isn't known yet; wait with enqueue, or try later")
            }
            Self::Failed(error) => error.fmt(f),
        }
    }
}

impl<R: fmt::Debug> std::error::Error for TryEnqueueError<R> {}

/// A close that ran out of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "closed before all was delivered: {unsent} records surely aren't in the log, \
     {in_doubt} may be; a longer timeout for close gives them more time"
)]
#[non_exhaustive]
pub struct CloseError {
    /// Records that surely aren't in the log.
    pub unsent: u64,
    /// Records that may be in the log.
    pub in_doubt: u64,
}
