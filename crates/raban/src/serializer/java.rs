//! Kafka's Java serializers by name, for values that are given as text.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use super::uuid::parse as parse_uuid;
use super::{BigEndian, SerializeContext, SerializeError, Serializer, UuidText};

/// The most characters of a value that an error repeats.
const REPEATED: usize = 60;

/// One of Kafka's Java serializers, found by name; it takes its values as text. `"42"` by
/// `IntegerSerializer` is four bytes.
///
/// The names of `IntegerSerializer`, for one, are `org.apache.kafka.common.serialization.IntegerSerializer`,
/// `IntegerSerializer` and, in upper or lower case, `integer`.
///
/// | short name | text | bytes |
/// |---|---|---|
/// | `boolean` | `true` or `false` | 1 or 0 |
/// | `bytearray`, `bytebuffer`, `bytes`, `string` | any | UTF-8 |
/// | `short`, `integer`, `long` | a decimal number in its range | 2, 4 or 8, big-endian |
/// | `float`, `double` | a decimal number in its range, `NaN`, `Infinity`, `-Infinity` | 4 or 8, big-endian |
/// | `uuid` | 36 characters, in upper or lower case | the same in lower case |
/// | `void` | none: only null | |
///
/// ```
/// # async fn example(producer: raban::Producer) -> Result<(), Box<dyn std::error::Error>> {
/// use raban::JavaSerializer;
///
/// let key: JavaSerializer = "org.apache.kafka.common.serialization.LongSerializer".parse()?;
/// let value: JavaSerializer = "double".parse()?;
/// let prices = producer.topic("prices").with_key(key).with_value(value);
/// prices.send("42", "7.5").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the table above tells of all")]
pub enum JavaSerializer {
    Boolean,
    ByteArray,
    ByteBuffer,
    Bytes,
    Double,
    Float,
    Integer,
    Long,
    Short,
    String,
    Uuid,
    Void,
}

impl JavaSerializer {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Boolean,
        Self::ByteArray,
        Self::ByteBuffer,
        Self::Bytes,
        Self::Double,
        Self::Float,
        Self::Integer,
        Self::Long,
        Self::Short,
        Self::String,
        Self::Uuid,
        Self::Void,
    ];

    /// Its class without the package, such as `IntegerSerializer`.
    pub const fn class(self) -> &'static str {
        match self {
            Self::Boolean => "BooleanSerializer",
            Self::ByteArray => "ByteArraySerializer",
            Self::ByteBuffer => "ByteBufferSerializer",
            Self::Bytes => "BytesSerializer",
            Self::Double => "DoubleSerializer",
            Self::Float => "FloatSerializer",
            Self::Integer => "IntegerSerializer",
            Self::Long => "LongSerializer",
            Self::Short => "ShortSerializer",
            Self::String => "StringSerializer",
            Self::Uuid => "UUIDSerializer",
            Self::Void => "VoidSerializer",
        }
    }

    fn short_name(self) -> &'static str {
        let class = self.class();
        class.strip_suffix("Serializer").unwrap_or(class)
    }

    fn expected(self) -> &'static str {
        match self {
            Self::Boolean => "`true` or `false`",
            Self::ByteArray | Self::ByteBuffer | Self::Bytes | Self::String => "text",
            Self::Double => "a number of up to 1.7976931348623157e308, or `NaN` or `Infinity`",
            Self::Float => "a number of up to 3.4028235e38, or `NaN` or `Infinity`",
            Self::Integer => "a whole number from -2147483648 to 2147483647",
            Self::Long => "a whole number from -9223372036854775808 to 9223372036854775807",
            Self::Short => "a whole number from -32768 to 32767",
            Self::Uuid => "a UUID such as 0188f5c3-8d0e-7b5a-9c1d-00e0ff10203a",
            Self::Void => "null and nothing else",
        }
    }
}

impl fmt::Display for JavaSerializer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.class())
    }
}

impl Serializer<str> for JavaSerializer {
    fn serialize(
        &self,
        context: &mut SerializeContext<'_>,
        value: &str,
        out: &mut Vec<u8>,
    ) -> Result<(), SerializeError> {
        let wrong = || self.wrong(value);
        match self {
            Self::ByteArray | Self::ByteBuffer | Self::Bytes | Self::String => {
                out.extend_from_slice(value.as_bytes());
                Ok(())
            }
            Self::Boolean => {
                BigEndian.serialize(context, &parsed::<bool>(value).ok_or_else(wrong)?, out)
            }
            Self::Short => {
                BigEndian.serialize(context, &parsed::<i16>(value).ok_or_else(wrong)?, out)
            }
            Self::Integer => {
                BigEndian.serialize(context, &parsed::<i32>(value).ok_or_else(wrong)?, out)
            }
            Self::Long => {
                BigEndian.serialize(context, &parsed::<i64>(value).ok_or_else(wrong)?, out)
            }
            Self::Float => {
                let number =
                    parsed::<f32>(value).filter(|n| !n.is_infinite() || is_infinity(value));
                BigEndian.serialize(context, &number.ok_or_else(wrong)?, out)
            }
            Self::Double => {
                let number =
                    parsed::<f64>(value).filter(|n| !n.is_infinite() || is_infinity(value));
                BigEndian.serialize(context, &number.ok_or_else(wrong)?, out)
            }
            Self::Uuid => UuidText.serialize(context, &parse_uuid(value).ok_or_else(wrong)?, out),
            Self::Void => Err(wrong()),
        }
    }

