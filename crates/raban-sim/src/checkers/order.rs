//! A partition's log has the records in the order in which they were accepted.

use std::cmp::Ordering;

use super::Evidence;
use crate::history::{Batch, identity};
use crate::ledger::{Accepted, Call};
use crate::violation::Violation;

pub(super) fn check(evidence: &Evidence<'_>) -> Result<(), Violation> {
    for (at, log) in evidence.history.logs.iter().enumerate() {
        let takes_chances = evidence.takes_chances(at);
        let mut last: Option<(u64, u32, &Batch)> = None;
        for batch in log.batches.iter().filter(|batch| !batch.truncated) {
            for id in &batch.records {
                // A second copy is another checker's business.
                let first = evidence.places(*id).iter().find(|place| place.log == at);
                if first.is_none_or(|place| place.offset < batch.header.base_offset) {
                    continue;
                }
                let call = evidence.ledger.get(*id).map(|entry| &entry.call);
                let Some(Call::Accepted(accepted)) = call else {
                    continue;
                };
                if let Some((order, before, passed)) = last
                    && order > accepted.order
                {
                    // Sent again in doubt, it has another stamp.
                    let takes_chances =
                        takes_chances && identity(&passed.header) != identity(&batch.header);
                    // That it came again is another checker's business, too.
                    let mut copies = evidence.places(before).iter();
                    let came_again = copies
                        .any(|place| place.log == at && place.offset > batch.header.base_offset);
                    if came_again
                        || is_kept_back(passed, batch, accepted)
                        || is_sent_again(passed, batch)
                    {
                        continue;
                    }
                    if !takes_chances {
                        let (topic, index) = (&log.topic, log.index);
                        let places =
                            [evidence.all_places(before), evidence.all_places(*id)].join("; ");
                        return Err(Violation::new(
                            "order",
                            format!(
                                "{topic}-{index} has record {before} before record {id}: {places}"
                            ),
                        ));
                    }
                }
                last = Some((accepted.order, *id, batch));
            }
        }
    }
    Ok(())
}

/// What no producer can prevent: that a batch which was given up in doubt comes late, under an epoch that was left behind, to
/// a leader which forgot since then what would have fenced it; or under an id whose epochs are used up, which nothing fences.
fn is_kept_back(passed: &Batch, batch: &Batch, accepted: &Accepted) -> bool {
    let outcome = accepted.outcome.as_ref().map(|outcome| &outcome.result);
    let given_up = match outcome {
        Some(Ok(_)) => false,
        Some(Err(error)) => error.may_have_been_written(),
        None => true,
    };
    batch.late
        && given_up
        && match batch.header.producer_id.cmp(&passed.header.producer_id) {
            Ordering::Less => true,
            Ordering::Equal => {
                batch.header.producer_epoch < passed.header.producer_epoch
                    && batch.amnesia.times() > passed.amnesia.times()
            }
            Ordering::Greater => false,
        }
}

/// Nor that a leader took a batch without its predecessor, said then that it knows the producer, and forgot it right after:
/// sent again in that trust, the predecessor comes behind.
fn is_sent_again(passed: &Batch, batch: &Batch) -> bool {
    identity(&passed.header) == identity(&batch.header)
        && batch.is_young(batch.at)
        && batch.amnesia.forgotten > passed.amnesia.forgotten
        && batch.amnesia.assured(passed.at)
}
