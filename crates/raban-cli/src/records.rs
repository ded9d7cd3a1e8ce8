//! From an input line to a record: lines with an optional key, or JSON.

use std::borrow::Cow;

use raban::Header;

use crate::args::{Format, Produce};
use crate::exit::Failure;
use crate::input::Separator;
use crate::json::InputRecord;

/// How lines become records.
pub(crate) struct Parser {
    format: Format,
    separator: Option<Separator>,
    null_value: Option<Vec<u8>>,
    headers: Vec<Header>,
    partition: Option<i32>,
}

/// A record that borrows from its line where it can.
#[derive(Debug, PartialEq)]
pub(crate) struct Parsed<'a> {
    pub(crate) key: Option<Cow<'a, [u8]>>,
    pub(crate) value: Option<Cow<'a, [u8]>>,
    pub(crate) headers: Cow<'a, [Header]>,
    pub(crate) partition: Option<i32>,
    pub(crate) timestamp: Option<i64>,
}

impl Parser {
    pub(crate) fn new(args: &Produce) -> Result<Self, Failure> {
        if args.format == Format::Json {
            let only_lines = [
                ("--key-separator", args.key_separator.is_some()),
                ("--null-value", args.null_value.is_some()),
            ];
            if let Some((option, _)) = only_lines.iter().find(|(_, given)| *given) {
                return Err(Failure::usage(format!(
                    "{option} is for --format lines; with --format json each record says its key and null values itself"
                )));
            }
        }
        if args.format == Format::Lines
            && args.key_separator.is_none()
            && args.key_serializer.is_some()
        {
            return Err(Failure::usage(
                "--key-serializer needs keys: say with -K what stands between key and value, or use --format json",
            ));
        }
        let headers = args
            .headers
            .iter()
            .map(|header| parse_header(header))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            format: args.format,
            separator: args.key_separator.clone(),
            null_value: args
                .null_value
                .as_ref()
                .map(|text| text.as_encoded_bytes().to_vec()),
            headers,
            partition: args.partition,
        })
    }

    /// The line's record; `None` for a line that holds none (a blank one between JSON records).
    /// The error says what is wrong with the line.
    pub(crate) fn parse<'a>(&'a self, line: &'a [u8]) -> Result<Option<Parsed<'a>>, String> {
        match self.format {
            Format::Lines => self.parse_line(line).map(Some),
            Format::Json if line.iter().all(u8::is_ascii_whitespace) => Ok(None),
            Format::Json => self.parse_json(line).map(Some),
        }
    }

    fn parse_line<'a>(&'a self, line: &'a [u8]) -> Result<Parsed<'a>, String> {
        let (key, value) = match &self.separator {
            None => (None, line),
            Some(separator) => {
                let (key, value) = separator.split(line).ok_or(
                    "it has no key separator (-K); correct the line, or use --format json for records without a key",
                )?;
                (Some(key), value)
            }
        };
        let is_null = self.null_value.as_deref() == Some(value);
        Ok(Parsed {
            key: key.map(Cow::Borrowed),
            value: (!is_null).then_some(Cow::Borrowed(value)),
            headers: Cow::Borrowed(&self.headers),
            partition: self.partition,
            timestamp: None,
        })
    }

    fn parse_json<'a>(&'a self, line: &'a [u8]) -> Result<Parsed<'a>, String> {
        let record =
            InputRecord::parse(line).map_err(|error| format!("it is no JSON record: {error}"))?;
        let headers = if record.headers.is_empty() {
            Cow::Borrowed(&self.headers[..])
        } else {
            let own = record.headers.into_iter().map(|(key, value)| Header {
                key,
                value: value.map(Into::into),
            });
            self.headers.iter().cloned().chain(own).collect()
        };
        Ok(Parsed {
            key: record.key,
            value: record.value,
            headers,
            partition: record.partition.or(self.partition),
            timestamp: record.timestamp,
        })
    }
}

