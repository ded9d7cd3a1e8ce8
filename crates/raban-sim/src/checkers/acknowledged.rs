//! An acknowledged record lies where the acknowledgement says, as it was sent.

use raban_core::RecordMetadata;
use raban_core::config::Acks;

use super::Evidence;
use crate::content::Shape;
use crate::history::{Gone, Place};
use crate::ledger::Accepted;
use crate::setup::topic_name;
use crate::violation::Violation;

pub(super) fn check(evidence: &Evidence<'_>) -> Result<(), Violation> {
    if evidence.config.acks == Acks::None {
        // Written is all that was promised.
        return Ok(());
    }
    for (id, shape, accepted) in evidence.ledger.accepted() {
        let outcome = accepted.outcome.as_ref().map(|outcome| &outcome.result);
        if let Some(Ok(metadata)) = outcome {
            record(evidence, id, shape, accepted, metadata).map_err(|detail| {
                Violation::new("acknowledged", format!("record {id}: {detail}"))
            })?;
        }
    }
    Ok(())
}

fn record(
    evidence: &Evidence<'_>,
    id: u32,
    shape: &Shape,
    accepted: &Accepted,
    metadata: &RecordMetadata,
) -> Result<(), String> {
    if *metadata.topic() != *topic_name(shape.topic) || metadata.partition() != accepted.partition {
        return Err(format!(
            "the acknowledgement is of {}-{}",
            metadata.topic(),
            metadata.partition()
        ));
    }
    let here = |place: &&Place| {
        let log = &evidence.history.logs[place.log];
        log.topic == *metadata.topic() && log.index == metadata.partition()
    };
    // Where a log was cut, or its topic made anew, the same offset may have had the same record twice; the latest counts.
    let lost = |place: &&Place| matches!(place.gone, Some(Gone::Truncated { .. }));
    let there = |place: &&Place| {
        here(place)
            && metadata
                .offset()
                .is_none_or(|offset| offset == place.offset)
    };
    let places = || evidence.places(id).iter().filter(there);
    let place = places()
        .rfind(|place| !lost(place))
        .or_else(|| places().next_back());
    let Some(place) = place else {
        let at = metadata.offset();
        return Err(match evidence.all_places(id) {
            none if none.is_empty() => {
                format!("acknowledged at offset {at:?}, it never was in a log")
            }
            places => format!("acknowledged at offset {at:?}, it is at {places}"),
        });
    };
    // With acks=all nothing is acknowledged before all replicas in sync have it.
    if evidence.config.acks == Acks::All
        && matches!(
            place.gone,
            Some(Gone::Truncated {
                was_visible: false,
                ..
            })
        )
    {
        return Err(format!(
            "acknowledged before it was replicated: {}",
            evidence.place(place)
        ));
    }
    let batch = &evidence.history.logs[place.log].batches[place.batch];
    if !batch.header.is_log_append_time() && place.timestamp != accepted.timestamp {
        return Err(format!(
            "sent with timestamp {}, it has {}",
            accepted.timestamp, place.timestamp
        ));
    }
    if metadata.timestamp() != place.timestamp {
        return Err(format!(
            "told timestamp {}, it has {}",
            metadata.timestamp(),
            place.timestamp
        ));
    }
    Ok(())
}
