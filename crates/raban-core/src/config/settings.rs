//! Settings as they are given, before they are checked: keys and values in order, the later one of two wins.

use std::borrow::Cow;
use std::fmt;

use super::error::ConfigError;
use super::properties;
use super::setting::Setting;
use super::table;

/// Keys and values by Kafka's names, in the order in which they were first set. Nothing is checked before
/// [`Config::from_settings`](super::Config::from_settings) does, so that all problems are reported together.
///
/// `Debug` shows no secret: neither the values of passwords nor those of unknown keys.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Settings {
    entries: Vec<Entry>,
    allow_unknown: bool,
}

/// One setting as it was written.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) value: String,
    pub(super) origin: Option<String>,
}

impl Entry {
    pub(super) fn setting(&self) -> Option<&'static Setting> {
        table::find(&self.key)
    }

    /// Whether both mean the same setting, by name or by alias.
    fn is_about(&self, key: &str) -> bool {
        self.key == key
            || matches!((self.setting(), table::find(key)), (Some(a), Some(b)) if a.name == b.name)
    }
}

impl Settings {
    /// No settings yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets `key`; an earlier value, also one under another name of the same setting, is replaced.
    pub fn set(&mut self, key: impl Into<String>, value: impl Into<String>) -> &mut Self {
        self.put(Entry {
            key: key.into().trim().to_owned(),
            value: value.into(),
            origin: None,
        });
        self
    }

    /// Takes over all of `other`, which wins where both set the same.
    pub fn merge(&mut self, other: Settings) -> &mut Self {
        self.allow_unknown |= other.allow_unknown;
        for entry in other.entries {
            self.put(entry);
        }
        self
    }

    /// Whether unknown keys cause a warning instead of an error. The Java client only logs them. Default: `false`.
    pub fn allow_unknown(&mut self, allow: bool) -> &mut Self {
        self.allow_unknown = allow;
        self
    }

    /// The value of `key` or of another name of the same setting, as it was set; `None` when it was not.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.entry(key).map(|entry| entry.value.as_str())
    }

    /// Unsets `key` under all names of it, and returns the value that it had.
    pub fn remove(&mut self, key: &str) -> Option<String> {
        let at = self.entries.iter().position(|entry| entry.is_about(key))?;
        Some(self.entries.remove(at).value)
    }

    /// Keys and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries
            .iter()
            .map(|entry| (entry.key.as_str(), entry.value.as_str()))
    }

    /// How many settings are set.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is set.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Settings from a text in Java's `.properties` format, in UTF-8. Errors about them say `line 12`.
    ///
    /// # Errors
    /// A malformed `\uXXXX` escape, or a value without a key.
    pub fn from_properties_text(text: &str) -> Result<Self, ConfigError> {
        Self::from_properties_lines(text, |line| format!("line {line}"))
    }

    /// As [`from_properties_text`](Self::from_properties_text), from the content of the file `name`: errors say
    /// `NAME:12`. What isn't UTF-8 is read as Latin-1, Java's own encoding of these files.
    ///
    /// # Errors
    /// A malformed `\uXXXX` escape, or a value without a key.
    pub fn from_properties_file(
        name: &str,
        content: impl AsRef<[u8]>,
    ) -> Result<Self, ConfigError> {
        let content = content.as_ref();
        let text = str::from_utf8(content).map_or_else(
            |_| content.iter().copied().map(char::from).collect(),
            Cow::Borrowed,
        );
        Self::from_properties_lines(&text, |line| format!("{name}:{line}"))
    }

    fn from_properties_lines(
        text: &str,
        origin: impl Fn(usize) -> String,
    ) -> Result<Self, ConfigError> {
        let mut settings = Self::new();
        let mut problems = Vec::new();
        for property in properties::parse(text) {
            match property {
                Ok(property) => settings.put(Entry {
                    key: property.key,
                    value: property.value,
                    origin: Some(origin(property.line)),
                }),
                Err(error) => problems.push(error.into_problem(&origin)),
            }
        }
        if problems.is_empty() {
            Ok(settings)
        } else {
            Err(ConfigError::new(problems))
        }
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.is_about(key))
    }

    pub(super) fn allows_unknown(&self) -> bool {
        self.allow_unknown
    }

    fn put(&mut self, entry: Entry) {
        match self.entries.iter_mut().find(|old| old.is_about(&entry.key)) {
            Some(old) => *old = entry,
            None => self.entries.push(entry),
        }
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Settings {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(properties: I) -> Self {
        let mut settings = Self::new();
        settings.extend(properties);
        settings
    }
}

impl<K: Into<String>, V: Into<String>> Extend<(K, V)> for Settings {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, properties: I) {
        for (key, value) in properties {
            self.set(key, value);
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for entry in &self.entries {
            let shown = match entry.setting() {
                Some(setting) if !setting.is_secret() => entry.value.as_str(),
                _ => "[hidden]",
            };
            map.entry(&entry.key, &shown);
        }
        map.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_later_of_two_wins_and_keeps_the_place_of_the_first() {
        let mut settings: Settings = [("linger.ms", "1"), ("acks", "1")].into_iter().collect();
        settings.set("linger.ms", "2");
        let all: Vec<_> = settings.iter().collect();
        assert_eq!(all, [("linger.ms", "2"), ("acks", "1")]);
    }

    #[test]
    fn an_alias_replaces_the_setting_it_stands_for() {
        let mut settings = Settings::new();
        settings
            .set("linger.ms", "1")
            .set("queue.buffering.max.ms", "2");
        assert_eq!(settings.len(), 1);
        assert_eq!(settings.get("linger.ms"), Some("2"));
        settings.set("linger.ms", "3");
        assert_eq!(settings.get("queue.buffering.max.ms"), Some("3"));
    }

    #[test]
    fn removing_takes_what_an_alias_set() {
        let mut settings: Settings = [
            ("partitioner", "murmur2"),
            ("serializer.encoding", "UTF-16"),
        ]
        .into_iter()
        .collect();
        assert_eq!(
            settings.remove("partitioner.class").as_deref(),
            Some("murmur2")
        );
        assert_eq!(
            settings.remove("serializer.encoding").as_deref(),
            Some("UTF-16")
        );
        assert_eq!(settings.remove("serializer.encoding"), None);
        assert!(settings.is_empty());
    }

    #[test]
    fn merging_lets_the_other_win() {
        let mut file = Settings::from_properties_text("acks=1\nlinger.ms=7\n").unwrap();
        file.merge([("acks", "all")].into_iter().collect());
        assert_eq!(file.get("acks"), Some("all"));
        assert_eq!(file.get("linger.ms"), Some("7"));
    }

    #[test]
    fn debug_hides_passwords_and_the_values_of_unknown_keys() {
        let settings: Settings = [
            ("acks", "1"),
            ("ssl.key.password", "hunter2"),
            ("sasl.password", "hunter2"),
        ]
        .into_iter()
        .collect();
        assert_eq!(
            format!("{settings:?}"),
            r#"{"acks": "1", "ssl.key.password": "[hidden]", "sasl.password": "[hidden]"}"#
        );
    }

    #[test]
    fn errors_in_a_text_name_file_and_line_and_come_together() {
        let error =
            Settings::from_properties_file("a.properties", "acks=1\nx=\\u12\n=3\n").unwrap_err();
        assert_eq!(
            error.to_string(),
            "a.properties:2: the escape \\u12 is malformed: write \\u and four hexadecimal digits, as in \\u00e9, or the character itself in UTF-8; a backslash is \\\\\n\
             a.properties:3: there is no key before the separator: write key=value, or start the line with # to make it a comment"
        );
    }
}
