//! Changes to the cluster, and what they did to its logs: who leads now, what is gone.

use std::collections::BTreeSet;

use raban_broker::{Cluster, Operation, PartitionState, TopicConfig};
use raban_protocol::error_code::ErrorCode;

use super::{Answer, Brokers};
use crate::hits::Hit;
use crate::stage::Stage;

/// What is to be done after a change.
#[derive(Debug, Default)]
pub(crate) struct Aftermath {
    /// Answers of requests that waited.
    pub(crate) answers: Vec<Answer>,
    /// Nodes that led something and don't any longer, or do again under a new epoch.
    pub(crate) deposed: BTreeSet<i32>,
}

type Partition = (String, i32);

impl Brokers {
    /// Does something to the cluster, and takes note of what came of it.
    pub(crate) fn change(
        &mut self,
        stage: &mut Stage,
        change: impl FnOnce(&mut Cluster, raban_broker::Now),
    ) -> Aftermath {
        let before = self.states();
        change(&mut self.cluster, stage.broker_now());
        let mut aftermath = Aftermath::default();
        for (partition, before) in before {
            let after = self.cluster.partition_state(&partition.0, partition.1);
            let after = after.filter(|after| after.topic_id == before.topic_id);
            self.compare(stage, &mut aftermath, &partition, &before, after);
        }
        self.replies(stage, &mut aftermath.answers);
        aftermath
    }

    fn states(&mut self) -> Vec<(Partition, PartitionState)> {
        let topics = self.cluster.topics();
        let partitions = topics
            .iter()
            .flat_map(|info| (0..info.partitions).map(|index| (info.name.clone(), index)));
        let mut states = Vec::new();
        for (topic, index) in partitions {
            if let Some(state) = self.cluster.partition_state(&topic, index) {
                states.push(((topic, index), state));
            }
        }
        states
    }

    fn compare(
        &mut self,
        stage: &mut Stage,
        aftermath: &mut Aftermath,
        (topic, index): &Partition,
        before: &PartitionState,
        after: Option<PartitionState>,
    ) {
        let log = self.history.log(topic, *index, before.topic_id);
        self.history.see(log, before.high_watermark);
        let Some(after) = after else {
            self.history.end(log);
            stage.hits.hit(Hit::TopicDeleted);
            aftermath.deposed.extend(before.leader);
            return;
        };
        if after.leader_epoch != before.leader_epoch {
            let (leader, epoch) = (after.leader, after.leader_epoch);
            stage.line(|| format!("{topic}-{index}: node {leader:?} leads with epoch {epoch}"));
            aftermath.deposed.extend(before.leader);
            if leader.is_some() && leader != before.leader {
                stage.hits.hit(Hit::LeaderMoved);
            }
        }
        if after.end_offset < before.end_offset {
            let (from, to) = (before.end_offset, after.end_offset);
            stage.line(|| format!("{topic}-{index}: cut from {from} to {to}"));
            let seen = self.history.truncate(stage.now, log, to);
            if seen > 0 {
                stage.hits.hit(Hit::UncleanElection);
            }
        }
        if after.start_offset > before.start_offset {
            let removed = self.history.delete_records(log, after.start_offset);
            if removed > 0 {
                stage.hits.hit(Hit::RecordsDeleted);
            }
        }
        self.history.see(log, after.high_watermark);
    }

    pub(crate) fn stop(&mut self, stage: &mut Stage, node: i32) -> Aftermath {
        *self.down.entry(node).or_default() += 1;
        self.change(stage, |cluster, now| cluster.stop_node(now, node))
    }

    pub(crate) fn start_again(&mut self, stage: &mut Stage, node: i32, window: usize) -> Aftermath {
        let faults = self.down.entry(node).or_default();
        *faults = faults.saturating_sub(1);
        if *faults > 0 {
            return Aftermath::default();
        }
        self.down.remove(&node);
        if self.history.logs.iter().any(|log| !log.batches.is_empty()) {
            stage.hits.hit(if window == 1 {
                Hit::CrashForgetting
            } else {
                Hit::CrashKeeping
            });
        }
        self.change(stage, |cluster, now| cluster.start_node(now, node, window))
    }

    /// Another replica takes over, in sync or not: the next one that can. Whether one did is seen by the change.
    pub(crate) fn elect(
        &mut self,
        stage: &mut Stage,
        topic: &str,
        index: i32,
        unclean: bool,
    ) -> Aftermath {
        let nodes = self.nodes;
        self.change(stage, |cluster, now| {
            let leader = cluster
                .partition_state(topic, index)
                .and_then(|state| state.leader);
            let leader = leader.unwrap_or(nodes);
            // Those that follow the leader by number, round and round.
            let mut others = (1..nodes).map(|step| (leader - 1 + step) % nodes + 1);
            others.find(|node| cluster.elect(now, topic, index, *node, unclean));
        })
    }

    /// A follower of the partition falls behind and out of sync.
    pub(crate) fn fall_behind(
        &mut self,
        stage: &mut Stage,
        topic: &str,
        index: i32,
    ) -> (Option<i32>, Aftermath) {
        let state = self.cluster.partition_state(topic, index);
        let follower = state.and_then(|state| {
            let leader = state.leader?;
            state.in_sync.into_iter().find(|node| *node != leader)
        });
        let aftermath = self.change(stage, |cluster, _| {
            if let Some(node) = follower {
                cluster.lag(node, true);
                cluster.drop_from_isr(topic, index, node);
            }
        });
        (follower, aftermath)
    }

