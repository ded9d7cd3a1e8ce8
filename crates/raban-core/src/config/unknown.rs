//! What to say about a key that is no setting of the producer: whose setting it is, or which one was meant.

mod lists;

use lists::{CONSUMER, FAMILIES, JAVA, LIBRDKAFKA, OWNERS, PLUGINS};

use super::table::SETTINGS;

/// What there is to say about an unknown key.
pub(super) struct Unknown {
    /// The setting that was probably meant.
    pub(super) suggestion: Option<&'static str>,
    /// What the key is instead, and the remedy: the rest of a sentence that begins with the key.
    pub(super) clause: String,
}

/// Why a key of a family that extends a setting has no effect; `None` for other keys.
pub(super) fn family_reason(key: &str) -> Option<&'static str> {
    begins(FAMILIES, key)
}

/// Explains a key that is not in the table.
pub(super) fn explain(key: &str) -> Unknown {
    let normal = normalized(key);
    if let Some(clause) = foreign(key, &normal) {
        return Unknown {
            suggestion: None,
            clause,
        };
    }
    match nearest(&normal) {
        Some(name) => Unknown {
            suggestion: Some(name),
            clause: format!("is not a setting: did you mean `{name}`?"),
        },
        None => Unknown {
            suggestion: None,
            clause: match begins(OWNERS, &normal) {
                Some(owner) => {
                    format!("is a setting of {owner}, which a producer has no use for: remove it.")
                }
                None => "is not a setting of the producer, and none has a similar name: remove it."
                    .to_owned(),
            },
        },
    }
}

/// What to say about a setting of somebody else.
fn foreign(key: &str, normal: &str) -> Option<String> {
    let named = |name: &str| name == key || name == normal;
    if CONSUMER.iter().any(|name| named(name)) {
        return Some(
            "is a setting of consumers, which a producer has no use for: remove it.".to_owned(),
        );
    }
    if let Some((_, remedy)) = LIBRDKAFKA.iter().find(|(name, _)| named(name)) {
        return Some(format!("is a setting of librdkafka: {remedy}."));
    }
    if let Some((_, remedy)) = JAVA.iter().find(|(name, _)| named(name)) {
        return Some(format!("is not a setting here: {remedy}."));
    }
    begins(PLUGINS, normal).map(str::to_owned)
}

/// What the list has for the first of its beginnings that `key` has.
fn begins(list: &[(&str, &'static str)], key: &str) -> Option<&'static str> {
    let mut list = list.iter();
    list.find(|(beginning, _)| key.starts_with(beginning))
        .map(|(_, told)| *told)
}

/// The known name that is most like `normal`, if any is like it.
fn nearest(normal: &str) -> Option<&'static str> {
    spelled_otherwise(normal)
        .or_else(|| shortened(normal))
        .or_else(|| mistyped(normal))
}

/// The setting that `normal` names, perhaps behind a prefix as in `producer.linger.ms`.
fn spelled_otherwise(normal: &str) -> Option<&'static str> {
    let mut rest = normal;
    loop {
        if let Some(setting) = super::table::find(rest) {
            return Some(setting.name);
        }
        rest = rest.split_once('.')?.1;
    }
}

/// The setting whose name only goes on with a last word, as `linger` does in `linger.ms`.
fn shortened(normal: &str) -> Option<&'static str> {
    const LAST_WORDS: [&str; 7] = ["ms", "bytes", "type", "size", "servers", "enable", "class"];
    SETTINGS
        .iter()
        .map(|setting| setting.name)
        .filter(|name| {
            name.strip_prefix(normal)
                .and_then(|rest| rest.strip_prefix('.'))
                .is_some_and(|last| LAST_WORDS.contains(&last))
        })
        .min_by_key(|name| name.len())
}

/// The setting that a few typing errors lead to.
fn mistyped(normal: &str) -> Option<&'static str> {
    let tolerated = (normal.chars().count() / 4).max(1);
    SETTINGS
        .iter()
        .flat_map(|setting| {
            std::iter::once(&setting.name)
                .chain(setting.aliases)
                .map(|name| (strsim::osa_distance(normal, name), setting.name))
        })
        .filter(|(distance, _)| *distance <= tolerated)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// `key` in Kafka's way of spelling: lower case, dots between the words.
