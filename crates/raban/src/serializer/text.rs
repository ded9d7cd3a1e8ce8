//! Text in the charsets that Java names.

use std::fmt;
use std::str::FromStr;

use super::{SerializeContext, SerializeError, Serializer};

/// Text in a charset, as Kafka's `StringSerializer` with `serializer.encoding`. [`Utf8`](crate::Utf8)
/// is the same for UTF-8.
///
/// ```
/// # fn example(producer: raban::Producer) -> Result<(), raban::UnknownCharset> {
/// use raban::{Charset, Text};
///
/// let legacy = producer
///     .topic("legacy")
///     .with_key(Text("latin1".parse()?))
///     .with_value(Text(Charset::Utf16));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Text(pub Charset);

impl Serializer<str> for Text {
    fn serialize(
        &self,
        _: &mut SerializeContext<'_>,
        value: &str,
        out: &mut Vec<u8>,
    ) -> Result<(), SerializeError> {
        let units = || value.encode_utf16();
        match self.0 {
            Charset::Utf8 => out.extend_from_slice(value.as_bytes()),
            // Java writes the mark with the first character: nothing stays nothing.
            Charset::Utf16 if value.is_empty() => {}
            Charset::Utf16 => {
                out.extend_from_slice(&[0xfe, 0xff]);
                out.extend(units().flat_map(u16::to_be_bytes));
            }
            Charset::Utf16Be => out.extend(units().flat_map(u16::to_be_bytes)),
            Charset::Utf16Le => out.extend(units().flat_map(u16::to_le_bytes)),
            Charset::Iso8859_1 => {
                out.extend(value.chars().map(|c| u8::try_from(c).unwrap_or(b'?')));
            }
            Charset::UsAscii => {
                let ascii = value.chars().map(|c| u8::try_from(c).ok());
                out.extend(ascii.map(|byte| byte.filter(u8::is_ascii).unwrap_or(b'?')));
            }
        }
        Ok(())
    }

    fn as_bytes<'v>(&self, value: &'v str) -> Option<&'v [u8]> {
        (self.0 == Charset::Utf8).then_some(value.as_bytes())
    }
}

/// A charset, found by any of Java's names for it, in upper or lower case.
///
/// | name | bytes |
/// |---|---|
/// | `UTF-8` | UTF-8 |
/// | `UTF-16` | UTF-16, big-endian, after a byte order mark unless it is empty |
/// | `UTF-16BE`, `UTF-16LE` | UTF-16, big-endian or little-endian, without a mark |
/// | `ISO-8859-1` | Latin 1; `?` for each character that it lacks |
/// | `US-ASCII` | ASCII; `?` for each character that it lacks |
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the table above tells of all")]
pub enum Charset {
    #[default]
    Utf8,
    Utf16,
    Utf16Be,
    Utf16Le,
    Iso8859_1,
    UsAscii,
}

impl Charset {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Utf8,
        Self::Utf16,
        Self::Utf16Be,
        Self::Utf16Le,
        Self::Iso8859_1,
        Self::UsAscii,
    ];

    /// Java's first name for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Utf16 => "UTF-16",
            Self::Utf16Be => "UTF-16BE",
            Self::Utf16Le => "UTF-16LE",
            Self::Iso8859_1 => "ISO-8859-1",
            Self::UsAscii => "US-ASCII",
        }
    }

    /// Java's other names for it.
    const fn aliases(self) -> &'static [&'static str] {
        match self {
            Self::Utf8 => &["UTF8", "unicode-1-1-utf-8"],
            Self::Utf16 => &["UTF16", "UTF_16", "unicode", "UnicodeBig"],
            Self::Utf16Be => &[
                "UTF_16BE",
                "X-UTF-16BE",
                "ISO-10646-UCS-2",
                "UnicodeBigUnmarked",
            ],
            Self::Utf16Le => &["UTF_16LE", "X-UTF-16LE", "UnicodeLittleUnmarked"],
            Self::Iso8859_1 => &[
                "latin1",
                "l1",
                "ISO8859-1",
                "ISO8859_1",
                "ISO_8859-1",
                "ISO_8859_1",
                "ISO_8859-1:1987",
                "8859_1",
                "819",
                "cp819",
                "IBM819",
                "IBM-819",
                "iso-ir-100",
                "csISOLatin1",
            ],
            Self::UsAscii => &[
                "ASCII",
                "ascii7",
                "us",
                "646",
                "ISO646-US",
                "ISO_646.irv:1983",
                "ISO_646.irv:1991",
                "ANSI_X3.4-1968",
                "ANSI_X3.4-1986",
                "cp367",
                "IBM367",
                "iso-ir-6",
                "csASCII",
            ],
        }
    }
}

impl fmt::Display for Charset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that no charset has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error(
    "no charset has the name {name:?}; there are UTF-8, UTF-16, UTF-16BE, UTF-16LE, ISO-8859-1 and US-ASCII"
)]
pub struct UnknownCharset {
    /// The name.
    pub name: String,
}

impl FromStr for Charset {
    type Err = UnknownCharset;

    fn from_str(name: &str) -> Result<Self, UnknownCharset> {
        let has = |charset: &Self| {
            let mut names =
                std::iter::once(charset.name()).chain(charset.aliases().iter().copied());
            names.any(|known| known.eq_ignore_ascii_case(name))
        };
        Self::ALL
            .iter()
            .copied()
            .find(has)
            .ok_or_else(|| UnknownCharset { name: name.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{golden, serialize};
    use super::*;

    #[test]
    fn the_bytes_are_java_s() {
        for &charset in Charset::ALL {
            for (text, bytes) in golden(&format!("StringSerializer:{charset}")) {
                let serialized = serialize(&Text(charset), text).unwrap();
                assert_eq!(serialized, bytes, "{charset} {text}");
            }
        }
    }

    #[test]
    fn all_names_of_java_are_known_in_any_case() {
        for &charset in Charset::ALL {
            assert_eq!(charset.name().to_lowercase().parse(), Ok(charset));
            let names = golden(&format!("alias:{charset}"));
            assert_eq!(names.len(), charset.aliases().len(), "{charset}");
            for (name, _) in names {
                assert_eq!(name.parse(), Ok(charset), "{name}");
                assert_eq!(name.to_uppercase().parse(), Ok(charset), "{name}");
            }
        }
    }

    #[test]
    fn an_unknown_name_is_told_what_there_is() {
        let error = "EBCDIC".parse::<Charset>().unwrap_err().to_string();
        assert!(error.contains("\"EBCDIC\""), "{error}");
        for charset in Charset::ALL {
            assert!(error.contains(charset.name()), "{error}");
        }
    }
}
