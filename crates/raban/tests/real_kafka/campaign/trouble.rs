//! Each fault is done to the running cluster and undone, and in its midst producers are closed, dropped and flushed.

use std::mem;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use raban::{Admin, TopicDescription};
use testbed::{ApiKey, Direction, Kafka, Node, Rule, RuleId, SmallDisk};

use super::anew::Anew;
use super::faults::Fault;
use super::load::{Load, steady};
use super::tasks::{RECREATED, TASKS, Task};
use crate::support::{PATIENCE, Random};

/// Further acknowledgements of each steady task that show that a fault doesn't stop them.
const SOME: u64 = 200;
/// So many show that nobody is far behind.
const MORE: u64 = 2000;
/// Offsets far behind those of what is in flight when a topic begins.
const FAR: i64 = 1000;

/// A cluster under load, to be disturbed.
pub(crate) struct Trouble<'a> {
    pub(crate) kafka: &'a Kafka,
    pub(crate) load: &'a Arc<Load>,
    /// The disk of the last node, if one could be mounted.
    pub(crate) disk: Option<&'a SmallDisk>,
    pub(crate) random: Random,
    pub(crate) anew: Vec<Anew>,
    /// What ends in the midst of the fault.
    pub(crate) endings: Vec<JoinHandle<String>>,
}

