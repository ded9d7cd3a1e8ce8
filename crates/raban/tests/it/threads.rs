//! Many threads at the seam at once, with too little memory for all of them.

use std::collections::BTreeMap;

use raban::embedded::Broker;
use raban::{Compression, Record};

use crate::support::{LONG, broker, builder};

const THREADS: usize = 8;
const PER_THREAD: usize = 2_000;

fn share_a_producer(broker: &Broker, topic: &str, compression: Compression) {
    let producer = builder(broker)
        .buffer_memory(20_000)
        .batch_size(1_500)
        .compression(compression)
        .max_block(LONG)
        .build()
        .unwrap();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let producer = producer.blocking();
            scope.spawn(move || {
                let key = thread.to_string();
                let mut deliveries = Vec::new();
                for number in 0..PER_THREAD {
                    let value = number.to_string();
                    let record = Record::to(topic).key(&*key).value(&*value);
                    deliveries.push(producer.enqueue(record).unwrap());
                    if number % 500 == thread {
                        producer.flush().unwrap();
                        assert!(deliveries.iter().all(raban::Delivery::is_settled));
                    }
                }
                for delivery in deliveries {
                    delivery.wait().unwrap();
                }
            });
        }
    });
    producer.blocking().close(LONG).unwrap();
    let metrics = producer.metrics();
    assert_eq!(metrics.buffer_available_bytes, metrics.buffer_total_bytes);
}

#[test]
fn threads_that_wait_for_memory_and_flush_lose_and_reorder_nothing() {
    let broker = broker();
    for compression in [Compression::None, Compression::Lz4] {
        let topic = format!("shared-{compression}");
        share_a_producer(&broker, &topic, compression);
        let mut numbers: BTreeMap<Vec<u8>, Vec<usize>> = BTreeMap::new();
        for record in broker.records(&topic).unwrap() {
            let number = std::str::from_utf8(record.value.as_deref().unwrap()).unwrap();
            let of_thread = numbers.entry(record.key.unwrap().to_vec()).or_default();
            of_thread.push(number.parse().unwrap());
        }
        assert_eq!(numbers.len(), THREADS);
        for (key, numbers) in numbers {
            assert!(numbers.into_iter().eq(0..PER_THREAD), "{key:?}");
        }
    }
}