/// `K=V`, where V may be empty or hold further `=`; `K` alone has a null value.
fn parse_header(text: &str) -> Result<Header, Failure> {
    let (key, value) = match text.split_once('=') {
        Some((key, value)) => (key, Some(value.as_bytes().to_vec().into())),
        None => (text, None),
    };
    if key.is_empty() {
        return Err(Failure::usage(format!(
            "header {text:?} (-H) has no name; write NAME=VALUE"
        )));
    }
    Ok(Header {
        key: key.to_owned(),
        value,
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::{Cli, Command};

    fn parser(options: &[&str]) -> Result<Parser, Failure> {
        let words = ["raban", "produce", "-t", "t"]
            .into_iter()
            .chain(options.iter().copied());
        let Command::Produce(produce) = Cli::try_parse_from(words).unwrap().command else {
            panic!("not produce")
        };
        Parser::new(&produce)
    }

    fn key_value(options: &[&str], line: &str) -> Result<(Option<String>, Option<String>), String> {
        let parser = parser(options).unwrap();
        let parsed = parser.parse(line.as_bytes())?.unwrap();
        let text = |bytes: Option<Cow<'_, [u8]>>| {
            bytes.map(|bytes| String::from_utf8(bytes.into_owned()).unwrap())
        };
        Ok((text(parsed.key), text(parsed.value)))
    }

    #[test]
    fn lines() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(key_value(&[], "a:b"), Ok((None, some("a:b"))));
        assert_eq!(key_value(&[], ""), Ok((None, some(""))));
        assert_eq!(key_value(&["-K", ":"], "a:b"), Ok((some("a"), some("b"))));
        assert_eq!(key_value(&["-K", ":"], ":"), Ok((some(""), some(""))));
        assert!(
            key_value(&["-K", ":"], "ab")
                .unwrap_err()
                .contains("no key separator")
        );
        assert!(
            key_value(&["-K", ":"], "")
                .unwrap_err()
                .contains("no key separator")
        );
        assert_eq!(
            key_value(&["--null-value", "NULL"], "NULL"),
            Ok((None, None))
        );
        assert_eq!(
            key_value(&["-K", ":", "--null-value", ""], "k:"),
            Ok((some("k"), None))
        );
        assert_eq!(
            key_value(&["-K", ":", "--null-value", "N"], "N:N"),
            Ok((some("N"), None))
        );
    }

    #[test]
    fn headers_of_the_command_line_come_first() {
        let json = parser(&["--format", "json", "-H", "a=1=2", "-H", "a", "-p", "3"]).unwrap();
        let parsed = json
            .parse(br#"{"headers":{"a":"x"},"timestamp":5}"#)
            .unwrap()
            .unwrap();
        let headers: Vec<_> = parsed
            .headers
            .iter()
            .map(|header| (header.key.as_str(), header.value.as_deref()))
            .collect();
        assert_eq!(
            headers,
            [("a", Some(&b"1=2"[..])), ("a", None), ("a", Some(b"x"))]
        );
        assert_eq!((parsed.partition, parsed.timestamp), (Some(3), Some(5)));
        let parsed = json.parse(br#"{"partition":1}"#).unwrap().unwrap();
        assert_eq!((parsed.partition, parsed.headers.len()), (Some(1), 2));
    }

    #[test]
    fn json_lines_that_hold_no_record() {
        let json = parser(&["--format", "json"]).unwrap();
        assert_eq!(json.parse(b" \t").unwrap(), None);
        let error = json.parse(b"{").unwrap_err();
        assert_eq!(
            error,
            "it is no JSON record: EOF while parsing an object at column 1"
        );
    }

    #[test]
    fn options_that_make_no_sense_are_refused() {
        for options in [
            &["-H", "=v"][..],
            &["--format", "json", "-K", ":"],
            &["--format", "json", "--null-value", ""],
            &["--key-serializer", "long"],
        ] {
            assert!(parser(options).is_err(), "{options:?}");
        }
    }
}
