//! One setting as a row of the table: its name, type, default, valid values, meaning, and what raban does with it.

use std::fmt;

/// One row of the table of settings, [`SETTINGS`](super::SETTINGS).
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Setting {
    /// Kafka's name of the setting, such as `linger.ms`.
    pub name: &'static str,
    /// The type of its values.
    pub kind: SettingType,
    /// The value in force when the setting is absent; `None` when there is none.
    pub default: Option<&'static str>,
    /// Whether it must be set.
    pub required: bool,
    /// The values it may have.
    pub valid: Valid,
    /// How much attention it deserves, as Kafka ranks it.
    pub importance: Importance,
    /// What it means, with its unit.
    pub doc: &'static str,
    /// Other clients' names for the same thing, accepted in its place.
    pub aliases: &'static [&'static str],
    /// What raban does with it.
    pub treatment: Treatment,
    /// Values (case does not matter) that raban behaves like in any case, so that an accepted setting causes no
    /// warning and a refused one no error.
    pub already_so: &'static [&'static str],
}

/// The type of a setting's values, by Kafka's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SettingType {
    /// `true` or `false`.
    Boolean,
    /// Text; white space around it does not count.
    String,
    /// A whole number of 16 bits.
    Short,
    /// A whole number of 32 bits.
    Int,
    /// A whole number of 64 bits.
    Long,
    /// A decimal number.
    Double,
    /// Texts separated by commas.
    List,
    /// The name of a Java class.
    Class,
    /// A text that is never shown.
    Password,
}

/// How much attention a setting deserves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Importance {
    /// Rarely touched.
    Low,
    /// Worth knowing.
    Medium,
    /// Worth a decision.
    High,
}

/// What raban does with a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Treatment {
    /// It has the effect that it has in the Java client.
    Effect,
    /// It has an effect, by raban's own means: how.
    Translated(&'static str),
    /// It is accepted and has no effect: why that is fine.
    Accepted(&'static str),
    /// It is an error unless set to what raban does anyway: what is missing, and what to do instead.
    Refused(&'static str),
}

/// The values that a setting may have.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Valid {
    /// Any value of the type.
    Any,
    /// A number not below this one.
    AtLeast(i64),
    /// A number within these two, both included.
    Between(i64, i64),
    /// A number within the first two, both included, or the third.
    BetweenOr(i64, i64, i64),
    /// A decimal number within these two, both included.
    BetweenDecimals(f64, f64),
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// One of these texts in upper or lower case.
    OneOfAnyCase(&'static [&'static str]),
    /// A text that is not empty.
    NonEmpty,
}

/// A value after its type and range were checked.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Boolean(bool),
    Number(i64),
    Decimal(f64),
    Text(String),
}

impl Setting {
    /// A row that has its effect and takes any value of its type; the other methods refine it.
    pub(super) const fn new(
        name: &'static str,
        kind: SettingType,
        default: Option<&'static str>,
        importance: Importance,
    ) -> Self {
        Self {
            name,
            kind,
            default,
            required: false,
            valid: Valid::Any,
            importance,
            doc: "",
            aliases: &[],
            treatment: Treatment::Effect,
            already_so: &[],
        }
    }

    pub(super) const fn doc(mut self, doc: &'static str) -> Self {
        self.doc = doc;
        self
    }

    pub(super) const fn valid(mut self, valid: Valid) -> Self {
        self.valid = valid;
        self
    }

    pub(super) const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    pub(super) const fn aliases(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    pub(super) const fn treatment(mut self, treatment: Treatment) -> Self {
        self.treatment = treatment;
        self
    }

    pub(super) const fn already_so(mut self, values: &'static [&'static str]) -> Self {
        self.already_so = values;
        self
    }

    /// Whether its value is a secret, to be shown nowhere.
    pub fn is_secret(&self) -> bool {
        self.kind == SettingType::Password
    }

