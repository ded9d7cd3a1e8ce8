//! Settings of what happens to a record before it enters a batch: serializers, partitioner, interceptors.

use crate::config::setting::Importance::{High, Low, Medium};
use crate::config::setting::SettingType::{Boolean, Class, List, Long};
use crate::config::setting::{Setting, Treatment, Valid};

/// How serializer classes are met; the rules check which class it is.
const SERIALIZER: Treatment = Treatment::Translated(
    "records are bytes, which Kafka's own string and bytes serializers pass through; for others use a typed topic \
     handle with a serializer of its own; `raban produce` makes of text what Kafka's serializers make of its value",
);

pub(super) const ROWS: &[Setting] = &[
    // Java requires both serializers. Here a record is bytes unless a typed handle serializes it.
    Setting::new(
        "key.serializer",
        Class,
        Some("org.apache.kafka.common.serialization.ByteArraySerializer"),
        High,
    )
    .treatment(SERIALIZER)
    .doc("The Java class that turns keys into bytes. Kafka's own are accepted; the Java client requires it, raban does not."),
    Setting::new(
        "value.serializer",
        Class,
        Some("org.apache.kafka.common.serialization.ByteArraySerializer"),
        High,
    )
    .treatment(SERIALIZER)
    .doc("The Java class that turns values into bytes. Kafka's own are accepted; the Java client requires it, raban does not."),
    Setting::new("partitioner.class", Class, None, Medium)
        .aliases(&["partitioner"])
        .treatment(Treatment::Translated(
            "raban loads no Java classes and knows partitioners by name: Kafka's RoundRobinPartitioner (round_robin), \
             UniformStickyPartitioner and DefaultPartitioner; librdkafka's random, consistent, consistent_random, murmur2, \
             murmur2_random, fnv1a and fnv1a_random; sarama and sarama_reference",
        ))
        .already_so(&[""])
        .doc("Who chooses partitions: the name of a partitioner, or one of Kafka's Java classes. Without it, keys are hashed with murmur2, and records without a key fill a batch's worth of one partition after another."),
    Setting::new("partitioner.ignore.keys", Boolean, Some("false"), Medium)
        .doc("Whether records with a key are spread like those without, instead of by the key's hash. Without effect where partitioner.class chooses."),
    Setting::new(
        "partitioner.adaptive.partitioning.enable",
        Boolean,
        Some("true"),
        Low,
    )
    .doc("Whether records without a key go to partitions with shorter queues more often. Without effect where partitioner.class chooses."),
    Setting::new(
        "partitioner.availability.timeout.ms",
        Long,
        Some("0"),
        Low,
    )
    .valid(Valid::AtLeast(0))
    .doc("After how many milliseconds in which its leader took no request records without a key avoid a partition whose batches wait; 0: never. Only with adaptive partitioning."),
    Setting::new("partitioner.rack.aware", Boolean, Some("false"), Low)
        .doc("Whether records without a key prefer partitions whose leader is in client.rack, as long as there are any (KIP-1123)."),
    Setting::new("interceptor.classes", List, Some(""), Low)
        .treatment(Treatment::Refused(
            "raban loads no Java classes, and records would pass unseen by them. Remove the setting, and do in the \
             application what they did",
        ))
        .already_so(&[""])
        .doc("Java classes that see each record before it is sent and after it is acknowledged."),
];
