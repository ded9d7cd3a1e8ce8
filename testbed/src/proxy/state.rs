//! What a proxy's connections and its owner share: rules, counts, and the connections that can be cut.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};

use super::frame::{ApiKey, RequestHead};
use super::observed::{Observed, WaitTimeout};
use super::rule::{Action, Direction, Rule, RuleId};

/// How long cutting all connections may take before that counts as a bug of the proxy.
const CUT_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct State {
    shared: Mutex<Shared>,
    changed: Condvar,
    /// Told when rules go, for connections that hold frames.
    rules_removed: watch::Sender<()>,
    /// Bytes per second for requests and responses; 0 is no limit.
    throughput: [AtomicU64; 2],
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) observed: Observed,
    target: SocketAddr,
    rules: Vec<ActiveRule>,
    removed_hits: BTreeMap<RuleId, u64>,
    next_id: u64,
    connections: BTreeMap<u64, Connection>,
}

#[derive(Debug)]
struct ActiveRule {
    id: RuleId,
    rule: Rule,
    fitting: u64,
    hits: u64,
}

#[derive(Debug)]
struct Connection {
    cut: Arc<Notify>,
    unanswered: VecDeque<RequestHead>,
}

/// What a connection does with one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Forward,
    Apply(Action, RuleId),
}

impl Shared {
    pub(super) fn hits(&self, id: RuleId) -> u64 {
        let active = self
            .rules
            .iter()
            .find(|active| active.id == id)
            .map(|active| active.hits);
        active
            .or_else(|| self.removed_hits.get(&id).copied())
            .unwrap_or(0)
    }

    fn verdict(&mut self, direction: Direction, api: Option<ApiKey>) -> Verdict {
        for active in &mut self.rules {
            let rule = &active.rule;
            if rule.direction != direction || (rule.api.is_some() && rule.api != api) {
                continue;
            }
            active.fitting += 1;
            if active.fitting <= rule.skip || rule.times.is_some_and(|times| active.hits >= times) {
                continue;
            }
            active.hits += 1;
            return Verdict::Apply(rule.action, active.id);
        }
        Verdict::Forward
    }

    fn remove_rules(&mut self, mut which: impl FnMut(RuleId) -> bool) {
        for active in self.rules.extract_if(.., |active| which(active.id)) {
            self.removed_hits.insert(active.id, active.hits);
        }
    }
}

impl State {
    pub(super) fn new(target: SocketAddr) -> Self {
        let shared = Shared {
            observed: Observed::default(),
            target,
            rules: Vec::new(),
            removed_hits: BTreeMap::new(),
            next_id: 0,
            connections: BTreeMap::new(),
        };
        let (rules_removed, _) = watch::channel(());
        Self {
            shared: Mutex::new(shared),
            changed: Condvar::new(),
            rules_removed,
            throughput: Default::default(),
        }
    }

    pub(super) fn target(&self) -> SocketAddr {
        self.lock().target
    }

    pub(super) fn set_target(&self, target: SocketAddr) {
        self.lock().target = target;
    }

    pub(super) fn add_rule(&self, rule: Rule) -> RuleId {
        let mut shared = self.lock();
        let id = RuleId(shared.next_id);
        shared.next_id += 1;
        shared.rules.push(ActiveRule {
            id,
            rule,
            fitting: 0,
            hits: 0,
        });
        id
    }

    pub(super) fn remove_rule(&self, id: RuleId) {
        self.lock().remove_rules(|found| found == id);
        self.rules_removed.send_replace(());
    }

    pub(super) fn clear_rules(&self) {
        self.lock().remove_rules(|_| true);
        self.rules_removed.send_replace(());
    }

    pub(super) fn hits(&self, id: RuleId) -> u64 {
        self.lock().hits(id)
    }

    /// Waits until a rule is gone.
    pub(super) async fn removed(&self, id: RuleId) {
        let mut removed = self.rules_removed.subscribe();
        while self.lock().rules.iter().any(|active| active.id == id) {
            // The sender lives as long as this state.
            let _ = removed.changed().await;
        }
    }

    pub(super) fn observed(&self) -> Observed {
        self.lock().observed.clone()
    }

    pub(super) fn wait_until(
        &self,
        timeout: Duration,
        mut condition: impl FnMut(&Shared) -> bool,
    ) -> Result<Observed, WaitTimeout> {
        let deadline = Instant::now() + timeout;
        let mut shared = self.lock();
        while !condition(&shared) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(WaitTimeout {
                    timeout,
                    observed: Box::new(shared.observed.clone()),
                });
            }
            shared = self
                .changed
                .wait_timeout(shared, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        Ok(shared.observed.clone())
    }

