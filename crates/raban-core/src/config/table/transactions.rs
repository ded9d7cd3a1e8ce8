//! Settings of transactions.

use crate::config::setting::Importance::Low;
use crate::config::setting::SettingType::{Boolean, Int, String};
use crate::config::setting::{Setting, Treatment, Valid};

pub(super) const ROWS: &[Setting] = &[
    Setting::new("transactional.id", String, None, Low)
        .valid(Valid::NonEmpty)
        .treatment(Treatment::Refused(
            "raban has no transactions yet, and records would be visible at once. Remove the setting; idempotence, on by \
             default, keeps retries from duplicating records within this producer's life",
        ))
        .doc("The name under which a producer's transactions are known, over restarts too."),
    Setting::new("transaction.timeout.ms", Int, Some("60000"), Low)
        .treatment(Treatment::Accepted(
            "it is only read along with transactional.id, and raban has no transactions yet",
        ))
        .doc("After how many milliseconds the broker aborts a transaction that its producer left open."),
    Setting::new(
        "transaction.two.phase.commit.enable",
        Boolean,
        Some("false"),
        Low,
    )
    .treatment(Treatment::Refused(
        "raban has no transactions yet. Remove the setting",
    ))
    .already_so(&["false"])
    .doc("Whether an outside coordinator decides about transactions, so that they never time out."),
];
