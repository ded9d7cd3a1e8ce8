//! Typed topic handles and serializers.

use bytes::Bytes;
use raban::{
    AsyncSerializer, BigEndian, Charset, ErrorKind, JavaSerializer, Json, List, RecordPart,
    SerializeContext, SerializeError, SerializeFuture, Serializer, Text, Topic, TryEnqueueError,
    Utf8, UuidText, Void,
};

use crate::support::{broker, producer};

#[derive(serde::Serialize)]
struct Order<'a> {
    customer: &'a str,
    total: u32,
}

#[tokio::test]
async fn json_with_a_tombstone() {
    let broker = broker();
    let orders = producer(&broker)
        .topic("orders")
        .with_key(Utf8)
        .with_value(Json);
    let customer = String::from("customer-42");
    orders
        .send(
            "customer-42",
            &Order {
                customer: "Ä",
                total: 12,
            },
        )
        .await
        .unwrap();
    orders.send(&customer, None).await.unwrap();
    orders
        .send(
            None,
            Some(&Order {
                customer: "",
                total: 0,
            }),
        )
        .await
        .unwrap();
    let records = broker.records("orders").unwrap();
    let as_text = |bytes: &Option<Bytes>| {
        bytes
            .as_ref()
            .map(|b| String::from_utf8(b.to_vec()).unwrap())
    };
    let found: Vec<_> = records
        .iter()
        .map(|r| (as_text(&r.key), as_text(&r.value)))
        .collect();
    let customer = Some(customer);
    assert_eq!(
        found[0],
        (
            customer.clone(),
            Some(r#"{"customer":"Ä","total":12}"#.into())
        )
    );
    assert_eq!(found[1], (customer, None));
    assert_eq!(
        found[2],
        (None, Some(r#"{"customer":"","total":0}"#.into()))
    );
}

#[test]
fn bytes_in_every_form() {
    let broker = broker();
    let topic = producer(&broker).topic("t");
    let blocking = topic.blocking();
    blocking.send(b"k", &vec![1, 2]).unwrap();
    blocking.send(&Bytes::from_static(b"k"), &b"v"[..]).unwrap();
    blocking.send(None, None).unwrap();
    let records = broker.records("t").unwrap();
    assert_eq!(records[0].value.as_deref(), Some(&[1, 2][..]));
    assert_eq!(records[1].key.as_deref(), Some(&b"k"[..]));
    assert_eq!((&records[2].key, &records[2].value), (&None, &None));
}

#[test]
fn a_typed_record_has_headers_partition_and_timestamp() {
    let broker = broker();
    let topic = producer(&broker).topic("t").with_value(Utf8);
    let record = topic
        .record(None, "v")
        .header("a", "1")
        .header("a", "2")
        .partition(0)
        .timestamp(77);
    let sent = raban::block_on(record.send()).unwrap();
    assert_eq!((sent.partition(), sent.timestamp()), (0, 77));
    let read = broker.records("t").unwrap().remove(0);
    assert_eq!(
        read.headers.iter().map(|h| &*h.key).collect::<Vec<_>>(),
        ["a", "a"]
    );
}

/// Writes what it knows of the record, and a header.
struct Telling;

impl Serializer<u32> for Telling {
    fn serialize(
        &self,
        context: &mut SerializeContext<'_>,
        value: &u32,
        out: &mut Vec<u8>,
    ) -> Result<(), SerializeError> {
        if *value == 13 {
            return Err(SerializeError::new("thirteen isn't written"));
        }
        let part = if context.part() == RecordPart::Key {
            "key"
        } else {
            "value"
        };
        out.extend(format!("{} {part} {value}", context.topic()).bytes());
        context.add_header(part, format!("{}", context.headers().len()));
        Ok(())
    }
}

#[test]
fn a_serializer_of_ones_own_knows_the_record_and_adds_headers() {
    let broker = broker();
    let topic: Topic<u32, u32> = producer(&broker)
        .topic("t")
        .with_key(Telling)
        .with_value(Telling);
    raban::block_on(topic.record(1, 2).header("own", "x").send()).unwrap();
    let read = broker.records("t").unwrap().remove(0);
    assert_eq!(
        (&read.key.unwrap()[..], &read.value.unwrap()[..]),
        (&b"t key 1"[..], &b"t value 2"[..])
    );
    let headers: Vec<_> = read
        .headers
        .iter()
        .map(|h| (&*h.key, h.value.as_deref().unwrap()))
        .collect();
    assert_eq!(
        headers,
        [("own", &b"x"[..]), ("key", b"1"), ("value", b"2")]
    );
}

#[test]
fn what_cannot_be_serialized_is_not_sent() {
    let broker = broker();
    let topic = producer(&broker)
        .topic("t")
        .with_key(Telling)
        .with_value(Telling);
    let error = topic.blocking().send(1, 13).unwrap_err();
    let ErrorKind::Serialize { part, reason } = error.kind() else {
        panic!("{error}")
    };
    assert_eq!((*part, &**reason), ("value", "thirteen isn't written"));
    assert_eq!(
        error.to_string(),
        "value can't be serialized: thirteen isn't written"
    );
    let refused = topic.try_enqueue(13, 1).unwrap_err();
    assert!(
        matches!(refused, TryEnqueueError::Failed(e) if matches!(e.kind(), ErrorKind::Serialize { part: "key", .. }))
    );
}

#[test]
fn an_illegal_topic_name_is_told_to_each_record() {
    let broker = broker();
    let topic = producer(&broker).topic("no topic");
    for _ in 0..2 {
        let error = topic.blocking().send(b"k", b"v").unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::InvalidTopic { .. }),
            "{error}"
        );
    }
}

#[test]
fn a_handle_is_shared_between_threads() {
    let broker = broker();
    let topic = producer(&broker).topic("t").with_key(Utf8).with_value(Json);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let topic = topic.clone();
            scope.spawn(move || {
                for index in 0..100 {
                    topic
                        .blocking()
                        .enqueue("k", thread * 100 + index)
                        .unwrap()
                        .detach();
                }
            });
        }
    });
    // The handle keeps its producer open.
    topic.blocking().send("k", -1).unwrap();
    assert_eq!(broker.records("t").unwrap().len(), 401);
}

