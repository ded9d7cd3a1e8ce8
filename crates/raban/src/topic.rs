//! A typed handle for one topic: serializers bound once, no lookup per record.

use std::cell::Cell;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use raban_core::{
    EnqueueError, EnqueueWait, ErrorKind, Header, NewRecord, ProduceError, RecordMetadata,
};

use crate::accept::let_others_run;
use crate::blocking::{self, wait_for};
use crate::delivery::Delivery;
use crate::many::{note_vain_wait, waits_for_another};
use crate::producer::{Producer, TryEnqueueError};
use crate::record::{Payload, Record, header};
use crate::serializer::{
    AsyncSerializer, Bound, Nullable, Raw, RecordPart, SerializeContext, Serializer,
};

/// Buffers larger than this aren't kept for the next record.
const SCRATCH_KEPT: usize = 1 << 20;

/// One topic with keys of type `K` and values of type `V`; made by
/// [`Producer::topic`](crate::Producer::topic). Cheap to clone; it keeps its producer open.
///
/// ```
/// # #[cfg(feature = "json")]
/// # async fn example(producer: raban::Producer) -> Result<(), raban::ProduceError> {
/// use raban::{Json, Utf8};
///
/// #[derive(serde::Serialize)]
/// struct Order {
///     total: u32,
/// }
///
/// let orders = producer.topic("orders").with_key(Utf8).with_value(Json);
/// orders.send("customer-42", &Order { total: 12 }).await?;
/// orders.send("customer-42", None).await?; // a tombstone
/// # Ok(())
/// # }
/// ```
pub struct Topic<K: ?Sized = [u8], V: ?Sized = [u8]> {
    pub(crate) producer: Producer,
    name: Arc<str>,
    /// An illegal name is told to each record.
    pub(crate) topic: Result<Arc<raban_core::Topic>, EnqueueError>,
    key: Bound<K>,
    value: Bound<V>,
}

impl Topic<[u8], [u8]> {
    pub(crate) fn new(producer: Producer, name: &str) -> Self {
        Self {
            topic: producer.shared.accumulator.topic(name),
            name: Arc::from(name),
            producer,
            key: Bound::Now(Arc::new(Raw)),
            value: Bound::Now(Arc::new(Raw)),
        }
    }
}

impl<K: ?Sized, V: ?Sized> Topic<K, V> {
    /// The same topic with keys of another type.
    pub fn with_key<T: ?Sized>(self, serializer: impl Serializer<T> + 'static) -> Topic<T, V> {
        self.with_bound_key(Bound::Now(Arc::new(serializer)))
    }

    /// The same topic with values of another type.
    pub fn with_value<T: ?Sized>(self, serializer: impl Serializer<T> + 'static) -> Topic<K, T> {
        self.with_bound_value(Bound::Now(Arc::new(serializer)))
    }

    /// The same topic with keys of another type, whose serializer waits for something.
    pub fn with_async_key<T: ?Sized>(
        self,
        serializer: impl AsyncSerializer<T> + 'static,
    ) -> Topic<T, V> {
        self.with_bound_key(Bound::Later(Arc::new(serializer)))
    }

    /// The same topic with values of another type, whose serializer waits for something.
    pub fn with_async_value<T: ?Sized>(
        self,
        serializer: impl AsyncSerializer<T> + 'static,
    ) -> Topic<K, T> {
        self.with_bound_value(Bound::Later(Arc::new(serializer)))
    }

    fn with_bound_key<T: ?Sized>(self, key: Bound<T>) -> Topic<T, V> {
        Topic {
            producer: self.producer,
            name: self.name,
            topic: self.topic,
            key,
            value: self.value,
        }
    }

    fn with_bound_value<T: ?Sized>(self, value: Bound<T>) -> Topic<K, T> {
        Topic {
            producer: self.producer,
            name: self.name,
            topic: self.topic,
            key: self.key,
            value,
        }
    }

