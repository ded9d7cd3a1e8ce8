//! Java's `.properties` format, as `java.util.Properties` reads it; the text is taken as UTF-8.

use super::error::{ConfigProblem, ConfigProblemKind};

/// A key and its value, unescaped, with the number of the line they start on, from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Property {
    pub(super) line: usize,
    pub(super) key: String,
    pub(super) value: String,
}

/// A line that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PropertyError {
    line: usize,
    cause: Cause,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Cause {
    /// The escape as written.
    Escape(String),
    NoKey,
}

impl PropertyError {
    pub(super) fn into_problem(self, origin: impl Fn(usize) -> String) -> ConfigProblem {
        let message = match self.cause {
            Cause::Escape(escape) => format!(
                "the escape {escape} is malformed: write \\u and four hexadecimal digits, as in \\u00e9, or the character itself in \
                 UTF-8; a backslash is \\\\"
            ),
            Cause::NoKey => "there is no key before the separator: write key=value, or start the line with # to make it a comment"
                .to_owned(),
        };
        ConfigProblem::new(ConfigProblemKind::Syntax, "", message).at(Some(&origin(self.line)))
    }
}

/// The properties of `text` in order; a key may repeat.
pub(super) fn parse(text: &str) -> Vec<Result<Property, PropertyError>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = natural_lines(text).enumerate();
    let mut properties = Vec::new();
    while let Some((index, line)) = lines.next() {
        let start = line.trim_start_matches(is_blank);
        // A lone backslash joins nothing with the next line, which may even be a comment.
        if start.is_empty() || start == "\\" || start.starts_with(['#', '!']) {
            continue;
        }
        let mut logical = start.to_owned();
        while ends_in_continuation(&logical) {
            logical.pop();
            // A backslash at the end of the text joins with nothing.
            let Some((_, next)) = lines.next() else { break };
            logical.push_str(next.trim_start_matches(is_blank));
        }
        let line = index + 1;
        properties.push(property(&logical, line).map_err(|cause| PropertyError { line, cause }));
    }
    properties
}

fn property(logical: &str, line: usize) -> Result<Property, Cause> {
    let (key, rest) = logical.split_at(key_len(logical));
    let rest = rest.trim_start_matches(is_blank);
    let value = rest
        .strip_prefix(['=', ':'])
        .unwrap_or(rest)
        .trim_start_matches(is_blank);
    if key.is_empty() {
        return Err(Cause::NoKey);
    }
    Ok(Property {
        line,
        key: unescape(key)?,
        value: unescape(value)?,
    })
}

/// Splits at `\n`, `\r` and `\r\n`.
fn natural_lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some(end) = text.find(['\n', '\r']) else {
            rest = None;
            return Some(text);
        };
        let terminator = if text[end..].starts_with("\r\n") {
            2
        } else {
            1
        };
        rest = Some(&text[end + terminator..]);
        Some(&text[..end])
    })
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\u{c}')
}

/// Whether the line ends in a backslash that is not itself escaped.
fn ends_in_continuation(line: &str) -> bool {
    let backslashes = line.bytes().rev().take_while(|&b| b == b'\\').count();
    backslashes % 2 == 1
}

/// Bytes up to the first separator that is not escaped.
fn key_len(line: &str) -> usize {
    let mut escaped = false;
    for (index, c) in line.char_indices() {
        if !escaped && (is_blank(c) || matches!(c, '=' | ':')) {
            return index;
        }
        escaped = c == '\\' && !escaped;
    }
    line.len()
}

fn unescape(text: &str) -> Result<String, Cause> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let escape = &rest[at..];
        let Some(c) = escape[1..].chars().next() else {
            // Only a backslash at the end of the whole text gets here, and Java drops it.
            rest = "";
            break;
        };
        let taken = match c {
            'u' => {
                let (c, taken) = unicode_escape(escape)?;
                out.push(c);
                taken
            }
            _ => {
                out.push(match c {
                    't' => '\t',
                    'n' => '\n',
                    'r' => '\r',
                    'f' => '\u{c}',
                    other => other,
                });
                1 + c.len_utf8()
            }
        };
        rest = &escape[taken..];
    }
    out.push_str(rest);
    Ok(out)
}

/// The character of `\uXXXX`, or of two of them that form a surrogate pair, and how many bytes it took.
fn unicode_escape(escape: &str) -> Result<(char, usize), Cause> {
    let malformed = |len: usize| Cause::Escape(escape.chars().take(len).collect());
    let first = code_unit(escape).ok_or_else(|| {
        let digits = escape[2..]
            .chars()
            .take(4)
            .take_while(char::is_ascii_hexdigit);
        malformed(2 + digits.count())
    })?;
    if let Some(c) = char::from_u32(u32::from(first)) {
        return Ok((c, 6));
    }
    let pair = code_unit(&escape[6..])
        .and_then(|second| char::decode_utf16([first, second]).next())
        .and_then(Result::ok);
    pair.map(|c| (c, 12)).ok_or_else(|| malformed(6))
}

