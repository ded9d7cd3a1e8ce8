//! No record is in the log twice.

use super::Evidence;
use crate::history::{Gone, Place};
use crate::violation::Violation;

pub(super) fn check(evidence: &Evidence<'_>) -> Result<(), Violation> {
    for (id, places) in &evidence.history.places {
        // What a new leader didn't have was lost by the cluster, and is sent again with right.
        let lost = |place: &&Place| matches!(place.gone, Some(Gone::Truncated { .. }));
        let there: Vec<&Place> = places.iter().filter(|place| !lost(place)).collect();
        for pair in there.windows(2) {
            if !excused(evidence, pair[0], pair[1]) {
                let places = evidence.all_places(*id);
                return Err(Violation::new(
                    "at most once",
                    format!("record {id} is at {places}"),
                ));
            }
        }
    }
    Ok(())
}

/// What no producer can prevent: that a leader which forgot a producer takes a second copy
///
/// - that the network kept back, sent before the first one was acknowledged or given up;
/// - though the leader is sure to know it: its records are young, and it said so (or may not be asked) and forgot right
///   after. No broker forgets young records by itself.
fn excused(evidence: &Evidence<'_>, first: &Place, second: &Place) -> bool {
    if evidence.takes_chances(first.log) || evidence.takes_chances(second.log) {
        return true;
    }
    let log = &evidence.history.logs[second.log];
    if first.log != second.log {
        return false;
    }
    let [first, second] = [first, second].map(|place| &log.batches[place.batch]);
    let (before, after) = (first.amnesia, second.amnesia);
    let forgotten = after.forgotten > before.forgotten;
    let expired = after.expired > before.expired;
    let assured = after.told_at.is_some();
    (second.late && (forgotten || expired)) || (forgotten && (first.late || assured))
}
