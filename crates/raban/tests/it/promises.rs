//! What flush and close promise.

use std::time::Duration;

use raban::{ErrorKind, Record};

use crate::support::{LONG, broker, builder, producer};

#[test]
fn flush_sends_at_once_and_settles_all_before_it() {
    let broker = broker();
    let producer = builder(&broker)
        .linger(LONG)
        .delivery_timeout(LONG * 3)
        .build()
        .unwrap()
        .blocking();
    let deliveries: Vec<_> = (0..1000)
        .map(|i| {
            producer
                .enqueue(Record::to("t").key(format!("{i}")).value("v"))
                .unwrap()
        })
        .collect();
    producer.flush().unwrap();
    assert!(deliveries.iter().all(|delivery| delivery.is_settled()));
    assert_eq!(broker.records("t").unwrap().len(), 1000);
    // There is nothing left to flush.
    producer.flush().unwrap();
}

#[test]
fn flush_does_not_wait_for_what_comes_after_it() {
    let broker = broker();
    let producer = builder(&broker)
        .linger(LONG)
        .delivery_timeout(LONG * 3)
        .build()
        .unwrap();
    let before = producer
        .blocking()
        .enqueue(Record::to("t").value("before"))
        .unwrap();
    let flush = producer.flush();
    let after = producer
        .blocking()
        .enqueue(Record::to("t").value("after"))
        .unwrap();
    raban::block_on(flush);
    assert!(before.is_settled());
    assert!(!after.is_settled());
}

#[test]
fn close_delivers_what_was_accepted_and_ends_all_clones() {
    let broker = broker();
    let producer = builder(&broker)
        .linger(LONG)
        .delivery_timeout(LONG * 3)
        .build()
        .unwrap();
    let clone = producer.clone();
    let delivery = producer
        .blocking()
        .enqueue(Record::to("t").value("v"))
        .unwrap();
    producer.blocking().close(LONG).unwrap();
    assert!(delivery.is_settled());
    delivery.wait().unwrap();
    let error = clone.blocking().enqueue(Record::to("t")).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Closed), "{error}");
    let error = clone.topic("t").blocking().send(b"k", b"v").unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Closed), "{error}");
    clone.blocking().flush().unwrap();
    clone.blocking().close(Duration::ZERO).unwrap();
    assert!(format!("{clone:?}").contains("closed: true"));
}

#[test]
fn close_without_time_fails_what_is_not_sent() {
    let broker = broker();
    let producer = builder(&broker)
        .linger(LONG)
        .delivery_timeout(LONG * 3)
        .build()
        .unwrap()
        .blocking();
    let deliveries: Vec<_> = (0..5)
        .map(|_| producer.enqueue(Record::to("t").value("v")).unwrap())
        .collect();
    let error = producer.close(Duration::ZERO).unwrap_err();
    assert_eq!(error.unsent + error.in_doubt, 5);
    assert!(
        error
            .to_string()
            .contains("closed before all was delivered"),
        "{error}"
    );
    for delivery in deliveries {
        let error = delivery.wait().unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Aborted), "{error}");
    }
}

#[test]
fn close_ends_waits_for_acceptance() {
    let broker = broker();
    let producer = builder(&broker)
        .buffer_memory(4096)
        .batch_size(16)
        .max_block(LONG * 10)
        .build()
        .unwrap();
    drop(broker);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| producer.blocking().enqueue(Record::to("t").value("v")));
        producer.blocking().close(LONG).unwrap();
        let error = waiting.join().unwrap().unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Closed), "{error}");
    });
}

#[test]
fn of_two_closes_the_earlier_deadline_wins() {
    let broker = broker();
    let producer = producer(&broker);
    producer.blocking().partitions_for("t").unwrap();
    drop(broker);
    let delivery = producer
        .blocking()
        .enqueue(Record::to("t").value("v"))
        .unwrap();
    let first = producer.close(LONG * 10);
    let second = producer.close(Duration::ZERO);
    let first = raban::block_on(first).unwrap_err();
    assert_eq!(raban::block_on(second).unwrap_err(), first);
    assert_eq!(first.unsent + first.in_doubt, 1);
    delivery.wait().unwrap_err();
}