fn code_unit(escape: &str) -> Option<u16> {
    let digits = escape.strip_prefix("\\u")?.get(..4)?;
    // `from_str_radix` alone would take a sign.
    digits
        .bytes()
        .all(|b| b.is_ascii_hexdigit())
        .then(|| u16::from_str_radix(digits, 16).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        parse(text)
            .into_iter()
            .map(|property| property.unwrap())
            .map(|property| (property.key, property.value))
            .collect()
    }

    fn pair(text: &str) -> (String, String) {
        let mut all = pairs(text);
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }

    fn of(key: &str, value: &str) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    #[test]
    fn every_separator_splits_key_and_value() {
        for text in [
            "a=b",
            "a:b",
            "a b",
            "a\tb",
            "a = b",
            "a : b",
            "  a\u{c}=\tb",
            "a   b",
        ] {
            assert_eq!(pair(text), of("a", "b"), "{text:?}");
        }
        assert_eq!(pair("a==b"), of("a", "=b"));
        assert_eq!(pair("a = : b"), of("a", ": b"));
        assert_eq!(pair("a"), of("a", ""));
        assert_eq!(pair("a="), of("a", ""));
    }

    #[test]
    fn separators_in_a_key_are_escaped() {
        assert_eq!(pair(r"a\=b\:c\ d=e"), of("a=b:c d", "e"));
        assert_eq!(pair(r"a\\=b"), of(r"a\", "b"));
    }

    #[test]
    fn comments_and_blank_lines_are_skipped() {
        let text = "# one\n! two\n\n   \t\n  # three \\\na=b # not a comment\n";
        assert_eq!(pair(text), of("a", "b # not a comment"));
    }

    #[test]
    fn a_backslash_joins_lines() {
        assert_eq!(pair("a=b,\\\n    c"), of("a", "b,c"));
        assert_eq!(pair("a=b,\\\r\n\t# c"), of("a", "b,# c"));
        assert_eq!(pair("a\\\n =b"), of("a", "b"));
        assert_eq!(pairs("a=b\\\n\nc=d"), [of("a", "b"), of("c", "d")]);
        assert_eq!(pair("a=b\\"), of("a", "b"));
        assert_eq!(pairs("a=b\\\\\nc=d"), [of("a", "b\\"), of("c", "d")]);
        assert_eq!(pairs("\\\n\na=b"), [of("a", "b")]);
        assert_eq!(pairs("\\\n#a=b\n\\"), []);
    }

    #[test]
    fn trailing_spaces_belong_to_the_value_and_leading_ones_do_not() {
        assert_eq!(pair("a=  b  "), of("a", "b  "));
        assert_eq!(pair(r"a=\  b"), of("a", "  b"));
    }

    #[test]
    fn escapes() {
        assert_eq!(pair(r"a=\t\n\r\f\\\q"), of("a", "\t\n\r\u{c}\\q"));
        assert_eq!(pair(r"a=\u00e9\uD83D\uDE00!"), of("a", "é😀!"));
        assert_eq!(pair("ä=é😀"), of("ä", "é😀"));
    }

    #[test]
    fn malformed_escapes_are_errors_with_their_line() {
        for (text, escape) in [
            (r"a=\u12", r"\u12"),
            (r"a=\u12g4", r"\u12"),
            (r"a=\u+123", r"\u"),
            (r"a=\ud83d", r"\ud83d"),
            (r"a=\ud83d\u0041", r"\ud83d"),
            (r"a=\u12é45", r"\u12"),
        ] {
            let expected = PropertyError {
                line: 2,
                cause: Cause::Escape(escape.to_owned()),
            };
            assert_eq!(parse(&format!("\n{text}\n")), [Err(expected)], "{text}");
        }
        let no_key = PropertyError {
            line: 1,
            cause: Cause::NoKey,
        };
        assert_eq!(parse("  = b"), [Err(no_key)]);
    }

    #[test]
    fn lines_are_counted_by_every_terminator() {
        let lines: Vec<_> = parse("a=1\rb=2\r\nc=\\\n3\nd=4")
            .into_iter()
            .map(|property| property.unwrap().line)
            .collect();
        assert_eq!(lines, [1, 2, 3, 5]);
    }

    #[test]
    fn a_byte_order_mark_is_skipped() {
        assert_eq!(pair("\u{feff}a=b"), of("a", "b"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "[\\\\u0-9a-f=: \n\r\té#!]{0,60}") {
            parse(&text);
        }

        #[test]
        fn escaped_pairs_come_back(key in "\\PC{1,12}", value in "\\PC{0,12}") {
            let escape = |text: &str| -> String {
                text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect()
            };
            let text = format!("{}={}", escape(&key), escape(&value));
            prop_assert_eq!(pair(&text), (key, value));
        }
    }
}
