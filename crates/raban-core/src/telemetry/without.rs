//! In place of the exporter where the feature `telemetry` is off: there is nothing to push.

use super::Subscription;
use crate::config::Config;
use crate::metrics::Metrics;

#[derive(Debug)]
pub(crate) struct Exporter;

impl Exporter {
    pub(crate) fn new(_config: &Config) -> Self {
        Self
    }

    pub(crate) fn begin(&mut self, _wall_ms: i64) {}

    pub(crate) fn export(
        &mut self,
        _metrics: &Metrics,
        _subscription: &Subscription,
        _wall_ms: i64,
    ) -> Result<Vec<u8>, usize> {
        Ok(Vec::new())
    }

    pub(crate) fn taken(&mut self, _taken: bool) {}

    pub(crate) fn reset(&mut self) {}
}
