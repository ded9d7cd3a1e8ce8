//! The outcomes of a partition's records are told in the order in which the records were accepted.

use std::collections::BTreeMap;

use raban_core::ErrorKind;
use raban_protocol::error_code::ErrorCode;

use super::Evidence;
use crate::violation::Violation;

pub(super) fn check(evidence: &Evidence<'_>) -> Result<(), Violation> {
    let mut accepted: Vec<_> = evidence.ledger.accepted().collect();
    accepted.sort_unstable_by_key(|(_, _, accepted)| accepted.order);
    let mut last_told: BTreeMap<(usize, i32), (u64, u32)> = BTreeMap::new();
    for (id, shape, accepted) in accepted {
        let Some(outcome) = &accepted.outcome else {
            continue;
        };
        // Of its batch, a record that the broker finds invalid is told of first (KIP-467).
        if let Err(error) = &outcome.result
            && let ErrorKind::Rejected { code, .. } = error.kind()
            && [ErrorCode::INVALID_RECORD, ErrorCode::INVALID_TIMESTAMP].contains(code)
        {
            continue;
        }
        let told = (outcome.order, id);
        let last = last_told.insert((shape.topic, accepted.partition), told);
        if let Some((order, before)) = last
            && order > outcome.order
        {
            let detail = format!("record {id} was told of before record {before}");
            return Err(Violation::new("told in order", detail));
        }
    }
    Ok(())
}
