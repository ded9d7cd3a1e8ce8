//! What to say about a key that is no setting of the producer: whose setting it is, or which one was meant.

use super::table::SETTINGS;

/// Families of keys that extend a setting of the table, and why they have no effect here.
const FAMILIES: &[(&str, &str)] = &[
    (
        "metrics.context.",
        "such settings describe the client to Java's metrics reporters, and there are none here",
    ),
    (
        "config.providers.",
        "only config.providers reads such settings, and raban refuses it",
    ),
];

const CONSUMER: &[&str] = &[
    "allow.auto.create.topics",
    "auto.commit.interval.ms",
    "auto.offset.reset",
    "check.crcs",
    "default.api.timeout.ms",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.partition.eof",
    "exclude.internal.topics",
    "fetch.error.backoff.ms",
    "fetch.max.bytes",
    "fetch.max.wait.ms",
    "fetch.message.max.bytes",
    "fetch.min.bytes",
    "fetch.wait.max.ms",
    "group.id",
    "group.instance.id",
    "group.protocol",
    "group.remote.assignor",
    "heartbeat.interval.ms",
    "isolation.level",
    "key.deserializer",
    "max.partition.fetch.bytes",
    "max.poll.interval.ms",
    "max.poll.records",
    "partition.assignment.strategy",
    "queued.max.messages.kbytes",
    "queued.min.messages",
    "session.timeout.ms",
    "share.acknowledgement.mode",
    "share.acquire.mode",
    "value.deserializer",
];

/// Settings of librdkafka alone, with what to do instead.
const LIBRDKAFKA: &[(&str, &str)] = &[
    (
        "api.version.request",
        "remove it: raban always asks which versions a broker speaks",
    ),
    ("batch.num.messages", "set `batch.size`, in bytes"),
    (
        "broker.address.family",
        "remove it: raban tries every address that a name resolves to",
    ),
    (
        "broker.address.ttl",
        "remove it: raban resolves names again when it has tried every address",
    ),
    (
        "broker.version.fallback",
        "remove it: raban always asks which versions a broker speaks",
    ),
    ("builtin.features", "remove it"),
    (
        "compression.level",
        "set `compression.gzip.level`, `compression.lz4.level` or `compression.zstd.level`",
    ),
    ("debug", "remove it"),
    (
        "delivery.report.only.error",
        "remove it: look at the failed deliveries alone",
    ),
    (
        "enable.gapless.guarantee",
        "remove it: failed records are reported, and the order of a partition's records is kept",
    ),
    (
        "enable.ssl.certificate.verification",
        "remove it: raban has no TLS yet",
    ),
    ("log.connection.close", "remove it"),
    ("log_level", "remove it"),
    ("plugin.library.paths", "remove it: raban loads no plug-ins"),
    ("queue.buffering.backpressure.threshold", "remove it"),
    (
        "queue.buffering.max.kbytes",
        "set `buffer.memory`, in bytes",
    ),
    (
        "queue.buffering.max.messages",
        "set `buffer.memory`, in bytes",
    ),
    ("queuing.strategy", "remove it: records are sent in order"),
    ("receive.message.max.bytes", "remove it"),
    ("sasl.kerberos.keytab", "remove it: raban has no SASL yet"),
    (
        "sasl.kerberos.principal",
        "remove it: raban has no SASL yet",
    ),
    (
        "sasl.oauthbearer.config",
        "remove it: raban has no SASL yet",
    ),
    (
        "sasl.oauthbearer.method",
        "remove it: raban has no SASL yet",
    ),
    ("sasl.password", "remove it: raban has no SASL yet"),
    ("sasl.username", "remove it: raban has no SASL yet"),
    ("socket.keepalive.enable", "remove it"),
    ("socket.max.fails", "remove it"),
    (
        "socket.nagle.disable",
        "remove it: raban never delays small writes",
    ),
    ("ssl.ca.location", "remove it: raban has no TLS yet"),
    ("ssl.ca.pem", "remove it: raban has no TLS yet"),
    (
        "ssl.certificate.location",
        "remove it: raban has no TLS yet",
    ),
    ("ssl.certificate.pem", "remove it: raban has no TLS yet"),
    ("ssl.key.location", "remove it: raban has no TLS yet"),
    ("ssl.key.pem", "remove it: raban has no TLS yet"),
    (
        "sticky.partitioning.linger.ms",
        "remove it: records without a key change partition every `batch.size` bytes",
    ),
    ("topic.metadata.propagation.max.ms", "set `max.block.ms`"),
    (
        "topic.metadata.refresh.fast.interval.ms",
        "set `retry.backoff.ms`",
    ),
];

