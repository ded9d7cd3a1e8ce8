//! Settings that Kafka's producer has no counterpart for.

use crate::config::setting::Importance::{Low, Medium};
use crate::config::setting::SettingType::{Boolean, Long, String};
use crate::config::setting::{Setting, Valid};

pub(super) const ROWS: &[Setting] = &[
    Setting::new("allow.auto.create.topics", Boolean, Some("true"), Low).doc(
        "Whether brokers that create missing topics by themselves (auto.create.topics.enable) may do so for a record. \
         Kafka's consumer has the same setting; its producer always allows it.",
    ),
    Setting::new("batch.growth.enable", Boolean, Some("true"), Medium).doc(
        "Whether a full batch takes further records while it could not be sent: behind an earlier batch of its \
         partition that waits for the broker. It grows up to a quarter of max.request.size, a sixteenth of \
         buffer.memory and what the topic is known to take, and only without compression. It leaves no later for that.",
    ),
    Setting::new("in.doubt.policy", String, Some("fail"), Medium)
    .valid(Valid::OneOf(&["fail", "resend"]))
    .doc(
        "What happens with idempotence to a batch of which neither the broker nor the log can tell whether it was \
         written. fail: its records fail, and the error says that they may be in the log. resend: it is sent again, \
         so that nothing is lost and something may be there twice.",
    ),
    Setting::new("statistics.interval.ms", Long, Some("0"), Low)
        .valid(Valid::AtLeast(0))
        .doc(
            "At which interval in milliseconds all metrics are logged as a line of JSON; 0: never. librdkafka has the \
             same setting.",
        ),
];
