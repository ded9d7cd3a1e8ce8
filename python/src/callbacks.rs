//! The thread that calls the application's callbacks: one a producer, begun with its first callback. It alone holds the GIL for
//! them, so that the sending goes on meanwhile.

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::task::{Poll, Waker};
use std::thread::JoinHandle;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

use crate::future::RecordFuture;
use crate::outbox::Outbox;
use crate::ready::Bell;
use crate::sync::lock;
use crate::wait::{Parker, wait};

/// Callbacks that may wait to be called before the next record waits for them.
const MOST_HELD: usize = 1 << 17;

/// How many are called between two looks at who waits for them.
const CALLED_AT_A_TIME: usize = 4096;

thread_local! {
    static CALLING: Cell<bool> = const { Cell::new(false) };
}

pub(crate) struct Callbacks {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// Whether there is, or was, a thread.
    begun: AtomicBool,
}

struct Shared {
    outbox: Outbox<Py<RecordFuture>>,
    bell: Arc<ThreadBell>,
    passes: Mutex<Passes>,
    methods: Mutex<Methods>,
    /// The thread has ended, and others call what still comes.
    gone: AtomicBool,
}

/// The latest methods to be called: mostly one for what is delivered, and one for what fails.
type Methods = [Option<Py<PyAny>>; 2];

/// Passes over what is to be called, for those who wait for one.
#[derive(Default)]
struct Passes {
    begun: u64,
    ended: u64,
    /// The next pass looks at all rows.
    all: bool,
    waiting: Vec<Waker>,
    /// No more callbacks will come.
    last: bool,
}

#[derive(Default)]
struct ThreadBell(OnceLock<Arc<Parker>>);

impl Bell for ThreadBell {
    fn ring(&self) {
        // Before the thread is there it needs no bell: it begins with a pass.
        if let Some(parker) = self.0.get() {
            parker.wake_up();
        }
    }
}

impl Callbacks {
    pub(crate) fn new() -> Self {
        let bell = Arc::new(ThreadBell::default());
        Self {
            shared: Arc::new(Shared {
                outbox: Outbox::new(Arc::clone(&bell) as Arc<dyn Bell>),
                bell,
                passes: Mutex::default(),
                methods: Mutex::default(),
                gone: AtomicBool::new(false),
            }),
            thread: Mutex::default(),
            begun: AtomicBool::new(false),
        }
    }

    /// Has the future's callbacks called when its record is settled.
    pub(crate) fn expect(&self, future: Py<RecordFuture>) -> io::Result<()> {
        self.shared.outbox.push(future);
        if !self.begun.load(Ordering::Acquire) {
            self.begin()?;
        }
        if self.shared.gone.load(Ordering::SeqCst) {
            // Closed meanwhile: whatever was accepted is settled.
            self.shared.pass();
        }
        Ok(())
    }

    fn begin(&self) -> io::Result<()> {
        let mut thread = lock(&self.thread);
        if self.begun.load(Ordering::Acquire) {
            return Ok(());
        }
        let shared = Arc::clone(&self.shared);
        let mut threads = lock(&THREADS);
        threads.retain(|shared| shared.strong_count() > 0);
        threads.push(Arc::downgrade(&shared));
        drop(threads);
        let run = move || shared.run();
        let started = std::thread::Builder::new().name("raban-callbacks".to_owned());
        *thread = Some(started.spawn(run)?);
        self.begun.store(true, Ordering::Release);
        Ok(())
    }

    /// The function, to be held until it is called.
    ///
    /// Each look at an object's method makes a new object, which Python's garbage collector would go through as long as it is
    /// held. So records share those that are the same.
    pub(crate) fn share(&self, function: Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        static METHOD: PyOnceLock<Py<PyType>> = PyOnceLock::new();
        let py = function.py();
        if !function
            .get_type()
            .is(METHOD.import(py, "types", "MethodType")?)
        {
            return Ok(function.unbind());
        }
        let methods = &self.shared.methods;
        // Compared without the lock, for that may call Python's code.
        let known = lock(methods)
            .each_ref()
            .map(|method| method.as_ref().map(|m| m.clone_ref(py)));
        for method in known.into_iter().flatten() {
            if function.eq(&method)? {
                return Ok(method);
            }
        }
        let method = function.unbind();
        let mut methods = lock(methods);
        methods.rotate_right(1);
        let forgotten = methods[0].replace(method.clone_ref(py));
        drop(methods);
        drop(forgotten);
        Ok(method)
    }

    /// To be called after functions that were shared were called at once.
    pub(crate) fn called_at_once(&self) {
        self.shared.forget_methods();
    }

    /// How many records wait to be told of.
    pub(crate) fn len(&self) -> usize {
        self.shared.outbox.len()
    }

