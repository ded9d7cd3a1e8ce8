//! The signal to the driver on its own: news is seen by a driver that looks only when woken.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use shuttle::future::block_on;
use shuttle::thread;

use super::check;
use crate::accumulator::partition::PartitionId;
use crate::accumulator::signal::Signal;

#[test]
fn no_news_is_missed_by_a_driver_that_registers_while_it_comes() {
    check(|| {
        let signal = Arc::new(Signal::default());
        let driver = {
            let signal = Arc::clone(&signal);
            thread::spawn(move || {
                let mut seen = Vec::new();
                let mut registered = false;
                block_on(poll_fn(|cx| {
                    if !registered {
                        registered = true;
                        signal.set_waker(cx.waker().clone());
                        // It looks when woken, not because it has just come.
                        return Poll::Pending;
                    }
                    seen.extend(signal.take().partitions);
                    if seen.len() == 4 {
                        Poll::Ready(())
                    } else {
                        Poll::Pending
                    }
                }));
            })
        };
        let threads: Vec<_> = (0..2)
            .map(|name| {
                let signal = Arc::clone(&signal);
                thread::spawn(move || {
                    for _ in 0..2 {
                        let mut wake = signal.at_end();
                        signal.note_partition(PartitionId(name));
                        wake.want();
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|t| t.join().unwrap());
        driver.join().unwrap();
    });
}
