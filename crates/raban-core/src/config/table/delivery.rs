//! Settings of acknowledgement, retries and deadlines.

use crate::config::setting::Importance::{High, Low, Medium};
use crate::config::setting::SettingType::{Boolean, Int, Long, String};
use crate::config::setting::{Setting, Valid};

pub(super) const ROWS: &[Setting] = &[
    Setting::new("acks", String, Some("all"), Low)
        .valid(Valid::OneOf(&["all", "-1", "0", "1"]))
        .aliases(&["request.required.acks"])
        .doc(
            "Whose acknowledgement makes a record delivered. all (or -1): the leader and every in-sync replica. \
             1: the leader alone, so that the record is lost if the leader fails before it is copied. \
             0: nobody; the record counts as delivered once written to the connection, and its offset stays unknown. \
             Anything but all turns idempotence off.",
        ),
    Setting::new("enable.idempotence", Boolean, Some("true"), Low).doc(
        "Whether brokers recognise a batch that was sent twice and keep it once, in order, so that retries neither \
         duplicate nor reorder records. Needs acks=all, retries above 0 and at most 5 requests in flight.",
    ),
    Setting::new("retries", Int, Some("2147483647"), High)
        .valid(Valid::Between(0, i32::MAX as i64))
        .aliases(&["message.send.max.retries"])
        .doc(
            "How many times a batch is sent again after a failure that may pass. Best left alone: \
             delivery.timeout.ms bounds the time instead. 0 turns idempotence off.",
        ),
    Setting::new("delivery.timeout.ms", Int, Some("120000"), Medium)
        .valid(Valid::AtLeast(0))
        .aliases(&["message.timeout.ms"])
        .doc(
            "The longest time in milliseconds from a record's acceptance until its delivery or failure is known, \
             retries included. At least linger.ms + request.timeout.ms.",
        ),
    Setting::new("request.timeout.ms", Int, Some("30000"), Medium)
        .valid(Valid::AtLeast(0))
        .aliases(&["socket.timeout.ms"])
        .doc(
            "How long in milliseconds a broker may take to answer one request. Then the connection is closed and its \
             unanswered batches are sent again, as far as retries and delivery.timeout.ms allow.",
        ),
    Setting::new("max.in.flight.requests.per.connection", Int, Some("5"), Low)
        .valid(Valid::AtLeast(1))
        .aliases(&["max.in.flight"])
        .doc(
            "How many produce requests may be unanswered on one connection. At most 5 with idempotence. Without it, \
             more than 1 may reorder records when one of the requests is retried.",
        ),
    Setting::new("retry.backoff.ms", Long, Some("100"), Low)
        .valid(Valid::AtLeast(0))
        .doc(
            "How long in milliseconds to wait before the first retry of a request. The wait doubles with each further \
             failure, up to retry.backoff.max.ms, give or take 20 %.",
        ),
    Setting::new("retry.backoff.max.ms", Long, Some("1000"), Low)
        .valid(Valid::AtLeast(0))
        .doc(
            "The longest wait in milliseconds before a retry. Below retry.backoff.ms it is the wait before every retry.",
        ),
    Setting::new("max.block.ms", Long, Some("60000"), Medium)
        .valid(Valid::AtLeast(0))
        .doc(
            "How long in milliseconds a record may wait to be accepted, for the topic's metadata and for memory \
             together. Then it fails, surely unsent.",
        ),
];
