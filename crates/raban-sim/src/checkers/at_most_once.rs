//! No record is in the log twice.

use super::Evidence;
use crate::history::{Gone, Place, identity};
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

/// What no producer can prevent: that a leader which forgot a producer takes a second copy of young records, which no broker
/// forgets by itself,
///
/// - that the network kept back, sent before the first one was acknowledged or given up;
/// - though the leader said that it knows the producer, and forgot right after; or may not be asked.
///
/// Nor that it is in a topic that was deleted, too, where brokers have no topic ids.
///
/// Old records may be forgotten at any time: of these no second copy is sent.
fn excused(evidence: &Evidence<'_>, first: &Place, second: &Place) -> bool {
    let [one, two] =
        [first, second].map(|place| &evidence.history.logs[place.log].batches[place.batch]);
    let takes_chances = evidence.takes_chances(first.log) || evidence.takes_chances(second.log);
    // Sent again in doubt, it has another stamp.
    if takes_chances && identity(&one.header) != identity(&two.header) {
        return true;
    }
    let [before, after] = [first, second].map(|place| &evidence.history.logs[place.log]);
    let same = (&before.topic, before.index) == (&after.topic, after.index);
    if first.log != second.log && same && evidence.lacks_topic_ids() {
        return true;
    }
    if first.log != second.log || !two.is_young(two.at) {
        return false;
    }
    let (before, after) = (one.amnesia, two.amnesia);
    let forgotten = after.forgotten > before.forgotten;
    let expired = after.expired > before.expired;
    (two.late && (forgotten || expired)) || (forgotten && (one.late || after.assured(one.at)))
}
