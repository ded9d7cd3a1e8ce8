//! What can be wrong with settings: every problem found, each with its cause and its remedy.

use std::fmt;

/// Settings that cannot be used. Holds every problem found, at least one; displays one per line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    problems: Vec<ConfigProblem>,
}

impl ConfigError {
    /// An error that consists of these problems.
    ///
    /// # Panics
    /// If there is no problem.
    pub fn new(problems: Vec<ConfigProblem>) -> Self {
        assert!(!problems.is_empty(), "an error needs at least one problem");
        Self { problems }
    }

    /// The problems, in the order of the settings; those between settings last.
    pub fn problems(&self) -> &[ConfigProblem] {
        &self.problems
    }
}

impl From<ConfigProblem> for ConfigError {
    fn from(problem: ConfigProblem) -> Self {
        Self {
            problems: vec![problem],
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// One thing wrong with the settings. Displays as `ORIGIN: MESSAGE`, the origin only where it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigProblem {
    kind: ConfigProblemKind,
    key: String,
    origin: Option<String>,
    suggestion: Option<String>,
    message: String,
}

/// The kinds of problems.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigProblemKind {
    /// No such setting.
    Unknown,
    /// The value has the wrong type or lies out of range.
    Invalid,
    /// The setting is known, and raban cannot do what it asks for.
    Refused,
    /// Two settings contradict each other.
    Conflict,
    /// A setting that must be set is not.
    Missing,
    /// The text that the settings come from is malformed.
    Syntax,
}

impl ConfigProblem {
    /// A problem with the setting `key`; `message` is a sentence that names cause and remedy, and no secret.
    pub fn new(
        kind: ConfigProblemKind,
        key: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            key: key.into(),
            origin: None,
            suggestion: None,
            message: message.into(),
        }
    }

    pub(super) fn at(mut self, origin: Option<&str>) -> Self {
        self.origin = origin.map(str::to_owned);
        self
    }

    pub(super) fn suggesting(mut self, suggestion: Option<&str>) -> Self {
        self.suggestion = suggestion.map(str::to_owned);
        self
    }

    /// What kind of problem it is.
    pub fn kind(&self) -> ConfigProblemKind {
        self.kind
    }

    /// The setting's name as it was written; empty when the text before it is malformed.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Where the setting was written, such as `client.properties:12`.
    pub fn origin(&self) -> Option<&str> {
        self.origin.as_deref()
    }

    /// For an unknown setting, the known one that was probably meant.
    pub fn suggestion(&self) -> Option<&str> {
        self.suggestion.as_deref()
    }

    /// Cause and remedy.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(origin) = &self.origin {
            write!(f, "{origin}: ")?;
        }
        f.write_str(&self.message)
    }
}

/// Something about the settings that works and that one should know: a setting without effect, or one that another
/// setting changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigWarning {
    keys: Vec<String>,
    message: String,
}

impl ConfigWarning {
    pub(super) fn new(keys: Vec<String>, message: impl Into<String>) -> Self {
        Self {
            keys,
            message: message.into(),
        }
    }

    /// The settings concerned, as they were written.
    pub fn keys(&self) -> &[String] {
        &self.keys
    }

    /// What is the matter, as a sentence; no secret in it.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for ConfigWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
