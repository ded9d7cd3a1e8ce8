//! What surely isn't in the log was never in one: records that weren't accepted, and definite failures.

use super::Evidence;
use crate::ledger::Call;
use crate::violation::Violation;

pub(super) fn check(evidence: &Evidence<'_>) -> Result<(), Violation> {
    for (id, entry) in evidence.ledger.iter() {
        let why = match &entry.call {
            Call::Unmade => "it was never enqueued".to_owned(),
            Call::Refused(None) => "it wasn't accepted".to_owned(),
            Call::Refused(Some(error)) => format!("it was refused: {error}"),
            Call::Accepted(accepted) => {
                match accepted.outcome.as_ref().map(|outcome| &outcome.result) {
                    Some(Err(error)) if !error.may_have_been_written() => {
                        format!("it failed for sure: {error}")
                    }
                    _ => continue,
                }
            }
        };
        if !evidence.places(id).is_empty() {
            let places = evidence.all_places(id);
            return Err(Violation::new(
                "absence",
                format!("record {id} is at {places}, but {why}"),
            ));
        }
    }
    Ok(())
}
