//! A task at work: sends in chunks, hears of each record once, and sees that flush and close keep their word.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use raban::{CloseError, Delivery, ErrorKind, ProduceError, Producer, Record, RecordMetadata};

use super::history::{History, key, value};
use super::load::{Ending, Load, Progress};
use super::tasks::{Manner, SLACK, TASKS, Task};

/// Records whose outcome may be open.
const MOST_OPEN: usize = 20_000;
/// Ten days.
const AGE: Duration = Duration::from_secs(10 * 24 * 3600);

pub(super) struct Running {
    index: usize,
    load: Arc<Load>,
    producer: Producer,
    generation: u8,
    history: History,
    open: VecDeque<(u64, Delivery)>,
    /// Records of the present producer that its close has ended: surely absent, and in doubt.
    aborted: (u64, u64),
}

impl Running {
    pub(super) fn new(index: usize, load: Arc<Load>) -> Self {
        Self {
            index,
            producer: load.producer(index),
            load,
            generation: 0,
            history: History::default(),
            open: VecDeque::new(),
            aborted: (0, 0),
        }
    }

    fn task(&self) -> &'static Task {
        &TASKS[self.index]
    }

    pub(super) fn run(mut self) -> History {
        while let Some(round) = self.load.next_chunk() {
            for _ in 0..self.load.chunk {
                // The drop is to come while the fault lasts, and a record has no outcome yet.
                if !self.send(round) || self.load.is_to_drop(self.index) {
                    break;
                }
            }
            match self.task().manner {
                Manner::Flushing => self.flush(),
                Manner::Closed | Manner::Dropped => self.reopen_if_ended(),
                _ => {}
            }
            self.assert_in_turn();
            self.hear_settled();
            self.tell();
        }
        self.hear_all();
        self.tell();
        self.history
    }

    /// Sends the next record; `false` if it isn't accepted.
    fn send(&mut self, round: u8) -> bool {
        let number = self.history.next_number();
        let mut record = Record::to(self.task().topic).value(value(self.index, number));
        if self.task().is_keyed() {
            record = record.key(key(number));
        }
        if self.task().manner == Manner::Old {
            let then = (SystemTime::now() - AGE)
                .duration_since(UNIX_EPOCH)
                .unwrap();
            record = record.timestamp(then.as_millis() as i64);
        }
        let enqueued = self.producer.blocking().enqueue(record);
        let partition = enqueued.as_ref().ok().map(Delivery::partition);
        let now = self.load.now();
        self.history.enqueue(now, round, self.generation, partition);
        match enqueued {
            Ok(delivery) => {
                self.open.push_back((number, delivery));
                true
            }
            Err(error) => {
                assert!(!self.task().never_fails(), "{error}");
                false
            }
        }
    }

    fn tell(&self) {
        let progress = Progress {
            sent: self.history.next_number(),
            acknowledged: self.history.acknowledged,
            given_up: self.history.given_up,
        };
        self.load.tell(self.index, progress);
    }

    fn settle(&mut self, number: u64, outcome: Result<RecordMetadata, ProduceError>) {
        self.history.settle(self.load.now(), number, &outcome);
        if let Err(error) = outcome
            && matches!(error.kind(), ErrorKind::Aborted)
        {
            match error.may_have_been_written() {
                true => self.aborted.1 += 1,
                false => self.aborted.0 += 1,
            }
        }
    }

    /// Takes the outcomes that are there, and waits for some if too many are open.
    fn hear_settled(&mut self) {
        while let Some((_, delivery)) = self.open.front()
            && (delivery.is_settled() || self.open.len() > MOST_OPEN)
        {
            self.hear_oldest();
        }
    }

    /// Of a partition's records, none is settled before an earlier one.
    fn assert_in_turn(&self) {
        let mut settled = [false; u8::MAX as usize];
        // From the back: what is settled meanwhile does no harm.
        for (number, delivery) in self.open.iter().rev() {
            let later = &mut settled[delivery.partition() as usize];
            let is_settled = delivery.is_settled();
            assert!(is_settled || !*later, "record {number} was overtaken");
            *later |= is_settled;
        }
    }

    fn hear_all(&mut self) {
        while !self.open.is_empty() {
            self.hear_oldest();
        }
    }

    /// Each record has an outcome within its time.
    fn hear_oldest(&mut self) {
        let (number, mut delivery) = self.open.pop_front().expect("something is open");
        // The outcome is taken once.
        let limit = self.task().delivery_timeout() + SLACK;
        let outcome = delivery.wait_timeout(limit).unwrap_or_else(|| {
            panic!("no outcome of record {number} of {}", self.task().topic);
        });
        let trail = delivery.trail();
        if let Some(trail) = trail {
            self.history.trails.insert(number, trail);
        }
        self.settle(number, outcome);
    }

    fn flush(&mut self) {
        let began = Instant::now();
        self.producer.blocking().flush().unwrap();
        let took = began.elapsed();
        let limit = self.task().delivery_timeout() + SLACK;
        assert!(took <= limit, "flush took {took:?}");
        self.history.flushes += 1;
        self.history.longest_flush = self.history.longest_flush.max(took);
        assert!(
            self.open.iter().all(|(_, delivery)| delivery.is_settled()),
            "flush left records open"
        );
    }

    fn reopen_if_ended(&mut self) {
        match self.load.ending(self.index) {
            None | Some(Ending::Dropped(..)) => return,
            Some(Ending::Drop) => {
                let began = Instant::now();
                let open = self.open.iter().filter(|(_, open)| !open.is_settled());
                let open = open.count();
                self.reopen();
                self.hear_all();
                let dropped = Ending::Dropped(open, began.elapsed());
                self.load.set_ending(self.index, Some(dropped));
            }
            Some(Ending::Closing | Ending::Closed(_)) => {
                let closed = self.load.wait_closed(self.index);
                self.hear_closed(closed);
                self.reopen();
                self.load.set_ending(self.index, None);
            }
        }
        self.aborted = (0, 0);
    }

    /// The present producer is dropped.
    fn reopen(&mut self) {
        self.producer = self.load.reopen(self.index);
        self.generation += 1;
    }

    /// Closed means that all is settled, and the report tells how.
    fn hear_closed(&mut self, closed: Result<(), CloseError>) {
        assert!(
            self.open.iter().all(|(_, delivery)| delivery.is_settled()),
            "close left records open"
        );
        self.hear_all();
        let told = closed.map_or_else(|error| (error.unsent, error.in_doubt), |()| (0, 0));
        assert_eq!(
            told, self.aborted,
            "what close told of and what was aborted"
        );
    }
}
