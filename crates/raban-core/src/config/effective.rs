//! What each setting amounts to once all of them were looked at together.

use std::time::Duration;

use super::error::{ConfigError, ConfigWarning};
use super::setting::Setting;
use super::settings::Settings;
use super::{Config, SETTINGS};
use crate::partitioner::{NamedPartitioner, Partitioning};

/// Settings that a producer can run on.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct CheckedSettings {
    /// One for each row of the table, in its order.
    pub values: Vec<EffectiveValue>,
    /// The partitioner among those with names that chooses as these settings do where a record has a key.
    pub partitioner: NamedPartitioner,
    /// What one should know about them although they work.
    pub warnings: Vec<ConfigWarning>,
}

/// The value in force of one setting.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct EffectiveValue {
    /// Which setting.
    pub setting: &'static Setting,
    /// Its value; `None` where it has none. A secret is `[hidden]`.
    pub value: Option<String>,
    /// Why it is this one.
    pub source: Source,
}

/// Where a value in force comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// It wasn't set.
    Default,
    /// It was set.
    Set {
        /// By this name.
        key: String,
        /// Where it was written, such as `client.properties:12`, if that is known.
        origin: Option<String>,
    },
    /// Other settings changed it; a warning tells, if it was set.
    Changed,
}

impl Settings {
    /// Checks all settings as the start of a producer does, and tells what is in force.
    ///
    /// # Errors
    /// Every problem found: unknown keys, invalid values, settings that contradict each other or that raban cannot
    /// obey.
    pub fn check(&self) -> Result<CheckedSettings, ConfigError> {
        let config = Config::from_settings(self)?;
        let effective = |setting| self.effective(&config, setting);
        Ok(CheckedSettings {
            values: SETTINGS.iter().map(effective).collect(),
            partitioner: match config.partitioner {
                Partitioning::Named(named) => named,
                _ if config.ignore_keys => NamedPartitioner::Random,
                _ => NamedPartitioner::Murmur2Random,
            },
            warnings: config.warnings.clone(),
        })
    }

    fn effective(&self, config: &Config, setting: &'static Setting) -> EffectiveValue {
        let entry = self.entry(setting.name);
        let written = entry.map(|entry| entry.value.trim());
        let written = written.or(setting.default).filter(|text| !text.is_empty());
        let changed = config.changed(setting.name).filter(|value| {
            let parsed = written.map(|text| setting.parse(text));
            parsed != Some(setting.parse(value))
        });
        let source = match (&changed, entry) {
            (Some(_), _) => Source::Changed,
            (None, Some(entry)) => Source::Set {
                key: entry.key.clone(),
                origin: entry.origin.clone(),
            },
            (None, None) => Source::Default,
        };
        let value = changed.or_else(|| written.map(str::to_owned));
        EffectiveValue {
            setting,
            value: match setting.is_secret() {
                true => value.map(|_| "[hidden]".to_owned()),
                false => value,
            },
            source,
        }
    }
}

impl Config {
    /// The value in force of a setting that others may change.
    fn changed(&self, name: &str) -> Option<String> {
        let duration = match name {
            "enable.idempotence" => return Some(self.enable_idempotence.to_string()),
            "partitioner.ignore.keys" => return Some(self.ignore_keys.to_string()),
            "partitioner.adaptive.partitioning.enable" => {
                return Some(self.adaptive_partitioning.to_string());
            }
            "partitioner.rack.aware" => return Some(self.rack_aware.to_string()),
            "partitioner.availability.timeout.ms" => {
                self.partition_availability_timeout.unwrap_or_default()
            }
            "delivery.timeout.ms" => self.delivery_timeout,
            "retry.backoff.ms" => self.retry_backoff,
            "reconnect.backoff.ms" => self.reconnect_backoff,
            "reconnect.backoff.max.ms" => self.reconnect_backoff_max,
            "socket.connection.setup.timeout.ms" => self.connection_setup_timeout,
            _ => return None,
        };
        Some(milliseconds(duration))
    }
}

fn milliseconds(duration: Duration) -> String {
    duration.as_millis().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> CheckedSettings {
        let settings = Settings::from_properties_file("f", text).unwrap();
        settings.check().unwrap()
    }

    fn of<'a>(checked: &'a CheckedSettings, name: &str) -> (Option<&'a str>, &'a Source) {
        let mut values = checked.values.iter();
        let value = values.find(|value| value.setting.name == name).unwrap();
        (value.value.as_deref(), &value.source)
    }

    #[test]
    fn what_was_set_and_what_was_not() {
        let checked = check("bootstrap.servers=h:1\nlinger.ms=50\n");
        let linger = Source::Set {
            key: "linger.ms".to_owned(),
            origin: Some("f:2".to_owned()),
        };
        assert_eq!(of(&checked, "linger.ms"), (Some("50"), &linger));
        assert_eq!(of(&checked, "acks"), (Some("all"), &Source::Default));
        assert_eq!(of(&checked, "client.id").0, None);
        assert_eq!(checked.values.len(), SETTINGS.len());
    }

    #[test]
    fn what_other_settings_change() {
        let checked =
            check("bootstrap.servers=h:1\nacks=1\nreconnect.backoff.ms=20\nlinger.ms=200000\n");
        for (name, value) in [
            ("enable.idempotence", "false"),
            ("reconnect.backoff.max.ms", "20"),
            ("delivery.timeout.ms", "230000"),
        ] {
            assert_eq!(
                of(&checked, name),
                (Some(value), &Source::Changed),
                "{name}"
            );
        }
        assert_eq!(of(&checked, "reconnect.backoff.ms").0, Some("20"));
        let aloud = |warning: &ConfigWarning| warning.message().contains("turns idempotence off");
        assert!(checked.warnings.iter().any(aloud));
    }

    #[test]
    fn what_a_partitioner_of_choice_turns_off() {
        for (text, adaptive, partitioner) in [
            ("", "true", NamedPartitioner::Murmur2Random),
            (
                "partitioner.ignore.keys=true\n",
                "true",
                NamedPartitioner::Random,
            ),
            ("partitioner=fnv1a\n", "false", NamedPartitioner::Fnv1a),
        ] {
            let checked = check(&format!("bootstrap.servers=h:1\n{text}"));
            let in_force = of(&checked, "partitioner.adaptive.partitioning.enable").0;
            assert_eq!(in_force, Some(adaptive));
            assert_eq!(checked.partitioner, partitioner);
        }
    }

    #[test]
    fn a_secret_is_not_shown() {
        let checked = check("bootstrap.servers=h:1\nssl.key.password=geheim\n");
        assert_eq!(of(&checked, "ssl.key.password").0, Some("[hidden]"));
        assert!(!format!("{checked:?}").contains("geheim"));
    }
}
