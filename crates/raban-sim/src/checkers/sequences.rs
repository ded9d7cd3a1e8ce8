//! Under each producer id and epoch the log's sequences begin at the first one and have no gap, but for those that a leader
//! without state let pass.

use std::collections::BTreeMap;

use super::Evidence;
use crate::history::identity;
use crate::violation::Violation;

pub(super) fn check(evidence: &Evidence<'_>) -> Result<(), Violation> {
    for log in &evidence.history.logs {
        let mut next: BTreeMap<(i64, i16), i32> = BTreeMap::new();
        for batch in log.batches.iter().filter(|batch| !batch.truncated) {
            let header = &batch.header;
            let begins = evidence.history.may_begin(header);
            let first = if begins { header.base_sequence } else { 0 };
            let expected = next.entry(identity(header)).or_insert(first);
            if batch.behind_a_hole {
                *expected = header.base_sequence;
            }
            if header.base_sequence != *expected {
                return Err(Violation::new(
                    "sequences",
                    format!(
                        "{}-{} offset {}: producer id {} with epoch {} goes on with {} instead of {}",
                        log.topic,
                        log.index,
                        header.base_offset,
                        header.producer_id,
                        header.producer_epoch,
                        header.base_sequence,
                        expected
                    ),
                ));
            }
            *expected = ((i64::from(*expected) + i64::from(header.record_count))
                & i64::from(i32::MAX)) as i32;
        }
    }
    Ok(())
}
