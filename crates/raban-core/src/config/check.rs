//! Each setting for itself: is it known, is its value valid, and what does raban do with it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::error::{ConfigProblem, ConfigProblemKind, ConfigWarning};
use super::setting::{Setting, Treatment, Value};
use super::settings::{Entry, Settings};
use super::{table, unknown};

/// The longest part of a value that an error repeats.
const SHOWN: usize = 100;

/// Settings whose values are valid each for itself, with all that was noticed on the way.
pub(super) struct Checked<'a> {
    settings: &'a Settings,
    values: BTreeMap<&'static str, Value>,
    pub(super) problems: Vec<ConfigProblem>,
    pub(super) warnings: Vec<ConfigWarning>,
}

impl<'a> Checked<'a> {
    pub(super) fn new(settings: &'a Settings) -> Self {
        let mut checked = Self {
            settings,
            values: BTreeMap::new(),
            problems: Vec::new(),
            warnings: Vec::new(),
        };
        let mut idle = Vec::new();
        for entry in settings.entries() {
            match entry.setting() {
                Some(setting) => checked.known(setting, entry, &mut idle),
                None => checked.unknown(entry, &mut idle),
            }
        }
        checked.warn_of_idle(idle);
        for setting in table::SETTINGS.iter().filter(|setting| setting.required) {
            if settings.entry(setting.name).is_none() {
                checked.problems.push(ConfigProblem::new(
                    ConfigProblemKind::Missing,
                    setting.name,
                    format!(
                        "`{}` is not set. Name at least one broker as host:port, as in `localhost:9092`, or use \
                         `embedded:` for a broker inside this process.",
                        setting.name
                    ),
                ));
            }
        }
        checked
    }

