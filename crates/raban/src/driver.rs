//! The one loop: carries events to the sender and performs what it asks for, on a thread of its own.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use raban_core::{Action, CloseReason, ConnectError, ConnectionId, Level, Now, Sender};

use crate::builder::Keep;
use crate::clock::Clock;
use crate::connector::Connector;
use crate::signal::{Flag, Signal};
use crate::timer::Timer;
use crate::transport::{Connection, Stream};

/// Turns of the loop before the runtime looks for new readiness of the sockets.
const TURNS: u32 = 8;
/// Events taken from one connection before the next one has its turn.
const EVENTS_PER_TURN: u32 = 64;

/// Starts the thread that serves `sender` until it is closed.
///
/// `at_end` is called there after the last event; `keep` lives as long as the thread.
pub(crate) fn start(
    name: String,
    sender: Sender,
    clock: Clock,
    connector: Connector,
    register: impl FnOnce(Waker),
    at_end: impl FnOnce() + Send + 'static,
    keep: Keep,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        // Only names are resolved there.
        .max_blocking_threads(4)
        .thread_name(format!("{name}-dns"))
        .build()?;
    let signal = Signal::new();
    let wakeup = Flag::raised(&signal);
    register(Waker::from(Arc::clone(&wakeup)));
    let serve = move || {
        runtime.block_on(async move {
            let mut driver = Driver::new(sender, clock, connector, signal, wakeup);
            // The loop limits itself: the runtime's budget per poll would only add wake-ups.
            tokio::task::unconstrained(poll_fn(|cx| driver.poll(cx))).await;
        });
        at_end();
        // A name's resolution may still hang: nobody waits for it.
        runtime.shutdown_background();
        drop(keep);
    };
    std::thread::Builder::new().name(name).spawn(serve)?;
    Ok(())
}

struct Driver {
    sender: Sender,
    clock: Clock,
    connector: Connector,
    signal: Arc<Signal>,
    /// Raised by the accumulator when the sender has something to look at.
    wakeup: Arc<Flag>,
    slots: BTreeMap<ConnectionId, Slot>,
    timer: Timer,
}

impl Driver {
    fn new(
        sender: Sender,
        clock: Clock,
        connector: Connector,
        signal: Arc<Signal>,
        wakeup: Arc<Flag>,
    ) -> Self {
        let timer = Timer::new(&signal);
        Self {
            sender,
            clock,
            connector,
            signal,
            wakeup,
            slots: BTreeMap::new(),
            timer,
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..TURNS {
            self.signal.run(cx.waker());
            self.turn();
            if self.sender.is_closed() {
                return Poll::Ready(());
            }
            if self.signal.try_sleep() {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Looks once at each source of work. Work that this makes raises its flag again.
    fn turn(&mut self) {
        let now = self.clock.now();
        if self.wakeup.lower() {
            self.sender.handle_wakeup(now);
            self.perform();
        }
        if self
            .sender
            .poll_timeout()
            .is_some_and(|at| at <= now.instant)
        {
            self.sender.handle_timeout(now);
            self.perform();
        }
        let raised = |(id, slot): (&ConnectionId, &Slot)| slot.flag.lower().then_some(*id);
        let ready: Vec<ConnectionId> = self.slots.iter().filter_map(raised).collect();
        for id in ready {
            self.serve(now, id);
        }
        self.timer.arm(self.sender.poll_timeout(), &self.clock);
        while let Some(event) = self.sender.poll_event() {
            match event.level() {
                Level::Warn => tracing::warn!("{event}"),
                Level::Info => tracing::info!("{event}"),
                Level::Debug => tracing::debug!("{event}"),
            }
        }
    }

    fn serve(&mut self, now: Now, id: ConnectionId) {
        for _ in 0..EVENTS_PER_TURN {
            // An action may have closed it in the meantime.
            let Some(slot) = self.slots.get_mut(&id) else {
                return;
            };
            match slot.poll() {
                Poll::Pending => return,
                Poll::Ready(Progress::Connected) => self.sender.handle_connected(now, id),
                Poll::Ready(Progress::ConnectFailed(error)) => {
                    self.slots.remove(&id);
                    self.sender.handle_connect_failed(now, id, error);
                }
                Poll::Ready(Progress::Frame(content)) => self.sender.handle_frame(now, id, content),
                Poll::Ready(Progress::Written(token)) => self.sender.handle_written(now, id, token),
                Poll::Ready(Progress::Closed(reason)) => {
                    self.slots.remove(&id);
                    self.sender.handle_closed(now, id, reason);
                }
            }
            self.perform();
        }
        if let Some(slot) = self.slots.get(&id) {
            slot.flag.raise();
        }
    }

    /// Does what the sender asks for. Frames are only queued here, so that those of one turn
    /// leave together.
    fn perform(&mut self) {
        while let Some(action) = self.sender.poll_action() {
            match action {
                Action::Connect {
                    conn,
                    address,
                    canonical,
                    setup_timeout,
                } => {
                    let connector = self.connector.clone();
                    let connecting = connector.connect(address, canonical, setup_timeout);
                    self.slots
                        .insert(conn, Slot::new(&self.signal, Box::pin(connecting)));
                }
                Action::Write { conn, token, frame } => {
                    if let Some(slot) = self.slots.get_mut(&conn) {
                        slot.queue(token, frame);
                    }
                }
                Action::Close { conn } => {
                    self.slots.remove(&conn);
                }
            }
        }
    }
}

type Connecting = Pin<Box<dyn Future<Output = Result<Stream, ConnectError>> + Send>>;

/// One connection and the flag that says that it wants to be looked at.
struct Slot {
    flag: Arc<Flag>,
    waker: Waker,
    state: State,
}

enum State {
    Connecting(Connecting),
    Open(Box<Connection>),
}

enum Progress {
    Connected,
    ConnectFailed(ConnectError),
    Frame(Bytes),
    Written(u32),
    Closed(CloseReason),
}

impl Slot {
    fn new(signal: &Arc<Signal>, connecting: Connecting) -> Self {
        let flag = Flag::raised(signal);
        Self {
            waker: Waker::from(Arc::clone(&flag)),
            flag,
            state: State::Connecting(connecting),
        }
    }

    fn queue(&mut self, token: u32, frame: raban_protocol::frame::Frame) {
        match &mut self.state {
            State::Open(connection) => {
                connection.queue(token, frame);
                self.flag.raise();
            }
            State::Connecting(_) => unreachable!("the sender writes to open connections only"),
        }
    }

    /// Answers are read before requests are written: those of all answers leave together.
    fn poll(&mut self) -> Poll<Progress> {
        let cx = &mut Context::from_waker(&self.waker);
        match &mut self.state {
            State::Connecting(connecting) => connecting.as_mut().poll(cx).map(|done| match done {
                Ok(stream) => {
                    self.state = State::Open(Box::new(Connection::new(stream)));
                    Progress::Connected
                }
                Err(error) => Progress::ConnectFailed(error),
            }),
            State::Open(connection) => {
                if let Poll::Ready(read) = connection.poll_frame(cx) {
                    return Poll::Ready(read.map_or_else(Progress::Closed, Progress::Frame));
                }
                let written = connection.poll_write(cx);
                written.map(|token| token.map_or_else(Progress::Closed, Progress::Written))
            }
        }
    }
}
