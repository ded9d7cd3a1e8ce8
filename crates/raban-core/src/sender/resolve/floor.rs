//! Where the search for batches in doubt begins: an offset behind which all of them are, if anywhere.

use std::collections::BTreeMap;

use raban_protocol::error_code::ErrorCode;
use raban_protocol::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopic,
};
use raban_protocol::primitives::Uuid;

use super::reading::Anchor;
use crate::accumulator::partition::PartitionId;
use crate::connection::{ConnectionId, RequestKind};
use crate::idempotence::Stamp;
use crate::sender::Sender;
use crate::sender::answers::Answers;
use crate::time::Instant;

/// ListOffsets: the end that readers see.
const LATEST: i64 = -1;

/// The offset at which the search begins, and how its truth can be checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Floor {
    /// Not known, as before the first Produce: all of the log is searched, from offset 0 on.
    #[default]
    Unknown,
    /// Asked for right before a Produce.
    Asked,
    /// What readers saw, in this leader epoch, before the first Produce.
    Watermark { offset: i64, epoch: i32 },
    /// The end of the unbroken confirmed prefix: never just the highest acknowledged offset.
    Confirmed { offset: i64, anchor: Anchor },
}

impl Floor {
    /// The oldest batch of the row was acknowledged.
    pub(crate) fn raise(&mut self, base_offset: i64, stamp: Stamp, count: u32) {
        *self = Self::Confirmed {
            offset: base_offset.saturating_add(i64::from(count)),
            anchor: Anchor {
                stamp,
                last_sequence: stamp.last_sequence(count),
            },
        };
    }
}

impl Sender {
    /// Asks for the ends of the partitions that get their first batch now, or whose earlier ones are surely not in the
    /// log: on the same connection, directly before it, so that it costs no round trip and can't see what is sent after it.
    pub(in crate::sender) fn ask_floors(
        &mut self,
        now: Instant,
        conn: ConnectionId,
        partitions: &[PartitionId],
    ) {
        if !self.config.enable_idempotence {
            return;
        }
        let new: Vec<PartitionId> = partitions
            .iter()
            .copied()
            .filter(|id| self.queues[id.0 as usize].lacks_floor())
            .collect();
        let connection = &self.connections[&conn];
        let version = connection.version::<ListOffsetsRequest>(i16::MAX).ok();
        let asked = version.filter(|_| !new.is_empty());
        for id in &new {
            self.queue(*id).doubt.floor = match asked {
                Some(_) => Floor::Asked,
                None => Floor::Unknown,
            };
        }
        let Some(version) = asked else {
            return;
        };
        let request = ListOffsetsRequest {
            replica_id: -1,
            topics: self.offset_questions(&new, LATEST),
            ..ListOffsetsRequest::default()
        };
        let deadline = now + self.config.request_timeout;
        let kind = RequestKind::Floors(new);
        if let Some(connection) = self.connections.get_mut(&conn) {
            let frame = connection.send(kind, version, &self.client_id, &request, deadline);
            self.write(now, conn, frame);
        }
    }

    /// The topics of a ListOffsets request, each once.
    pub(super) fn offset_questions(
        &self,
        partitions: &[PartitionId],
        timestamp: i64,
    ) -> Vec<ListOffsetsTopic> {
        let mut topics: BTreeMap<&str, Vec<ListOffsetsPartition>> = BTreeMap::new();
        for id in partitions {
            let partition = &self.queues[id.0 as usize].partition;
            let question = ListOffsetsPartition {
                partition_index: partition.index,
                timestamp,
                ..ListOffsetsPartition::default()
            };
            topics.entry(&*partition.topic).or_default().push(question);
        }
        let topic = |(name, partitions): (&str, _)| ListOffsetsTopic {
            name: name.to_owned(),
            partitions,
        };
        topics.into_iter().map(topic).collect()
    }

    pub(in crate::sender) fn floors_answered(
        &mut self,
        partitions: &[PartitionId],
        response: Option<&ListOffsetsResponse>,
    ) {
        let topics = response.iter().flat_map(|response| &response.topics);
        let said = Answers::new(topics.flat_map(|topic| {
            let of_topic = topic.partitions.iter();
            of_topic.map(|answer| (&*topic.name, Uuid::ZERO, answer.partition_index, answer))
        }));
        for id in partitions {
            let queue = &mut self.queues[id.0 as usize];
            if queue.doubt.floor != Floor::Asked {
                continue;
            }
            let answer = said
                .get(&queue.partition.topic, None, queue.partition.index)
                .filter(|answer| answer.error_code == ErrorCode::NONE && answer.offset >= 0);
            queue.doubt.floor = match answer {
                Some(answer) => Floor::Watermark {
                    offset: answer.offset,
                    epoch: answer.leader_epoch,
                },
                None => Floor::Unknown,
            };
        }
    }
}
