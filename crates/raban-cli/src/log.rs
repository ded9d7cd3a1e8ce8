//! What the library and the embedded broker log, told on standard error: warnings, and troubles with connections.

use std::fmt::{self, Write};
use std::sync::{Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::progress::tell;

/// Different texts told in one run; a trouble that repeats is told once.
const TOLD: usize = 20;

/// Starts telling. Quiet: warnings only.
pub(crate) fn start(quiet: bool) {
    // It fails if there is one already, which then does the telling.
    let _ = tracing::subscriber::set_global_default(Log {
        quiet,
        told: Mutex::default(),
    });
}

struct Log {
    quiet: bool,
    told: Mutex<Vec<String>>,
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event()
            && (*metadata.level() <= Level::WARN
                || !self.quiet
                    && *metadata.level() == Level::INFO
                    && metadata.target().starts_with("raban::"))
    }

    fn event(&self, event: &Event<'_>) {
        let mut text = Text::default();
        event.record(&mut text);
        let word = if *event.metadata().level() <= Level::WARN {
            "warning"
        } else {
            "note"
        };
        let line = format!("{word}: {}{}", text.message, text.fields);
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() < TOLD && !told.contains(&line) {
            tell(&line);
            told.push(line);
        }
    }

    // There are no spans.
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// An event's message, and its other fields behind it.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string doesn't fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}
