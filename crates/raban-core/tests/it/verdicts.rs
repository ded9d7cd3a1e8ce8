//! Every error code in every situation: each record has one truthful outcome, and none is in the log twice.

use std::time::Duration;

use raban_core::Delivery;
use raban_protocol::error_code::ErrorCode;

use crate::harness::Harness;

/// What had happened to a batch when its answer comes with an error.
#[derive(Debug, Clone, Copy)]
struct Situation {
    idempotent: bool,
    /// Another batch is in flight before it, and gets the error, too.
    behind_another: bool,
    /// An earlier attempt went unanswered, and was carried out or not.
    lost_before: Option<bool>,
    /// The attempt was carried out, and the error comes with its offset.
    appended: bool,
}

fn situations() -> Vec<Situation> {
    let mut all = Vec::new();
    for idempotent in [true, false] {
        for behind_another in [false, true] {
            for lost_before in [None, Some(false), Some(true)] {
                for appended in [false, true] {
                    all.push(Situation {
                        idempotent,
                        behind_another,
                        lost_before,
                        appended,
                    });
                }
            }
        }
    }
    all
}

/// Sends, answers with the code in the situation, lets the broker be well from then on.
fn run(code: ErrorCode, situation: Situation) {
    let idempotent = situation.idempotent.to_string();
    let mut harness = Harness::new(&[("enable.idempotence", &idempotent)]);
    harness.begin_log();
    let values = if situation.behind_another {
        &["a", "b"][..]
    } else {
        &["a"]
    };
    let mut deliveries = harness.send_each(values);
    if let Some(appended) = situation.lost_before {
        let appended = if appended { harness.produced.len() } else { 0 };
        harness.lose_answers(appended);
        harness.advance(Duration::from_secs(1));
    }
    let answered = harness.produced.len();
    for _ in 0..answered {
        harness.error_base_offset = -1;
        if situation.appended {
            let batch = harness.produced[0].batch_bytes();
            harness.error_base_offset = harness.log.carry_out(batch).unwrap_or(-1);
        }
        harness.answer_next(code);
    }
    harness.serve_log();
    for _ in 0..140 {
        harness.advance(Duration::from_secs(1));
        harness.serve_log();
    }
    deliveries.extend(harness.send_each(&["after"]));
    harness.serve_log();
    harness.advance(Duration::from_secs(1));
    harness.serve_log();
    let mut values = values.to_vec();
    values.push("after");
    judge(
        &harness,
        &deliveries,
        &values,
        situation,
        &format!("{code} {situation:?}"),
    );
}

fn judge(
    harness: &Harness,
    deliveries: &[Delivery],
    values: &[&str],
    situation: Situation,
    what: &str,
) {
    let log = harness.log.records();
    for (delivery, value) in deliveries.iter().zip(values) {
        let places: Vec<i64> = log
            .iter()
            .filter(|(_, logged)| logged == value)
            .map(|(offset, _)| *offset)
            .collect();
        let outcome = delivery.try_outcome();
        let outcome = outcome.unwrap_or_else(|| panic!("{what}: {value} has no outcome"));
        if situation.idempotent {
            assert!(places.len() <= 1, "{what}: {value} at {places:?}");
        }
        match outcome {
            Ok(at) => {
                let at = at.offset().into_iter().collect::<Vec<i64>>();
                let is_there = at.iter().all(|offset| places.contains(offset));
                assert!(
                    is_there && !places.is_empty(),
                    "{what}: {value} not at {at:?}"
                );
            }
            Err(error) if !error.may_have_been_written() => {
                assert!(places.is_empty(), "{what}: {value} at {places:?}: {error}");
            }
            Err(_) => {}
        }
    }
    let metrics = harness.metrics();
    let (free, total) = (metrics.buffer_available_bytes, metrics.buffer_total_bytes);
    assert_eq!(free, total, "{what}: memory");
    if situation.idempotent {
        assert_in_order(&log, values, what);
    }
}

fn assert_in_order(log: &[(i64, String)], values: &[&str], what: &str) {
    let place = |value: &&str| log.iter().position(|(_, logged)| logged == value);
    let places: Vec<usize> = values.iter().filter_map(place).collect();
    assert!(places.is_sorted(), "{what}: {log:?}");
}

#[test]
fn every_code_in_every_situation() {
    for code in ErrorCode::ALL
        .iter()
        .copied()
        .filter(|code| !code.is_none())
    {
        for situation in situations() {
            run(code, situation);
        }
    }
}
