//! Ctrl-C and SIGTERM: the first asks the command to end in order, the second ends it at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::exit::INTERRUPTED;

/// Whether an interruption was asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Watches for signals on a thread of its own; `on_first` runs there.
    pub(crate) fn watch(on_first: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        let interrupt = Self::default();
        let asked = interrupt.clone();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()?;
        // Registered here, before the caller goes on: a signal from now on is not missed.
        let mut signals = {
            let _context = runtime.enter();
            Signals::register()?
        };
        thread::Builder::new()
            .name("raban-signals".into())
            .spawn(move || {
                runtime.block_on(signals.next());
                asked.0.store(true, Ordering::SeqCst);
                thread::spawn(on_first);
                runtime.block_on(signals.next());
                std::process::exit(INTERRUPTED.into());
            })?;
        Ok(interrupt)
    }

    pub(crate) fn is_asked(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn register() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        use std::future::poll_fn;
        use std::task::Poll;
        poll_fn(|cx| {
            let interrupt = self.interrupt.poll_recv(cx).is_ready();
            let terminate = self.terminate.poll_recv(cx).is_ready();
            if interrupt || terminate {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }
}

#[cfg(windows)]
struct Signals(tokio::signal::windows::CtrlC);

#[cfg(windows)]
impl Signals {
    fn register() -> io::Result<Self> {
        tokio::signal::windows::ctrl_c().map(Self)
    }

    async fn next(&mut self) {
        self.0.recv().await;
    }
}