    pub(crate) fn lag(
        &mut self,
        stage: &mut Stage,
        node: i32,
        lagging: bool,
        drops: bool,
    ) -> Aftermath {
        let partitions: Vec<Partition> = self
            .states()
            .into_iter()
            .map(|(partition, _)| partition)
            .collect();
        self.change(stage, |cluster, _| {
            cluster.lag(node, lagging);
            for (topic, index) in partitions.iter().filter(|_| drops) {
                cluster.drop_from_isr(topic, *index, node);
            }
        })
    }

    /// The leader's memory of producers is gone, or all of it but the last batch of each.
    pub(crate) fn forget(&mut self, stage: &mut Stage, topic: &str, index: i32) {
        let Some(log) = self.history.current(topic, index) else {
            return;
        };
        let log = &mut self.history.logs[log];
        log.amnesia.forgotten += 1;
        log.amnesia.forgotten_at = stage.now;
        log.disturbed = true;
        if log
            .batches
            .iter()
            .any(|batch| batch.header.producer_id >= 0)
        {
            stage.hits.hit(Hit::StateExpired);
        }
        self.cluster.forget_producers(topic, index);
    }

    /// What Kafka does every ten minutes, by the timestamps of records.
    pub(crate) fn expire(&mut self, stage: &mut Stage) {
        for log in &mut self.history.logs {
            log.amnesia.expired += 1;
            log.disturbed = true;
        }
        self.cluster
            .expire_producers_by_timestamps(stage.broker_now());
    }

    pub(crate) fn shrink_window(
        &mut self,
        stage: &mut Stage,
        topic: &str,
        index: i32,
        reload: bool,
    ) -> Aftermath {
        let log = self.history.current(topic, index);
        if log.is_some_and(|log| self.history.logs[log].batches.len() > 1) {
            stage.hits.hit(Hit::WindowShrunk);
        }
        self.change(stage, |cluster, _| {
            cluster.shrink_producer_window(topic, index, 1, reload)
        })
    }

    /// Deletes so many of 1,000 records that readers see.
    pub(crate) fn delete_records(
        &mut self,
        stage: &mut Stage,
        topic: &str,
        index: i32,
        per_mille: i64,
    ) -> Aftermath {
        self.change(stage, |cluster, _| {
            if let Some(state) = cluster.partition_state(topic, index) {
                let seen = state.high_watermark - state.start_offset;
                cluster.delete_records(topic, index, state.start_offset + seen * per_mille / 1_000);
            }
        })
    }

    /// Compacts, keeping so many of 1,000 records.
    pub(crate) fn compact(&mut self, stage: &mut Stage, topic: &str, index: i32, per_mille: i64) {
        let Some(log) = self.history.current(topic, index) else {
            return;
        };
        let mut keep = |record: &raban_protocol::record_batch::Record| {
            record.offset * 7_919 % 1_000 < per_mille
        };
        if self.cluster.compact(topic, index, &mut keep).is_err() {
            return;
        }
        if let Ok(dump) = self.cluster.log_from(topic, index, 0) {
            let left = dump.batches.iter().flat_map(|(_, records)| records);
            let left: BTreeSet<i64> = left.map(|record| record.offset).collect();
            if self.history.compact(log, &left) > 0 {
                stage.hits.hit(Hit::Compacted);
            }
        }
    }

    pub(crate) fn delete_topic(&mut self, stage: &mut Stage, topic: &str) -> Aftermath {
        // It may be gone already.
        self.change(stage, |cluster, _| drop(cluster.delete_topic(topic)))
    }

    pub(crate) fn create_topic(
        &mut self,
        stage: &mut Stage,
        topic: &str,
        partitions: i32,
        config: TopicConfig,
    ) {
        let created = self
            .cluster
            .create_topic(stage.broker_now(), topic, partitions);
        stage.line(|| format!("{topic} with {partitions} partitions: {created:?}"));
        if created.is_ok() {
            stage.hits.hit(Hit::TopicRecreated);
            self.cluster.set_topic_config(topic, config);
        }
    }

    pub(crate) fn grow(&mut self, stage: &mut Stage, topic: &str, by: i32) {
        let all = self.cluster.topics();
        let Some(info) = all.iter().find(|info| info.name == topic) else {
            return;
        };
        let total = info.partitions + by;
        if self
            .cluster
            .create_partitions(stage.broker_now(), topic, total)
            .is_ok()
        {
            stage.hits.hit(Hit::TopicGrown);
        }
    }

    pub(crate) fn configure(&mut self, topic: &str, config: TopicConfig) {
        self.cluster.set_topic_config(topic, config);
    }

    pub(crate) fn deny(&mut self, operation: Operation, topic: Option<&str>, denied: bool) {
        self.cluster.deny(operation, topic, denied);
    }

    pub(crate) fn throttle(&mut self, node: i32, ms: i32) {
        self.cluster.throttle(node, ms);
    }

    pub(crate) fn answer_after_append(
        &mut self,
        node: i32,
        code: ErrorCode,
        with_base_offset: bool,
        times: u32,
    ) {
        self.cluster
            .answer_after_append(node, code, with_base_offset, times);
    }

    pub(crate) fn reject_before_append(&mut self, node: i32, code: ErrorCode, times: u32) {
        self.cluster.reject_before_append(node, code, times);
    }

    /// What was to befall the next batches befalls none.
    pub(crate) fn heal(&mut self) {
        for node in 1..=self.nodes {
            self.cluster
                .answer_after_append(node, ErrorCode::NONE, false, 0);
            self.cluster.reject_before_append(node, ErrorCode::NONE, 0);
        }
    }

    pub(crate) fn leader(&mut self, topic: &str, index: i32) -> Option<i32> {
        self.cluster.partition_state(topic, index)?.leader
    }
}