    /// Whether the next record has to wait until callbacks were called. In a callback none does.
    #[inline]
    pub(crate) fn are_behind(&self) -> bool {
        self.shared.outbox.len() >= MOST_HELD && !CALLING.get()
    }

    /// Resolves when fewer wait to be called.
    pub(crate) fn catch_up(&self) -> impl Future<Output = ()> {
        let shared = Arc::clone(&self.shared);
        std::future::poll_fn(move |cx| {
            let enough = || shared.outbox.len() < MOST_HELD;
            if enough() {
                return Poll::Ready(());
            }
            lock(&shared.passes).waiting.push(cx.waker().clone());
            // It may have caught up in between.
            if enough() {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
    }

    /// Resolves when the callbacks of all records that are settled by now were called. In a callback at once.
    pub(crate) fn called(&self) -> impl Future<Output = ()> + use<> {
        called(&self.shared)
    }

    /// Lets the thread end once all records are settled.
    pub(crate) fn end(&self) {
        lock(&self.shared.passes).last = true;
        self.shared.bell.ring();
    }

    /// Waits for the thread's end, which is near.
    pub(crate) fn join(&self, py: Python<'_>) {
        if CALLING.get() {
            return;
        }
        if let Some(thread) = lock(&self.thread).take() {
            // What it could panic of was logged.
            let _ = py.detach(|| thread.join());
        }
    }
}

/// As [`Callbacks::called`].
fn called(shared: &Arc<Shared>) -> impl Future<Output = ()> + use<> {
    let shared = Arc::clone(shared);
    let idle = shared.bell.0.get().is_none() && shared.outbox.len() == 0;
    let idle = idle || CALLING.get();
    let mut awaited = None;
    std::future::poll_fn(move |cx| {
        if idle {
            return Poll::Ready(());
        }
        let mut passes = lock(&shared.passes);
        let pass = *awaited.get_or_insert_with(|| {
            passes.all = true;
            passes.begun + 1
        });
        let gone = shared.gone.load(Ordering::SeqCst) && shared.outbox.len() == 0;
        if passes.ended >= pass || gone {
            return Poll::Ready(());
        }
        passes.waiting.push(cx.waker().clone());
        drop(passes);
        shared.bell.ring();
        Poll::Pending
    })
}

/// The threads of this process, for its end.
static THREADS: Mutex<Vec<Weak<Shared>>> = Mutex::new(Vec::new());

/// Waits until the callbacks of all records that are settled were called, those of producers that are gone included.
pub(crate) fn settle(py: Python<'_>) -> PyResult<()> {
    // Held by nobody at the end, but perhaps by a thread that stayed in the process from which this one was forked.
    let threads = match THREADS.try_lock() {
        Ok(mut threads) => std::mem::take(&mut *threads),
        Err(_) => return Ok(()),
    };
    for shared in threads.iter().filter_map(Weak::upgrade) {
        wait(py, called(&shared), None)?;
    }
    Ok(())
}

/// In a forked child there are none of them.
pub(crate) fn forget() {
    if let Ok(mut threads) = THREADS.try_lock() {
        threads.clear();
    }
}

impl Shared {
    fn run(&self) {
        CALLING.set(true);
        let parker = Parker::here();
        let parker = self.bell.0.get_or_init(|| parker);
        loop {
            self.pass();
            let ends = {
                let passes = lock(&self.passes);
                let ends = passes.last && !passes.all;
                // Before the last look: who comes later sees it.
                self.gone.store(ends, Ordering::SeqCst);
                ends && self.outbox.len() == 0
            };
            if ends {
                break;
            }
            self.gone.store(false, Ordering::SeqCst);
            parker.park();
        }
        // Without an interpreter nobody is there to be told.
        self.wake_all();
    }

    fn pass(&self) {
        let (pass, all) = {
            let mut passes = lock(&self.passes);
            passes.begun += 1;
            (passes.begun, std::mem::take(&mut passes.all))
        };
        let settled = self.outbox.take(all);
        for some in settled.chunks(CALLED_AT_A_TIME) {
            Python::try_attach(|py| {
                for future in some {
                    future.get().tell(py);
                }
            });
            self.wake_all();
        }
        Python::try_attach(|_| {
            drop(settled);
            self.forget_methods();
        });
        let mut passes = lock(&self.passes);
        passes.ended = passes.ended.max(pass);
        drop(passes);
        self.wake_all();
    }

    /// Lets go of shared methods, and the application's objects, once nothing is to be called.
    fn forget_methods(&self) {
        if self.outbox.len() == 0 {
            let forgotten = std::mem::take(&mut *lock(&self.methods));
            // Without the lock: the objects may go with them.
            drop(forgotten);
        }
    }

    fn wake_all(&self) {
        let waiting = std::mem::take(&mut lock(&self.passes).waiting);
        waiting.into_iter().for_each(Waker::wake);
    }
}
