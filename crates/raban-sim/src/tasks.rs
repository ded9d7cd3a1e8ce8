//! Runs the workload's tasks as an executor runs futures: each goes on until it has to wait, and is woken again.

mod enqueue;

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use raban_core::{Accumulator, Close, CloseReport, Config, EnqueueWait, Flush, Topic};

use self::enqueue::timestamp;
use crate::checkers::promises;
use crate::content::{Content, RecordId, Shape};
use crate::ledger::Ledger;
use crate::random::Random;
use crate::stage::{Event, Stage};
use crate::workload::Op;

/// All tasks, with what they share.
#[derive(Debug)]
pub(crate) struct Tasks {
    tasks: Vec<Task>,
    woken: Arc<Mutex<Vec<usize>>>,
    random: Random,
    accumulator: Arc<Accumulator>,
    topics: Vec<Arc<Topic>>,
    config: Config,
    /// What `close` reported, and when.
    pub(crate) closed: Option<(Duration, CloseReport)>,
    /// A task asked for the driver's end.
    pub(crate) abandoned: bool,
}

#[derive(Debug)]
struct Task {
    ops: std::vec::IntoIter<Op>,
    state: State,
    waker: Waker,
    /// Acceptances of this task that it waits for when it settles.
    sent: Vec<RecordId>,
}

#[derive(Debug)]
enum State {
    /// The next operation is to begin.
    Ready,
    /// `Event::Task` goes on with it.
    Paused,
    Enqueuing(Box<Enqueuing>),
    Flushing {
        flush: Flush,
        since: Duration,
        /// Acceptances so far.
        upto: u64,
    },
    Settling,
    Closing {
        close: Close,
        since: Duration,
        timeout: Duration,
    },
    Done,
}

#[derive(Debug)]
struct Enqueuing {
    id: RecordId,
    shape: Shape,
    content: Content,
    timestamp: Option<i64>,
    awaited: bool,
    since: Duration,
    give_up_at: Option<Duration>,
    wait: EnqueueWait,
}

struct TaskWaker {
    task: usize,
    woken: Arc<Mutex<Vec<usize>>>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        let mut woken = self.woken.lock().unwrap_or_else(PoisonError::into_inner);
        woken.push(self.task);
    }
}

impl Tasks {
    pub(crate) fn new(
        seed: u64,
        accumulator: Arc<Accumulator>,
        topics: Vec<Arc<Topic>>,
        config: Config,
    ) -> Self {
        Self {
            tasks: Vec::new(),
            woken: Arc::default(),
            random: Random::of(seed, "tasks"),
            accumulator,
            topics,
            config,
            closed: None,
            abandoned: false,
        }
    }

    /// Adds a task, which begins at once.
    pub(crate) fn spawn(&mut self, stage: &mut Stage, ops: Vec<Op>) {
        let task = self.tasks.len();
        let waker = Waker::from(Arc::new(TaskWaker {
            task,
            woken: Arc::clone(&self.woken),
        }));
        self.tasks.push(Task {
            ops: ops.into_iter(),
            state: State::Paused,
            waker,
            sent: Vec::new(),
        });
        stage.after(Duration::ZERO, Event::Task(task));
    }

    pub(crate) fn all_done(&self) -> bool {
        self.tasks
            .iter()
            .all(|task| matches!(task.state, State::Done))
    }

    /// What each task that isn't done waits for.
    pub(crate) fn pending(&self) -> String {
        let pending = self.tasks.iter().enumerate().filter_map(|(number, task)| {
            let waits_for = match &task.state {
                State::Done => return None,
                State::Ready | State::Paused => "its turn".to_owned(),
                State::Enqueuing(call) => format!("the acceptance of record {}", call.id),
                State::Flushing { since, .. } => format!("a flush since {since:?}"),
                State::Settling => "its deliveries".to_owned(),
                State::Closing { since, .. } => format!("a close since {since:?}"),
            };
            Some(format!("task {number} waits for {waits_for}"))
        });
        pending.collect::<Vec<_>>().join(", ")
    }

    /// Lets the tasks that were woken go on.
    pub(crate) fn listen(&mut self, stage: &mut Stage, ledger: &mut Ledger) {
        loop {
            let woken =
                std::mem::take(&mut *self.woken.lock().unwrap_or_else(PoisonError::into_inner));
            if woken.is_empty() {
                return;
            }
            for task in woken {
                if !matches!(self.tasks[task].state, State::Paused | State::Done) {
                    self.go_on(stage, ledger, task);
                }
            }
        }
    }

