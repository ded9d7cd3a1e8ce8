//! From the input's text to the bytes of keys and values: serializers from options and settings.

use std::borrow::Cow;

use raban::{
    Charset, JavaSerializer, RecordPart, SerializeContext, SerializeError, Serializer, Settings,
    Text,
};

use crate::args::Produce;
use crate::exit::Failure;
use crate::records::Parsed;

const ENCODING: &str = "serializer.encoding";

/// The one of Kafka's serializers that the producer knows and the command can't be.
const LIST: &str = "org.apache.kafka.common.serialization.ListSerializer";

/// What makes bytes of keys and values; `None` where they pass as they are.
pub(crate) struct Serializers {
    key: Option<Box<dyn Serializer<str>>>,
    value: Option<Box<dyn Serializer<str>>>,
    topic: String,
}

impl Serializers {
    /// What the options and the settings ask for. Leaves settings behind only where the producer has
    /// something to say about them: classes that aren't known by name.
    pub(crate) fn take(args: &Produce, settings: &mut Settings) -> Result<Self, Failure> {
        let (key, value) = (args.key_serializer, args.value_serializer);
        Self::chosen(&args.topic, key, value, settings)
    }

    /// The same without options.
    pub(crate) fn check(settings: &Settings) -> Result<(), Failure> {
        Self::chosen("", None, None, &mut settings.clone()).map(drop)
    }

    fn chosen(
        topic: &str,
        key: Option<JavaSerializer>,
        value: Option<JavaSerializer>,
        settings: &mut Settings,
    ) -> Result<Self, Failure> {
        let encoding = settings.remove(ENCODING);
        let mut part = |part, option| serializer(part, option, encoding.as_deref(), settings);
        Ok(Self {
            key: part(RecordPart::Key, key)?,
            value: part(RecordPart::Value, value)?,
            topic: topic.to_owned(),
        })
    }

