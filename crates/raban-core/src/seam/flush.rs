//! Flushing while others append and the driver settles. With a clock that stands still only a flush sends.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Waker};

use shuttle::future::block_on;
use shuttle::thread;

use super::{App, check};

#[test]
fn a_flush_ends_and_all_before_it_is_settled() {
    check(|| {
        let (app, driver) = App::start(&[("linger.ms", "1000")], 2);
        let threads: Vec<_> = (0..2)
            .map(|name| {
                let app = app.clone();
                thread::spawn(move || {
                    for number in 0..2 {
                        let delivery = app.enqueue(number, &format!("{name}:{number}")).unwrap();
                        block_on(app.accumulator.flush(app.now));
                        assert!(delivery.try_outcome().unwrap().is_ok());
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|t| t.join().unwrap());
        let log = app.end(driver);
        assert_eq!(log.values().map(Vec::len).sum::<usize>(), 4);
    });
}

#[test]
fn a_flush_that_nobody_waits_for_any_more_goes_on() {
    check(|| {
        let (app, driver) = App::start(&[("linger.ms", "1000")], 1);
        let other = {
            let app = app.clone();
            thread::spawn(move || drop(app.enqueue(0, "other").unwrap()))
        };
        let delivery = app.enqueue(0, "mine").unwrap();
        let mut flush = app.accumulator.flush(app.now);
        let _ = Pin::new(&mut flush).poll(&mut Context::from_waker(Waker::noop()));
        drop(flush);
        block_on(delivery).unwrap();
        other.join().unwrap();
        assert_eq!(app.end(driver)[&0].len(), 2);
    });
}
