//! Settings that Kafka's producer has no counterpart for.

use crate::config::setting::Importance::Medium;
use crate::config::setting::SettingType::String;
use crate::config::setting::{Setting, Valid};

pub(super) const ROWS: &[Setting] = &[Setting::new("in.doubt.policy", String, Some("fail"), Medium)
    .valid(Valid::OneOf(&["fail", "resend"]))
    .doc(
        "What happens with idempotence to a batch of which neither the broker nor the log can tell whether it was \
         written. fail: its records fail, and the error says that they may be in the log. resend: it is sent again, \
         so that nothing is lost and something may be there twice.",
    )];
