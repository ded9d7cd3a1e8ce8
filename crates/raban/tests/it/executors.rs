//! Futures on any executor, or on none; and fairness towards its other tasks.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};

use raban::{Delivery, Producer, Record, Topic};

use crate::support::{LONG, broker, producer};

async fn use_it(producer: Producer) {
    producer.send(Record::to("t").value("a")).await.unwrap();
    let delivery = producer.enqueue(Record::to("t").value("b")).await.unwrap();
    producer.flush().await;
    assert!(delivery.is_settled());
    assert_eq!(delivery.await.unwrap().offset(), Some(1));
    assert_eq!(producer.partitions_for("t").await.unwrap().len(), 1);
    let report = producer
        .send_many((0..10).map(|_| Record::to("t").value("c")))
        .await;
    assert_eq!(report.delivered, 10);
    producer.close(LONG).await.unwrap();
}

#[tokio::test]
async fn under_tokio_with_one_thread() {
    let broker = broker();
    use_it(producer(&broker)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_tokio_with_more_threads_in_tasks() {
    let broker = broker();
    let producer = producer(&broker);
    let tasks: Vec<_> = (0..20)
        .map(|index| {
            let producer = producer.clone();
            tokio::spawn(async move {
                producer
                    .send(Record::to("t").value(format!("{index}")))
                    .await
                    .unwrap();
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    tokio::spawn(async move { producer.close(LONG).await.unwrap() })
        .await
        .unwrap();
    assert_eq!(broker.records("t").unwrap().len(), 20);
}

#[test]
fn under_smol() {
    let broker = broker();
    smol::block_on(smol::spawn(use_it(producer(&broker))));
}

#[test]
fn without_a_runtime() {
    let broker = broker();
    raban::block_on(use_it(producer(&broker)));
}

#[test]
fn futures_and_handles_go_to_other_threads() {
    fn send<T: Send>(value: T) -> T {
        value
    }
    fn shared<T: Send + Sync + Clone + 'static>() {}
    shared::<Producer>();
    shared::<Topic<str, String>>();
    fn unpin<T: Future + Unpin + Send>() {}
    unpin::<Delivery>();
    let broker = broker();
    let producer = producer(&broker);
    let topic = producer.topic("t");
    drop(send(producer.send(Record::to("t"))));
    drop(send(producer.enqueue(Record::to("t"))));
    drop(send(producer.send_many(vec![Record::to("t")])));
    drop(send(topic.send(b"k", b"v")));
    drop(send(topic.send_many(vec![topic.record(b"k", b"v")])));
    drop(send(topic.enqueue_many(vec![topic.record(b"k", b"v")])));
    drop(send(producer.close(LONG)));
}

#[tokio::test]
async fn a_loop_that_is_always_ready_lets_other_tasks_run() {
    let broker = broker();
    let producer = producer(&broker);
    producer.partitions_for("t").await.unwrap();
    static RAN: AtomicBool = AtomicBool::new(false);
    tokio::spawn(async { RAN.store(true, Ordering::Relaxed) });
    // With memory for all of them none has to wait.
    for _ in 0..10_000 {
        producer
            .enqueue(Record::to("t").value("v"))
            .await
            .unwrap()
            .detach();
    }
    assert!(RAN.load(Ordering::Relaxed));
}
