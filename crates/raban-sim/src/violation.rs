//! What a checker found wrong.

use std::fmt;

/// A broken promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The checker that found it; shrinking keeps to the same one.
    pub checker: &'static str,
    /// What is wrong, in words.
    pub detail: String,
}

impl Violation {
    pub(crate) fn new(checker: &'static str, detail: impl Into<String>) -> Self {
        Self {
            checker,
            detail: detail.into(),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.checker, self.detail)
    }
}
