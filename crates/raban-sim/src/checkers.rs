//! The promises, one checker each. They judge by what the application asked for and heard, and by what the cluster did;
//! never by what the producer says of itself.

mod absence;
mod acknowledged;
mod at_most_once;
pub(crate) mod in_flight;
mod order;
mod outcomes;
pub(crate) mod promises;
mod sequences;
mod told_in_order;

use raban_core::Config;
use raban_core::config::InDoubtPolicy;

use crate::history::{Gone, History, Place};
use crate::ledger::Ledger;
use crate::setup::{Age, Setup};
use crate::violation::Violation;

/// What a run left behind.
pub(crate) struct Evidence<'a> {
    pub(crate) config: &'a Config,
    pub(crate) setup: &'a Setup,
    pub(crate) ledger: &'a Ledger,
    pub(crate) history: &'a History,
}

/// Looks at everything once the world stands still.
pub(crate) fn check(evidence: &Evidence<'_>) -> Result<(), Violation> {
    if let Some(place) = &evidence.history.foreign {
        return Err(Violation::new(
            "content",
            format!("{place} holds what nobody sent"),
        ));
    }
    acknowledged::check(evidence)?;
    absence::check(evidence)?;
    outcomes::check(evidence)?;
    if evidence.config.enable_idempotence {
        at_most_once::check(evidence)?;
        order::check(evidence)?;
        sequences::check(evidence)?;
        told_in_order::check(evidence)?;
    }
    Ok(())
}

impl Evidence<'_> {
    /// A place in words.
    fn place(&self, place: &Place) -> String {
        let log = &self.history.logs[place.log];
        let batch = &log.batches[place.batch];
        let header = &batch.header;
        let mut text = format!(
            "{}-{} offset {} (id {}, epoch {}, sequence {}, appended at {:.6} s{}{})",
            log.topic,
            log.index,
            place.offset,
            header.producer_id,
            header.producer_epoch,
            header.base_sequence,
            batch.at.as_secs_f64(),
            if batch.late { ", late" } else { "" },
            match place.gone {
                None => "",
                Some(Gone::Truncated {
                    was_visible: true, ..
                }) => ", truncated after it was visible",
                Some(Gone::Truncated {
                    was_visible: false, ..
                }) => ", truncated",
                Some(Gone::Deleted) => ", deleted",
                Some(Gone::Compacted) => ", compacted",
                Some(Gone::TopicDeleted) => ", its topic deleted",
            },
        );
        text.shrink_to_fit();
        text
    }

    /// Whether a partition's batches were to be sent again where it can't be told whether they are in the log, even
    /// doubled or out of order, and that may have come to pass.
    fn takes_chances(&self, log: usize) -> bool {
        let log = &self.history.logs[log];
        // One whose topic was made anew comes out of the same row.
        let mut same = self
            .history
            .logs
            .iter()
            .filter(|other| (&other.topic, other.index) == (&log.topic, log.index));
        // Brokers of that age can't be asked how far an epoch goes.
        let blind = self
            .setup
            .old_nodes
            .iter()
            .any(|(_, age)| *age == Age::Kafka1_0);
        let resends = self.config.in_doubt_policy == InDoubtPolicy::Resend;
        resends
            && (blind
                || same.any(|log| log.disturbed || log.batches.iter().any(|batch| batch.late)))
    }

    /// Whether nobody can tell a topic from one of the same name that was made anew.
    fn lacks_topic_ids(&self) -> bool {
        !self.setup.old_nodes.is_empty()
    }

    fn places(&self, id: u32) -> &[Place] {
        self.history.places.get(&id).map_or(&[], Vec::as_slice)
    }

    fn all_places(&self, id: u32) -> String {
        let places = self.places(id).iter().map(|place| self.place(place));
        places.collect::<Vec<_>>().join(" and ")
    }
}
