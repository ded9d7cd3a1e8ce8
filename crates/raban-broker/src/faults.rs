//! What tests and simulations make a broker do wrong: refuse, deny, answer late or falsely, speak old versions.
use std::collections::{BTreeMap, BTreeSet};

use raban_protocol::api::ApiKey;
use raban_protocol::error_code::ErrorCode;

use crate::cluster::Cluster;

/// What a client may be denied, by Kafka's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// Fetch and DescribeProducers of a topic.
    Read,
    /// Produce to a topic.
    Write,
    /// Metadata and offsets of a topic.
    Describe,
    /// InitProducerId of the cluster.
    IdempotentWrite,
}

/// An answer that takes the place of the right one.
#[derive(Clone, Copy, Debug)]
struct Injected {
    code: ErrorCode,
    with_base_offset: bool,
    times: u32,
}

/// All that is wrong at the moment; nothing, unless a test says so.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    denied: BTreeSet<(Operation, Option<String>)>,
    throttled: BTreeMap<i32, i32>,
    newest: BTreeMap<(i32, i16), i16>,
    before_append: BTreeMap<i32, Injected>,
    after_append: BTreeMap<i32, Injected>,
}

impl Faults {
    pub(crate) fn is_denied(&self, operation: Operation, topic: &str) -> bool {
        !self.denied.is_empty()
            && (self.denied.contains(&(operation, None))
                || self.denied.contains(&(operation, Some(topic.to_owned()))))
    }

    /// How long clients of a node are asked to pause, in milliseconds.
    pub(crate) fn throttle_ms(&self, node: i32) -> i32 {
        self.throttled.get(&node).copied().unwrap_or(0)
    }

    /// The newest version of an API that a node speaks.
    pub(crate) fn newest_version(&self, node: i32, key: ApiKey) -> i16 {
        let newest = key.versions().max;
        let limit = self.newest.get(&(node, key as i16));
        limit.map_or(newest, |limit| newest.min(*limit))
    }

    /// The code to refuse the next batch with.
    pub(crate) fn refuses(&mut self, node: i32) -> Option<ErrorCode> {
        take(&mut self.before_append, node).map(|injected| injected.code)
    }

    /// The code to answer an appended batch with, and whether its offset is told all the same.
    pub(crate) fn belies(&mut self, node: i32) -> Option<(ErrorCode, bool)> {
        let injected = take(&mut self.after_append, node)?;
        Some((injected.code, injected.with_base_offset))
    }
}

fn take(injected: &mut BTreeMap<i32, Injected>, node: i32) -> Option<Injected> {
    let at_node = injected.get_mut(&node)?;
    let taken = *at_node;
    at_node.times -= 1;
    if at_node.times == 0 {
        injected.remove(&node);
    }
    Some(taken)
}

/// For tests and simulation.
impl Cluster {
    /// Denies an operation, of one topic or of all, or allows it again.
    pub fn deny(&mut self, operation: Operation, topic: Option<&str>, denied: bool) {
        let key = (operation, topic.map(str::to_owned));
        if denied {
            self.faults.denied.insert(key);
        } else {
            self.faults.denied.remove(&key);
        }
    }

    /// Asks the clients of a node in each answer to pause for so many milliseconds (KIP-219); 0 for no pause. That the node
    /// reads nothing of them meanwhile is the driver's business.
    pub fn throttle(&mut self, node: i32, ms: i32) {
        self.faults.throttled.insert(node, ms);
    }

    /// Makes a node as old as a broker that knows an API up to this version only.
    pub fn limit_version(&mut self, node: i32, key: ApiKey, max: i16) {
        self.faults.newest.insert((node, key as i16), max);
    }

    /// Answers the next `times` batches that a node appends with this error, with or without their offset.
    pub fn answer_after_append(
        &mut self,
        node: i32,
        code: ErrorCode,
        with_base_offset: bool,
        times: u32,
    ) {
        let injected = Injected {
            code,
            with_base_offset,
            times,
        };
        inject(&mut self.faults.after_append, node, injected);
    }

    /// Refuses the next `times` batches that come to a node with this error.
    pub fn reject_before_append(&mut self, node: i32, code: ErrorCode, times: u32) {
        let injected = Injected {
            code,
            with_base_offset: false,
            times,
        };
        inject(&mut self.faults.before_append, node, injected);
    }
}

fn inject(all: &mut BTreeMap<i32, Injected>, node: i32, injected: Injected) {
    if injected.times == 0 {
        all.remove(&node);
    } else {
        all.insert(node, injected);
    }
}
