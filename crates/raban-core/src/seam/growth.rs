//! Batches that grow while the driver takes them.

use shuttle::future::block_on;
use shuttle::thread;

use super::{App, assert_lies, check, value};

/// A full batch has two records; behind another it takes up to eight.
const SETTINGS: &[(&str, &str)] = &[
    ("batch.size", "400"),
    ("max.request.size", "5600"),
    ("buffer.memory", "22400"),
    ("linger.ms", "1000"),
];

fn large(thread: usize, number: usize) -> String {
    value(thread, number).repeat(2)
}

#[test]
fn what_grew_leaves_without_being_asked_and_comes_in_order() {
    check(|| {
        let (app, driver) = App::start(SETTINGS, 1);
        let threads: Vec<_> = (0..2)
            .map(|name| {
                let app = app.clone();
                thread::spawn(move || {
                    let send = |number| (number, app.enqueue(0, &large(name, number)).unwrap());
                    (0..5).map(send).collect::<Vec<_>>()
                })
            })
            .collect();
        let joined = threads.into_iter().map(|t| t.join().unwrap());
        let mut sent: Vec<_> = joined.collect();
        // Those behind it filled the batches that these are in: no flush is needed, and no linger ends.
        for thread in &mut sent {
            block_on(&mut thread[0].1).unwrap();
        }
        let log = app.end(driver);
        for (name, sent) in sent.into_iter().enumerate() {
            let mut last = None;
            for (number, delivery) in sent {
                let at = delivery.try_outcome().unwrap().unwrap();
                assert_lies(&log, &large(name, number), &at);
                assert!(last < at.offset(), "in the thread's order");
                last = at.offset();
            }
        }
    });
}
