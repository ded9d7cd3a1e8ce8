//! What comes when nothing happens any more: the proof that all is well, then the end.

use crate::content::{RecordId, Shape};
use crate::ledger::Call;
use crate::setup::topic_name;
use crate::violation::Violation;
use crate::workload::Op;
use crate::world::World;

/// The tasks work; all faults are over and a last record goes to each partition; the producer closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Work,
    Proof,
    End,
}

impl World<'_> {
    /// Nothing happens any more: what comes next? `false` at the end.
    pub(crate) fn next_phase(&mut self) -> bool {
        let closed = self.accumulator.is_closed() || self.sender.is_none();
        self.phase = match self.phase {
            Phase::Work if !closed => {
                self.brokers.heal();
                let proof = self.proof();
                self.tasks.spawn(&mut self.stage, proof);
                Phase::Proof
            }
            Phase::Work => Phase::End,
            Phase::Proof => {
                self.check_proof();
                self.check_memory();
                self.tasks
                    .spawn(&mut self.stage, vec![self.plan.workload.end.clone()]);
                Phase::End
            }
            Phase::End => return false,
        };
        true
    }

    /// One record for each partition: they must be delivered now that all is well.
    fn proof(&mut self) -> Vec<Op> {
        let quiet = self.config.request_timeout
            + self.config.reconnect_backoff_max * 2
            // So long a topic that was refused stays so.
            + self.config.retry_backoff_max;
        let mut ops = vec![Op::Pause(quiet)];
        let mut id = self.plan.first_free_id();
        for _ in 0..self.plan.rehearsals() {
            self.round(&mut ops, &mut id);
            ops.push(Op::Pause(quiet));
        }
        self.proof_from = id;
        self.round(&mut ops, &mut id);
        ops.extend([
            Op::Flush { awaited: true },
            Op::Pause(self.config.request_timeout),
        ]);
        ops
    }

    fn round(&self, ops: &mut Vec<Op>, id: &mut RecordId) {
        for info in self.brokers.topics() {
            let topic =
                (0..self.plan.setup.topics.len()).find(|topic| topic_name(*topic) == info.name);
            for partition in 0..info.partitions {
                let shape = Shape {
                    topic: topic.expect("only these were created"),
                    partition: Some(partition),
                    key: Some(0),
                    value: Some(10),
                    headers: 0,
                    age_ms: None,
                };
                ops.push(Op::Send {
                    id: *id,
                    shape,
                    awaited: true,
                    patience: None,
                });
                *id += 1;
            }
        }
        ops.push(Op::Settle);
    }

    fn check_proof(&mut self) {
        let from = self.proof_from;
        let failed = self
            .ledger
            .iter()
            .filter(|(id, _)| *id >= from)
            .find_map(|(id, entry)| {
                let why = match &entry.call {
                    Call::Accepted(accepted) => {
                        match accepted.outcome.as_ref().map(|outcome| &outcome.result) {
                            Some(Ok(_)) => return None,
                            Some(Err(error)) => error.to_string(),
                            None => "it has no outcome".to_owned(),
                        }
                    }
                    call => format!("{call:?}"),
                };
                Some(format!(
                    "record {id} to {:?} wasn't delivered when all was well: {why}",
                    entry.shape
                ))
            });
        if let Some(failed) = failed {
            self.stage.violate(Violation::new("progress", failed));
        }
    }

    fn check_memory(&mut self) {
        let metrics = self.accumulator.metrics(self.stage.producer_now());
        let held = metrics.buffer_total_bytes - metrics.buffer_available_bytes;
        if held > 0 {
            self.stage.violate(Violation::new(
                "memory",
                format!("{held} bytes are held for nothing"),
            ));
        }
    }
}
