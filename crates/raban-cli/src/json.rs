//! Records as JSON, one object a line: the form that `consume` prints and `produce` reads back.
//! Bytes that are UTF-8 are a string, others `{"base64": "…"}`; null is null.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::de::{Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// A record as an input line tells it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct InputRecord<'a> {
    pub(crate) key: Option<Cow<'a, [u8]>>,
    pub(crate) value: Option<Cow<'a, [u8]>>,
    pub(crate) headers: Vec<(String, Option<Vec<u8>>)>,
    pub(crate) partition: Option<i32>,
    pub(crate) timestamp: Option<i64>,
}

impl<'a> InputRecord<'a> {
    /// Reads one line. The error says what is wrong with it.
    pub(crate) fn parse(line: &'a [u8]) -> Result<Self, String> {
        // The line is serde_json's whole document: only the column says something.
        let line: JsonLine<'a> = serde_json::from_slice(line).map_err(|error| {
            error
                .to_string()
                .replace(" at line 1 column ", " at column ")
        })?;
        Ok(Self {
            key: part("key", line.key)?,
            value: part("value", line.value)?,
            headers: line.headers.unwrap_or_default().0,
            partition: line.partition,
            timestamp: line.timestamp,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonLine<'a> {
    #[serde(borrow)]
    key: Option<&'a RawValue>,
    #[serde(borrow)]
    value: Option<&'a RawValue>,
    headers: Option<InputHeaders>,
    partition: Option<i32>,
    timestamp: Option<i64>,
    // What `consume` prints and `produce` has no use for.
    #[serde(rename = "topic")]
    _topic: Option<IgnoredAny>,
    #[serde(rename = "offset")]
    _offset: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Base64Object<'a> {
    #[serde(borrow)]
    base64: Cow<'a, str>,
}

fn part<'a>(name: &str, json: Option<&'a RawValue>) -> Result<Option<Cow<'a, [u8]>>, String> {
    json.map(bytes_of)
        .transpose()
        .map_err(|error| format!("{name}: {error}"))
}

fn bytes_of(json: &RawValue) -> Result<Cow<'_, [u8]>, String> {
    let text = json.get();
    match text.as_bytes().first() {
        Some(b'"') => {
            // Where in the value would mislead: no column is told.
            let BorrowedString(text) = serde_json::from_str(text)
                .map_err(|_| "a \\u escape that is half a surrogate pair")?;
            Ok(match text {
                Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
                Cow::Owned(text) => Cow::Owned(text.into_bytes()),
            })
        }
        Some(b'{') => match serde_json::from_str::<Base64Object<'_>>(text) {
            Ok(object) => BASE64
                .decode(object.base64.as_bytes())
                .map(Cow::Owned)
                .map_err(|error| format!("wrong base64: {error}")),
            Err(_) => Ok(Cow::Borrowed(text.as_bytes())),
        },
        _ => Ok(Cow::Borrowed(text.as_bytes())),
    }
}

/// serde copies into a plain `Cow`; this one borrows where the string has no escapes.
#[derive(Deserialize)]
struct BorrowedString<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Default)]
struct InputHeaders(Vec<(String, Option<Vec<u8>>)>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InputHeader<'a> {
    key: String,
    #[serde(borrow)]
    value: Option<&'a RawValue>,
}

fn header(key: String, value: Option<&RawValue>) -> Result<(String, Option<Vec<u8>>), String> {
    Ok((key, value.map(bytes_of).transpose()?.map(Cow::into_owned)))
}

impl<'de> Deserialize<'de> for InputHeaders {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Headers;
        impl<'de> Visitor<'de> for Headers {
            type Value = InputHeaders;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("headers as an object, or as an array of {\"key\": …, \"value\": …}")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<InputHeaders, A::Error> {
                let mut headers = Vec::new();
                while let Some((key, value)) = map.next_entry::<String, Option<&RawValue>>()? {
                    headers.push(header(key, value).map_err(A::Error::custom)?);
                }
                Ok(InputHeaders(headers))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<InputHeaders, A::Error> {
                let mut headers = Vec::new();
                while let Some(InputHeader { key, value }) = seq.next_element()? {
                    headers.push(header(key, value).map_err(A::Error::custom)?);
                }
                Ok(InputHeaders(headers))
            }
        }
        deserializer.deserialize_any(Headers)
    }
}

/// A record as `consume` prints it.
#[derive(Serialize)]
pub(crate) struct OutputRecord<'a> {
    pub(crate) topic: &'a str,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) timestamp: Option<i64>,
    pub(crate) key: Bytes<'a>,
    pub(crate) value: Bytes<'a>,
    pub(crate) headers: Vec<OutputHeader<'a>>,
}

#[derive(Serialize)]
pub(crate) struct OutputHeader<'a> {
    pub(crate) key: &'a str,
    pub(crate) value: Bytes<'a>,
}

