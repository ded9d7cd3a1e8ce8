//! Settings of others, sorted by name: whose they are, and what to do instead.

/// Keys, by how they begin, that extend a setting of the table, and why they have no effect here.
pub(super) const FAMILIES: &[(&str, &str)] = &[
    (
        "metrics.context.",
        "such settings describe the client to Java's metrics reporters, and there are none here",
    ),
    (
        "config.providers.",
        "only config.providers reads such settings, and raban refuses it",
    ),
    ("key.serializer.encoding", ENCODING),
    ("serializer.encoding", ENCODING),
    ("value.serializer.encoding", ENCODING),
];

/// As in Java, serializers alone read it; the command has them, a producer's records are bytes.
const ENCODING: &str = "only the command `raban produce` obeys such settings, in an application a typed topic handle \
                        takes the serializer `Text`";

pub(super) const CONSUMER: &[&str] = &[
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

/// Settings of librdkafka that Kafka's producer lacks, with what to do instead.
pub(super) const LIBRDKAFKA: &[(&str, &str)] = &[
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

/// Settings that Kafka's producer had once, the one in Scala too, or that belong to brokers.
pub(super) const JAVA: &[(&str, &str)] = &[
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
        "the producer before Kafka 0.8 had it: set `bootstrap.servers`",
    ),
    (
        "compressed.topics",
        "Kafka's Scala producer had it: remove it",
    ),
    (
        "key.serializer.class",
        "Kafka's Scala producer had it: set `key.serializer`",
    ),
    (
        "metadata.fetch.timeout.ms",
        "Kafka dropped it: set `max.block.ms`",
    ),
    (
        "min.insync.replicas",
        "it is a setting of topics and brokers: remove it here",
    ),
    ("producer.type", "Kafka's Scala producer had it: remove it"),
    (
        "queue.enqueue.timeout.ms",
        "Kafka's Scala producer had it: set `max.block.ms`",
    ),
    (
        "serializer.class",
        "Kafka's Scala producer had it: set `value.serializer`",
    ),
    ("timeout.ms", "Kafka dropped it: set `request.timeout.ms`"),
    ("zk.connect", ZOOKEEPER),
    ("zookeeper.connect", ZOOKEEPER),
];

const ZOOKEEPER: &str =
    "clients found brokers by ZooKeeper before Kafka 0.8: set `bootstrap.servers`";

/// Settings of Java classes that raban has no counterpart for, by how they begin. Where they end as a setting of the
/// producer does, they don't mean it.
pub(super) const PLUGINS: &[(&str, &str)] = &[
    ("apicurio.", REGISTRY),
    ("auto.register.schemas", REGISTRY),
    ("avro.", REGISTRY),
    ("basic.auth.", REGISTRY),
    ("bearer.auth.", REGISTRY),
    (
        "confluent.monitoring.interceptor.",
        "is read by Confluent's interceptors, and raban loads no Java classes: remove it.",
    ),
    (
        "default.list.",
        "is read by Kafka's ListSerializer alone: remove it, and give a typed topic handle the serializer List.",
    ),
    ("key.subject.name.strategy", REGISTRY),
    ("latest.compatibility.strict", REGISTRY),
    ("normalize.schemas", REGISTRY),
    ("schema.registry.", REGISTRY),
    ("specific.avro.", REGISTRY),
    (
        "spring.json.",
        "is read by Spring's serializer, and raban loads no Java classes: remove it, and serialize in the application.",
    ),
    ("use.latest.version", REGISTRY),
    ("value.subject.name.strategy", REGISTRY),
];

const REGISTRY: &str = "is read by a schema registry's serializers, and raban loads no Java classes: remove it, and \
                        serialize in the application.";

/// Whose settings these are, by how they begin, unless they name a setting of the producer behind a prefix.
pub(super) const OWNERS: &[(&str, &str)] = &[
    ("application.id", "Kafka Streams"),
    ("commit.interval.ms", "Kafka Streams"),
    ("connector.class", "Kafka Connect"),
    ("default.key.serde", "Kafka Streams"),
    ("default.value.serde", "Kafka Streams"),
    ("key.converter", "Kafka Connect"),
    ("mp.messaging.", "MicroProfile's messaging"),
    ("offset.flush.", "Kafka Connect"),
    ("offset.storage.", "Kafka Connect"),
    ("processing.guarantee", "Kafka Streams"),
    ("spring.", "Spring"),
    ("tasks.max", "Kafka Connect"),
    ("value.converter", "Kafka Connect"),
];
