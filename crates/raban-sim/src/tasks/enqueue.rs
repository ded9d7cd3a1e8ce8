//! A call to enqueue, from its beginning to its outcome.

use std::iter;
use std::task::{Context, Poll};

use raban_core::{Deliveries, Delivery, EnqueueError, NewRecord, TryEnqueueError};

use super::{Enqueuing, State, Tasks};
use crate::checkers::promises;
use crate::content::{Content, RecordId, Shape};
use crate::ledger::Ledger;
use crate::stage::Stage;
use crate::workload::Op;

/// Records that are sent together, at most.
const MANY: usize = 16;

impl Tasks {
    pub(super) fn poll_enqueue(
        &mut self,
        stage: &mut Stage,
        ledger: &mut Ledger,
        task: usize,
        mut call: Box<Enqueuing>,
        cx: &mut Context<'_>,
    ) -> State {
        let now = stage.producer_now();
        let topic = &self.topics[call.shape.topic];
        let record = record(&call.shape, &call.content, call.timestamp);
        match self
            .accumulator
            .poll_enqueue(cx, &now, topic, &record, &mut call.wait)
        {
            Poll::Pending if call.give_up_at.is_some_and(|at| at <= stage.now) => {
                ledger.refuse(call.id, None);
                State::Ready
            }
            Poll::Pending => State::Enqueuing(call),
            Poll::Ready(outcome) => {
                promises::accepted(stage, &self.config, call.since);
                self.called(
                    stage,
                    ledger,
                    task,
                    call.id,
                    call.timestamp,
                    call.awaited,
                    outcome,
                );
                State::Ready
            }
        }
    }

    pub(super) fn try_enqueue(
        &mut self,
        stage: &mut Stage,
        ledger: &mut Ledger,
        task: usize,
        id: RecordId,
        shape: &Shape,
        awaited: bool,
    ) {
        let content = shape.content(id);
        let timestamp = timestamp(stage, shape);
        let record = record(shape, &content, timestamp);
        let topic = &self.topics[shape.topic];
        match self
            .accumulator
            .try_enqueue(&stage.producer_now(), topic, &record)
        {
            Ok(delivery) => self.called(stage, ledger, task, id, timestamp, awaited, Ok(delivery)),
            Err(TryEnqueueError::Failed(error)) => ledger.refuse(id, Some(error)),
            Err(TryEnqueueError::Full | TryEnqueueError::MetadataPending) => {
                ledger.refuse(id, None)
            }
        }
    }

    /// Sends a record together with those behind it to its topic, as many as have nothing to wait for. Whether any was accepted.
    pub(super) fn send_many(
        &mut self,
        stage: &mut Stage,
        ledger: &mut Ledger,
        task: usize,
        first: (RecordId, Shape, bool),
    ) -> bool {
        let topic = first.1.topic;
        let ops = self.tasks[task].ops.as_slice().iter();
        let behind = ops.map_while(|op| match op {
            Op::Send {
                id, shape, awaited, ..
            } if shape.topic == topic => Some((*id, shape.clone(), *awaited)),
            _ => None,
        });
        let sent: Vec<_> = iter::once(first).chain(behind).take(MANY).collect();
        let made = |(id, shape, _): &(RecordId, Shape, bool)| {
            (shape.content(*id), timestamp(stage, shape))
        };
        let made: Vec<_> = sent.iter().map(made).collect();
        let new = sent.iter().zip(&made);
        let new: Vec<_> = new
            .map(|((_, shape, _), (content, timestamp))| record(shape, content, *timestamp))
            .collect();
        let mut many = Vec::new();
        let accepted = self.accumulator.enqueue_many(
            &stage.producer_now(),
            &self.topics[topic],
            &new,
            &mut many,
        );
        let deliveries = many.into_iter().flat_map(Deliveries::into_each);
        for (((id, shape, awaited), (_, timestamp)), delivery) in
            sent.into_iter().zip(made).zip(deliveries)
        {
            ledger.entry(id, &shape);
            self.called(stage, ledger, task, id, timestamp, awaited, Ok(delivery));
        }
        // The first is none of them any more.
        self.tasks[task]
            .ops
            .by_ref()
            .take(accepted.saturating_sub(1))
            .for_each(drop);
        accepted > 0
    }

    #[expect(clippy::too_many_arguments, reason = "one call's whole story")]
    fn called(
        &mut self,
        stage: &mut Stage,
        ledger: &mut Ledger,
        task: usize,
        id: RecordId,
        timestamp: Option<i64>,
        awaited: bool,
        outcome: Result<Delivery, EnqueueError>,
    ) {
        match outcome {
            Err(error) => {
                stage.line(|| format!("record {id} refused: {error}"));
                ledger.refuse(id, Some(error));
            }
            Ok(delivery) => {
                let timestamp = timestamp.unwrap_or(stage.producer_now().wall_ms);
                ledger.accept(stage, id, timestamp, delivery, awaited);
                if awaited {
                    self.tasks[task].sent.push(id);
                }
            }
        }
    }
}

pub(super) fn timestamp(stage: &Stage, shape: &Shape) -> Option<i64> {
    shape.age_ms.map(|age| stage.producer_now().wall_ms - age)
}

fn record<'a>(shape: &Shape, content: &'a Content, timestamp: Option<i64>) -> NewRecord<'a> {
    NewRecord {
        partition: shape.partition,
        timestamp,
        key: content.key.as_deref(),
        value: content.value.as_deref(),
        headers: &content.headers,
        ..NewRecord::default()
    }
}
