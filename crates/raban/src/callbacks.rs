//! Calls into the application on the driver's thread: in order, and their panics stay there.

use std::cell::Cell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use raban_core::{Callback, EnqueueError, Listener, ProduceError, RecordMetadata};

use crate::record::Record;

/// What became of a record, as callbacks are told.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DeliveryReport {
    /// The record's [tag](Record::tag).
    pub tag: u64,
    /// Its place in the log, or why it failed.
    pub outcome: Result<RecordMetadata, ProduceError>,
}

/// Sees each record before it is sent, and its outcome; see
/// [`Builder::interceptor`](crate::Builder::interceptor).
///
/// Interceptors are called in the order in which they were given. One that panics is logged, and
/// the others are called nonetheless.
pub trait ProducerInterceptor: Send + Sync {
    /// Called on the thread that sends, before the partition is chosen; it may change the record:
    /// [`add_header`](Record::add_header), or put another one in its place. Records of typed
    /// handles are serialized before.
    fn on_send(&self, record: &mut Record<'_>) {
        let _ = record;
    }

    /// Called once with the outcome, as callbacks are, and before them; also where the record
    /// wasn't accepted, then on the thread that sends.
    fn on_acknowledgement(&self, report: &DeliveryReport) {
        let _ = report;
    }
}

/// A callback for all records.
pub(crate) type OnDelivery = Box<dyn Fn(&DeliveryReport) + Send + Sync>;

/// Whom a producer calls.
#[derive(Default)]
pub(crate) struct Callbacks {
    pub(crate) interceptors: Vec<Box<dyn ProducerInterceptor>>,
    pub(crate) on_delivery: Option<OnDelivery>,
}

impl fmt::Debug for Callbacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callbacks")
            .field("interceptors", &self.interceptors.len())
            .field("on_delivery", &self.on_delivery.is_some())
            .finish()
    }
}

impl Callbacks {
    /// Whether outcomes of all records are told.
    pub(crate) fn hear_of_all(&self) -> bool {
        self.on_delivery.is_some() || !self.interceptors.is_empty()
    }

    #[inline]
    pub(crate) fn intercept(&self, record: &mut Record<'_>) {
        for interceptor in &self.interceptors {
            guarded("on_send", || interceptor.on_send(record));
        }
    }

    /// A record that interceptors saw wasn't accepted.
    pub(crate) fn refused(&self, tag: u64, error: &EnqueueError) {
        if !self.interceptors.is_empty() {
            self.acknowledge(&DeliveryReport {
                tag,
                outcome: Err(error.clone().into()),
            });
        }
    }

    fn acknowledge(&self, report: &DeliveryReport) {
        for interceptor in &self.interceptors {
            guarded("on_acknowledgement", || {
                interceptor.on_acknowledgement(report);
            });
        }
    }
}

impl Listener for Callbacks {
    fn told(
        &self,
        tag: u64,
        outcome: Result<RecordMetadata, ProduceError>,
        callback: Option<Callback>,
    ) {
        let _inside = Inside::enter();
        let report = DeliveryReport { tag, outcome };
        self.acknowledge(&report);
        if let Some(on_delivery) = &self.on_delivery {
            guarded("on_delivery", || on_delivery(&report));
        }
        if let Some(callback) = callback {
            guarded("callback", || callback(report.outcome));
        }
    }
}

/// A panic of the application's doesn't end the driver.
fn guarded(name: &'static str, call: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(call)).is_err() {
        tracing::error!("{name} panicked; the producer goes on");
    }
}

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// While it lives, the thread is in a callback, and waiting for the producer there would have no end.
struct Inside {
    before: bool,
}

impl Inside {
    fn enter() -> Self {
        Self {
            before: INSIDE.replace(true),
        }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        INSIDE.set(self.before);
    }
}

pub(crate) fn is_inside() -> bool {
    INSIDE.try_with(Cell::get).unwrap_or_default()
}