/// A key, a value or a header's value.
#[derive(Clone, Copy)]
pub(crate) struct Bytes<'a>(pub(crate) Option<&'a [u8]>);

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some(bytes) = self.0 else {
            return serializer.serialize_none();
        };
        match std::str::from_utf8(bytes) {
            Ok(text) => serializer.serialize_str(text),
            Err(_) => {
                let mut object = serializer.serialize_map(Some(1))?;
                object.serialize_entry("base64", &BASE64.encode(bytes))?;
                object.end()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value(json: &str) -> Result<Option<Vec<u8>>, String> {
        InputRecord::parse(format!("{{\"value\":{json}}}").as_bytes())
            .map(|record| record.value.map(Cow::into_owned))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn null_empty_and_absent_are_told_apart() {
        assert_eq!(value("null"), Ok(None));
        assert_eq!(value("\"\""), Ok(Some(vec![])));
        assert_eq!(value("{\"base64\":\"\"}"), Ok(Some(vec![])));
        assert_eq!(InputRecord::parse(b"{}").unwrap(), InputRecord::default());
    }

    #[test]
    fn strings_bytes_and_json_text() {
        let bytes = |text: &str| Ok(Some(text.as_bytes().to_vec()));
        assert_eq!(value(r#""a\n\u00e9""#), bytes("a\né"));
        assert_eq!(value(r#"{"base64":"/wA="}"#), Ok(Some(vec![0xff, 0])));
        assert_eq!(
            value(r#"{"b": [1, 2.50], "c" : null}"#),
            bytes(r#"{"b": [1, 2.50], "c" : null}"#)
        );
        assert_eq!(
            value(r#"{"base64":"x","more":1}"#),
            bytes(r#"{"base64":"x","more":1}"#)
        );
        assert_eq!(value(r#"{"base64":1}"#), bytes(r#"{"base64":1}"#));
        assert_eq!(value("12.50"), bytes("12.50"));
        assert_eq!(value("true"), bytes("true"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (json, part) in [
            (&br#"{"valeu":1}"#[..], "unknown field `valeu`"),
            (br#"{"value":{"base64":"*"}}"#, "wrong base64"),
            (br#"{"value":"\ud800"}"#, "surrogate"),
            (br#"{"value":1"#, "EOF"),
            (br#"{"value":1} x"#, "trailing characters"),
            (br#"{"value":1,"value":2}"#, "duplicate field"),
            (br#"{"partition":"0"}"#, "expected i32"),
            (br#"{"partition":3000000000}"#, "expected i32"),
            (br#"{"headers":1}"#, "headers as an object"),
            (b"plain", "expected value"),
            (b"[]", ""),
            (b"{\"value\":\"\xff\"}", ""),
        ] {
            let error = InputRecord::parse(json).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn headers_as_array_or_object_keep_order_and_repeat() {
        let expected = vec![
            ("b".to_owned(), Some(b"1".to_vec())),
            ("a".to_owned(), None),
            ("b".to_owned(), Some(vec![0xff])),
        ];
        for json in [
            &br#"{"headers":[{"key":"b","value":"1"},{"key":"a"},{"key":"b","value":{"base64":"/w=="}}]}"#[..],
            br#"{"headers":{"b":"1","a":null,"b":{"base64":"/w=="}}}"#,
        ] {
            assert_eq!(InputRecord::parse(json).unwrap().headers, expected);
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(
            key in prop::option::of(prop::collection::vec(any::<u8>(), 0..20)),
            value in prop::option::of(prop_oneof![
                prop::collection::vec(any::<u8>(), 0..40),
                any::<String>().prop_map(String::into_bytes),
                Just(br#"{"base64":"eA=="}"#.to_vec()),
            ]),
            headers in prop::collection::vec((any::<String>(), prop::option::of(prop::collection::vec(any::<u8>(), 0..9))), 0..4),
            partition in 0..i32::MAX,
            timestamp in prop::option::of(0..i64::MAX),
        ) {
            let printed = serde_json::to_string(&OutputRecord {
                topic: "t", partition, offset: 7, timestamp,
                key: Bytes(key.as_deref()),
                value: Bytes(value.as_deref()),
                headers: headers.iter().map(|(key, value)| OutputHeader { key, value: Bytes(value.as_deref()) }).collect(),
            }).unwrap();
            prop_assert!(!printed.contains('\n'));
            let read = InputRecord::parse(printed.as_bytes()).unwrap();
            prop_assert_eq!(read.key.as_deref(), key.as_deref());
            prop_assert_eq!(read.value.as_deref(), value.as_deref());
            prop_assert_eq!(read.headers, headers);
            prop_assert_eq!(read.partition, Some(partition));
            prop_assert_eq!(read.timestamp, timestamp);
        }

        #[test]
        fn no_line_panics(line in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = InputRecord::parse(&line);
        }
    }
}
