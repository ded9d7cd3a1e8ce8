//! Names in `bootstrap.servers` that don't resolve: how long calls wait for that (KIP-909).

use std::collections::BTreeMap;

use super::Sender;
use super::timers::Timer;
use crate::accumulator::topic::TopicView;
use crate::config::{Address, Bootstrap};
use crate::error::{EnqueueError, ErrorKind};
use crate::time::Instant;

/// The attempts at names before the first metadata.
#[derive(Debug, Default)]
pub(super) struct Resolving {
    since: Option<Instant>,
    /// What the system said of each server whose name didn't resolve at the latest attempt.
    failed: BTreeMap<Address, String>,
    /// Calls fail with this, as long as no name resolves.
    given_up: Option<EnqueueError>,
}

impl Sender {
    pub(super) fn bootstrap_servers(&self) -> &[Address] {
        match &self.config.bootstrap {
            Bootstrap::Servers(servers) => servers,
            Bootstrap::Embedded(_) => unreachable!("its address is put in before"),
        }
    }

    pub(super) fn begin_to_resolve(&mut self, now: Instant) {
        self.control.resolving.since.get_or_insert(now);
    }

    /// A server's name didn't resolve; before the first metadata there is nobody else to ask.
    pub(super) fn name_unresolved(&mut self, server: Address, error: String) {
        if self.metadata.version == 0 {
            self.control.resolving.failed.insert(server, error);
        }
    }

    /// A name resolved: from now on it is a matter of connecting, and calls wait for that.
    pub(super) fn name_resolved(&mut self) {
        self.control.resolving.failed.clear();
        if self.control.resolving.given_up.take().is_some() {
            self.publish_to_waiting(|| TopicView::Unknown);
        }
    }

    /// Fails the calls that wait once no name has resolved for `bootstrap.resolve.timeout.ms`.
    pub(super) fn pump_resolving(&mut self, now: Instant) {
        let resolving = &self.control.resolving;
        let (Some(since), true) = (
            resolving.since,
            resolving.failed.len() == self.bootstrap_servers().len(),
        ) else {
            return;
        };
        let at = since + self.config.bootstrap_resolve_timeout;
        if at > now {
            self.timers.arm(Timer::Resolving, at);
            return;
        }
        let servers = resolving.failed.iter();
        let servers = servers.map(|(server, error)| format!("{server} ({error})"));
        let error = EnqueueError::new(ErrorKind::BootstrapUnresolved {
            servers: servers.collect::<Vec<_>>().join(", "),
            timeout: self.config.bootstrap_resolve_timeout,
        });
        self.publish_to_waiting(|| TopicView::Unreachable(error.clone()));
        self.control.resolving.given_up = Some(error);
    }

    fn publish_to_waiting(&self, view: impl Fn() -> TopicView) {
        for entry in self.metadata.topics.values() {
            let unreachable = entry
                .topic
                .with_view(|view| matches!(view, TopicView::Unreachable(_)));
            if unreachable || entry.topic.has_waiting() {
                self.accumulator.waits.wake(entry.topic.publish(view()));
            }
        }
    }
}
