//! The tasks: who sends what to which topic, and in which manner.

use std::time::Duration;

use raban::{Builder, Compression, Producer};

/// A task and its topic.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) topic: &'static str,
    pub(crate) partitions: i32,
    pub(crate) manner: Manner,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    Keyed,
    Unkeyed,
    /// Flushes now and then, and looks whether all is settled.
    Flushing,
    /// Its producer is closed in the midst of each fault, and followed by another.
    Closed,
    /// Its producer is dropped in the midst of each fault, and followed by another.
    Dropped,
    /// Its records are older than the time for which brokers remember a producer.
    Old,
    /// Gives up soon.
    Impatient,
    /// Its topic is deleted and created anew.
    Recreated,
}

const fn task(topic: &'static str, partitions: i32, manner: Manner) -> Task {
    Task {
        topic,
        partitions,
        manner,
    }
}

pub(crate) const TASKS: [Task; 8] = [
    task("keyed", 6, Manner::Keyed),
    task("unkeyed", 6, Manner::Unkeyed),
    task("flushed", 3, Manner::Flushing),
    task("closed", 4, Manner::Closed),
    task("dropped", 2, Manner::Dropped),
    task("old", 2, Manner::Old),
    task("impatient", 3, Manner::Impatient),
    task(RECREATED, 3, Manner::Recreated),
];
pub(crate) const RECREATED: &str = "recreated";

/// How long an accepted record may be on its way: longer than any fault lasts, unless the task is impatient.
pub(crate) const DELIVERY_TIMEOUT: Duration = Duration::from_secs(150);
const SOON_GIVEN_UP: Duration = Duration::from_secs(4);
/// Longer than the producer's own timeouts, for what a busy machine adds.
pub(crate) const SLACK: Duration = Duration::from_secs(10);

impl Task {
    pub(crate) fn topics() -> [&'static str; TASKS.len()] {
        TASKS.map(|task| task.topic)
    }

    /// Whether each record must be acknowledged, whatever happens.
    pub(crate) fn never_fails(&self) -> bool {
        matches!(
            self.manner,
            Manner::Keyed | Manner::Unkeyed | Manner::Flushing
        )
    }

    pub(crate) fn is_keyed(&self) -> bool {
        !matches!(self.manner, Manner::Unkeyed | Manner::Old)
    }

    pub(crate) fn delivery_timeout(&self) -> Duration {
        match self.manner {
            Manner::Impatient => SOON_GIVEN_UP,
            _ => DELIVERY_TIMEOUT,
        }
    }

    /// Small batches, so that five of each partition are in flight, and little memory, so that a fault fills it.
    fn builder(&self, servers: &str) -> Builder {
        let builder = Producer::builder()
            .bootstrap_servers(servers)
            .client_id(self.topic)
            .batch_size(1024)
            .buffer_memory(1 << 20)
            .linger(Duration::from_millis(2))
            .delivery_timeout(self.delivery_timeout());
        match self.manner {
            Manner::Impatient => builder
                .buffer_memory(128 << 10)
                .request_timeout(Duration::from_secs(2))
                .max_block(Duration::from_secs(1)),
            Manner::Closed | Manner::Dropped | Manner::Recreated => builder
                .request_timeout(Duration::from_secs(6))
                .max_block(Duration::from_secs(5))
                .compression(Compression::Lz4),
            _ => builder
                .request_timeout(Duration::from_secs(6))
                .max_block(DELIVERY_TIMEOUT),
        }
    }

    pub(crate) fn producer(&self, servers: &str) -> Producer {
        self.builder(servers).build().unwrap()
    }
}
