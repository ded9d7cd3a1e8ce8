//! Closing, and a driver that dies, while others append and wait.

use std::time::Duration;

use shuttle::future::block_on;
use shuttle::thread::{self, JoinHandle};

use super::harness::Harness;
use super::{App, Log, check};
use crate::{Delivery, EnqueueError, ErrorKind};

/// Memory for about one batch, so that appending waits, too.
const TIGHT: &[(&str, &str)] = &[
    ("batch.size", "400"),
    ("buffer.memory", "800"),
    ("linger.ms", "1000"),
];

/// A producer that knows its topic, so that records are accepted from now on.
fn start() -> (App, JoinHandle<Log>) {
    let (app, driver) = App::start(TIGHT, 2);
    let first = app.enqueue(0, "first").unwrap();
    block_on(app.accumulator.flush(app.now));
    block_on(first).unwrap();
    (app, driver)
}

fn append(app: &App, name: i32) -> Vec<Result<Delivery, EnqueueError>> {
    let value = format!("{name}").repeat(300);
    (0..2).map(|_| app.enqueue(name % 2, &value)).collect()
}

#[test]
fn what_was_accepted_before_close_is_delivered_and_the_rest_refused() {
    check(|| {
        let (app, driver) = start();
        let threads: Vec<_> = (0..2)
            .map(|name| {
                let app = app.clone();
                thread::spawn(move || append(&app, name))
            })
            .collect();
        let log = app.close(driver);
        let mut accepted = 1;
        for outcome in threads.into_iter().flat_map(|t| t.join().unwrap()) {
            match outcome {
                Ok(delivery) => {
                    accepted += 1;
                    assert!(delivery.try_outcome().unwrap().is_ok());
                }
                Err(error) => assert_eq!(*error.kind(), ErrorKind::Closed),
            }
        }
        assert_eq!(log.values().map(Vec::len).sum::<usize>(), accepted);
        assert!(app.enqueue(0, "late").is_err());
        app.assert_memory_is_back();
    });
}

#[test]
fn two_may_close_and_one_flush_at_once() {
    check(|| {
        let (app, driver) = start();
        let threads: Vec<_> = (0..2)
            .map(|name| {
                let app = app.clone();
                thread::spawn(move || {
                    append(&app, name).into_iter().for_each(drop);
                    if name == 0 {
                        block_on(app.accumulator.flush(app.now));
                    } else {
                        let _ = block_on(app.accumulator.close(app.now, Duration::MAX));
                    }
                })
            })
            .collect();
        app.close(driver);
        threads.into_iter().for_each(|t| t.join().unwrap());
        app.assert_memory_is_back();
    });
}

#[test]
fn a_driver_that_dies_leaves_nothing_without_an_outcome() {
    check(|| {
        let mut harness = Harness::new(TIGHT);
        harness.partitions = 2;
        harness.send("first").detach();
        harness.answer_all();
        let app = App {
            accumulator: harness.accumulator.clone(),
            topic: harness.topic(),
            now: harness.now,
        };
        let threads: Vec<_> = (0..2)
            .map(|name| {
                let app = app.clone();
                thread::spawn(move || {
                    for outcome in append(&app, name) {
                        match outcome.map(block_on) {
                            Ok(outcome) => {
                                assert_eq!(*outcome.unwrap_err().kind(), ErrorKind::Aborted)
                            }
                            Err(error) => assert_eq!(*error.kind(), ErrorKind::Closed),
                        }
                    }
                    block_on(app.accumulator.flush(app.now));
                })
            })
            .collect();
        harness.run();
        drop(harness);
        threads.into_iter().for_each(|t| t.join().unwrap());
        let _ = block_on(app.accumulator.close(app.now, Duration::ZERO));
        app.assert_memory_is_back();
    });
}
