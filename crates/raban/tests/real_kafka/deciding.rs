//! The scenario that decides: after one acknowledged record five batches of a partition are in flight, the broker has
//! appended all and nobody hears of it, and then it restarts, knowing only the last batch of each producer.
//!
//! Its opposite is as bad: nobody hears of five requests because they are late, and come after all when they have been
//! sent again.
//!
//! The Java client goes through the same at the same time. Its silent duplicates show that these tests can fail.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use raban::{ReadError, Reader};
use testbed::{ApiKey, Kafka, Node, Record, Rule};

use crate::clients::{Client, Java, Outcome, Raban};
use crate::support::{PATIENCE, alone};

const IN_FLIGHT: u64 = 5;
/// Records of each partition after the restart.
const FURTHER: u64 = 5;
/// Much longer than the day for which a broker remembers a producer.
const AGE: Duration = Duration::from_secs(10 * 24 * 3600);

/// What differs from one test to another.
struct Scenario {
    version: &'static str,
    cause: Cause,
    partitions: i32,
    /// READ is denied: what is in the log can't be asked.
    write_only: bool,
    /// The broker forgets the producer, whose records are old.
    backdated: bool,
}

/// Why five batches are without an answer.
enum Cause {
    /// Their answers are lost, and then the broker ends so, and starts again.
    Restart(fn(&Node) -> Result<(), testbed::Error>),
    /// They are on their way until after they have been sent again.
    Delay,
}

impl Scenario {
    fn of(version: &'static str) -> Self {
        Self {
            version,
            cause: Cause::Restart(Node::stop),
            partitions: 1,
            write_only: false,
            backdated: false,
        }
    }

    /// Both clients' records; of raban's none is lost, doubled, misplaced or out of order, and none fails.
    fn run(self) {
        let _alone = alone();
        let kafka = Kafka::builder()
            .version(self.version)
            .proxied()
            .authorized()
            .config("producer.id.expiration.check.interval.ms", "2000")
            .config("log.retention.ms", "-1")
            .start()
            .unwrap();
        // With several partitions each row is to be one request.
        let linger = match self.partitions {
            1 => Duration::ZERO,
            _ => Duration::from_millis(50),
        };
        let clients: [Box<dyn Client>; 2] = [
            Box::new(Java::start(&kafka, linger)),
            Box::new(Raban::start(&kafka, linger)),
        ];
        let mut sides = clients.map(|client| Side::new(client, &self));
        for side in &sides {
            kafka
                .create_topic(side.topic(), self.partitions, 1, &[])
                .unwrap();
            if self.write_only {
                kafka.allow(side.topic(), &["WRITE", "DESCRIBE"]).unwrap();
                assert_unreadable(&kafka, side.topic());
            }
        }
        for side in &mut sides {
            side.send_row();
            side.hear_rows(1);
        }
        match self.cause {
            Cause::Restart(end) => self.lose_answers_and_restart(end, &kafka, &mut sides),
            Cause::Delay => self.delay_requests(&kafka, &mut sides),
        }
        for _ in 0..FURTHER {
            for side in &mut sides {
                side.send_row();
                side.hear_rows(1);
            }
        }
        let [java, raban] = sides.map(|side| side.judge(&kafka));
        // A broker that remembers the producer sorts out late requests.
        let remembers = matches!(self.cause, Cause::Delay) && !self.backdated;
        assert_eq!(java.doubled > 0, !remembers, "what Java doubles is known");
        assert_eq!(
            (
                raban.doubled,
                raban.lost,
                raban.misplaced,
                raban.out_of_order
            ),
            (0, 0, 0, 0)
        );
        assert_eq!(raban.failed, 0);
        if !self.write_only && !self.backdated {
            assert_eq!(raban.in_doubt, 0);
        }
    }

    fn lose_answers_and_restart(
        &self,
        end: fn(&Node) -> Result<(), testbed::Error>,
        kafka: &Kafka,
        sides: &mut [Side; 2],
    ) {
        let (node, proxy) = (kafka.node(1), kafka.proxy(1));
        let lost = proxy.add(Rule::responses(ApiKey::PRODUCE).swallow());
        for row in 1..=IN_FLIGHT {
            sides.iter_mut().for_each(Side::send_row);
            proxy.wait_hits(lost, 2 * row, PATIENCE).unwrap();
        }
        let seen = proxy.wait_hits(lost, 2 * IN_FLIGHT, PATIENCE).unwrap();
        assert_eq!(seen.max_produce_in_flight as u64, IN_FLIGHT);
        for side in sides.iter() {
            let ends = kafka.end_offsets(side.topic()).unwrap();
            eprintln!(
                "{}: appended and unanswered, ends {ends:?}",
                side.client.name()
            );
            let appended = |end: i64| end as u64 == 1 + IN_FLIGHT || self.partitions > 1 && end > 2;
            assert!(ends.values().all(|end| appended(*end)), "{ends:?}");
        }
        end(node).unwrap();
        proxy.clear();
        node.start().unwrap();
        sides.iter_mut().for_each(|side| side.hear_rows(IN_FLIGHT));
    }

    fn delay_requests(&self, kafka: &Kafka, sides: &mut [Side; 2]) {
        let proxy = kafka.proxy(1);
        let late = Rule::requests(ApiKey::PRODUCE).times(2 * IN_FLIGHT).hold();
        let late = proxy.add(late);
        for row in 1..=IN_FLIGHT {
            sides.iter_mut().for_each(Side::send_row);
            proxy.wait_hits(late, 2 * row, PATIENCE).unwrap();
        }
        sides.iter_mut().for_each(|side| side.hear_rows(IN_FLIGHT));
        if self.backdated {
            let topics = sides.each_ref().map(Side::topic);
            kafka.wait_producers_forgotten(&topics).unwrap();
        }
        // The connections that both clients have given up end once the broker has read what came by them.
        let open = proxy.observed().connections_open;
        proxy.remove(late);
        proxy
            .wait_until(PATIENCE, |seen| seen.connections_open + 2 <= open)
            .unwrap();
    }
}

