//! Records accepted many at a time, while the driver takes their batches and takes them apart.

use std::future::poll_fn;

use shuttle::future::block_on;
use shuttle::thread;

use super::{App, check, record, value};
use crate::{Deliveries, ManyOutcome};

/// A batch has about three records. What comes behind a refused one is sent again at once: the clock stands still.
const SETTINGS: &[(&str, &str)] = &[
    ("batch.size", "400"),
    ("retry.backoff.ms", "0"),
    ("retry.backoff.max.ms", "0"),
];
const RECORDS: usize = 5;

/// Enqueues a thread's records, as many at a time as there is room for.
fn send(app: &App, values: &[String]) -> Vec<Deliveries> {
    let mut many = Vec::new();
    let records: Vec<_> = values.iter().map(|value| record(0, value)).collect();
    let mut next = 0;
    while next < records.len() {
        let accumulator = &app.accumulator;
        next += accumulator.enqueue_many(&app.now, &app.topic, &records[next..], &mut many);
        if let Some(value) = values.get(next) {
            app.enqueue(0, value).unwrap().detach();
            next += 1;
        }
    }
    many
}

fn assert_delivered(mut many: Deliveries) {
    match block_on(poll_fn(|cx| many.poll_outcome(cx))) {
        ManyOutcome::Settled(outcome) => outcome.unwrap(),
        ManyOutcome::Split(parts) => {
            let counted: usize = parts.iter().map(Deliveries::count).sum();
            assert!(counted > 0);
            parts.into_iter().for_each(assert_delivered);
        }
    }
}

fn many_lie_in_order_and_have_their_outcomes(most: Option<usize>) {
    check(move || {
        let (app, driver) = App::start_with(SETTINGS, 1, most);
        let threads: Vec<_> = (0..2)
            .map(|name| {
                let app = app.clone();
                thread::spawn(move || {
                    let values: Vec<_> = (0..RECORDS).map(|number| value(name, number)).collect();
                    send(&app, &values).into_iter().for_each(assert_delivered);
                    values
                })
            })
            .collect();
        let sent: Vec<_> = threads.into_iter().map(|t| t.join().unwrap()).collect();
        let log = app.end(driver);
        assert_eq!(log[&0].len(), 2 * RECORDS);
        for values in sent {
            let mine = log[&0].iter().filter(|value| values.contains(value));
            assert!(mine.eq(&values), "in the thread's order");
        }
    });
}

#[test]
fn many_at_a_time() {
    many_lie_in_order_and_have_their_outcomes(None);
}

#[test]
fn many_at_a_time_whose_batches_are_split() {
    many_lie_in_order_and_have_their_outcomes(Some(1));
}