    /// The topic's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A record for this topic, to be given headers, a partition or a timestamp.
    pub fn record<GK: Nullable<K>, GV: Nullable<V>>(
        &self,
        key: GK,
        value: GV,
    ) -> TopicRecord<'_, K, V, GK, GV> {
        TopicRecord {
            topic: self,
            key,
            value,
            partition: None,
            timestamp: None,
            headers: None,
            tag: 0,
        }
    }

    /// Sends a record: resolves when the brokers have acknowledged it. `None` is a null key, and
    /// as a value a tombstone.
    ///
    /// # Errors
    /// As [`Producer::send`](crate::Producer::send); besides [`ErrorKind::Serialize`].
    pub async fn send(
        &self,
        key: impl Nullable<K>,
        value: impl Nullable<V>,
    ) -> Result<RecordMetadata, ProduceError> {
        self.record(key, value).send().await
    }

    /// Resolves when the record is accepted; the [`Delivery`] tells how it ends.
    ///
    /// # Errors
    /// As [`Producer::enqueue`](crate::Producer::enqueue); besides [`ErrorKind::Serialize`].
    pub async fn enqueue(
        &self,
        key: impl Nullable<K>,
        value: impl Nullable<V>,
    ) -> Result<Delivery, EnqueueError> {
        self.record(key, value).enqueue().await
    }

    /// Accepts the record now or not at all.
    ///
    /// # Errors
    /// What it would have to wait for, or why it will never be accepted.
    pub fn try_enqueue(
        &self,
        key: impl Nullable<K>,
        value: impl Nullable<V>,
    ) -> Result<Delivery, TryEnqueueError<()>> {
        self.record(key, value).try_enqueue()
    }

    /// Whether a serializer may have to wait.
    fn waits(&self) -> bool {
        self.key.waits() || self.value.waits()
    }

    fn context<'c>(
        &'c self,
        part: RecordPart,
        headers: &'c mut Option<Vec<Header>>,
    ) -> SerializeContext<'c> {
        SerializeContext::new(&self.name, part, headers.get_or_insert_default())
    }

    /// The same topic for threads that may block.
    pub fn blocking(&self) -> blocking::Topic<'_, K, V> {
        blocking::Topic(self)
    }
}

impl<K: ?Sized, V: ?Sized> Clone for Topic<K, V> {
    fn clone(&self) -> Self {
        Self {
            producer: self.producer.clone(),
            name: Arc::clone(&self.name),
            topic: self.topic.clone(),
            key: self.key.clone(),
            value: self.value.clone(),
        }
    }
}

impl<K: ?Sized, V: ?Sized> fmt::Debug for Topic<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Topic")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// A record of a typed topic, before it is sent. `GK` and `GV` are what was given as key and value.
#[must_use = "a record does nothing until it is sent or enqueued"]
pub struct TopicRecord<'a, K: ?Sized, V: ?Sized, GK = &'a K, GV = &'a V> {
    topic: &'a Topic<K, V>,
    key: GK,
    value: GV,
    partition: Option<i32>,
    timestamp: Option<i64>,
    /// `None`: there were none yet, and dropping the record does nothing.
    headers: Option<Vec<Header>>,
    tag: u64,
}

