//! What must be true when all is over.

use std::collections::BTreeMap;

use super::{Producer, State};
use crate::faulty::{PARTITIONS, TOPICS};

/// Each record has its outcome; while nobody lied, the logs agree with it.
pub(super) fn outcomes(producer: &mut Producer) {
    let logs = logs(producer);
    let check = producer.exactly_once && !producer.network.liars;
    if check {
        for (value, places) in &logs {
            assert_eq!(places.len(), 1, "{value:?} is there more than once");
        }
    }
    let mut latest: BTreeMap<(usize, i32), (u64, i64)> = BTreeMap::new();
    for sent in &producer.sent {
        let key = (sent.topic, sent.value.clone());
        match &sent.state {
            State::Waiting(_) => unreachable!("a closed producer lets nobody wait"),
            State::LetGo => {}
            State::Refused => assert!(
                !check || !logs.contains_key(&key),
                "{} was refused",
                sent.value
            ),
            State::Accepted(order, delivery) => {
                let outcome = delivery
                    .try_outcome()
                    .expect("a closed producer has settled all");
                if !check {
                    continue;
                }
                match outcome {
                    Ok(at) => {
                        let offset = at.offset().expect("acks=all tells it");
                        assert_eq!(
                            logs[&key],
                            [(at.partition(), offset)],
                            "{} is acknowledged",
                            sent.value
                        );
                        let last = latest.entry((sent.topic, at.partition())).or_default();
                        if order > &last.0 {
                            assert!(offset >= last.1, "{} comes before its time", sent.value);
                            *last = (*order, offset);
                        }
                    }
                    Err(error) if error.may_have_been_written() => {}
                    Err(error) => assert!(!logs.contains_key(&key), "{}: {error}", sent.value),
                }
            }
        }
    }
}

/// Where each value lies.
fn logs(producer: &mut Producer) -> BTreeMap<(usize, String), Vec<(i32, i64)>> {
    let mut places: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (index, topic) in TOPICS.iter().enumerate() {
        for partition in 0..PARTITIONS + 3 {
            // It may be gone.
            let Ok(log) = producer.network.cluster.log_from(topic, partition, 0) else {
                continue;
            };
            for record in log.batches.into_iter().flat_map(|(_, records)| records) {
                let value = record.value.unwrap_or_default();
                let value = String::from_utf8_lossy(&value).into_owned();
                places
                    .entry((index, value))
                    .or_default()
                    .push((partition, record.offset));
            }
        }
    }
    places
}