fn normalized(key: &str) -> String {
    let mut out = String::with_capacity(key.len() + 4);
    let mut after_small = false;
    for c in key.trim().chars() {
        if matches!(c, '_' | '-' | ' ') {
            out.push('.');
        } else {
            if c.is_uppercase() && after_small {
                out.push('.');
            }
            out.extend(c.to_lowercase());
        }
        after_small = c.is_lowercase() || c.is_ascii_digit();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_setting_is_suggested() {
        for (key, name) in [
            ("linger_ms", "linger.ms"),
            ("lingerMs", "linger.ms"),
            ("LINGER_MS", "linger.ms"),
            ("Linger.ms", "linger.ms"),
            ("linger-ms", "linger.ms"),
            ("linger", "linger.ms"),
            ("linger.sm", "linger.ms"),
            ("lingerms", "linger.ms"),
            ("ack", "acks"),
            ("bootstrap.server", "bootstrap.servers"),
            ("bootstrap_servers", "bootstrap.servers"),
            ("bootstrap", "bootstrap.servers"),
            ("metadata.brokers.list", "bootstrap.servers"),
            ("compresion.type", "compression.type"),
            ("compression", "compression.type"),
            ("enableIdempotence", "enable.idempotence"),
            ("producer.linger.ms", "linger.ms"),
            ("spring.kafka.producer.batch-size", "batch.size"),
            ("KAFKA_QUEUE_BUFFERING_MAX_MS", "linger.ms"),
            ("max.inflight", "max.in.flight.requests.per.connection"),
            ("retry.backoff", "retry.backoff.ms"),
        ] {
            let unknown = explain(key);
            assert_eq!(unknown.suggestion, Some(name), "{key}");
            assert_eq!(
                unknown.clause,
                format!("is not a setting: did you mean `{name}`?")
            );
        }
    }

    #[test]
    fn settings_of_others_are_named_as_theirs() {
        for (key, clause) in [
            (
                "group.id",
                "is a setting of consumers, which a producer has no use for: remove it.",
            ),
            (
                "groupId",
                "is a setting of consumers, which a producer has no use for: remove it.",
            ),
            (
                "queue.buffering.max.kbytes",
                "is a setting of librdkafka: set `buffer.memory`, in bytes.",
            ),
            (
                "block.on.buffer.full",
                "is not a setting here: Kafka dropped it: set `max.block.ms`.",
            ),
            (
                "schema.registry.ssl.truststore.location",
                "is read by a schema registry's serializers, and raban loads no Java classes: remove it, and serialize \
                 in the application.",
            ),
            (
                "spring.kafka.template.default-topic",
                "is a setting of Spring, which a producer has no use for: remove it.",
            ),
        ] {
            assert_eq!(explain(key).clause, clause);
        }
    }

    #[test]
    fn nothing_is_suggested_for_what_resembles_nothing() {
        for key in [
            "",
            "x",
            "retention.policy",
            "日本",
            "sasl",
            "the.answer.is.42",
        ] {
            let unknown = explain(key);
            assert_eq!(unknown.suggestion, None, "{key}");
            assert!(unknown.clause.ends_with("remove it."), "{key}");
        }
    }

    #[test]
    fn the_lists_name_nothing_that_is_a_setting() {
        let others = LIBRDKAFKA.iter().chain(JAVA).map(|(name, _)| name);
        for name in CONSUMER.iter().chain(others) {
            assert!(super::super::table::find(name).is_none(), "{name}");
        }
    }

    #[test]
    fn no_setting_begins_as_those_of_others() {
        let beginnings = PLUGINS.iter().chain(OWNERS).chain(FAMILIES);
        for (beginning, _) in beginnings {
            let has = |setting: &super::super::Setting| setting.name.starts_with(beginning);
            assert!(!SETTINGS.iter().any(has), "{beginning}");
        }
    }

    #[test]
    fn every_remedy_names_known_settings() {
        for (key, remedy) in LIBRDKAFKA.iter().chain(JAVA) {
            for name in remedy.split('`').skip(1).step_by(2) {
                assert!(super::super::table::find(name).is_some(), "{key}: {name}");
            }
        }
    }
}
