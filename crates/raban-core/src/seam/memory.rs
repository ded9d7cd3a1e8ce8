//! Waiting for memory and for metadata, while both come.

use std::future::poll_fn;
use std::task::{Context, Waker};

use shuttle::future::block_on;
use shuttle::thread;

use super::{App, check, record};
use crate::EnqueueWait;
use crate::accumulator::memory::Line;
use crate::accumulator::topic::TopicView;

/// Room for one record.
const TIGHT: &[(&str, &str)] = &[("batch.size", "400"), ("buffer.memory", "400")];

fn value(name: usize) -> String {
    format!("{name}").repeat(200)
}

#[test]
fn whoever_waits_for_memory_has_its_turn() {
    check(|| {
        let (app, driver) = App::start(TIGHT, 2);
        let threads: Vec<_> = (0..3)
            .map(|name| {
                let app = app.clone();
                thread::spawn(move || {
                    for _ in 0..2 {
                        app.enqueue(name as i32 % 2, &value(name)).unwrap().detach();
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|t| t.join().unwrap());
        let log = app.end(driver);
        assert_eq!(log.values().map(Vec::len).sum::<usize>(), 6);
    });
}

#[test]
fn a_wait_given_up_lets_the_next_one_go() {
    check(|| {
        let (app, driver) = App::start(TIGHT, 1);
        let threads: Vec<_> = (0..3)
            .map(|name| {
                let app = app.clone();
                thread::spawn(move || {
                    let value = value(name);
                    let mut wait = EnqueueWait::default();
                    let mut poll = |cx: &mut Context<'_>| {
                        let record = record(0, &value);
                        app.accumulator
                            .poll_enqueue(cx, &app.now, &app.topic, &record, &mut wait)
                    };
                    // The first takes its place in the line and goes away.
                    if name == 0 {
                        usize::from(poll(&mut Context::from_waker(Waker::noop())).is_ready())
                    } else {
                        block_on(poll_fn(poll)).unwrap().detach();
                        1
                    }
                })
            })
            .collect();
        let accepted: usize = threads.into_iter().map(|t| t.join().unwrap()).sum();
        let log = app.end(driver);
        assert_eq!(log.values().map(Vec::len).sum::<usize>(), accepted);
    });
}

#[test]
fn a_partition_that_stalls_and_moves_again_gives_all_memory_back() {
    check(|| {
        let (app, driver) = App::start(&[("batch.size", "400"), ("buffer.memory", "800")], 2);
        app.enqueue(0, "first").unwrap().detach();
        let threads: Vec<_> = (0..2)
            .map(|name| {
                let app = app.clone();
                thread::spawn(move || {
                    for _ in 0..2 {
                        app.enqueue(name as i32, &value(name)).unwrap().detach();
                    }
                })
            })
            .collect();
        let partition = app.topic.with_view(|view| match view {
            TopicView::Known(known) => known.all[0].clone(),
            view => panic!("a record was accepted, but the topic is {view:?}"),
        });
        for stalled in [true, false, true, false] {
            app.accumulator.set_stalled(&partition, stalled);
        }
        threads.into_iter().for_each(|t| t.join().unwrap());
        let log = app.end(driver);
        assert_eq!(log.values().map(Vec::len).sum::<usize>(), 5);
        // None of it counts as stalled.
        assert!(app.accumulator.memory.reserve(800, Line::Stalled, None));
    });
}

#[test]
fn whoever_waits_for_metadata_sees_it_come() {
    check(|| {
        let (app, driver) = App::start(&[], 1);
        let other = App {
            topic: app.accumulator.topic("other").unwrap(),
            ..app.clone()
        };
        let threads = [app.clone(), app.clone(), other.clone(), other]
            .into_iter()
            .enumerate()
            .map(|(index, app)| {
                thread::spawn(move || {
                    if index % 2 == 0 {
                        block_on(app.enqueue(0, "x").unwrap()).unwrap();
                        return;
                    }
                    let mut wait = EnqueueWait::default();
                    let partitions = block_on(poll_fn(|cx| {
                        app.accumulator
                            .poll_partitions(cx, app.now, &app.topic, &mut wait)
                    }));
                    assert_eq!(partitions.unwrap().len(), 1);
                })
            })
            .collect::<Vec<_>>();
        threads.into_iter().for_each(|t| t.join().unwrap());
        app.end(driver);
    });
}
