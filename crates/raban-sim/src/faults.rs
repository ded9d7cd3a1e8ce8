//! What each fault does to the world when it begins, and what undoes it.

use std::time::Duration;

use raban_broker::TopicConfig;
use raban_protocol::error_code::ErrorCode;

use crate::brokers::Aftermath;
use crate::network::Loss;
use crate::schedule::{Partition, What};
use crate::setup::topic_name;
use crate::world::World;

impl World<'_> {
    pub(crate) fn begin(&mut self, number: usize) {
        let plan = self.plan;
        let fault = &plan.schedule.0[number];
        self.stage.line(|| format!("fault: {}", fault.what));
        let until = self.stage.now + fault.length;
        match &fault.what {
            What::Delay { node, up_to } => self.network.link(*node).delay = *up_to,
            What::Slow { node, bytes_per_ms } => {
                self.network.link(*node).bytes_per_ms = Some(*bytes_per_ms)
            }
            What::Loss {
                node,
                up,
                down,
                delivers,
            } => {
                let loss = Some(Loss {
                    until,
                    delivers: *delivers,
                });
                let link = self.network.link(*node);
                link.loss_up = loss.filter(|_| *up).or(link.loss_up);
                link.loss_down = loss.filter(|_| *down).or(link.loss_down);
            }
            What::Strand { node } => self.network.strand(*node, until),
            What::Reset { node } => self.network.reset(&mut self.stage, *node),
            What::Unreachable { node, refusal } => {
                self.network.link(*node).refuses = Some(*refusal)
            }
            What::Swallow { node } => self.network.link(*node).swallows = true,
            What::Hostile { node, how, answers } => {
                self.network.link(*node).hostile = Some((*how, *answers))
            }
            What::Busy { node, service } => self.network.link(*node).service = *service,
            What::Throttle { node, ms } => self.brokers.throttle(*node, *ms),
            What::Crash { node, silent, .. } => self.kill(*node, *silent),
            What::Lag { node, drops } => {
                let aftermath = self.brokers.lag(&mut self.stage, *node, true, *drops);
                self.go_on_after(aftermath);
            }
            What::Expire => self.brokers.expire(&mut self.stage),
            What::Belie {
                node,
                code,
                with_base_offset,
                times,
            } => {
                self.brokers
                    .answer_after_append(*node, *code, *with_base_offset, *times);
            }
            What::Reject { node, code, times } => {
                self.brokers.reject_before_append(*node, *code, *times)
            }
            What::Move(partition)
            | What::Unclean(partition)
            | What::Shrink { partition, .. }
            | What::Forget(partition)
            | What::ForgetAndReject(partition)
            | What::Compact { partition, .. }
            | What::DeleteRecords { partition, .. } => {
                self.begin_at(number, *partition, &fault.what)
            }
            What::Deny { operation, topic } => {
                let topic = topic.map(topic_name);
                self.brokers.deny(*operation, topic.as_deref(), true);
            }
            What::LowerLimit { topic, bytes } => {
                self.configure(*topic, |config| config.max_message_bytes = Some(*bytes))
            }
            What::Demand { topic, in_sync } => {
                self.configure(*topic, |config| config.min_insync_replicas = Some(*in_sync))
            }
            What::Recreate { topic, .. } => {
                let aftermath = self
                    .brokers
                    .delete_topic(&mut self.stage, &topic_name(*topic));
                self.go_on_after(aftermath);
            }
            What::Grow { topic, by } => {
                self.brokers.grow(&mut self.stage, &topic_name(*topic), *by)
            }
        }
    }

    fn begin_at(&mut self, number: usize, partition: Partition, what: &What) {
        let (stage, brokers) = (&mut self.stage, &mut self.brokers);
        let (topic, index) = (topic_name(partition.topic), partition.index);
        let aftermath = match what {
            What::Move(_) => brokers.elect(stage, &topic, index, false),
            What::Unclean(_) => {
                let (follower, aftermath) = brokers.fall_behind(stage, &topic, index);
                if let Some(follower) = follower {
                    self.behind.insert(number, follower);
                }
                aftermath
            }
            What::Shrink { reload, .. } => brokers.shrink_window(stage, &topic, index, *reload),
            What::DeleteRecords { deleted, .. } => {
                brokers.delete_records(stage, &topic, index, *deleted)
            }
            What::Compact { kept, .. } => return brokers.compact(stage, &topic, index, *kept),
            What::Forget(_) => return brokers.forget(stage, &topic, index),
            _ => {
                brokers.forget(stage, &topic, index);
                if let Some(leader) = brokers.leader(&topic, index) {
                    brokers.reject_before_append(leader, ErrorCode::NOT_ENOUGH_REPLICAS, 1);
                }
                return;
            }
        };
        self.go_on_after(aftermath);
    }

    pub(crate) fn end(&mut self, number: usize) {
        let plan = self.plan;
        let fault = &plan.schedule.0[number];
        if fault.length > Duration::ZERO {
            self.stage.line(|| format!("over: {}", fault.what));
        }
        match &fault.what {
            What::Delay { node, .. } => self.network.link(*node).delay = Duration::ZERO,
            What::Slow { node, .. } => self.network.link(*node).bytes_per_ms = None,
            What::Loss { node, .. } => {
                let link = self.network.link(*node);
                (link.loss_up, link.loss_down) = (None, None);
            }
            What::Unreachable { node, .. } => self.network.link(*node).refuses = None,
            What::Swallow { node } => {
                self.network.link(*node).swallows = false;
                self.network.reset(&mut self.stage, *node);
            }
            What::Hostile { node, .. } => self.network.link(*node).hostile = None,
            What::Busy { node, .. } => self.network.link(*node).service = Duration::ZERO,
            What::Throttle { node, .. } => self.brokers.throttle(*node, 0),
            What::Crash { node, window, .. } => {
                let aftermath = self.brokers.start_again(&mut self.stage, *node, *window);
                self.go_on_after(aftermath);
            }
            What::Lag { node, .. } => self.catch_up(*node),
            What::Unclean(partition) => {
                if let Some(follower) = self.behind.remove(&number) {
                    let topic = topic_name(partition.topic);
                    let aftermath =
                        self.brokers
                            .elect(&mut self.stage, &topic, partition.index, true);
                    self.go_on_after(aftermath);
                    self.catch_up(follower);
                }
            }
            What::Belie { node, code, .. } => {
                self.brokers.answer_after_append(*node, *code, false, 0)
            }
            What::Reject { node, code, .. } if fault.length > Duration::ZERO => {
                self.brokers.reject_before_append(*node, *code, 0);
            }
            What::Deny { operation, topic } => {
                let topic = topic.map(topic_name);
                self.brokers.deny(*operation, topic.as_deref(), false);
            }
            What::LowerLimit { topic, .. } => {
                self.configure(*topic, |config| config.max_message_bytes = None)
            }
            What::Demand { topic, .. } => {
                self.configure(*topic, |config| config.min_insync_replicas = None)
            }
            What::Recreate { topic, partitions } => {
                let config = self.plan.setup.topic_config(*topic);
                self.brokers.create_topic(
                    &mut self.stage,
                    &topic_name(*topic),
                    *partitions,
                    config,
                );
            }
            _ => {}
        }
    }

    fn kill(&mut self, node: i32, silent: bool) {
        for number in self.network.kill(&mut self.stage, node, silent) {
            self.brokers.disconnect(number);
        }
        let aftermath = self.brokers.stop(&mut self.stage, node);
        self.go_on_after(aftermath);
    }

    fn catch_up(&mut self, node: i32) {
        let aftermath = self.brokers.lag(&mut self.stage, node, false, false);
        self.go_on_after(aftermath);
    }

    fn configure(&mut self, topic: usize, change: impl FnOnce(&mut TopicConfig)) {
        let mut config = self.plan.setup.topic_config(topic);
        change(&mut config);
        self.brokers.configure(&topic_name(topic), config);
    }

    fn go_on_after(&mut self, aftermath: Aftermath) {
        for node in aftermath.deposed {
            self.network.drop_late(node);
        }
        self.answers(aftermath.answers);
    }
}