#[tokio::test]
async fn numbers_by_value_by_reference_and_null() {
    let broker = broker();
    let producer = producer(&broker);
    let prices = producer
        .topic("prices")
        .with_key(BigEndian)
        .with_value(BigEndian);
    prices.send(42, 7.5).await.unwrap();
    let (key, value) = (&42, &7.5);
    prices.send(key, value).await.unwrap();
    prices
        .enqueue(Some(&42), None)
        .await
        .unwrap()
        .await
        .unwrap();
    let records = broker.records("prices").unwrap();
    for record in &records {
        assert_eq!(record.key.as_deref(), Some(&[0, 0, 0, 42][..]));
    }
    let seven_and_a_half = &[0x40, 0x1e, 0, 0, 0, 0, 0, 0][..];
    assert_eq!(records[0].value.as_deref(), Some(seven_and_a_half));
    assert_eq!(records[1].value.as_deref(), Some(seven_and_a_half));
    assert_eq!(records[2].value, None);

    let flags: Topic<i64, bool> = producer
        .topic("flags")
        .with_key(BigEndian)
        .with_value(BigEndian);
    flags.send(-1, true).await.unwrap();
    let read = broker.records("flags").unwrap().remove(0);
    assert_eq!(
        (read.key.as_deref(), read.value.as_deref()),
        (Some(&[0xff; 8][..]), Some(&[1][..]))
    );
}

#[tokio::test]
async fn void_takes_only_null() {
    let broker = broker();
    let lines = producer(&broker)
        .topic("lines")
        .with_key(Void)
        .with_value(Utf8);
    lines.send(None, "one").await.unwrap();
    assert_eq!(broker.records("lines").unwrap().remove(0).key, None);
}