impl<'r, K: ?Sized, V: ?Sized, GK: Nullable<K>, GV: Nullable<V>> TopicRecord<'r, K, V, GK, GV> {
    /// Adds a header; keys may repeat, and the order is kept.
    pub fn header<'h>(mut self, key: impl Into<String>, value: impl Into<Payload<'h>>) -> Self {
        self.headers
            .get_or_insert_default()
            .push(header(key, value));
        self
    }

    /// Sends it to this partition, whatever its key.
    pub fn partition(mut self, partition: i32) -> Self {
        self.partition = Some(partition);
        self
    }

    /// The record's time, in milliseconds since the Unix epoch; by default the time of acceptance.
    pub fn timestamp(mut self, millis: i64) -> Self {
        self.timestamp = Some(millis);
        self
    }

    /// As [`Record::tag`].
    #[inline(always)]
    pub fn tag(mut self, tag: u64) -> Self {
        self.tag = tag;
        self
    }

    /// As [`Topic::send`].
    ///
    /// # Errors
    /// As [`Topic::send`].
    pub async fn send(self) -> Result<RecordMetadata, ProduceError> {
        self.enqueue().await?.await
    }

    /// As [`Topic::enqueue`].
    ///
    /// # Errors
    /// As [`Topic::enqueue`].
    #[expect(
        clippy::manual_async_fn,
        reason = "it would move the record within its future, with each one"
    )]
    pub fn enqueue(self) -> impl Future<Output = Result<Delivery, EnqueueError>> {
        async move {
            let_others_run(1).await;
            if let Some(delivery) = self.enqueue_plain() {
                return Ok(delivery);
            }
            match Begun::new(self).serialize_at_once() {
                ControlFlow::Break(accepted) => accepted,
                // Apart, so that the future of a record that has nothing to wait for is small.
                ControlFlow::Continue(begun) => Box::pin(begun.go_on()).await,
            }
        }
    }

    /// As [`Self::enqueue`], for a thread that waits for this alone.
    #[inline(always)]
    pub(crate) fn enqueue_blocking(self) -> Result<Delivery, EnqueueError> {
        self.topic.producer.shared.last_thread.let_others_run();
        if let Some(delivery) = self.enqueue_plain() {
            return Ok(delivery);
        }
        match Begun::new(self).serialize_at_once() {
            ControlFlow::Break(accepted) => accepted,
            ControlFlow::Continue(begun) => wait_for(begun.go_on()),
        }
    }

    /// Enqueues a record of bytes as they are sent, if there is nothing to be decided for it. Nobody else sees it, so that it
    /// stays in registers.
    #[inline(always)]
    fn enqueue_plain(&self) -> Option<Delivery> {
        let shared = &self.topic.producer.shared;
        let topic = self.topic.topic.as_ref().ok()?;
        if !shared.callbacks.interceptors.is_empty() {
            return None;
        }
        let record = self.as_it_is()?;
        let enqueued = shared
            .accumulator
            .enqueue_plain(&shared.clock, topic, &record);
        enqueued.map(Delivery)
    }

    /// `enqueue`, but without a wait for what an earlier record has waited for in vain.
    pub(crate) async fn enqueue_after(
        mut self,
        waited_in_vain: &mut Option<EnqueueError>,
    ) -> Result<Delivery, EnqueueError> {
        if let Some(error) = waited_in_vain {
            match self.try_to_enqueue() {
                Ok(delivery) => {
                    *waited_in_vain = None;
                    return Ok(delivery);
                }
                Err(refused) => {
                    let refused = refused.map(|()| &*self.topic.name);
                    waits_for_another(refused, error, |name| name)?;
                }
            }
        }
        let enqueued = self.enqueue().await;
        note_vain_wait(&enqueued, waited_in_vain);
        enqueued
    }

    /// Whether it is a record of this topic.
    #[inline]
    pub(crate) fn is_of(&self, topic: &Arc<raban_core::Topic>) -> bool {
        let mine = self.topic.topic.as_ref();
        mine.is_ok_and(|mine| Arc::ptr_eq(mine, topic))
    }

    /// The record, if its key and value are bytes as they are sent.
    #[inline(always)]
    pub(crate) fn as_it_is(&self) -> Option<NewRecord<'_>> {
        let handle = self.topic;
        if handle.waits() {
            return None;
        }
        let key = match self.key.nullable() {
            Some(key) => Some(handle.key.as_bytes(key)?),
            None => None,
        };
        let value = match self.value.nullable() {
            Some(value) => Some(handle.value.as_bytes(value)?),
            None => None,
        };
        Some(self.new_record(key, value))
    }

    /// The same record for threads that may block.
    #[inline(always)]
    pub fn blocking(self) -> blocking::TopicRecord<'r, K, V, GK, GV> {
        blocking::TopicRecord(self)
    }

    /// As [`Topic::try_enqueue`].
    ///
    /// # Errors
    /// As [`Topic::try_enqueue`].
    pub fn try_enqueue(mut self) -> Result<Delivery, TryEnqueueError<()>> {
        self.try_to_enqueue()
    }

    fn try_to_enqueue(&mut self) -> Result<Delivery, TryEnqueueError<()>> {
        let handle = self.topic;
        let topic = handle.topic.as_ref().map_err(Clone::clone)?;
        let mut scratch = Scratch::default();
        let record = self.serialize(&mut scratch)?;
        if handle.producer.shared.callbacks.interceptors.is_empty() {
            return handle.producer.shared.try_accept(topic, &record);
        }
        let record = Record::of(&handle.name, &record);
        let tried = handle.producer.try_enqueue(record);
        tried.map_err(|refused| refused.map(drop))
    }

    #[inline(always)]
    fn serialize<'s>(
        &'s mut self,
        scratch: &'s mut Scratch,
    ) -> Result<NewRecord<'s>, EnqueueError> {
        let handle = self.topic;
        let (key, value) = (self.key.nullable(), self.value.nullable());
        let (key_bytes, value_bytes) = (
            key.and_then(|key| handle.key.as_bytes(key)),
            value.and_then(|value| handle.value.as_bytes(value)),
        );
        if let (Some(key), None) = (key, key_bytes) {
            let mut context = handle.context(RecordPart::Key, &mut self.headers);
            let serialized = handle.key.now(&mut context, key, scratch.key());
            serialized.map_err(|error| failed(RecordPart::Key, &error))?;
        }
        if let (Some(value), None) = (value, value_bytes) {
            let mut context = handle.context(RecordPart::Value, &mut self.headers);
            let serialized = handle.value.now(&mut context, value, scratch.value());
            serialized.map_err(|error| failed(RecordPart::Value, &error))?;
        }
        Ok(self.new_record(
            key.map(|_| key_bytes.unwrap_or(&scratch.key)),
            value.map(|_| value_bytes.unwrap_or(&scratch.value)),
        ))
    }

    /// What [`Self::serialize`] made.
    fn serialized<'s>(&'s self, scratch: &'s Scratch) -> NewRecord<'s> {
        let handle = self.topic;
        let (key, value) = (self.key.nullable(), self.value.nullable());
        self.new_record(
            key.map(|key| handle.key.as_bytes(key).unwrap_or(&scratch.key)),
            value.map(|value| handle.value.as_bytes(value).unwrap_or(&scratch.value)),
        )
    }

    async fn serialize_later<'s>(
        &'s mut self,
        scratch: &'s mut Scratch,
    ) -> Result<NewRecord<'s>, EnqueueError> {
        let handle = self.topic;
        let (key, value) = (self.key.nullable(), self.value.nullable());
        if let Some(key) = key {
            let mut context = handle.context(RecordPart::Key, &mut self.headers);
            let serialized = handle.key.later(&mut context, key, scratch.key()).await;
            serialized.map_err(|error| failed(RecordPart::Key, &error))?;
        }
        if let Some(value) = value {
            let mut context = handle.context(RecordPart::Value, &mut self.headers);
            let serialized = handle
                .value
                .later(&mut context, value, scratch.value())
                .await;
            serialized.map_err(|error| failed(RecordPart::Value, &error))?;
        }
        Ok(self.new_record(key.map(|_| &*scratch.key), value.map(|_| &*scratch.value)))
    }

    #[inline(always)]
    fn new_record<'s>(&'s self, key: Option<&'s [u8]>, value: Option<&'s [u8]>) -> NewRecord<'s> {
        NewRecord {
            partition: self.partition,
            timestamp: self.timestamp,
            key,
            value,
            headers: self.headers.as_deref().unwrap_or_default(),
            tag: self.tag,
            callback: None,
        }
    }
}