    /// The record with key and value as bytes. The error says which of them isn't what its serializer takes.
    pub(crate) fn serialize<'a>(
        &self,
        parsed: Option<Parsed<'a>>,
    ) -> Result<Option<Parsed<'a>>, String> {
        let Some(mut parsed) = parsed else {
            return Ok(None);
        };
        for (part, serializer, bytes) in [
            (RecordPart::Key, &self.key, &mut parsed.key),
            (RecordPart::Value, &self.value, &mut parsed.value),
        ] {
            if let (Some(serializer), Some(text)) = (serializer, &bytes) {
                let serialized = self.serialized(part, &**serializer, text);
                *bytes = Some(Cow::Owned(serialized.map_err(|reason| {
                    let part = part.name();
                    format!(
                        "{part}: {reason}; correct the line, or choose another --{part}-serializer"
                    )
                })?));
            }
        }
        Ok(Some(parsed))
    }

    fn serialized(
        &self,
        part: RecordPart,
        serializer: &dyn Serializer<str>,
        text: &[u8],
    ) -> Result<Vec<u8>, String> {
        let text = std::str::from_utf8(text).map_err(|error| format!("it is no text: {error}"))?;
        // No serializer of Kafka's own adds headers.
        let (mut headers, mut out) = (Vec::new(), Vec::new());
        let mut context = SerializeContext::new(&self.topic, part, &mut headers);
        match serializer.serialize(&mut context, text, &mut out) {
            Ok(()) => Ok(out),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// As Java's `configure`: a part's own encoding goes before the one for both, and only strings and UUIDs have one.
fn serializer(
    part: RecordPart,
    option: Option<JavaSerializer>,
    encoding: Option<&str>,
    settings: &mut Settings,
) -> Result<Option<Box<dyn Serializer<str>>>, Failure> {
    let class = format!("{}.serializer", part.name());
    let own = format!("{class}.encoding");
    let own_encoding = settings.remove(&own);
    let set = settings.get(&class).map(str::trim);
    if option.is_none() && set == Some(LIST) {
        let part = part.name();
        return Err(Failure::usage(format!(
            "{class}: {LIST} takes lists, and no text is one; choose another with --{part}-serializer, or \
             `raban::List` in an application"
        )));
    }
    let set = set.map(str::parse::<JavaSerializer>);
    let chosen = match (option, set) {
        (Some(chosen), _) | (None, Some(Ok(chosen))) => {
            settings.remove(&class);
            chosen
        }
        (None, Some(Err(_))) => return Ok(None),
        (None, None) => JavaSerializer::String,
    };
    let charset = || match (&own_encoding, encoding) {
        (Some(name), _) => named(&own, name),
        (None, Some(name)) => named(ENCODING, name),
        (None, None) => Ok(Charset::Utf8),
    };
    Ok(match chosen {
        JavaSerializer::ByteArray | JavaSerializer::ByteBuffer | JavaSerializer::Bytes => None,
        JavaSerializer::String => match charset()? {
            Charset::Utf8 => None,
            charset => Some(Box::new(Text(charset))),
        },
        JavaSerializer::Uuid => match charset()? {
            Charset::Utf8 => Some(Box::new(JavaSerializer::Uuid)),
            charset => Some(Box::new(UuidIn(charset))),
        },
        typed => Some(Box::new(typed)),
    })
}

fn named(key: &str, name: &str) -> Result<Charset, Failure> {
    let charset = name.parse();
    charset.map_err(|unknown| Failure::usage(format!("{key}: {unknown}")))
}

/// `UUIDSerializer` with another encoding than its own, UTF-8.
#[derive(Debug)]
struct UuidIn(Charset);

impl Serializer<str> for UuidIn {
    fn serialize(
        &self,
        context: &mut SerializeContext<'_>,
        value: &str,
        out: &mut Vec<u8>,
    ) -> Result<(), SerializeError> {
        JavaSerializer::Uuid.serialize(context, value, &mut Vec::new())?;
        Text(self.0).serialize(context, &value.to_ascii_lowercase(), out)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::{Cli, Command};

    /// Key and value of `7` and `ü` with these options and settings, and how many settings are left.
    fn made(
        options: &[&str],
        settings: &[(&str, &str)],
    ) -> Result<(Vec<u8>, Vec<u8>, usize), String> {
        let words = ["raban", "produce", "-t", "t"];
        let words = words.into_iter().chain(options.iter().copied());
        let Command::Produce(args) = Cli::try_parse_from(words).unwrap().command else {
            panic!("not produce")
        };
        let mut settings: Settings = settings.iter().copied().collect();
        let serializers =
            Serializers::take(&args, &mut settings).map_err(|failure| failure.to_string())?;
        let parsed = Parsed {
            key: Some(Cow::Borrowed(b"7")),
            value: Some(Cow::Borrowed("ü".as_bytes())),
            headers: Cow::Borrowed(&[]),
            partition: None,
            timestamp: None,
        };
        let made = serializers.serialize(Some(parsed))?.unwrap();
        let bytes = |part: Option<Cow<'_, [u8]>>| part.unwrap().into_owned();
        Ok((bytes(made.key), bytes(made.value), settings.len()))
    }

    const PLAIN: &[u8] = b"7";
    const UTF8: &[u8] = "ü".as_bytes();

    #[track_caller]
    fn check(options: &[&str], settings: &[(&str, &str)], key: &[u8], value: &[u8], left: usize) {
        let expected = Ok((key.to_vec(), value.to_vec(), left));
        assert_eq!(made(options, settings), expected);
    }

    #[test]
    fn the_option_wins_over_the_setting() {
        let short = (
            "key.serializer",
            "org.apache.kafka.common.serialization.ShortSerializer",
        );
        let foreign = ("key.serializer", "com.example.OwnSerializer");
        check(&[], &[("acks", "1")], PLAIN, UTF8, 1);
        check(&[], &[short], &[0, 7], UTF8, 0);
        check(
            &["--key-serializer", "integer"],
            &[short],
            &[0, 0, 0, 7],
            UTF8,
            0,
        );
        check(&["--key-serializer", "short"], &[foreign], &[0, 7], UTF8, 0);
        // The producer refuses it in its own words.
        check(&[], &[foreign], PLAIN, UTF8, 1);
    }

    #[test]
    fn lists_are_no_text() {
        let list = ("key.serializer", LIST);
        assert!(made(&[], &[list]).unwrap_err().contains("no text is one"));
        check(&["--key-serializer", "short"], &[list], &[0, 7], UTF8, 0);
    }

    #[test]
    fn strings_have_their_own_encoding_or_that_of_both() {
        let both = ("serializer.encoding", "UTF-16BE");
        let own = ("value.serializer.encoding", "latin1");
        check(&[], &[both], &[0, b'7'], &[0, 0xfc], 0);
        check(&[], &[both, own], &[0, b'7'], &[0xfc], 0);
        check(&[], &[own], PLAIN, &[0xfc], 0);
        check(
            &["--key-serializer", "bytes"],
            &[both, own],
            PLAIN,
            &[0xfc],
            0,
        );
        // As in Java, it is looked up only where it is needed.
        let typed = ["--key-serializer", "short", "--value-serializer", "bytes"];
        check(&typed, &[("serializer.encoding", "?")], &[0, 7], UTF8, 0);
    }

    #[test]
    fn uuids_have_an_encoding_as_in_java() {
        let golden = include_str!("../../raban/tests/golden/serializers.tsv");
        let mut charsets = 0;
        for line in golden.lines() {
            let columns: Vec<_> = line.split('\t').collect();
            let Some(charset) = columns[0].strip_prefix("UUIDSerializer:") else {
                continue;
            };
            charsets += 1;
            let mut settings = [
                ("key.serializer", "UUIDSerializer"),
                ("serializer.encoding", charset),
            ]
            .into_iter()
            .collect();
            let chosen = Serializers::chosen("t", None, None, &mut settings).unwrap();
            let parsed = |key: &'static str| {
                Some(Parsed {
                    key: Some(Cow::Borrowed(key.as_bytes())),
                    value: None,
                    headers: Cow::Borrowed(&[]),
                    partition: None,
                    timestamp: None,
                })
            };
            let upper: &'static str = columns[1].to_uppercase().leak();
            let made = chosen.serialize(parsed(upper)).unwrap().unwrap();
            let hex = made
                .key
                .unwrap()
                .iter()
                .fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
            assert_eq!(hex, columns[2], "{charset}");
            assert!(chosen.serialize(parsed("1-2")).is_err());
        }
        assert_eq!(charsets, Charset::ALL.len());
    }
}
