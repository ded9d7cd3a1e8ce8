//! The progress of `produce` on a terminal, and messages on standard error beside it.

use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::summary::{Count, Size};

const EVERY: Duration = Duration::from_millis(100);

/// A bar (the input's length is known) or a counter, drawn on a terminal only.
#[derive(Clone)]
pub(crate) struct Progress(Option<ProgressBar>);

impl Progress {
    pub(crate) fn new(input_len: Option<u64>, quiet: bool) -> Self {
        if quiet || !io::stderr().is_terminal() {
            return Self(None);
        }
        let bar = ProgressBar::with_draw_target(input_len, ProgressDrawTarget::stderr_with_hz(10));
        let template = match input_len {
            Some(_) => "{wide_bar} {percent:>3} %  {msg}  {eta} left",
            None => "{spinner} {msg}",
        };
        // The templates are constants: should one be wrong, the default style does as well.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self(Some(DRAWN.get_or_init(|| bar).clone()))
    }

    /// Shows how far the input is read and what was delivered. Draws by itself at most ten times a second.
    pub(crate) fn show(&self, read: u64, delivered: u64, started: Instant) {
        if let Some(bar) = &self.0 {
            let rate = delivered as f64 / started.elapsed().as_secs_f64().max(0.001);
            bar.set_message(format!(
                "{} records, {} read, {} records/s",
                Count(delivered),
                Size(read as f64),
                Count(rate as u64)
            ));
            bar.set_position(read);
        }
    }

    pub(crate) fn clear(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

/// The bar on the terminal, which other lines must not tear.
static DRAWN: OnceLock<ProgressBar> = OnceLock::new();

/// A line on standard error. A standard error that is closed has nobody to tell.
pub(crate) fn tell(text: &str) {
    let write = || {
        let _ = writeln!(io::stderr().lock(), "{text}");
    };
    match DRAWN.get() {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}

/// Limits how often something is done.
pub(crate) struct Pace(Instant);

impl Pace {
    pub(crate) fn new() -> Self {
        Self(Instant::now())
    }

    /// Whether it is time again.
    pub(crate) fn is_due(&mut self) -> bool {
        let due = self.0.elapsed() >= EVERY;
        if due {
            self.0 = Instant::now();
        }
        due
    }
}