impl<K: ?Sized, V: ?Sized, GK, GV> fmt::Debug for TopicRecord<'_, K, V, GK, GV> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TopicRecord")
            .field("topic", &self.topic.name)
            .field("partition", &self.partition)
            .field("timestamp", &self.timestamp)
            .field("headers", &self.headers.as_deref().unwrap_or_default())
            .finish_non_exhaustive()
    }
}

/// How far a record came that couldn't be accepted at once.
struct Begun<R> {
    record: R,
    scratch: Scratch,
    serialized: bool,
    wait: EnqueueWait,
}

impl<R> Begun<R> {
    fn new(record: R) -> Self {
        Self {
            record,
            scratch: Scratch::default(),
            serialized: false,
            wait: EnqueueWait::default(),
        }
    }
}

impl<K: ?Sized, V: ?Sized, GK: Nullable<K>, GV: Nullable<V>> Begun<TopicRecord<'_, K, V, GK, GV>> {
    /// Enqueues any record that has nothing to wait for, unless interceptors are to see it or its serializer may wait.
    #[inline(never)]
    fn serialize_at_once(mut self) -> ControlFlow<Result<Delivery, EnqueueError>, Self> {
        let handle = self.record.topic;
        let shared = &handle.producer.shared;
        let topic = match &handle.topic {
            _ if handle.waits() || !shared.callbacks.interceptors.is_empty() => {
                return ControlFlow::Continue(self);
            }
            Ok(topic) => topic,
            Err(error) => return ControlFlow::Break(Err(error.clone())),
        };
        match self.record.serialize(&mut self.scratch) {
            Ok(record) => match shared.accept_at_once(topic, &record, &mut self.wait) {
                Some(delivery) => return ControlFlow::Break(Ok(delivery)),
                None => self.serialized = true,
            },
            Err(error) => return ControlFlow::Break(Err(error)),
        }
        ControlFlow::Continue(self)
    }

    async fn go_on(self) -> Result<Delivery, EnqueueError> {
        let Self {
            mut record,
            mut scratch,
            serialized,
            wait,
        } = self;
        let handle = record.topic;
        let topic = handle.topic.as_ref().map_err(Clone::clone)?;
        let record = if serialized {
            record.serialized(&scratch)
        } else if handle.waits() {
            record.serialize_later(&mut scratch).await?
        } else {
            record.serialize(&mut scratch)?
        };
        if handle.producer.shared.callbacks.interceptors.is_empty() {
            return handle.producer.shared.accept(topic, &record, wait).await;
        }
        let record = Record::of(&handle.name, &record);
        handle.producer.enqueue(record).await
    }
}

fn failed(part: RecordPart, error: &crate::SerializeError) -> EnqueueError {
    EnqueueError::new(ErrorKind::Serialize {
        part: part.name(),
        reason: error.to_string(),
    })
}

/// Buffers for one record's serialized key and value. They come from the thread, if they are needed at all, and return to
/// the thread that the record is accepted on.
#[derive(Default)]
struct Scratch {
    key: Vec<u8>,
    value: Vec<u8>,
}

thread_local! {
    static KEY: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    static VALUE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

impl Scratch {
    fn key(&mut self) -> &mut Vec<u8> {
        self.key = KEY.try_with(Cell::take).unwrap_or_default();
        &mut self.key
    }

    fn value(&mut self) -> &mut Vec<u8> {
        self.value = VALUE.try_with(Cell::take).unwrap_or_default();
        &mut self.value
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        for (place, buffer) in [(&KEY, &mut self.key), (&VALUE, &mut self.value)] {
            if let 1..=SCRATCH_KEPT = buffer.capacity() {
                buffer.clear();
                // At the thread's end its place is gone already.
                let _ = place.try_with(|place| place.set(std::mem::take(buffer)));
            }
        }
    }
}
