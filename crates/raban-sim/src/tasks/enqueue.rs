//! A call to enqueue, from its beginning to its outcome.

use std::task::{Context, Poll};

use raban_core::{Delivery, EnqueueError, NewRecord, TryEnqueueError};

use super::{Enqueuing, State, Tasks};
use crate::checkers::promises;
use crate::content::{Content, RecordId, Shape};
use crate::ledger::Ledger;
use crate::stage::Stage;

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
