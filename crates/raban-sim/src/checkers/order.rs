//! A partition's log has the records in the order in which they were accepted.

use super::Evidence;
use crate::history::identity;
use crate::ledger::Call;
use crate::violation::Violation;

pub(super) fn check(evidence: &Evidence<'_>) -> Result<(), Violation> {
    for (at, log) in evidence.history.logs.iter().enumerate() {
        let takes_chances = evidence.takes_chances(at);
        let mut last = None;
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
                let own = identity(&batch.header);
                if let Some((order, before, identity)) = last
                    && order > accepted.order
                    // Sent again in doubt, it has another stamp.
                    && !(takes_chances && identity != own)
                {
                    let (topic, index) = (&log.topic, log.index);
                    let places = [evidence.all_places(before), evidence.all_places(*id)].join("; ");
                    return Err(Violation::new(
                        "order",
                        format!("{topic}-{index} has record {before} before record {id}: {places}"),
                    ));
                }
                last = Some((accepted.order, *id, own));
            }
        }
    }
    Ok(())
}
