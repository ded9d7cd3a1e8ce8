//! What dropping each thing means.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use raban::{Producer, Record};

use crate::log;
use crate::support::{Answer, LONG, broker, builder, listener, producer, read_all};

fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn a_dropped_enqueue_takes_the_record_back() {
    let broker = broker();
    let producer = producer(&broker);
    // Never polled, and polled while the topic isn't known yet.
    drop(producer.enqueue(Record::to("t").value("never polled")));
    assert!(poll_once(producer.enqueue(Record::to("t").value("dropped"))).is_pending());
    producer
        .blocking()
        .send(Record::to("t").value("kept"))
        .unwrap();
    producer.blocking().close(LONG).unwrap();
    let records = broker.records("t").unwrap();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].value.as_deref(), Some(&b"kept"[..]));
}

#[test]
fn a_dropped_enqueue_gives_its_place_for_memory_up() {
    let broker = broker();
    let producer = builder(&broker).buffer_memory(4096).build().unwrap();
    producer.blocking().partitions_for("t").unwrap();
    let value: &[u8] = &[0; 3000];
    let first = producer.try_enqueue(Record::to("t").value(value)).unwrap();
    assert!(poll_once(producer.enqueue(Record::to("t").value(value))).is_pending());
    first.wait().unwrap();
    producer
        .blocking()
        .send(Record::to("t").value(value))
        .unwrap();
    assert_eq!(broker.records("t").unwrap().len(), 2);
    producer.blocking().close(LONG).unwrap();
    assert_eq!(producer.metrics().buffer_available_bytes, 4096);
}

#[test]
fn a_dropped_delivery_is_still_delivered() {
    let broker = broker();
    let producer = builder(&broker)
        .linger(LONG)
        .delivery_timeout(LONG * 3)
        .build()
        .unwrap();
    drop(
        producer
            .blocking()
            .enqueue(Record::to("t").value("v"))
            .unwrap(),
    );
    producer.blocking().flush().unwrap();
    assert_eq!(broker.records("t").unwrap().len(), 1);
}

#[test]
fn a_dropped_deliverys_failure_is_counted_and_logged() {
    log::collect();
    let broker = broker();
    let producer = builder(&broker)
        .request_timeout(Duration::from_millis(100))
        .delivery_timeout(Duration::from_millis(300))
        .linger(Duration::from_millis(200))
        .build()
        .unwrap();
    producer
        .blocking()
        .partitions_for("dropped-delivery")
        .unwrap();
    drop(
        producer
            .blocking()
            .enqueue(Record::to("dropped-delivery").value("v"))
            .unwrap(),
    );
    drop(broker);
    producer.blocking().flush().unwrap();
    assert_eq!(producer.metrics().record_error.total, 1);
    let line = log::wait_for(&[
        "1 records failed whose outcome nobody awaits",
        "dropped-delivery",
    ]);
    assert!(line.contains("delivery.timeout.ms"), "{line}");
}

#[test]
fn the_last_producer_dropped_delivers_in_the_background() {
    let broker = broker();
    let producer = builder(&broker)
        .linger(LONG)
        .delivery_timeout(LONG * 3)
        .build()
        .unwrap();
    let clone = producer.clone();
    drop(producer);
    let deliveries: Vec<_> = (0..100)
        .map(|i| {
            clone
                .blocking()
                .enqueue(Record::to("t").value(format!("{i}")))
                .unwrap()
        })
        .collect();
    drop(clone);
    for delivery in deliveries {
        delivery.wait().unwrap();
    }
    assert_eq!(read_all(&broker.bootstrap_servers(), "t").len(), 100);
}

#[test]
fn what_the_background_cannot_deliver_is_warned_of() {
    log::collect();
    let broker = broker();
    let producer = builder(&broker)
        .request_timeout(Duration::from_millis(100))
        .delivery_timeout(Duration::from_millis(300))
        .linger(Duration::from_millis(200))
        .build()
        .unwrap();
    producer.blocking().partitions_for("t").unwrap();
    producer
        .blocking()
        .enqueue(Record::to("t").value("v"))
        .unwrap()
        .detach();
    drop(broker);
    drop(producer);
    log::wait_for(&["1 records failed after the last handle of their producer was dropped"]);
}

#[test]
fn a_dropped_flush_goes_on() {
    let broker = broker();
    let producer = builder(&broker)
        .linger(LONG)
        .delivery_timeout(LONG * 3)
        .build()
        .unwrap();
    let delivery = producer
        .blocking()
        .enqueue(Record::to("t").value("v"))
        .unwrap();
    drop(producer.flush());
    delivery.wait().unwrap();
}

#[test]
fn a_dropped_close_goes_on() {
    let broker = broker();
    let producer = builder(&broker)
        .linger(LONG)
        .delivery_timeout(LONG * 3)
        .build()
        .unwrap();
    let delivery = producer
        .blocking()
        .enqueue(Record::to("t").value("v"))
        .unwrap();
    drop(producer.close(LONG));
    delivery.wait().unwrap();
    assert!(producer.blocking().enqueue(Record::to("t")).is_err());
}

#[test]
fn a_producer_that_never_reaches_anybody_ends_its_thread_when_dropped() {
    let address = listener(Answer::Silence);
    let producer = Producer::new(address.to_string()).unwrap();
    assert!(poll_once(producer.enqueue(Record::to("t"))).is_pending());
    let close = producer.close(LONG);
    drop(producer);
    // Nothing was accepted: there is nothing to wait for.
    raban::block_on(close).unwrap();
}
