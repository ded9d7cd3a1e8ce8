//! Settings that Kafka's producer has no counterpart for.

use crate::config::setting::Importance::{Low, Medium};
use crate::config::setting::SettingType::{Long, String};
use crate::config::setting::{Setting, Valid};

pub(super) const ROWS: &[Setting] = &[
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
