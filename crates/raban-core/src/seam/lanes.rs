//! Threads that part where they meet at the sticky partition.

use std::collections::BTreeMap;

use shuttle::future::block_on;
use shuttle::thread;

use super::{App, assert_lies, check, value};
use crate::Delivery;

/// A batch has about three records.
const SETTINGS: &[(&str, &str)] = &[("batch.size", "400"), ("linger.ms", "0")];
const RECORDS: usize = 8;

#[test]
fn each_record_lies_once_and_in_its_threads_order() {
    check(|| {
        let (app, driver) = App::start(SETTINGS, 3);
        let threads: Vec<_> = (0..3)
            .map(|name| {
                let app = app.clone();
                thread::spawn(move || {
                    let sent: Vec<_> = (0..RECORDS)
                        .map(|number| app.enqueue(None, &value(name, number)).unwrap())
                        .collect();
                    let lies = |delivery: Delivery| block_on(delivery).unwrap();
                    sent.into_iter().map(lies).collect::<Vec<_>>()
                })
            })
            .collect();
        let lie: Vec<_> = threads.into_iter().map(|t| t.join().unwrap()).collect();
        let log = app.end(driver);
        for (name, lie) in lie.iter().enumerate() {
            let mut last = BTreeMap::new();
            for (number, at) in lie.iter().enumerate() {
                assert_lies(&log, &value(name, number), at);
                assert!(last.insert(at.partition(), at.offset()) < Some(at.offset()));
            }
        }
        let lie: usize = log.values().map(Vec::len).sum();
        assert_eq!(lie, 3 * RECORDS);
    });
}
