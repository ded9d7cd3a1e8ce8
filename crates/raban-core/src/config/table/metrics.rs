//! Settings of metrics.

use crate::config::setting::Importance::Low;
use crate::config::setting::SettingType::{Boolean, Int, List, Long, String};
use crate::config::setting::{Setting, Treatment, Valid};

const ENABLE_METRICS_PUSH: Setting =
    Setting::new("enable.metrics.push", Boolean, Some("true"), Low)
        .doc("Whether metrics are sent to brokers that subscribe to them (KIP-714).");

pub(super) const ROWS: &[Setting] = &[
    if cfg!(feature = "telemetry") {
        ENABLE_METRICS_PUSH
    } else {
        ENABLE_METRICS_PUSH
            .treatment(Treatment::Accepted(
                "raban was built without its feature `telemetry` and pushes no metrics; delivery is not affected",
            ))
            .already_so(&["false"])
    },
    Setting::new(
        "metric.reporters",
        List,
        Some("org.apache.kafka.common.metrics.JmxReporter"),
        Low,
    )
    .treatment(Treatment::Accepted(
        "raban loads no Java classes and has no JMX; metrics are had from Producer::metrics, Builder::metrics_reporter \
         and statistics.interval.ms",
    ))
    .already_so(&[""])
    .doc("Java classes that metrics are reported to."),
    Setting::new("metrics.num.samples", Int, Some("2"), Low)
        .valid(Valid::AtLeast(1))
        .doc("Over how many samples a metric is computed."),
    Setting::new("metrics.recording.level", String, Some("INFO"), Low)
        .valid(Valid::OneOf(&["INFO", "DEBUG", "TRACE"]))
        .treatment(Treatment::Accepted(
            "all metrics of the producer are of level INFO, in the Java client too, so that no level adds any",
        ))
        .already_so(&["INFO"])
        .doc("Up to which level metrics are recorded. Kafka Streams has metrics of other levels than INFO, producers don't."),
    Setting::new("metrics.sample.window.ms", Long, Some("30000"), Low)
        .valid(Valid::AtLeast(0))
        .doc("The length in milliseconds of a metric's sample."),
];