/// One client, its topic, and what it said of its records.
struct Side {
    client: Box<dyn Client>,
    partitions: i32,
    timestamp: Option<i64>,
    rows: u64,
    outcomes: BTreeMap<String, Outcome>,
}

/// What the log shows of a client's records.
#[derive(Default)]
struct Judgement {
    acknowledged: usize,
    in_doubt: usize,
    failed: usize,
    /// Copies beyond the first.
    doubled: usize,
    /// Acknowledged and absent.
    lost: usize,
    /// Acknowledged at an offset that holds another record.
    misplaced: usize,
    /// Records whose first copy lies behind a later record's.
    out_of_order: usize,
}

impl Side {
    fn new(client: Box<dyn Client>, scenario: &Scenario) -> Self {
        let long_ago = || SystemTime::now() - AGE;
        let millis = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
        Self {
            client,
            partitions: scenario.partitions,
            timestamp: scenario.backdated.then(|| millis(long_ago())),
            rows: 0,
            outcomes: BTreeMap::new(),
        }
    }

    fn topic(&self) -> &'static str {
        self.client.name()
    }

    /// Sends the next record of each partition.
    fn send_row(&mut self) {
        let topic = self.topic();
        for partition in 0..self.partitions {
            let value = value(partition, self.rows);
            self.client.send(topic, partition, self.timestamp, &value);
        }
        self.rows += 1;
    }

    fn hear_rows(&mut self, rows: u64) {
        for _ in 0..rows * self.partitions as u64 {
            let (value, outcome) = self.client.next_outcome();
            let earlier = self.outcomes.insert(value, outcome);
            assert_eq!(earlier, None, "one outcome each");
        }
    }

    fn judge(self, kafka: &Kafka) -> Judgement {
        let topic = self.topic();
        self.client.close();
        let log = kafka.consume(topic).unwrap();
        let mut judgement = Judgement::default();
        for partition in 0..self.partitions {
            let copies = copies(&log, partition);
            let found = copies.values().map(Vec::len).sum::<usize>();
            judgement.doubled += found - copies.len();
            let mut furthest = -1;
            for row in 0..self.rows {
                let value = value(partition, row);
                let offsets = copies.get(&value).map_or(&[][..], Vec::as_slice);
                match &self.outcomes[&value] {
                    Outcome::Acknowledged(offset) => {
                        judgement.acknowledged += 1;
                        judgement.lost += usize::from(offsets.is_empty());
                        judgement.misplaced +=
                            usize::from(!offsets.is_empty() && !offsets.contains(offset));
                    }
                    Outcome::InDoubt(why) => {
                        judgement.in_doubt += 1;
                        eprintln!("  {topic}: {value} in doubt: {why}");
                    }
                    Outcome::Failed(why) => {
                        judgement.failed += 1;
                        eprintln!("  {topic}: {value} failed: {why}");
                    }
                }
                if let Some(first) = offsets.first() {
                    judgement.out_of_order += usize::from(*first < furthest);
                    furthest = furthest.max(*first);
                }
            }
        }
        eprintln!(
            "{topic}: {} records in the log, {} doubled; {} acknowledged, {} in doubt, {} failed",
            log.len(),
            judgement.doubled,
            judgement.acknowledged,
            judgement.in_doubt,
            judgement.failed
        );
        judgement
    }
}

fn assert_unreadable(kafka: &Kafka, topic: &str) {
    let reader = Reader::builder(topic)
        .bootstrap_servers(kafka.bootstrap_servers())
        .from_beginning();
    let error = reader.open().unwrap().blocking_next().unwrap_err();
    assert!(matches!(error, ReadError::Refused { .. }), "{error}");
}

fn value(partition: i32, row: u64) -> String {
    format!("{partition}-{row}")
}

/// The offsets of each value in a partition, in order.
fn copies(log: &[Record], partition: i32) -> BTreeMap<String, Vec<i64>> {
    let mut copies: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for record in log.iter().filter(|record| record.partition == partition) {
        let value = String::from_utf8(record.value.clone().unwrap()).unwrap();
        copies.entry(value).or_default().push(record.offset);
    }
    copies
}

macro_rules! on_each_version {
    ($($name:ident: |$scenario:ident| $variant:expr;)*) => {$(
        mod $name {
            use super::*;

            fn run(version: &'static str) {
                let $scenario = Scenario::of(version);
                $variant.run();
            }

            #[test]
            #[cfg_attr(not(real_kafka), ignore = "needs RABAN_REAL_KAFKA=1")]
            fn kafka_4_3_1() {
                run("4.3.1");
            }

            #[test]
            #[cfg_attr(not(real_kafka), ignore = "needs RABAN_REAL_KAFKA=1")]
            fn kafka_4_4_0() {
                run("4.4.0");
            }
        }
    )*};
}

on_each_version! {
    clean_restart: |scenario| scenario;
    kill: |scenario| Scenario { cause: Cause::Restart(Node::kill), ..scenario };
    several_partitions: |scenario| Scenario { partitions: 3, ..scenario };
    write_only: |scenario| Scenario { write_only: true, ..scenario };
    backdated: |scenario| Scenario { backdated: true, ..scenario };
    late: |scenario| Scenario { cause: Cause::Delay, ..scenario };
    late_and_backdated: |scenario| Scenario { cause: Cause::Delay, backdated: true, ..scenario };
    write_only_and_backdated: |scenario| Scenario { write_only: true, backdated: true, ..scenario };
}