    fn constant_size(&self) -> bool {
        match self {
            Self::Double | Self::Float | Self::Integer | Self::Long | Self::Short | Self::Uuid => {
                true
            }
            Self::Boolean
            | Self::ByteArray
            | Self::ByteBuffer
            | Self::Bytes
            | Self::String
            | Self::Void => false,
        }
    }
}

impl JavaSerializer {
    fn wrong(self, value: &str) -> SerializeError {
        let mut repeated: String = value.chars().take(REPEATED).collect();
        if repeated.len() < value.len() {
            repeated.push('…');
        }
        SerializeError::new(format_args!(
            "{repeated:?} is not what {self} takes: {}",
            self.expected()
        ))
    }
}

fn parsed<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

/// Rust reads a number that is too large as infinity; only the word is one here.
fn is_infinity(text: &str) -> bool {
    let word = text.trim_start_matches(['+', '-']);
    ["inf", "infinity"]
        .iter()
        .any(|known| word.eq_ignore_ascii_case(known))
}

/// A name that none of Kafka's serializers has, or the one of `ListSerializer`, whose values no text
/// is: [`List`](crate::List) has its format.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnknownSerializer {
    /// The name.
    pub name: String,
}

impl fmt::Display for UnknownSerializer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no serializer has the name {:?}; there are ", self.name)?;
        for (index, known) in JavaSerializer::ALL.iter().enumerate() {
            match index {
                0 => {}
                _ if index + 1 == JavaSerializer::ALL.len() => f.write_str(" and ")?,
                _ => f.write_str(", ")?,
            }
            for letter in known.short_name().chars() {
                f.write_char(letter.to_ascii_lowercase())?;
            }
        }
        f.write_str(", also by their Java classes")
    }
}

impl std::error::Error for UnknownSerializer {}

impl FromStr for JavaSerializer {
    type Err = UnknownSerializer;

    fn from_str(name: &str) -> Result<Self, UnknownSerializer> {
        const PACKAGE: &str = "org.apache.kafka.common.serialization.";
        let class = name.strip_prefix(PACKAGE);
        let has = |known: &Self| match class {
            Some(class) => class == known.class(),
            None => name == known.class() || name.eq_ignore_ascii_case(known.short_name()),
        };
        let found = Self::ALL.iter().copied().find(has);
        found.ok_or_else(|| UnknownSerializer { name: name.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{golden, serialize};
    use super::*;
    use crate::List;

    #[test]
    fn text_becomes_the_bytes_that_java_makes_of_the_value() {
        use JavaSerializer::*;
        for known in [Boolean, Double, Float, Integer, Long, Short, Uuid] {
            for (text, bytes) in golden(known.class()) {
                if !text.starts_with("bits") {
                    assert_eq!(serialize(&known, text).unwrap(), bytes, "{known} {text}");
                }
            }
        }
        for known in [ByteArray, ByteBuffer, Bytes, String] {
            for (text, bytes) in golden("StringSerializer:UTF-8") {
                assert_eq!(serialize(&known, text).unwrap(), bytes, "{known} {text}");
            }
        }
    }

    #[test]
    fn lists_of_text_have_java_s_format() {
        use JavaSerializer::*;
        for inner in [Boolean, Double, Float, Integer, Long, Short, String, Uuid] {
            for (text, bytes) in golden(&format!("ListSerializer:{inner}")) {
                let texts = text.split(',').filter(|_| !text.is_empty());
                let items: Vec<_> = texts.map(|text| (text != "null").then_some(text)).collect();
                assert_eq!(
                    serialize(&List(inner), &items).unwrap(),
                    bytes,
                    "{inner} {text}"
                );
            }
        }
    }

    #[test]
    fn what_is_no_such_value_is_told_with_what_is_expected() {
        let reason =
            |known: JavaSerializer, text: &str| serialize(&known, text).unwrap_err().to_string();
        assert_eq!(
            reason(JavaSerializer::Short, "32768"),
            "\"32768\" is not what ShortSerializer takes: a whole number from -32768 to 32767"
        );
        for (known, text) in [
            (JavaSerializer::Boolean, "TRUE"),
            (JavaSerializer::Double, "1e309"),
            (JavaSerializer::Float, "-1e39"),
            (JavaSerializer::Integer, " 1"),
            (JavaSerializer::Integer, "1.0"),
            (JavaSerializer::Long, "9223372036854775808"),
            (JavaSerializer::Uuid, "1-2-3-4-5"),
            (JavaSerializer::Void, ""),
        ] {
            let told = reason(known, text);
            assert!(
                told.starts_with(&format!("{text:?} is not what {known} takes: ")),
                "{told}"
            );
        }
        let long = reason(JavaSerializer::Long, &"é".repeat(1000));
        assert!(
            long.contains(&format!("\"{}…\"", "é".repeat(REPEATED))),
            "{long}"
        );
    }

    #[test]
    fn each_is_found_by_class_and_by_short_name() {
        for &known in JavaSerializer::ALL {
            let class = known.class();
            let package = format!("org.apache.kafka.common.serialization.{class}");
            for name in [
                &package,
                class,
                known.short_name(),
                &known.short_name().to_lowercase(),
            ] {
                assert_eq!(name.parse(), Ok(known), "{name}");
            }
        }
        for name in [
            "",
            "int",
            "integerserializer",
            "org.apache.kafka.common.serialization.Integer",
        ] {
            assert!(name.parse::<JavaSerializer>().is_err(), "{name}");
        }
        assert_eq!(
            "ListSerializer"
                .parse::<JavaSerializer>()
                .unwrap_err()
                .to_string(),
            "no serializer has the name \"ListSerializer\"; there are boolean, bytearray, bytebuffer, bytes, double, \
             float, integer, long, short, string, uuid and void, also by their Java classes"
        );
    }
}
