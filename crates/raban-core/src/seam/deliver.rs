//! Appending, draining, settling, and who waits for the outcome.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Waker};

use shuttle::future::block_on;
use shuttle::sync::mpsc::channel;
use shuttle::thread;

use super::{App, assert_lies, check};
use crate::Delivery;

/// Batches of two records, so that whoever appends a third one seals.
const SMALL: &[(&str, &str)] = &[("batch.size", "130")];

#[test]
fn each_record_is_delivered_once_and_each_thread_s_in_order() {
    check(|| {
        let (app, driver) = App::start(SMALL, 1);
        let threads: Vec<_> = ["a", "b"]
            .into_iter()
            .map(|name| {
                let app = app.clone();
                thread::spawn(move || {
                    let values = (0..5).map(|number| format!("{name}{number:020}"));
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
        assert_eq!(log[&0].len(), 10);
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
fn a_delivery_may_be_polled_dropped_and_moved_to_another_waker() {
    check(|| {
        let (app, driver) = App::start(SMALL, 1);
        let (sender, receiver) = channel::<Delivery>();
        let waiting = thread::spawn(move || {
            receiver
                .into_iter()
                .for_each(|delivery| drop(block_on(delivery).unwrap()));
        });
        for number in 0..4 {
            let mut delivery = app.enqueue(0, &format!("{number:020}")).unwrap();
            // Registers a waker that wakes nobody; the next one takes its place.
            let _ = Pin::new(&mut delivery).poll(&mut Context::from_waker(Waker::noop()));
            if number % 2 == 0 {
                drop(delivery);
            } else {
                sender.send(delivery).unwrap();
            }
        }
        drop(sender);
        waiting.join().unwrap();
        let log = app.end(driver);
        assert!(log[&0].len() == 4 && log[&0].is_sorted(), "{log:?}");
    });
}

#[test]
fn two_wait_for_records_of_one_batch() {
    check(|| {
        let (app, driver) = App::start(&[], 1);
        let threads: Vec<_> = ["a", "b"]
            .into_iter()
            .map(|value| {
                let app = app.clone();
                thread::spawn(move || {
                    let mut delivery = app.enqueue(0, value).unwrap();
                    // Polled twice, so that a waker is replaced while the batch is settled.
                    let mut polls = 0;
                    block_on(poll_fn(|cx| {
                        polls += 1;
                        if polls == 1 {
                            cx.waker().wake_by_ref();
                        }
                        Pin::new(&mut delivery).poll(cx)
                    }))
                    .unwrap()
                })
            })
            .collect();
        let told: Vec<_> = threads.into_iter().map(|t| t.join().unwrap()).collect();
        let log = app.end(driver);
        for (value, at) in ["a", "b"].iter().zip(&told) {
            assert_lies(&log, value, at);
        }
    });
}