    pub(super) fn cut_all(&self) -> usize {
        let ids: Vec<u64> = {
            let shared = self.lock();
            shared
                .connections
                .values()
                .for_each(|connection| connection.cut.notify_one());
            shared.connections.keys().copied().collect()
        };
        let gone = self.wait_until(CUT_TIMEOUT, |shared| {
            !ids.iter().any(|id| shared.connections.contains_key(id))
        });
        gone.expect("a connection ends as soon as it is cut");
        ids.len()
    }

    pub(super) fn set_throughput(&self, direction: Direction, bytes_per_second: u64) {
        self.throughput[direction as usize].store(bytes_per_second, Ordering::Relaxed);
    }

    pub(super) fn throughput(&self, direction: Direction) -> u64 {
        self.throughput[direction as usize].load(Ordering::Relaxed)
    }

    /// Registers a connection; whoever holds the answer's second part ends it when told.
    pub(super) fn open(&self) -> (u64, Arc<Notify>) {
        let cut = Arc::new(Notify::new());
        let mut shared = self.lock();
        let id = shared.next_id;
        shared.next_id += 1;
        shared.connections.insert(
            id,
            Connection {
                cut: Arc::clone(&cut),
                unanswered: VecDeque::new(),
            },
        );
        shared.observed.connections_accepted += 1;
        shared.observed.connections_open += 1;
        drop(shared);
        self.changed.notify_all();
        (id, cut)
    }

    pub(super) fn close(&self, connection: u64) {
        let mut shared = self.lock();
        shared.connections.remove(&connection);
        shared.observed.connections_open -= 1;
        drop(shared);
        self.changed.notify_all();
    }

    /// Counts a request that arrived and says what to do with it.
    pub(super) fn handle_request(&self, connection: u64, head: Option<RequestHead>) -> Verdict {
        let mut shared = self.lock();
        let verdict = shared.verdict(Direction::Request, head.map(|head| head.api));
        if let Some(head) = head {
            let observed = &mut shared.observed;
            *observed
                .requests
                .entry((head.api, head.version))
                .or_default() += 1;
            if matches!(verdict, Verdict::Apply(Action::Swallow, _)) {
                *observed.swallowed_requests.entry(head.api).or_default() += 1;
            }
            if head.has_response {
                shared.await_response(connection, head);
            }
        }
        drop(shared);
        self.changed.notify_all();
        verdict
    }

    /// Finds what a response answers and says what to do with it.
    pub(super) fn handle_response(&self, connection: u64, correlation_id: Option<i32>) -> Verdict {
        let mut shared = self.lock();
        let unanswered = shared
            .connections
            .get(&connection)
            .map(|connection| &connection.unanswered);
        let head = unanswered.and_then(|all| {
            all.iter()
                .find(|head| Some(head.correlation_id) == correlation_id)
        });
        let api = head.map(|head| head.api);
        let verdict = shared.verdict(Direction::Response, api);
        if let (Some(api), Verdict::Apply(Action::Swallow, _)) = (api, verdict) {
            *shared.observed.swallowed_responses.entry(api).or_default() += 1;
        }
        drop(shared);
        self.changed.notify_all();
        verdict
    }

    /// Counts a response that is about to be passed on.
    pub(super) fn answered(&self, connection: u64, correlation_id: Option<i32>) {
        let mut shared = self.lock();
        let unanswered = shared
            .connections
            .get_mut(&connection)
            .map(|connection| &mut connection.unanswered);
        let head = unanswered.and_then(|all| {
            let index = all
                .iter()
                .position(|head| Some(head.correlation_id) == correlation_id)?;
            all.remove(index)
        });
        if let Some(head) = head {
            *shared.observed.responses.entry(head.api).or_default() += 1;
        }
        drop(shared);
        self.changed.notify_all();
    }

    pub(super) fn passed_on(&self, direction: Direction, bytes: u64) {
        let mut shared = self.lock();
        match direction {
            Direction::Request => shared.observed.request_bytes += bytes,
            Direction::Response => shared.observed.response_bytes += bytes,
        }
        drop(shared);
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    fn await_response(&mut self, connection: u64, head: RequestHead) {
        let Some(connection) = self.connections.get_mut(&connection) else {
            return;
        };
        connection.unanswered.push_back(head);
        let produces = connection
            .unanswered
            .iter()
            .filter(|head| head.api == ApiKey::PRODUCE)
            .count();
        self.observed.max_produce_in_flight = self.observed.max_produce_in_flight.max(produces);
    }
}
