//! `acks=0`: the write is a record's outcome, but `flush` and `close` wait until the broker has read it.

use super::Sender;
use crate::connection::{ConnectionId, RequestKind, Written};
use crate::time::Instant;

impl Sender {
    /// Sends a barrier behind written batches that a flush or close waits for.
    pub(super) fn pump_barriers(&mut self, now: Instant) {
        let current = self.accumulator.generations.current();
        let waited_for: Vec<ConnectionId> = self
            .connections
            .values()
            .filter(|connection| !connection.is_in_handshake())
            .filter(|connection| {
                let oldest = connection.written.first_key_value();
                oldest.is_some_and(|(generation, _)| *generation < current)
            })
            .map(|connection| connection.id)
            .collect();
        let deadline = now + self.config.request_timeout;
        for conn in waited_for {
            if let Some(connection) = self.connections.get_mut(&conn) {
                let frame = connection.barrier(&self.client_id, deadline);
                self.write(now, conn, frame);
            }
        }
    }

    /// An answer with this number says that the writes before it are done, though the driver hasn't
    /// said so yet.
    pub(super) fn pass_writes(&mut self, now: Instant, conn: ConnectionId, correlation_id: i32) {
        while let Some(request) = self
            .connections
            .get(&conn)
            .and_then(|connection| connection.in_flight.front())
            .filter(|request| request.correlation_id != correlation_id)
            .filter(|request| matches!(request.kind, RequestKind::Produce(_)))
        {
            let token = request.correlation_id as u32;
            self.written(now, conn, token);
        }
    }

    /// The broker has read them, or never will: nothing is left to wait for.
    pub(super) fn pass_barrier(&self, written: Written) {
        let now = self.now.instant;
        for (generation, batches) in written {
            for _ in 0..batches {
                self.accumulator.generations.settle_batch(now, generation);
            }
        }
    }

    /// `close` has no time left: no barrier is waited for.
    pub(super) fn drop_barriers(&mut self) {
        let mut dropped = Vec::new();
        for connection in self.connections.values_mut() {
            dropped.push(std::mem::take(&mut connection.written));
            for request in &mut connection.in_flight {
                if let RequestKind::Barrier(written) = &mut request.kind {
                    dropped.push(std::mem::take(written));
                }
            }
        }
        for written in dropped {
            self.pass_barrier(written);
        }
    }
}
