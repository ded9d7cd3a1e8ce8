//! The state of the way to a broker, as faults make it.

use std::time::Duration;

use super::hostile::Hostility;
use crate::random::Random;

/// What happens to bytes while a link loses them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Loss {
    pub(crate) until: Duration,
    /// They come through in the end, as TCP sends them again; or never, and the connection hangs.
    pub(crate) delivers: bool,
}

/// The way to one broker.
#[derive(Debug, Clone, Default)]
pub(crate) struct Link {
    /// Up to so much on top of the usual latency.
    pub(crate) delay: Duration,
    pub(crate) bytes_per_ms: Option<u64>,
    /// Of bytes to the broker.
    pub(crate) loss_up: Option<Loss>,
    /// Of bytes from it.
    pub(crate) loss_down: Option<Loss>,
    /// Connections can't be made: they are refused, or left unanswered.
    pub(crate) refuses: Option<Refusal>,
    /// Answers to Produce requests vanish.
    pub(crate) swallows: bool,
    /// The next answers come as something else.
    pub(crate) hostile: Option<(Hostility, u32)>,
    /// How long the broker takes for a request, on top of the usual.
    pub(crate) service: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    AtOnce,
    Never,
}

impl Link {
    /// When bytes sent now arrive, undisturbed but for delay and narrowness; whether they were delayed.
    pub(super) fn travel(
        &self,
        now: Duration,
        latency: Duration,
        len: usize,
        random: &mut Random,
    ) -> Duration {
        let extra = random.below(self.delay.as_micros() as u64 + 1);
        let width = self
            .bytes_per_ms
            .map_or(0, |width| len as u64 * 1_000 / width.max(1));
        now + latency + Duration::from_micros(extra + width)
    }
}
