//! The one table of settings, which the library, the command line and the documentation read.

mod batching;
mod delivery;
mod metadata;
mod metrics;
mod network;
mod own;
mod records;
mod sasl;
mod tls;
mod transactions;

use super::setting::{Importance, Setting, SettingType};

/// Every setting of the Java producer (Kafka 4.4), grouped by subject, and those of raban's own.
pub static SETTINGS: &[Setting] = &TABLE;

const GROUPS: [&[Setting]; 10] = [
    delivery::ROWS,
    batching::ROWS,
    records::ROWS,
    network::ROWS,
    metadata::ROWS,
    metrics::ROWS,
    transactions::ROWS,
    tls::ROWS,
    sasl::ROWS,
    own::ROWS,
];

static TABLE: [Setting; row_count()] = joined();

const fn row_count() -> usize {
    let mut count = 0;
    let mut group = 0;
    while group < GROUPS.len() {
        count += GROUPS[group].len();
        group += 1;
    }
    count
}

const fn joined() -> [Setting; row_count()] {
    let filler = Setting::new("", SettingType::String, None, Importance::Low);
    let mut rows = [filler; row_count()];
    let mut at = 0;
    let mut group = 0;
    while group < GROUPS.len() {
        let mut row = 0;
        while row < GROUPS[group].len() {
            rows[at] = GROUPS[group][row];
            at += 1;
            row += 1;
        }
        group += 1;
    }
    rows
}

/// The setting of that name or alias, spelled exactly so.
pub(super) fn find(key: &str) -> Option<&'static Setting> {
    SETTINGS
        .iter()
        .find(|setting| setting.name == key || setting.aliases.contains(&key))
}