impl Trouble<'_> {
    /// Does it and undoes it. Returns a word on what was hit, or `None` if it can't be done here.
    pub(crate) fn make(&mut self, fault: Fault) -> Option<String> {
        let led = TASKS[self.random.below(TASKS.len())].topic;
        let leader = self.kafka.leaders(led).unwrap()[&0];
        match fault {
            Fault::KillLeader => {
                let held = Rule::responses(ApiKey::PRODUCE).hold();
                let held = self.kafka.proxy(leader).add(held);
                // It dies with batches in flight.
                self.wait_lost(&[(leader, held)], 1);
                self.take_down(leader, Node::kill)
            }
            Fault::RestartLeader => self.take_down(leader, Node::stop),
            Fault::PauseLeader => self.pause(leader),
            Fault::PauseCoordinator => self.pause(self.coordinator()),
            Fault::PauseController => self.pause(self.kafka.controller().unwrap()),
            Fault::PauseMajority => self.pause_two(),
            Fault::MoveLeaders => {
                self.end_producers();
                self.kafka.move_leaders(&Task::topics(), 4).unwrap();
                Some("4 times".to_owned())
            }
            Fault::LoseAnswers => {
                // More than all tasks have in flight, so that each loses some.
                let rules = self.lose_answers(Some(60));
                self.end_producers();
                self.wait_lost(&rules, 50);
                Some("60 of each node".to_owned())
            }
            Fault::LoseAnswersKillLeader => {
                let rules = self.lose_answers(None);
                self.wait_lost(&rules, 5);
                self.take_down(leader, Node::kill)
            }
            Fault::LoseAnswersKillAll => self.lose_answers_and_kill_all(),
            Fault::LoseAnswersRestartAll => self.lose_answers_and_restart_all(),
            Fault::CutConnections => self.cut_connections(),
            Fault::SlowLinks => self.slow_links(),
            Fault::FillDisk => self.fill_disk(),
            Fault::StopTwo => self.stop_two(),
            Fault::LowerMessageSize => self.lower_message_size(),
            Fault::RecreateTopic => self.recreate_topic(),
        }
    }

    /// Ends all disturbance, and waits until the cluster is whole and every task goes on.
    pub(crate) fn heal(&mut self) -> String {
        for node in self.kafka.nodes() {
            let proxy = self.kafka.proxy(node.id());
            proxy.clear();
            proxy.set_throughput(Direction::Request, None);
            proxy.set_throughput(Direction::Response, None);
            assert!(node.pid().is_some(), "each fault starts what it stopped");
        }
        self.kafka.elect_preferred(&Task::topics()).unwrap();
        let ended = mem::take(&mut self.endings).into_iter();
        let ended: Vec<String> = ended.map(|ending| ending.join().unwrap()).collect();
        self.load.goes_on(MORE, |_| true);
        ended.join(", ")
    }

    /// Closes one producer, drops another and flushes two while the fault lasts.
    fn end_producers(&mut self) {
        const TIMEOUTS: [u64; 4] = [0, 300, 5_000, 60_000];
        let timeout = Duration::from_millis(TIMEOUTS[self.random.below(TIMEOUTS.len())]);
        self.endings = vec![
            self.load.close_one(timeout),
            self.load.drop_one(),
            self.load.flush_two(),
        ];
    }

    fn take_down(
        &mut self,
        id: i32,
        take: fn(&Node) -> Result<(), testbed::Error>,
    ) -> Option<String> {
        take(self.kafka.node(id)).unwrap();
        // What is held dies with it.
        self.kafka.proxy(id).cut_all();
        self.kafka.proxy(id).clear();
        self.end_producers();
        // Half of the time others lead first.
        let wait = self.random.below(2) == 0;
        if wait {
            self.wait_led_by_others(&[id]);
            self.kafka.nodes().iter().for_each(|node| {
                self.kafka.proxy(node.id()).clear();
            });
            self.load.goes_on(SOME, steady);
        }
        self.kafka.node(id).start().unwrap();
        Some(format!(
            "node {id}{}",
            if wait { ", others lead" } else { "" }
        ))
    }

    /// Until others lead and its tasks have gone on.
    fn pause(&mut self, id: i32) -> Option<String> {
        self.kafka.node(id).pause().unwrap();
        self.end_producers();
        self.wait_led_by_others(&[id]);
        self.load.goes_on(SOME, steady);
        self.kafka.node(id).resume().unwrap();
        Some(format!("node {id}"))
    }

    /// The third node can't have anything acknowledged: it answers that it took too long.
    fn pause_two(&mut self) -> Option<String> {
        let two = self.two_nodes();
        two.iter().for_each(|node| node.pause().unwrap());
        self.end_producers();
        // More than its memory holds: longer than a patient task waits for an answer.
        self.load.gives_up(2000);
        two.iter().for_each(|node| node.resume().unwrap());
        Some(format!("nodes {}, {}", two[0].id(), two[1].id()))
    }

    /// The third node refuses: fewer replicas are in sync than must be.
    fn stop_two(&mut self) -> Option<String> {
        let two = self.two_nodes();
        let rules = self.lose_answers(Some(20));
        self.wait_lost(&rules, 5);
        two.iter().for_each(|node| node.stop().unwrap());
        self.end_producers();
        self.load.gives_up(100);
        two.iter().for_each(|node| node.spawn().unwrap());
        two.iter().for_each(|node| node.wait_started().unwrap());
        Some(format!("nodes {}, {}", two[0].id(), two[1].id()))
    }

    /// No replica knows more than each producer's last batch afterwards.
    fn lose_answers_and_kill_all(&mut self) -> Option<String> {
        let rules = self.lose_answers(None);
        self.wait_lost(&rules, 5);
        self.end_producers();
        let nodes = self.kafka.nodes();
        nodes.iter().for_each(|node| node.kill().unwrap());
        rules
            .iter()
            .for_each(|(id, rule)| self.kafka.proxy(*id).remove(*rule));
        nodes.iter().for_each(|node| node.spawn().unwrap());
        nodes.iter().for_each(|node| node.wait_started().unwrap());
        Some("all nodes at once".to_owned())
    }

    fn lose_answers_and_restart_all(&mut self) -> Option<String> {
        let rules = self.lose_answers(None);
        self.wait_lost(&rules, 5);
        self.end_producers();
        for node in self.kafka.nodes() {
            node.restart().unwrap();
        }
        Some("one node after the other".to_owned())
    }

    fn cut_connections(&mut self) -> Option<String> {
        const TIMES: u64 = 10;
        for time in 0..TIMES {
            for node in self.kafka.nodes() {
                let (proxy, bytes) = (self.kafka.proxy(node.id()), self.random.below(600));
                proxy.cut_all();
                let halved = match self.random.below(2) {
                    0 => Rule::requests(ApiKey::PRODUCE),
                    _ => Rule::responses(ApiKey::PRODUCE),
                };
                proxy.add(halved.skip(20).times(1).cut_after(bytes));
            }
            if time == TIMES / 2 {
                self.end_producers();
            }
            self.load.goes_on(SOME, steady);
        }
        Some(format!("{TIMES} times"))
    }

    fn slow_links(&mut self) -> Option<String> {
        for node in self.kafka.nodes() {
            let proxy = self.kafka.proxy(node.id());
            // A batch of each partition passes within the request timeout, and five don't.
            proxy.set_throughput(Direction::Request, Some(1_000));
            proxy.set_throughput(Direction::Response, Some(20_000));
        }
        self.end_producers();
        self.load.sends_again(SOME);
        self.load.goes_on(SOME, steady);
        Some("1 kB/s there, 20 kB/s back".to_owned())
    }

    fn fill_disk(&mut self) -> Option<String> {
        let disk = self.disk?;
        let node = self.kafka.nodes().last().expect("three nodes");
        disk.fill().unwrap();
        self.end_producers();
        node.wait_end(PATIENCE).unwrap();
        self.wait_led_by_others(&[node.id()]);
        self.load.goes_on(SOME, steady);
        disk.free().unwrap();
        node.start().unwrap();
        Some(format!("of node {}", node.id()))
    }

    /// What was appended without an answer is refused as too large when it is sent again.
    fn lower_message_size(&mut self) -> Option<String> {
        let rules = self.lose_answers(Some(20));
        self.wait_lost(&rules, 5);
        let brokers = |size| {
            self.kafka
                .configure_brokers(&[("message.max.bytes", size)])
                .unwrap()
        };
        let topic = |size| {
            self.kafka
                .configure_topic(TASKS[0].topic, &[("max.message.bytes", size)])
                .unwrap();
        };
        brokers(Some("700"));
        topic(Some("800"));
        self.end_producers();
        self.load.goes_on(SOME, steady);
        brokers(None);
        topic(None);
        Some("700, 800 bytes".to_owned())
    }

    fn recreate_topic(&mut self) -> Option<String> {
        let task = TASKS.iter().find(|task| task.topic == RECREATED)?;
        let before = self.topic_id(1);
        // The new topic's first acknowledged offsets are lower than the last of this one.
        let deadline = Instant::now() + PATIENCE;
        while self
            .kafka
            .end_offsets(RECREATED)
            .unwrap()
            .into_values()
            .any(|end| end < FAR)
        {
            assert!(Instant::now() < deadline, "{RECREATED} doesn't grow");
        }
        let from = self.load.now();
        self.kafka.delete_topic(task.topic).unwrap();
        self.end_producers();
        self.kafka
            .create_topic(task.topic, task.partitions, 3, &[])
            .unwrap();
        // Each node knows it before anything counts as sent to it.
        let deadline = Instant::now() + PATIENCE;
        for node in self.kafka.nodes() {
            while self.topic_id(node.id()).is_none_or(|id| Some(id) == before) {
                assert!(
                    Instant::now() < deadline,
                    "node {} lacks the new topic",
                    node.id()
                );
            }
        }
        self.anew.push(Anew {
            from,
            to: self.load.now(),
        });
        Some("deleted and created".to_owned())
    }
}

