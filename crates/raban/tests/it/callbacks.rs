//! Callbacks and interceptors: once each, in order, and harmless to the producer.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use raban::embedded::Broker;
use raban::{DeliveryReport, ErrorKind, Producer, ProducerInterceptor, Record, Utf8};

use crate::support::{LONG, broker};

#[test]
fn each_record_is_told_once_in_order_before_flush_ends() {
    let broker = broker();
    let told = Arc::new(Mutex::new(Vec::new()));
    let producer = {
        let told = Arc::clone(&told);
        Producer::builder()
            .bootstrap_servers(broker.bootstrap_servers())
            .batch_size(200)
            .on_delivery(move |report| {
                let at = report.outcome.as_ref().unwrap();
                told.lock()
                    .unwrap()
                    .push((report.tag, at.offset().unwrap()));
            })
            .build()
            .unwrap()
    };
    let blocking = producer.blocking();
    for tag in 0..500 {
        let record = Record::to("t").partition(0).value("v").tag(tag);
        blocking.enqueue(record).unwrap().detach();
    }
    blocking.flush().unwrap();
    let expected: Vec<_> = (0..500).map(|number| (number as u64, number)).collect();
    assert_eq!(*told.lock().unwrap(), expected);
    blocking.close(LONG).unwrap();
}

#[test]
fn a_record_s_own_callback_hears_of_it_alone() {
    let broker = broker();
    let producer = Producer::new(broker.bootstrap_servers()).unwrap();
    let (sender, told) = channel();
    let send = |partition, sender: Sender<_>| {
        let record = Record::to("t").partition(partition).value("v");
        producer
            .blocking()
            .send_with_callback(record, move |outcome| sender.send(outcome).unwrap())
    };
    send(0, sender.clone()).unwrap();
    producer
        .blocking()
        .send(Record::to("t").value("without"))
        .unwrap();
    assert_eq!(told.recv_timeout(LONG).unwrap().unwrap().offset(), Some(0));
    // What isn't accepted calls nobody.
    let error = send(-1, sender).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::InvalidPartition { .. }));
    assert!(told.recv().is_err());
}

#[test]
fn a_callback_that_panics_harms_nobody() {
    let broker = broker();
    let producer = Producer::builder()
        .bootstrap_servers(broker.bootstrap_servers())
        .on_delivery(|report| assert_ne!(report.tag, 1, "on purpose"))
        .build()
        .unwrap();
    let blocking = producer.blocking();
    let (sender, told) = channel();
    let record = Record::to("t").value("v").tag(1);
    blocking
        .send_with_callback(record, move |outcome| sender.send(outcome.is_ok()).unwrap())
        .unwrap();
    assert!(told.recv_timeout(LONG).unwrap());
    let panics = Record::to("t").value("v");
    blocking
        .send_with_callback(panics, |_| panic!("on purpose"))
        .unwrap();
    blocking.flush().unwrap();
    assert!(blocking.send(Record::to("t").value("v")).is_ok());
    blocking.close(LONG).unwrap();
}

/// Runs something in a callback, with the producer that calls it.
fn in_callback<T: Send + 'static>(
    run: impl FnOnce(&Producer) -> T + Send + 'static,
) -> (Producer, T) {
    let broker = broker();
    let producer = Producer::builder()
        .bootstrap_servers(broker.bootstrap_servers())
        // What is enqueued in the callback stays unsettled as long as it runs.
        .linger(Duration::ZERO)
        .build()
        .unwrap();
    let (sender, result) = channel();
    let inside = producer.clone();
    let record = Record::to("t").value("v");
    let callback = move |_| sender.send((run(&inside), broker)).unwrap();
    producer
        .blocking()
        .send_with_callback(record, callback)
        .unwrap();
    let (result, broker) = result.recv_timeout(LONG).unwrap();
    static BROKERS: OnceLock<Mutex<Vec<Broker>>> = OnceLock::new();
    BROKERS
        .get_or_init(Mutex::default)
        .lock()
        .unwrap()
        .push(broker);
    (producer, result)
}

