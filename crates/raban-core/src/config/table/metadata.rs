//! Settings of what the producer knows about the cluster.

use crate::config::setting::Importance::Low;
use crate::config::setting::SettingType::{Boolean, List, Long, String};
use crate::config::setting::{Setting, Treatment, Valid};

pub(super) const ROWS: &[Setting] = &[
    Setting::new("metadata.max.age.ms", Long, Some("300000"), Low)
        .valid(Valid::AtLeast(0))
        .aliases(&["topic.metadata.refresh.interval.ms"])
        .doc("After how many milliseconds metadata is asked for again even if nothing went wrong, to see new partitions and brokers."),
    Setting::new("metadata.max.idle.ms", Long, Some("300000"), Low)
        .valid(Valid::AtLeast(5000))
        .doc("After how many milliseconds without a record a topic is no longer asked about; the next record asks again."),
    Setting::new(
        "metadata.recovery.strategy",
        String,
        Some("rebootstrap"),
        Low,
    )
    .valid(Valid::OneOfAnyCase(&["REBOOTSTRAP", "NONE"]))
    .doc(
        "Whom to ask when the known brokers can't be reached, or when they say that the metadata is too old (KIP-899, \
         KIP-1102). rebootstrap: bootstrap.servers, in turn with the known brokers. none: the known brokers alone.",
    ),
    Setting::new(
        "metadata.recovery.rebootstrap.trigger.ms",
        Long,
        Some("300000"),
        Low,
    )
    .valid(Valid::AtLeast(0))
    .doc(
        "After how many milliseconds of asking in vain for metadata only bootstrap.servers are asked, with \
         metadata.recovery.strategy=rebootstrap.",
    ),
    Setting::new("metadata.cluster.check.enable", Boolean, Some("true"), Low)
        .doc(
            "Whether each connection to a broker known from metadata says which cluster and broker it is meant for, so \
             that a broker (Kafka 4.4 or later) which is another one refuses it (KIP-1242). Then it is closed, and the \
             bootstrap servers are asked for metadata. With older brokers only the cluster's id in metadata is compared, \
             which the Java client doesn't do. Without effect with metadata.recovery.strategy=none.",
        ),
    Setting::new("config.providers", List, Some(""), Low)
        .treatment(Treatment::Refused(
            "raban loads no Java classes, so ${provider:key} would stay as it is. Write the values themselves, or let \
             the application fill them in",
        ))
        .already_so(&[""])
        .doc("Names of Java classes that replace ${provider:key} in values."),
];