    /// The unit of its numbers, from its name; empty when they only count.
    pub fn unit(&self) -> &'static str {
        let numeric = matches!(
            self.kind,
            SettingType::Int | SettingType::Long | SettingType::Short
        );
        match self.name {
            _ if !numeric => "",
            "buffer.memory" | "batch.size" | "max.request.size" => "bytes",
            "sasl.kerberos.min.time.before.relogin" => "milliseconds",
            name if name.ends_with(".ms") => "milliseconds",
            name if name.ends_with(".bytes") => "bytes",
            name if name.ends_with(".seconds") => "seconds",
            _ => "",
        }
    }

    /// Whether raban behaves like `value` in any case.
    pub(super) fn is_already(&self, value: &str) -> bool {
        self.already_so
            .iter()
            .any(|so| so.eq_ignore_ascii_case(value.trim()))
    }

    /// Checks type and range.
    ///
    /// # Errors
    /// What is wrong with the value, as a clause.
    pub(super) fn parse(&self, raw: &str) -> Result<Value, &'static str> {
        let text = raw.trim();
        let value = match self.kind {
            SettingType::Boolean => Value::Boolean(parse_boolean(text)?),
            SettingType::Short => whole_number(text, i64::from(i16::MIN), i64::from(i16::MAX))?,
            SettingType::Int => whole_number(text, i64::from(i32::MIN), i64::from(i32::MAX))?,
            SettingType::Long => whole_number(text, i64::MIN, i64::MAX)?,
            SettingType::Double => match text.parse::<f64>() {
                Ok(number) if number.is_finite() => Value::Decimal(number),
                _ => return Err("not a number"),
            },
            SettingType::String
            | SettingType::List
            | SettingType::Class
            | SettingType::Password => Value::Text(text.to_owned()),
        };
        self.valid.check(&value)?;
        Ok(value)
    }

    /// The valid values in words, with their unit.
    pub fn values(&self) -> String {
        let valid = match (&self.valid, self.kind) {
            (Valid::Any, SettingType::Boolean) => "true or false".to_owned(),
            (Valid::Any, SettingType::Double) => "a number".to_owned(),
            (Valid::Any, SettingType::Int | SettingType::Long | SettingType::Short) => {
                "a whole number".to_owned()
            }
            (Valid::Any, _) => "a text".to_owned(),
            (valid, _) => valid.to_string(),
        };
        match self.unit() {
            "" => valid,
            unit => format!("{valid}, in {unit}"),
        }
    }

    /// The valid values and the default, in words for an error.
    pub(super) fn expectation(&self) -> String {
        let valid = self.values();
        match self.default {
            Some("") | None => format!("Valid: {valid}."),
            Some(default) => format!("Valid: {valid}. Default: {default}."),
        }
    }
}

impl Valid {
    fn check(&self, value: &Value) -> Result<(), &'static str> {
        match (self, value) {
            (Self::AtLeast(min), Value::Number(n)) if n < min => Err("too small"),
            (Self::Between(min, _), Value::Number(n)) if n < min => Err("too small"),
            (Self::Between(_, max), Value::Number(n)) if n > max => Err("too large"),
            (Self::BetweenOr(_, _, other), Value::Number(n)) if n == other => Ok(()),
            (Self::BetweenOr(min, _, _), Value::Number(n)) if n < min => Err("too small"),
            (Self::BetweenOr(_, max, _), Value::Number(n)) if n > max => Err("too large"),
            (Self::BetweenDecimals(min, _), Value::Decimal(n)) if n < min => Err("too small"),
            (Self::BetweenDecimals(_, max), Value::Decimal(n)) if n > max => Err("too large"),
            (Self::OneOf(texts), Value::Text(text)) if !texts.contains(&text.as_str()) => {
                Err("not one of the valid values")
            }
            (Self::OneOfAnyCase(texts), Value::Text(text))
                if !texts.iter().any(|valid| valid.eq_ignore_ascii_case(text)) =>
            {
                Err("not one of the valid values")
            }
            (Self::NonEmpty, Value::Text(text)) if text.is_empty() => Err("empty"),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Valid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any value"),
            Self::AtLeast(min) => write!(f, "{min} or more"),
            Self::Between(min, max) => write!(f, "{min} to {max}"),
            Self::BetweenOr(min, max, other) => write!(f, "{min} to {max}, or {other}"),
            Self::BetweenDecimals(min, max) => write!(f, "{min:?} to {max:?}"),
            Self::OneOf(texts) => f.write_str(&texts.join(", ")),
            Self::OneOfAnyCase(texts) => {
                write!(f, "{} (in upper or lower case)", texts.join(", "))
            }
            Self::NonEmpty => f.write_str("a text that is not empty"),
        }
    }
}

impl fmt::Display for SettingType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Boolean => "BOOLEAN",
            Self::String => "STRING",
            Self::Short => "SHORT",
            Self::Int => "INT",
            Self::Long => "LONG",
            Self::Double => "DOUBLE",
            Self::List => "LIST",
            Self::Class => "CLASS",
            Self::Password => "PASSWORD",
        })
    }
}

impl fmt::Display for Importance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Low => "LOW",
            Self::Medium => "MEDIUM",
            Self::High => "HIGH",
        })
    }
}

fn parse_boolean(text: &str) -> Result<bool, &'static str> {
    if text.eq_ignore_ascii_case("true") {
        Ok(true)
    } else if text.eq_ignore_ascii_case("false") {
        Ok(false)
    } else {
        Err("neither true nor false")
    }
}

fn whole_number(text: &str, min: i64, max: i64) -> Result<Value, &'static str> {
    use std::num::IntErrorKind::{NegOverflow, PosOverflow};
    match text.parse::<i64>() {
        Ok(number) if number < min => Err("too small"),
        Ok(number) if number > max => Err("too large"),
        Ok(number) => Ok(Value::Number(number)),
        Err(error) if *error.kind() == PosOverflow => Err("too large"),
        Err(error) if *error.kind() == NegOverflow => Err("too small"),
        Err(_) => Err("not a whole number"),
    }
}

/// The entries of a list value: split at commas, without the white space around them.
pub(super) fn list_entries(value: &str) -> impl Iterator<Item = &str> {
    value
        .split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
}
