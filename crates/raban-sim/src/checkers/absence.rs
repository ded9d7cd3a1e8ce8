//! What surely isn't in the log was never in one, or was cut off before that was said: records that weren't accepted, and
//! definite failures. One that is said to have been overtaken isn't in the log when that is said.

use std::time::Duration;

use raban_core::{ErrorKind, ProduceError, Unresolved};

use super::Evidence;
use crate::content::RecordId;
use crate::history::{Gone, Place};
use crate::ledger::{Call, Outcome};
use crate::violation::Violation;

pub(super) fn check(evidence: &Evidence<'_>) -> Result<(), Violation> {
    for (id, entry) in evidence.ledger.iter() {
        let mut told_at = Duration::ZERO;
        let why = match &entry.call {
            Call::Unmade => "it was never enqueued".to_owned(),
            Call::Refused(None) => "it wasn't accepted".to_owned(),
            Call::Refused(Some(error)) => format!("it was refused: {error}"),
            Call::Accepted(accepted) => {
                let Some(outcome) = &accepted.outcome else {
                    continue;
                };
                told_at = outcome.at;
                match &outcome.result {
                    Err(error) if !error.may_have_been_written() => {
                        format!("it failed for sure: {error}")
                    }
                    Err(error) if is_overtaken(error) && was_there(evidence, id, outcome) => {
                        format!("it was told of as absent: {error}")
                    }
                    _ => continue,
                }
            }
        };
        let was_cut_off =
            |place: &Place| matches!(place.gone, Some(Gone::Truncated { at, .. }) if at < told_at);
        // Brokers without topic ids give the log of a topic made anew for that of the other.
        let is_of_another = |place: &Place| {
            matches!(place.gone, Some(Gone::TopicDeleted)) && evidence.lacks_topic_ids()
        };
        let excused = |place: &Place| {
            was_cut_off(place) || is_of_another(place) || is_kept_back(evidence, id, place)
        };
        if !evidence.places(id).iter().all(excused) {
            let places = evidence.all_places(id);
            return Err(Violation::new(
                "absence",
                format!("record {id} is at {places}, but {why}"),
            ));
        }
    }
    Ok(())
}

/// What no producer can prevent: that a leader which refused a batch, and forgot its producer though the records are young, takes
/// a copy that the network kept back.
fn is_kept_back(evidence: &Evidence<'_>, id: RecordId, place: &Place) -> bool {
    let batch = &evidence.history.logs[place.log].batches[place.batch];
    let call = evidence.ledger.get(id).map(|entry| &entry.call);
    let Some(Call::Accepted(accepted)) = call else {
        return false;
    };
    let amnesia = batch.amnesia;
    let forgot = amnesia.forgotten > 0 && amnesia.forgotten_at > accepted.at;
    batch.late && forgot && batch.is_young(batch.at)
}

fn is_overtaken(error: &ProduceError) -> bool {
    let reason = Unresolved::Overtaken;
    matches!(error.kind(), ErrorKind::Unresolved { reason: told } if *told == reason)
}

/// Whether whoever read the log before the outcome was told must have come upon the record: it was there all the time.
/// What the network kept back may have come after the reading.
fn was_there(evidence: &Evidence<'_>, id: u32, outcome: &Outcome) -> bool {
    evidence.places(id).iter().any(|place| {
        let batch = &evidence.history.logs[place.log].batches[place.batch];
        place.gone.is_none() && !batch.late && batch.at < outcome.at
    })
}