    fn known(
        &mut self,
        setting: &'static Setting,
        entry: &Entry,
        idle: &mut Vec<(&'static str, Vec<String>)>,
    ) {
        let value = entry.value.trim();
        let already = setting.is_already(value);
        // A setting without default may be left empty where that means the same as leaving it out.
        if !(already && value.is_empty()) {
            match setting.parse(value) {
                Ok(value) => {
                    self.values.insert(setting.name, value);
                }
                Err(cause) => return self.invalid(setting.name, cause),
            }
        }
        match setting.treatment {
            Treatment::Accepted(reason) if !already => add_idle(idle, reason, &entry.key),
            Treatment::Refused(reason) if !already => self.refused(setting.name, reason),
            _ => {}
        }
    }

    fn unknown(&mut self, entry: &Entry, idle: &mut Vec<(&'static str, Vec<String>)>) {
        if let Some(reason) = unknown::family_reason(&entry.key) {
            return add_idle(idle, reason, &entry.key);
        }
        let unknown = unknown::explain(&entry.key);
        if self.settings.allows_unknown() {
            self.warnings.push(ConfigWarning::new(
                vec![entry.key.clone()],
                format!("`{}` has no effect, it {}", entry.key, unknown.clause),
            ));
        } else {
            let message = format!("`{}` {}", entry.key, unknown.clause);
            self.problems.push(
                ConfigProblem::new(ConfigProblemKind::Unknown, &entry.key, message)
                    .suggesting(unknown.suggestion)
                    .at(entry.origin.as_deref()),
            );
        }
    }

    /// One warning for all the settings that have no effect for the same reason.
    fn warn_of_idle(&mut self, idle: Vec<(&'static str, Vec<String>)>) {
        for (reason, keys) in idle {
            let verb = if keys.len() == 1 { "has" } else { "have" };
            let names: Vec<_> = keys.iter().map(|key| format!("`{key}`")).collect();
            let message = format!("{} {verb} no effect: {reason}.", names.join(", "));
            self.warnings.push(ConfigWarning::new(keys, message));
        }
    }

    /// Whether the setting was given, by any of its names.
    pub(super) fn is_set(&self, name: &str) -> bool {
        self.settings.entry(name).is_some()
    }

    /// The value as given, or else the default; empty when there is neither.
    pub(super) fn text(&self, name: &str) -> String {
        match self.value(name) {
            Some(Value::Text(text)) => text,
            None => String::new(),
            Some(other) => unreachable!("{name} is no text but {other:?}"),
        }
    }

    pub(super) fn number(&self, name: &str) -> i64 {
        match self.value(name) {
            Some(Value::Number(number)) => number,
            other => unreachable!("{name} is no number but {other:?}"),
        }
    }

    pub(super) fn boolean(&self, name: &str) -> bool {
        match self.value(name) {
            Some(Value::Boolean(boolean)) => boolean,
            other => unreachable!("{name} is no boolean but {other:?}"),
        }
    }

    /// A number of bytes or things.
    pub(super) fn count(&self, name: &str) -> usize {
        usize::try_from(self.number(name).max(0)).unwrap_or(usize::MAX)
    }

    /// A number of milliseconds; a negative one counts as none.
    pub(super) fn duration(&self, name: &str) -> Duration {
        Duration::from_millis(u64::try_from(self.number(name)).unwrap_or(0))
    }

    /// The setting as it was written, as `key=value`, or its default in the same form; a secret is not shown.
    pub(super) fn assignment(&self, name: &str) -> String {
        let setting = row(name);
        let (key, value) = match self.settings.entry(name) {
            Some(entry) => (entry.key.as_str(), entry.value.trim()),
            None => (name, setting.default.unwrap_or_default()),
        };
        if setting.is_secret() {
            return format!("`{key}`");
        }
        let value = value.escape_debug().to_string();
        match value.char_indices().nth(SHOWN) {
            Some((end, _)) => format!("`{key}={}…`", &value[..end]),
            None => format!("`{key}={value}`"),
        }
    }

    /// Notes that the value is wrong: `cause` is a clause.
    pub(super) fn invalid(&mut self, name: &'static str, cause: &str) {
        let message = format!(
            "{} is invalid: {cause}. {}",
            self.assignment(name),
            row(name).expectation()
        );
        self.problem(ConfigProblemKind::Invalid, name, message);
    }

    /// Notes that raban cannot do what the setting asks for: `reason` names the remedy too.
    pub(super) fn refused(&mut self, name: &'static str, reason: &str) {
        let message = format!("{} is refused: {reason}.", self.assignment(name));
        self.problem(ConfigProblemKind::Refused, name, message);
    }

    pub(super) fn problem(
        &mut self,
        kind: ConfigProblemKind,
        name: &'static str,
        message: impl Into<String>,
    ) {
        let entry = self.settings.entry(name);
        let key = entry.map_or(name, |entry| entry.key.as_str());
        let origin = entry.and_then(|entry| entry.origin.as_deref());
        self.problems
            .push(ConfigProblem::new(kind, key, message).at(origin));
    }

    pub(super) fn warning(&mut self, names: &[&'static str], message: impl Into<String>) {
        let keys = names
            .iter()
            .map(|name| match self.settings.entry(name) {
                Some(entry) => entry.key.clone(),
                None => (*name).to_owned(),
            })
            .collect();
        self.warnings.push(ConfigWarning::new(keys, message));
    }

    fn value(&self, name: &str) -> Option<Value> {
        match self.values.get(name) {
            Some(value) => Some(value.clone()),
            None => default(row(name)),
        }
    }
}

fn row(name: &str) -> &'static Setting {
    table::find(name).unwrap_or_else(|| unreachable!("{name} is not in the table"))
}

fn default(setting: &Setting) -> Option<Value> {
    let default = setting.default?;
    let value = setting.parse(default);
    Some(value.unwrap_or_else(|cause| unreachable!("the default of {} is {cause}", setting.name)))
}

fn add_idle(idle: &mut Vec<(&'static str, Vec<String>)>, reason: &'static str, key: &str) {
    match idle.iter_mut().find(|(known, _)| *known == reason) {
        Some((_, keys)) => keys.push(key.to_owned()),
        None => idle.push((reason, vec![key.to_owned()])),
    }
}
