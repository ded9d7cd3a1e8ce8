//! Marks the part of a bench that is measured, for valgrind and for a clock.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// In the name of the one function whose instructions callgrind is to count.
pub const COUNTED: &str = "counted_by_callgrind";

/// Measures what is done through it.
#[derive(Debug, Default)]
pub struct Meter {
    /// How long that took.
    pub elapsed: Duration,
}

impl Meter {
    pub(crate) fn measure(&mut self, work: &mut dyn FnMut()) {
        let began = Instant::now();
        counted_by_callgrind(work);
        self.elapsed += began.elapsed();
    }
}

#[inline(never)]
fn counted_by_callgrind(work: &mut dyn FnMut()) {
    work();
    // A jump to the work, in place of a call, would leave this function before the work begins.
    black_box(());
}
