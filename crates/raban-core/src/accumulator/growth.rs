//! How far an open batch grows past `batch.size` while it can't leave.
//!
//! It grows behind an earlier batch of its partition that the sender hasn't taken: each request takes one of each
//! partition, so that it couldn't leave if it were sealed. It is ready all the while, without lingering.

use std::time::Duration;

use raban_protocol::compression::Compression;
use raban_protocol::record_batch::HEADER_LEN;

use super::partition::PartitionState;
use super::topic::Topic;
use crate::batch::OpenBatch;
use crate::config::Config;
use crate::time::Instant;

/// So many grown batches fit one request, so that it carries those of several partitions.
const BATCHES_PER_REQUEST: usize = 4;
/// So many of them fit `buffer.memory`: a buffer that doubled may be half empty.
const BATCHES_IN_MEMORY: usize = 16;
/// A record's time counts from its batch's opening: growth costs it no more than this part of
/// `delivery.timeout.ms`.
const PART_OF_TIMEOUT: u32 = 16;

#[derive(Debug)]
pub(super) struct Growth {
    /// How large; 0: not at all.
    most: usize,
    /// How old a batch may become.
    age: Duration,
}

impl Growth {
    pub(super) fn new(config: &Config) -> Self {
        // With a codec the sender would compress what grew, for all partitions on its one thread. A batch.size that
        // holds no record asks for records alone.
        let grows = config.batch_growth
            && config.codec.compression() == Compression::None
            && config.batch_size > HEADER_LEN;
        let limit = (config.max_request_size / BATCHES_PER_REQUEST)
            .min(config.buffer_memory / BATCHES_IN_MEMORY);
        Self {
            most: if grows { limit } else { 0 },
            age: config.delivery_timeout / PART_OF_TIMEOUT,
        }
    }

    /// Bytes up to which the partition's open batch takes records now, if that is more than `batch.size`.
    pub(super) fn limit(&self, topic: &Topic, state: &PartitionState, now: Instant) -> usize {
        let Some(open) = &state.open else {
            return 0;
        };
        let can_leave = !state.is_held_up();
        // Cut off from the leader, it may have to wait for long: no memory beyond what it needs.
        if can_leave || state.stalled || now > self.until(open) {
            return 0;
        }
        self.most.min(topic.expected_limit())
    }

    /// When the open batch is old enough to grow no more.
    pub(super) fn until(&self, open: &OpenBatch) -> Instant {
        open.opened + self.age
    }
}
