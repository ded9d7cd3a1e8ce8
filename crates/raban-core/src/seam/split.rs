//! Batches taken apart while others wait for their records, or drop them.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Waker};

use shuttle::future::block_on;
use shuttle::thread;

use super::{App, assert_lies, check};

/// What comes behind a refused batch is sent again at once: the clock stands still.
const AT_ONCE: &[(&str, &str)] = &[("retry.backoff.ms", "0"), ("retry.backoff.max.ms", "0")];

#[test]
fn each_record_is_found_where_it_lies_though_its_batch_was_split() {
    check(|| {
        let (app, driver) = App::start_with(AT_ONCE, 1, Some(1));
        let threads: Vec<_> = ["a", "b"]
            .into_iter()
            .map(|name| {
                let app = app.clone();
                thread::spawn(move || {
                    let values = (0..3).map(|number| format!("{name}{number}"));
                    let sent: Vec<_> = values
                        .map(|value| (app.enqueue(0, &value).unwrap(), value))
                        .collect();
                    sent.into_iter()
                        .map(|(delivery, value)| (value, block_on(delivery).unwrap()))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        let told: Vec<_> = threads.into_iter().map(|t| t.join().unwrap()).collect();
        let log = app.end(driver);
        assert_eq!(log[&0].len(), 6);
        for (value, at) in told.iter().flatten() {
            assert_lies(&log, value, at);
        }
        for name in ["a", "b"] {
            let of_thread = log[&0].iter().filter(|value| value.starts_with(name));
            assert!(of_thread.is_sorted(), "{log:?}");
        }
    });
}

#[test]
fn a_flush_waits_for_the_parts_whoever_leaves_meanwhile() {
    check(|| {
        let (app, driver) = App::start_with(AT_ONCE, 1, Some(1));
        let mut deliveries: Vec<_> = ["a", "b", "c"]
            .into_iter()
            .map(|value| app.enqueue(0, value).unwrap())
            .collect();
        // One is polled by nobody that wakes, one leaves, one is awaited elsewhere.
        let _ = Pin::new(&mut deliveries[0]).poll(&mut Context::from_waker(Waker::noop()));
        let awaited = deliveries.pop().unwrap();
        let waiting = thread::spawn(move || block_on(awaited).unwrap());
        drop(deliveries.pop());
        block_on(app.accumulator.flush(app.now));
        assert!(deliveries[0].is_settled());
        let at = waiting.join().unwrap();
        let log = app.end(driver);
        assert_lies(&log, "c", &at);
    });
}