const ENCODING: &str = "remove it, and give a typed topic handle the serializer Text; only the command raban produce obeys it";

/// Settings that the Java producer had once, or that only its serializers read.
const JAVA: &[(&str, &str)] = &[
    (
        "auto.include.jmx.reporter",
        "Kafka 4.0 dropped it, and raban has no JMX: remove it",
    ),
    (
        "block.on.buffer.full",
        "Kafka dropped it: set `max.block.ms`",
    ),
    (
        "broker.list",
        "it is a setting of the producer before Kafka 0.8: set `bootstrap.servers`",
    ),
    ("key.serializer.encoding", ENCODING),
    (
        "metadata.fetch.timeout.ms",
        "Kafka dropped it: set `max.block.ms`",
    ),
    (
        "min.insync.replicas",
        "it is a setting of topics and brokers: remove it here",
    ),
    (
        "producer.type",
        "it is a setting of the producer before Kafka 0.8: remove it",
    ),
    (
        "schema.registry.url",
        "raban has no schema registry client: remove it, and serialize in the application",
    ),
    (
        "serializer.class",
        "it is a setting of the producer before Kafka 0.8: set `value.serializer`",
    ),
    ("serializer.encoding", ENCODING),
    ("timeout.ms", "Kafka dropped it: set `request.timeout.ms`"),
    ("value.serializer.encoding", ENCODING),
];

/// What there is to say about an unknown key.
pub(super) struct Unknown {
    /// The setting that was probably meant.
    pub(super) suggestion: Option<&'static str>,
    /// What the key is instead, and the remedy: the rest of a sentence that begins with the key.
    pub(super) clause: String,
}

/// Why a key of a family that extends a setting has no effect; `None` for other keys.
pub(super) fn family_reason(key: &str) -> Option<&'static str> {
    FAMILIES
        .iter()
        .find(|(prefix, _)| key.starts_with(prefix))
        .map(|(_, reason)| *reason)
}

/// Explains a key that is not in the table.
pub(super) fn explain(key: &str) -> Unknown {
    let normal = normalized(key);
    if let Some(clause) = foreign(key, &normal) {
        return Unknown {
            suggestion: None,
            clause,
        };
    }
    match nearest(&normal) {
        Some(name) => Unknown {
            suggestion: Some(name),
            clause: format!("is not a setting: did you mean `{name}`?"),
        },
        None => Unknown {
            suggestion: None,
            clause: "is not a setting of the producer, and none has a similar name: remove it."
                .to_owned(),
        },
    }
}

/// What to say about a setting of somebody else.
fn foreign(key: &str, normal: &str) -> Option<String> {
    let named = |name: &str| name == key || name == normal;
    if CONSUMER.iter().any(|name| named(name)) {
        return Some(
            "is a setting of consumers, which a producer has no use for: remove it.".to_owned(),
        );
    }
    if let Some((_, remedy)) = LIBRDKAFKA.iter().find(|(name, _)| named(name)) {
        return Some(format!("is a setting of librdkafka alone: {remedy}."));
    }
    let (_, remedy) = JAVA.iter().find(|(name, _)| named(name))?;
    Some(format!("is not a setting here: {remedy}."))
}

/// The known name that is most like `normal`, if any is like it.
fn nearest(normal: &str) -> Option<&'static str> {
    spelled_otherwise(normal)
        .or_else(|| shortened(normal))
        .or_else(|| mistyped(normal))
}

/// The setting that `normal` names, perhaps behind a prefix as in `producer.linger.ms`.
fn spelled_otherwise(normal: &str) -> Option<&'static str> {
    let mut rest = normal;
    loop {
        if let Some(setting) = super::table::find(rest) {
            return Some(setting.name);
        }
        rest = rest.split_once('.')?.1;
    }
}