#[test]
fn a_callback_may_send_but_not_wait() {
    let (producer, (delivery, waited, timed)) = in_callback(|producer| {
        let send = || producer.try_enqueue(Record::to("t").value("next")).unwrap();
        let (delivery, mut timed) = (send(), send());
        (delivery, send().wait(), timed.wait_timeout(LONG))
    });
    let error = waited.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::InCallback), "{error}");
    assert!(error.may_have_been_written());
    assert!(timed.is_none());
    assert_eq!(delivery.wait().unwrap().offset(), Some(1));
    producer.blocking().flush().unwrap();
    assert_eq!(producer.metrics().record_send.total, 4);
}

#[test]
fn a_flush_in_a_callback_is_an_error_and_sends() {
    let (producer, (flushed, delivery)) = in_callback(|producer| {
        let delivery = producer.try_enqueue(Record::to("t").value("next")).unwrap();
        (producer.blocking().flush(), delivery)
    });
    let error = flushed.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::InCallback), "{error}");
    assert!(error.to_string().contains("use try_enqueue"), "{error}");
    assert!(delivery.wait().is_ok());
    drop(producer);
}

#[test]
fn a_close_in_a_callback_has_no_time() {
    let (producer, (closed, delivery)) = in_callback(|producer| {
        let delivery = producer.try_enqueue(Record::to("t").value("next")).unwrap();
        (producer.blocking().close(LONG), delivery)
    });
    assert!(closed.is_ok());
    assert!(delivery.wait().is_err());
    let refused = producer.blocking().enqueue(Record::to("t").value("v"));
    assert!(matches!(refused.unwrap_err().kind(), ErrorKind::Closed));
}

/// Adds its name as a header, and notes what it hears.
struct Named(&'static str, Arc<Mutex<Vec<String>>>);

impl ProducerInterceptor for Named {
    fn on_send(&self, record: &mut Record<'_>) {
        record.add_header("seen-by", self.0);
        assert_ne!(self.0, "panics", "on purpose");
    }

    fn on_acknowledgement(&self, report: &DeliveryReport) {
        let how = match &report.outcome {
            Ok(_) => "delivered",
            Err(_) => "failed",
        };
        self.1
            .lock()
            .unwrap()
            .push(format!("{} {} {how}", self.0, report.tag));
        assert_ne!(self.0, "panics", "on purpose");
    }
}

#[test]
fn interceptors_see_each_record_in_turn() {
    let broker = broker();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let named = |name| Named(name, Arc::clone(&heard));
    let producer = Producer::builder()
        .bootstrap_servers(broker.bootstrap_servers())
        .interceptor(named("panics"))
        .interceptor(named("b"))
        .build()
        .unwrap();
    let blocking = producer.blocking();
    blocking.send(Record::to("t").value("v").tag(1)).unwrap();
    let typed = producer.topic("t").with_key(Utf8).with_value(Utf8);
    typed.blocking().send("k", "v").unwrap();
    producer
        .try_enqueue(Record::to("t").value("v").tag(2))
        .unwrap()
        .wait()
        .unwrap();
    blocking
        .send(Record::to("t").partition(-1).tag(3))
        .unwrap_err();
    let told = heard.lock().unwrap().clone();
    let outcomes = [
        (1, "delivered"),
        (0, "delivered"),
        (2, "delivered"),
        (3, "failed"),
    ];
    let expected =
        outcomes.map(|(tag, how)| ["panics", "b"].map(|name| format!("{name} {tag} {how}")));
    assert_eq!(told, expected.concat());
    for record in broker.records("t").unwrap() {
        let seen: Vec<_> = record
            .headers
            .iter()
            .map(|header| header.value.as_deref().unwrap())
            .collect();
        assert_eq!(seen, [&b"panics"[..], b"b"]);
    }
    assert_eq!(broker.records("t").unwrap().len(), 3);
}