/// What a fault needs to know and to wait for.
impl<'a> Trouble<'a> {
    /// Swallows the answers to Produce from now on, `times` of each node.
    fn lose_answers(&self, times: Option<u64>) -> Vec<(i32, RuleId)> {
        let add = |node: &Node| {
            let mut rule = Rule::responses(ApiKey::PRODUCE);
            if let Some(times) = times {
                rule = rule.times(times);
            }
            (node.id(), self.kafka.proxy(node.id()).add(rule.swallow()))
        };
        self.kafka.nodes().iter().map(add).collect()
    }

    fn wait_lost(&self, rules: &[(i32, RuleId)], answers: u64) {
        for (id, rule) in rules {
            self.kafka
                .proxy(*id)
                .wait_hits(*rule, answers, PATIENCE)
                .unwrap();
        }
    }

    fn two_nodes(&mut self) -> [&'a Node; 2] {
        let left = self.random.below(3) as i32;
        [1, 2].map(|step| self.kafka.node((left + step) % 3 + 1))
    }

    /// The broker that producers ask for metadata and ids.
    fn coordinator(&self) -> i32 {
        let asked = |node: &&Node| {
            let seen = self.kafka.proxy(node.id()).observed();
            seen.requests(ApiKey::METADATA) + seen.requests(ApiKey::INIT_PRODUCER_ID)
        };
        self.kafka
            .nodes()
            .iter()
            .max_by_key(asked)
            .expect("three nodes")
            .id()
    }

    /// Waits until these nodes lead no partition any more.
    fn wait_led_by_others(&self, gone: &[i32]) {
        let alive = self
            .kafka
            .nodes()
            .iter()
            .find(|node| !gone.contains(&node.id()));
        let alive = alive.expect("one is alive").id();
        let deadline = Instant::now() + PATIENCE;
        for topic in Task::topics() {
            let led = |topic: &TopicDescription| {
                let mut partitions = topic.partitions.iter();
                partitions.all(|p| p.leader.is_some_and(|leader| !gone.contains(&leader)))
            };
            while !self.describe(alive, topic).is_some_and(|topic| led(&topic)) {
                assert!(Instant::now() < deadline, "{gone:?} still lead {topic}");
            }
        }
    }

    fn topic_id(&self, node: i32) -> Option<String> {
        self.describe(node, RECREATED).map(|topic| topic.topic_id)
    }

    /// A topic as one node knows it.
    fn describe(&self, node: i32, topic: &str) -> Option<TopicDescription> {
        let address = self.kafka.node(node).direct_address();
        let admin = Admin::builder()
            .bootstrap_servers(address.to_string())
            .set("request.timeout.ms", "500")
            .set("max.block.ms", "2000");
        admin.build().unwrap().blocking().describe(topic).ok()
    }
}