/// The setting whose name only goes on with a last word, as `linger` does in `linger.ms`.
fn shortened(normal: &str) -> Option<&'static str> {
    const LAST_WORDS: [&str; 7] = ["ms", "bytes", "type", "size", "servers", "enable", "class"];
    SETTINGS
        .iter()
        .map(|setting| setting.name)
        .filter(|name| {
            name.strip_prefix(normal)
                .and_then(|rest| rest.strip_prefix('.'))
                .is_some_and(|last| LAST_WORDS.contains(&last))
        })
        .min_by_key(|name| name.len())
}

/// The setting that a few typing errors lead to.
fn mistyped(normal: &str) -> Option<&'static str> {
    let tolerated = (normal.chars().count() / 4).max(1);
    SETTINGS
        .iter()
        .flat_map(|setting| {
            std::iter::once(&setting.name)
                .chain(setting.aliases)
                .map(|name| (strsim::osa_distance(normal, name), setting.name))
        })
        .filter(|(distance, _)| *distance <= tolerated)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// `key` in Kafka's way of spelling: lower case, dots between the words.
fn normalized(key: &str) -> String {
    let mut out = String::with_capacity(key.len() + 4);
    let mut after_small = false;
    for c in key.trim().chars() {
        if matches!(c, '_' | '-' | ' ') {
            out.push('.');
        } else {
            if c.is_uppercase() && after_small {
                out.push('.');
            }
            out.extend(c.to_lowercase());
        }
        after_small = c.is_lowercase() || c.is_ascii_digit();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_setting_is_suggested() {
        for (key, name) in [
            ("linger_ms", "linger.ms"),
            ("lingerMs", "linger.ms"),
            ("LINGER_MS", "linger.ms"),
            ("Linger.ms", "linger.ms"),
            ("linger-ms", "linger.ms"),
            ("linger", "linger.ms"),
            ("linger.sm", "linger.ms"),
            ("lingerms", "linger.ms"),
            ("ack", "acks"),
            ("bootstrap.server", "bootstrap.servers"),
            ("bootstrap_servers", "bootstrap.servers"),
            ("bootstrap", "bootstrap.servers"),
            ("metadata.brokers.list", "bootstrap.servers"),
            ("compresion.type", "compression.type"),
            ("compression", "compression.type"),
            ("enableIdempotence", "enable.idempotence"),
            ("producer.linger.ms", "linger.ms"),
            ("spring.kafka.producer.batch-size", "batch.size"),
            ("KAFKA_QUEUE_BUFFERING_MAX_MS", "linger.ms"),
            ("max.inflight", "max.in.flight.requests.per.connection"),
            ("retry.backoff", "retry.backoff.ms"),
        ] {
            let unknown = explain(key);
            assert_eq!(unknown.suggestion, Some(name), "{key}");
            assert_eq!(
                unknown.clause,
                format!("is not a setting: did you mean `{name}`?")
            );
        }
    }

    #[test]
    fn settings_of_others_are_named_as_theirs() {
        for (key, clause) in [
            (
                "group.id",
                "is a setting of consumers, which a producer has no use for: remove it.",
            ),
            (
                "groupId",
                "is a setting of consumers, which a producer has no use for: remove it.",
            ),
            (
                "queue.buffering.max.kbytes",
                "is a setting of librdkafka alone: set `buffer.memory`, in bytes.",
            ),
            (
                "block.on.buffer.full",
                "is not a setting here: Kafka dropped it: set `max.block.ms`.",
            ),
        ] {
            assert_eq!(explain(key).clause, clause);
        }
    }

    #[test]
    fn nothing_is_suggested_for_what_resembles_nothing() {
        for key in [
            "",
            "x",
            "retention.policy",
            "日本",
            "sasl",
            "the.answer.is.42",
        ] {
            let unknown = explain(key);
            assert_eq!(unknown.suggestion, None, "{key}");
            assert!(unknown.clause.ends_with("remove it."), "{key}");
        }
    }

    #[test]
    fn the_lists_name_nothing_that_is_a_setting() {
        let others = LIBRDKAFKA.iter().chain(JAVA).map(|(name, _)| name);
        for name in CONSUMER.iter().chain(others) {
            assert!(super::super::table::find(name).is_none(), "{name}");
        }
    }

    #[test]
    fn every_remedy_names_known_settings() {
        for (key, remedy) in LIBRDKAFKA.iter().chain(JAVA) {
            for name in remedy.split('`').skip(1).step_by(2) {
                assert!(super::super::table::find(name).is_some(), "{key}: {name}");
            }
        }
    }
}
