//! Each accepted record has one outcome, in time.

use std::time::Duration;

use super::Evidence;
use crate::violation::Violation;

/// What the driver may take on top of `delivery.timeout.ms`, to get to run.
const SLACK: Duration = Duration::from_millis(5);

pub(super) fn check(evidence: &Evidence<'_>) -> Result<(), Violation> {
    let fail = |detail| Err(Violation::new("outcomes", detail));
    if let Some(id) = evidence.ledger.twice {
        return fail(format!("record {id} was told of twice"));
    }
    for (id, _, accepted) in evidence.ledger.accepted() {
        let Some(delivery) = &accepted.delivery else {
            continue;
        };
        let Some(outcome) = &accepted.outcome else {
            return fail(match delivery.is_settled() {
                true => format!("nobody was woken for record {id}"),
                false => format!("record {id}, accepted at {:?}, has none", accepted.at),
            });
        };
        let took = outcome.at - accepted.at;
        if took > evidence.config.delivery_timeout + SLACK {
            let result = &outcome.result;
            return fail(format!(
                "record {id} was settled after {took:?}: {result:?}"
            ));
        }
    }
    Ok(())
}
