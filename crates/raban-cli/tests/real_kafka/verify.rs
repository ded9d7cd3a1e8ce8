//! `raban verify` beside the Java tool whose contract it keeps: the same lines, member by member.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;
use testbed::Kafka;

use crate::support::{alone, raban};

const JAVA: &str = "org.apache.kafka.tools.VerifiableProducer";

#[test]
#[cfg_attr(not(real_kafka), ignore = "needs RABAN_REAL_KAFKA=1")]
fn verify_tells_what_the_java_tool_tells() {
    let _alone = alone();
    let kafka = Kafka::builder().version("4.3.1").start().unwrap();
    let server = kafka.bootstrap_servers();
    for (name, config, options) in [
        ("plain", None, &[][..]),
        (
            "options",
            None,
            &[
                "--repeating-keys=2",
                "--value-prefix=7",
                "--message-create-time=1000",
                "--throughput=500",
                "--acks=1",
            ],
        ),
        ("unacknowledged", None, &["--acks=0"]),
        // There is one replica only.
        ("failing", Some(("min.insync.replicas", "2")), &[]),
    ] {
        let told = ["java", "raban"].map(|by| {
            let topic = format!("{name}-{by}");
            kafka.create_topic(&topic, 1, 1, config.as_slice()).unwrap();
            let words = [
                "--topic",
                &topic,
                "--bootstrap-server",
                &server,
                "--max-messages",
                "5",
            ];
            let words = [&words, options].concat();
            let text = match by {
                "java" => kafka.run_tool(JAVA, &words, &[]).unwrap().stdout,
                _ => {
                    let run = raban(&[&["verify"], &words[..]].concat(), |_| Ok(()));
                    assert_eq!(run.code, 0, "{}", run.stderr);
                    run.stdout
                }
            };
            // What nobody acknowledged may be appended yet.
            let read = (name != "unacknowledged").then(|| {
                let read = kafka.consume(&topic).unwrap().into_iter();
                read.map(|record| (record.key, record.value, record.offset))
                    .collect::<Vec<_>>()
            });
            (comparable(&text, by), read)
        });
        let [java, raban] = told;
        assert_eq!(raban, java, "{name}");
        assert_eq!(java.0.len(), 5 + 3, "{name}: {java:?}");
    }
}

/// Each line's members with the values that must be the same, and the kinds of those that differ by nature. Java orders
/// the first two; where the others stand is up to the JVM.
fn comparable(text: &[u8], by: &str) -> Vec<Vec<(String, Value)>> {
    let text = str::from_utf8(text).unwrap();
    let lines = text.lines().filter(|line| line.starts_with('{'));
    lines
        .map(|line| {
            let Members(mut members) = serde_json::from_str(line).unwrap();
            for (name, value) in &mut members {
                match name.as_str() {
                    "timestamp" => *value = value.is_i64().into(),
                    "avg_throughput" => *value = value.is_f64().into(),
                    "exception" | "message" => *value = value.is_string().into(),
                    "topic" => {
                        let topic = value.as_str().unwrap();
                        *value = topic.strip_suffix(by).unwrap().into();
                    }
                    _ => {}
                }
            }
            members[2..].sort_by(|(a, _), (b, _)| a.cmp(b));
            members
        })
        .collect()
}

/// A JSON object with its members in the order in which they are written.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}
