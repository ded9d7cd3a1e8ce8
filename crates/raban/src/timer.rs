//! The sender's next deadline, to a fraction of a millisecond: the runtime's own timers are one to two milliseconds late, which
//! each record of a `linger.ms` of 5 would be.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use raban_core::Instant;
use tokio::time::Sleep;

use crate::clock::Clock;
use crate::signal::{Flag, Signal};

/// Re-armed only when the deadline comes nearer: one that moves away costs a look when it would have been due.
pub(crate) struct Timer {
    flag: Arc<Flag>,
    waker: Waker,
    alarm: Alarm,
    armed: Option<Instant>,
}

impl Timer {
    /// It belongs to the runtime that this is called in.
    pub(crate) fn new(signal: &Arc<Signal>) -> Self {
        let flag = Flag::raised(signal);
        Self {
            waker: Waker::from(Arc::clone(&flag)),
            flag,
            alarm: Alarm::new(),
            armed: None,
        }
    }

    pub(crate) fn arm(&mut self, deadline: Option<Instant>, clock: &Clock) {
        if self.flag.lower() {
            self.armed = None;
        }
        let Some(deadline) = deadline else { return };
        if self.armed.is_some_and(|armed| armed <= deadline) {
            return;
        }
        // Beyond what the system's clock can tell is never.
        let Some(at) = clock.to_system(deadline) else {
            return;
        };
        let cx = &mut Context::from_waker(&self.waker);
        match self.alarm.set(at, cx) {
            Poll::Pending => self.armed = Some(deadline),
            Poll::Ready(()) => self.flag.raise(),
        }
    }
}

enum Alarm {
    #[cfg(target_os = "linux")]
    Kernel(kernel::Alarm),
    Runtime(Pin<Box<Sleep>>),
}

impl Alarm {
    fn new() -> Self {
        // Where the process may have no more files.
        #[cfg(target_os = "linux")]
        if let Ok(alarm) = kernel::Alarm::new() {
            return Self::Kernel(alarm);
        }
        Self::Runtime(Box::pin(tokio::time::sleep(std::time::Duration::ZERO)))
    }

    /// Wakes the task at that time, unless it is over.
    fn set(&mut self, at: std::time::Instant, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Kernel(alarm) => alarm.set(at, cx),
            Self::Runtime(sleep) => {
                sleep.as_mut().reset(at.into());
                sleep.as_mut().poll(cx)
            }
        }
    }
}

#[cfg(target_os = "linux")]
mod kernel {
    use std::io;
    use std::os::fd::OwnedFd;
    use std::task::{Context, Poll, ready};
    use std::time::{Duration, Instant};

    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    /// A timerfd, which becomes readable.
    pub(super) struct Alarm(AsyncFd<OwnedFd>);

    impl Alarm {
        pub(super) fn new() -> io::Result<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
            // SAFETY: an `OwnedFd` stays open, and the same, until it is dropped, which the `AsyncFd` does.
            #[expect(unsafe_code, reason = "tokio has no other way to wait for a file")]
            let registered = unsafe { AsyncFd::register_with_interest(timer, Interest::READABLE) };
            Ok(Self(registered?))
        }

        pub(super) fn set(&mut self, at: Instant, cx: &mut Context<'_>) -> Poll<()> {
            let left = at.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Poll::Ready(());
            }
            let once = Itimerspec {
                it_interval: Timespec::default(),
                it_value: timespec(left),
            };
            // It also forgets that an earlier time is over.
            if timerfd_settime(self.0.get_ref(), TimerfdTimerFlags::empty(), &once).is_err() {
                return Poll::Ready(());
            }
            loop {
                let Ok(mut ready) = ready!(self.0.poll_read_ready(cx)) else {
                    return Poll::Ready(());
                };
                let mut times = [0; size_of::<u64>()];
                let read = ready.try_io(|timer| Ok(rustix::io::read(timer, &mut times)?));
                if read.is_ok() {
                    return Poll::Ready(());
                }
            }
        }
    }

    fn timespec(duration: Duration) -> Timespec {
        Timespec {
            tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(duration.subsec_nanos()),
        }
    }
}
