//! A campaign on three nodes: producers under full load, faults one after the other, and then every record's history
//! is joined with a full dump of the log.
//!
//! `RABAN_CAMPAIGN_ROUNDS` (3), `RABAN_CAMPAIGN_RECORDS` (at least so many, 60,000), `RABAN_CAMPAIGN_SEED` (1), and
//! `RABAN_CAMPAIGN_FAULTS` (these by name, instead of drawn ones) make it longer or other. A long one:
//!
//! ```sh
//! RABAN_REAL_KAFKA=1 RABAN_CAMPAIGN_ROUNDS=20 RABAN_CAMPAIGN_RECORDS=5000000 \
//!     cargo test --release -p raban --test real_kafka campaign -- --nocapture
//! ```

mod anew;
mod check;
mod faults;
mod felt;
mod history;
mod load;
mod running;
mod table;
mod tasks;
mod trouble;

use std::fmt::Debug;
use std::str::FromStr;
use std::time::Instant;

use testbed::{Kafka, SmallDisk};

use crate::support::{Random, alone};
use check::{Findings, Wrong, judge};
use faults::Fault;
use felt::{Felt, Sign};
use load::{Load, PACE};
use table::{Round, print};
use tasks::{Manner, TASKS};
use trouble::Trouble;

#[test]
#[cfg_attr(not(real_kafka), ignore = "needs RABAN_REAL_KAFKA=1")]
fn campaign() {
    let _alone = alone();
    let records: u64 = setting("RECORDS", 60_000);
    let mut random = Random::new(setting("SEED", 1));
    let faults = draw(&mut random);
    let rounds = faults.len() as u64;

    let disk = SmallDisk::mount((256 << 20) + 300 * records);
    if let Err(error) = &disk {
        eprintln!("no disk can be filled up here: {error}");
    }
    let disk = disk.ok();
    let kafka = start(disk.as_ref());
    for task in &TASKS {
        kafka
            .create_topic(task.topic, task.partitions, 3, &[])
            .unwrap();
    }
    // As many as are wanted within the 20 seconds that a round takes at least, and enough to have batches in flight.
    let chunks = 20_000 / PACE.as_millis() as u64 * TASKS.len() as u64;
    let chunk = (records / rounds / chunks).max(250);
    let (load, tasks) = Load::start(kafka.bootstrap_servers(), chunk);
    load.goes_on(1, |_| true);
    let mut trouble = Trouble {
        kafka: &kafka,
        load: &load,
        disk: disk.as_ref(),
        random,
        anew: Vec::new(),
        endings: Vec::new(),
    };
    let told = disturb(&mut trouble, &faults, records);
    let anew = trouble.anew;
    load.stop();
    let mut histories: Vec<_> = tasks.into_iter().map(|task| task.join().unwrap()).collect();
    load.close();

    let mut found = vec![Findings::default(); told.len()];
    let began = Instant::now();
    let read: u64 = (0..)
        .zip(&mut histories)
        .map(|(task, history)| judge(&kafka, task, history, &anew, &mut found))
        .sum();
    for (task, history) in TASKS.iter().zip(&histories) {
        eprintln!("{:10} {}", task.topic, history.told());
    }
    eprintln!("{read} records read in {:.0?}", began.elapsed());
    let felt = felt::of_rounds(&histories, told.len());
    let sum = print(&told, &found, &felt);
    assert_eq!(sum.wrong, Wrong::default());
    assert!(sum.acknowledged >= records / 2 && sum.sent >= records);
    assert_felt(&told, &felt);
    let old = TASKS.iter().zip(&histories);
    let old = old.filter(|(task, _)| task.manner == Manner::Old);
    let old = felt::of_rounds(old.map(|(_, history)| history), told.len());
    assert_forgotten(&told, &old);
}

/// One round for each fault, so long that all together have so many records.
fn disturb(trouble: &mut Trouble<'_>, faults: &[Fault], records: u64) -> Vec<Round> {
    let (load, rounds) = (trouble.load, faults.len() as u64);
    let mut told = Vec::new();
    for (round, fault) in (0..).zip(faults) {
        let (began, before) = (Instant::now(), load.counts());
        load.set_round(round);
        let hit = trouble.make(*fault);
        let ended = trouble.heal();
        assert_eq!(hit.is_some(), !ended.is_empty(), "{fault:?} ends producers");
        load.reaches(records / rounds * (u64::from(round) + 1));
        let took = began.elapsed();
        eprintln!("round {}: {fault:?}, {took:.0?}", round + 1);
        told.push(Round {
            fault: *fault,
            hit,
            ended,
            took,
            counts: load.counts().since(before),
        });
    }
    told
}

/// A round whose fault did nothing shows nothing.
fn assert_felt(rounds: &[Round], felt: &[Felt]) {
    for (round, felt) in rounds.iter().zip(felt) {
        let signs = round.fault.signs();
        let is_felt = signs.iter().any(|sign| felt.has(*sign));
        match round.hit {
            Some(_) => assert!(is_felt, "{:?} was hardly felt: {felt}", round.fault),
            None => eprintln!("NOT DONE, as it can't be done here: {:?}", round.fault),
        }
    }
}

/// Where each task loses answers, records older than brokers remember their producer can only be found in the log.
fn assert_forgotten(rounds: &[Round], old: &[Felt]) {
    let is_lost = rounds.iter().any(|round| round.fault == Fault::LoseAnswers);
    let is_read = old.iter().any(|felt| felt.has(Sign::Read));
    assert!(
        is_read || !is_lost,
        "the log was to be read for old records"
    );
}

fn start(disk: Option<&SmallDisk>) -> Kafka {
    let mut builder = Kafka::builder()
        .nodes(3)
        .proxied()
        .config("unclean.leader.election.enable", "false")
        .config("auto.create.topics.enable", "false")
        .config("producer.id.expiration.check.interval.ms", "2000")
        .config("log.retention.ms", "-1");
    if let Some(disk) = disk {
        builder = builder.log_dir(3, &disk.path().join("data"));
    }
    builder.start().unwrap()
}

fn setting<T: FromStr<Err: Debug>>(name: &str, default: T) -> T {
    let value = std::env::var(format!("RABAN_CAMPAIGN_{name}"));
    value.map_or(default, |value| value.parse().unwrap())
}

/// Those that a short campaign should have come first; then all, in an order that the seed gives, again and again.
fn draw(random: &mut Random) -> Vec<Fault> {
    let named: String = setting("FAULTS", String::new());
    if !named.is_empty() {
        let find = |name: &str| {
            let mut all = Fault::ALL.into_iter();
            all.find(|fault| format!("{fault:?}") == name)
                .unwrap_or_else(|| panic!("{name} is none of {:?}", Fault::ALL))
        };
        return named.split(',').map(find).collect();
    }
    let rounds = setting("ROUNDS", 3);
    let mut drawn = Vec::new();
    while drawn.len() < rounds {
        let mut deck = Fault::ALL.to_vec();
        let kept = if drawn.is_empty() { 3 } else { 0 };
        random.shuffle(&mut deck[kept..]);
        drawn.extend(deck);
    }
    drawn.truncate(rounds);
    drawn
}
