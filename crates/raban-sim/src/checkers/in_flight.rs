//! No more than `max.in.flight.requests.per.connection` requests are under way on a connection, and with idempotence no
//! more than five batches of a partition.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use raban_core::config::Acks;
use raban_core::{Config, ConnectionId};
use raban_protocol::api::{ApiKey, Message};
use raban_protocol::frame::decode_request_header;
use raban_protocol::messages::ProduceRequest;
use raban_protocol::primitives::Reader;

use crate::stage::Stage;
use crate::violation::Violation;

/// A partition by its topic's name and id, one of which is empty.
type Partition = (String, [u8; 16], i32);

/// The batches that each unanswered request of a connection carries; none but Produce carries any.
#[derive(Debug, Default)]
pub(crate) struct InFlight(BTreeMap<ConnectionId, VecDeque<Vec<Partition>>>);

impl InFlight {
    pub(crate) fn sent(
        &mut self,
        stage: &mut Stage,
        config: &Config,
        conn: ConnectionId,
        frame: &Bytes,
    ) {
        if config.acks == Acks::None {
            return;
        }
        let batches = batches(frame.slice(4..)).unwrap_or_default();
        let requests = self.0.entry(conn).or_default();
        requests.push_back(batches);
        let produce = requests.iter().filter(|batches| !batches.is_empty());
        let most = config.max_in_flight;
        if produce.clone().count() > most {
            let detail = format!("more than {most} Produce requests on a connection");
            stage.violate(Violation::new("in flight", detail));
        }
        let newest = requests.back().into_iter().flatten();
        let mut count = newest.map(|partition| {
            produce
                .clone()
                .flatten()
                .filter(|other| *other == partition)
                .count()
        });
        if config.enable_idempotence && count.any(|count| count > 5) {
            stage.violate(Violation::new(
                "in flight",
                "more than five batches of a partition",
            ));
        }
    }

    pub(crate) fn answered(&mut self, conn: ConnectionId) {
        if let Some(requests) = self.0.get_mut(&conn) {
            requests.pop_front();
        }
    }

    pub(crate) fn closed(&mut self, conn: ConnectionId) {
        self.0.remove(&conn);
    }
}

fn batches(content: Bytes) -> Option<Vec<Partition>> {
    let mut reader = Reader::new(content);
    let header = decode_request_header(&mut reader).ok()?;
    if header.api_key != ApiKey::Produce as i16 {
        return None;
    }
    let request = ProduceRequest::decode(header.api_version, &mut reader).ok()?;
    let topics = request.topic_data.into_iter();
    let partitions = topics.flat_map(|topic| {
        let indexes = topic.partition_data.into_iter().map(|data| data.index);
        indexes.map(move |index| (topic.name.clone(), topic.topic_id.0, index))
    });
    Some(partitions.collect())
}