    /// Lets the tasks that wait for deliveries look again.
    pub(crate) fn look_at_deliveries(&mut self, stage: &mut Stage, ledger: &mut Ledger) {
        for task in 0..self.tasks.len() {
            if matches!(self.tasks[task].state, State::Settling) {
                self.go_on(stage, ledger, task);
            }
        }
    }

    /// A pause is over, or a call's patience.
    pub(crate) fn resume(&mut self, stage: &mut Stage, ledger: &mut Ledger, task: usize) {
        if matches!(self.tasks[task].state, State::Paused) {
            self.tasks[task].state = State::Ready;
        }
        self.go_on(stage, ledger, task);
    }

    fn go_on(&mut self, stage: &mut Stage, ledger: &mut Ledger, task: usize) {
        loop {
            let state = std::mem::replace(&mut self.tasks[task].state, State::Ready);
            let next = match state {
                State::Ready => match self.tasks[task].ops.next() {
                    None => State::Done,
                    Some(op) => {
                        let begun = self.begin(stage, ledger, task, op);
                        self.poll(stage, ledger, task, begun)
                    }
                },
                waiting => self.poll(stage, ledger, task, waiting),
            };
            let done = matches!(next, State::Ready);
            self.tasks[task].state = next;
            if !done {
                return;
            }
            // Between two operations other threads may get to run.
            if self.random.chance(200) {
                self.tasks[task].state = State::Paused;
                let wait = Duration::from_micros(self.random.below(60));
                stage.after(wait, Event::Task(task));
                return;
            }
        }
    }

    fn begin(&mut self, stage: &mut Stage, ledger: &mut Ledger, task: usize, op: Op) -> State {
        let now = stage.now;
        match op {
            Op::Pause(pause) => {
                stage.after(pause, Event::Task(task));
                State::Paused
            }
            Op::Send {
                id,
                shape,
                awaited,
                patience,
            } => {
                if self.random.chance(250)
                    && self.send_many(stage, ledger, task, (id, shape.clone(), awaited))
                {
                    return State::Ready;
                }
                ledger.entry(id, &shape);
                let give_up_at = patience.map(|patience| now + patience);
                if let Some(at) = give_up_at {
                    stage.at(at, Event::Task(task));
                }
                State::Enqueuing(Box::new(Enqueuing {
                    id,
                    content: shape.content(id),
                    timestamp: timestamp(stage, &shape),
                    shape,
                    awaited,
                    since: now,
                    give_up_at,
                    wait: EnqueueWait::default(),
                }))
            }
            Op::Try { id, shape, awaited } => {
                ledger.entry(id, &shape);
                self.try_enqueue(stage, ledger, task, id, &shape, awaited);
                State::Ready
            }
            Op::Flush { awaited } => {
                let flush = self.accumulator.flush(stage.producer_now());
                if !awaited {
                    return State::Ready;
                }
                let upto = ledger.acceptances();
                State::Flushing {
                    flush,
                    since: now,
                    upto,
                }
            }
            Op::Settle => State::Settling,
            Op::Close { timeout, awaited } => {
                stage.line(|| format!("close within {timeout:?}"));
                let close = self.accumulator.close(stage.producer_now(), timeout);
                if !awaited {
                    return State::Ready;
                }
                State::Closing {
                    close,
                    since: now,
                    timeout,
                }
            }
            Op::Abandon => {
                self.abandoned = true;
                State::Ready
            }
        }
    }

    fn poll(&mut self, stage: &mut Stage, ledger: &mut Ledger, task: usize, state: State) -> State {
        let waker = self.tasks[task].waker.clone();
        let mut cx = Context::from_waker(&waker);
        match state {
            State::Enqueuing(call) => self.poll_enqueue(stage, ledger, task, call, &mut cx),
            State::Flushing {
                mut flush,
                since,
                upto,
            } => match Pin::new(&mut flush).poll(&mut cx) {
                Poll::Pending => State::Flushing { flush, since, upto },
                Poll::Ready(()) => {
                    promises::flushed(stage, ledger, &self.config, since, upto);
                    State::Ready
                }
            },
            State::Closing {
                mut close,
                since,
                timeout,
            } => match Pin::new(&mut close).poll(&mut cx) {
                Poll::Pending => State::Closing {
                    close,
                    since,
                    timeout,
                },
                Poll::Ready(report) => {
                    stage.line(|| format!("closed: {report:?}"));
                    promises::closed(stage, ledger, since, timeout, report);
                    self.closed.get_or_insert((stage.now, report));
                    State::Ready
                }
            },
            State::Settling => {
                let sent = &mut self.tasks[task].sent;
                sent.retain(|id| ledger.is_open(*id));
                if sent.is_empty() {
                    State::Ready
                } else {
                    State::Settling
                }
            }
            other => other,
        }
    }
}
