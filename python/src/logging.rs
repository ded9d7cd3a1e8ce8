//! raban's warnings and errors, handed to Python's `logging` under the name `raban`.

use std::fmt::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, OnceLock};
use std::thread::JoinHandle;

use pyo3::prelude::*;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber, span};

use crate::fork::Born;
use crate::sync::lock;

/// Lines that may wait; beyond that they are dropped, for nobody waits for a log.
const MOST_LINES: usize = 1024;

struct Line {
    level: u8,
    text: String,
}

/// Where lines go, and the thread that hands them over: it may wait for the GIL, which the producer's thread mustn't.
struct Forwarder {
    lines: SyncSender<Option<Line>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    born: Born,
}

static FORWARDER: OnceLock<Option<Forwarder>> = OnceLock::new();

struct ToPython;

impl Subscriber for ToPython {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::WARN && metadata.target().starts_with("raban")
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        let level = if *event.metadata().level() == Level::ERROR {
            40
        } else {
            30
        };
        if let Some(forwarder) = FORWARDER.get_or_init(Forwarder::start)
            && forwarder.born.here()
        {
            // Full, or ended: see `MOST_LINES`.
            let _ = forwarder.lines.try_send(Some(Line {
                level,
                text: text.0,
            }));
        }
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// The message, and fields behind it.
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string can't fail.
        let _ = match field.name() {
            "message" => write!(self.0, "{value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}

impl Forwarder {
    fn start() -> Option<Self> {
        let (lines, received) = sync_channel(MOST_LINES);
        let run = move || forward(&received);
        let builder = std::thread::Builder::new().name("raban-logging".to_owned());
        Some(Self {
            lines,
            thread: Mutex::new(Some(builder.spawn(run).ok()?)),
            born: Born::now(),
        })
    }
}

fn forward(received: &Receiver<Option<Line>>) {
    while let Ok(Some(Line { level, text })) = received.recv() {
        let logged = Python::try_attach(|py| {
            let logger = py
                .import("logging")?
                .call_method1("getLogger", ("raban",))?;
            logger.call_method1("log", (level, "%s", text)).map(drop)
        });
        if let Some(Err(error)) = logged {
            Python::try_attach(|py| error.write_unraisable(py, None));
        }
    }
}

/// Begins to hand them over, unless the process has a subscriber of its own.
pub(crate) fn begin() {
    let _ = tracing::subscriber::set_global_default(ToPython);
}

/// Hands over what is left, and ends.
pub(crate) fn end(py: Python<'_>) {
    let Some(Some(forwarder)) = FORWARDER.get() else {
        return;
    };
    if !forwarder.born.here() {
        return;
    }
    let thread = lock(&forwarder.thread).take();
    py.detach(|| {
        if let Some(thread) = thread {
            let _ = forwarder.lines.send(None);
            // What it could panic of was told.
            let _ = thread.join();
        }
    });
}
