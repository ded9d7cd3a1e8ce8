//! Brokers die, stop and come back under load: nothing that was acknowledged is lost.

use std::time::Instant;

use testbed::{ApiKey, Kafka, Node, Observed, Rule};

use crate::load::Load;
use crate::support::{PATIENCE, alone, create_topic};

const PARTITIONS: i32 = 6;
/// Outcomes between two losses.
const FURTHER: u64 = 30_000;

#[test]
#[cfg_attr(not(real_kafka), ignore = "needs RABAN_REAL_KAFKA=1")]
fn a_lone_broker_of_4_4_0_is_killed_twice_and_stopped_once() {
    lone_broker("4.4.0");
}

#[test]
#[cfg_attr(not(real_kafka), ignore = "needs RABAN_REAL_KAFKA=1")]
fn a_lone_broker_of_4_3_1_is_killed_twice_and_stopped_once() {
    lone_broker("4.3.1");
}

/// Duplicates are counted and told, not refused: a broker that was reloaded knows only the last batch of a producer.
fn lone_broker(version: &str) {
    let _alone = alone();
    let kafka = Kafka::builder().version(version).proxied().start().unwrap();
    let (topic, server) = ("load", kafka.bootstrap_servers());
    create_topic(&server, topic, PARTITIONS);
    let load = Load::start(&server, topic);
    load.goes_on(FURTHER);
    let node = kafka.node(1);

    let lost = lose(&kafka, 1, 0, Answers::Pass, Node::kill);
    node.start().unwrap();
    load.goes_on(FURTHER);
    let lost = lose(&kafka, 1, lost, Answers::AreHeld, Node::kill);
    node.start().unwrap();
    load.goes_on(FURTHER);
    lose(&kafka, 1, lost, Answers::AreHeld, Node::stop);
    node.start().unwrap();
    load.goes_on(FURTHER);

    load.end().compare(&kafka, topic);
    let most = kafka.proxy(1).observed().max_produce_in_flight;
    eprintln!("Kafka {version}: at most {most} requests in flight");
    assert!((2..=5).contains(&most), "{most}");
}

#[test]
#[cfg_attr(not(real_kafka), ignore = "needs RABAN_REAL_KAFKA=1")]
fn leaders_of_three_stop_and_die() {
    let _alone = alone();
    let kafka = Kafka::builder().nodes(3).proxied().start().unwrap();
    let (topic, server) = ("load", kafka.bootstrap_servers());
    kafka.create_topic(topic, PARTITIONS, 3, &[]).unwrap();
    let load = Load::start(&server, topic);
    load.goes_on(FURTHER);

    let first = kafka.leaders(topic).unwrap()[&0];
    lose(&kafka, first, 0, Answers::AreHeld, Node::stop);
    load.goes_on(FURTHER);
    kafka.node(first).start().unwrap();
    load.goes_on(FURTHER);

    let second = kafka.leaders(topic).unwrap()[&0];
    assert_ne!(second, first, "leaders stay where they moved to");
    lose(&kafka, second, 0, Answers::Pass, Node::kill);
    load.goes_on(FURTHER);
    kafka.node(second).start().unwrap();
    load.goes_on(FURTHER);

    load.end().compare(&kafka, topic);
}

/// What becomes of the answers while a broker goes down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answers {
    /// They arrive as long as it lives.
    Pass,
    /// The broker has appended the batches and the producer doesn't know.
    AreHeld,
}

/// Takes a node away while at least two requests are on their way to it. `lost` requests of its proxy went unanswered at
/// earlier losses; returns how many have by now.
fn lose(
    kafka: &Kafka,
    id: i32,
    lost: u64,
    answers: Answers,
    take: fn(&Node) -> Result<(), testbed::Error>,
) -> u64 {
    let proxy = kafka.proxy(id);
    let hold =
        (answers == Answers::AreHeld).then(|| proxy.add(Rule::responses(ApiKey::PRODUCE).hold()));
    let unanswered =
        |seen: &Observed| seen.requests(ApiKey::PRODUCE) - seen.responses(ApiKey::PRODUCE);
    let seen = proxy
        .wait_until(PATIENCE, |seen| unanswered(seen) >= lost + 2)
        .unwrap();
    let began = Instant::now();
    take(kafka.node(id)).unwrap();
    proxy.cut_all();
    if let Some(hold) = hold {
        proxy.remove(hold);
    }
    let lost_now = unanswered(&proxy.observed());
    eprintln!(
        "node {id} went in {:.1?}, answers {answers:?}: {} requests in flight, {} at its end",
        began.elapsed(),
        unanswered(&seen) - lost,
        lost_now - lost
    );
    lost_now
}