#[tokio::test]
async fn lists_uuids_and_other_charsets() {
    let broker = broker();
    let topic = producer(&broker)
        .topic("t")
        .with_key::<u128>(UuidText)
        .with_value(List(BigEndian));
    let items = vec![None, Some(7)];
    topic.send(u128::MAX, &items).await.unwrap();
    let legacy = topic
        .with_key(Text(Charset::Utf16Le))
        .with_value(List(Text("latin1".parse().unwrap())));
    legacy.send("ü", &vec!["€", "ü"]).await.unwrap();
    let records = broker.records("t").unwrap();
    assert_eq!(
        records[0].key.as_deref(),
        Some(&b"ffffffff-ffff-ffff-ffff-ffffffffffff"[..])
    );
    assert_eq!(
        records[0].value.as_deref(),
        Some(&[0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 7][..])
    );
    assert_eq!(records[1].key.as_deref(), Some(&[0xfc, 0][..]));
    assert_eq!(
        records[1].value.as_deref(),
        Some(&b"\x01\0\0\0\x02\0\0\0\x01?\0\0\0\x01\xfc"[..])
    );
}

#[tokio::test]
async fn text_by_the_names_of_java_s_serializers() {
    let broker = broker();
    let key: JavaSerializer = "integer".parse().unwrap();
    let value: JavaSerializer = "DoubleSerializer".parse().unwrap();
    let topic = producer(&broker).topic("t").with_key(key).with_value(value);
    topic.send("42", "7.5").await.unwrap();
    let read = broker.records("t").unwrap().remove(0);
    assert_eq!(read.key.as_deref(), Some(&[0, 0, 0, 42][..]));
    assert_eq!(read.value.as_deref(), Some(&7.5_f64.to_be_bytes()[..]));
    let error = topic.send("42", "seven").await.unwrap_err().to_string();
    assert!(
        error
            .starts_with("value can't be serialized: \"seven\" is not what DoubleSerializer takes"),
        "{error}"
    );
}

/// Writes the value behind a header and a wait.
struct Waiting;

impl AsyncSerializer<str> for Waiting {
    fn serialize<'a>(
        &'a self,
        context: &'a mut SerializeContext<'_>,
        value: &'a str,
        out: &'a mut Vec<u8>,
    ) -> SerializeFuture<'a> {
        Box::pin(async move {
            let waited = tokio::time::sleep(std::time::Duration::from_millis(1));
            waited.await;
            if value.is_empty() {
                return Err(SerializeError::new("nothing isn't written"));
            }
            context.add_header("waited", "1");
            out.extend_from_slice(value.as_bytes());
            Ok(())
        })
    }
}

#[tokio::test]
async fn serializers_that_wait() {
    let broker = broker();
    let topic = producer(&broker)
        .topic("t")
        .with_async_key(Waiting)
        .with_value(BigEndian);
    let sender = topic.clone();
    // The future goes to another task: it is `Send`.
    let sent = tokio::spawn(async move { sender.send("k", 7_i16).await });
    sent.await.unwrap().unwrap();
    topic.send(None, 8).await.unwrap();
    let error = topic.send("", 9).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "key can't be serialized: nothing isn't written"
    );
    let refused = topic.try_enqueue("k", 10).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "key can't be serialized: its serializer is asynchronous; wait with enqueue or send"
    );
    let values = topic.with_async_value(Waiting);
    values.send("k", "v").await.unwrap();

    let records = broker.records("t").unwrap();
    assert_eq!(records.len(), 3);
    assert_eq!(records[0].key.as_deref(), Some(&b"k"[..]));
    assert_eq!(records[0].value.as_deref(), Some(&[0, 7][..]));
    assert_eq!(records[0].headers.len(), 1);
    assert_eq!((&records[1].key, records[1].headers.len()), (&None, 0));
    assert_eq!(records[2].value.as_deref(), Some(&b"v"[..]));
    assert_eq!(records[2].headers.len(), 2);
}
