//! The names and values in a message, from its debug output or Java's JSON, to compare messages of different types.

use std::fmt::Debug;

use crate::primitives::Uuid;

/// Field names and plain values in a value's debug output, in order. Names of structs and wrappers
/// are left out, as are the contents of byte strings, which the bytes on the wire tell. Fields named
/// in `without` are left out too.
pub(super) fn leaves(value: &impl Debug, without: &[&str]) -> Vec<String> {
    let mut leaves = leaves_of_debug(&format!("{value:?}"));
    let named = |leaf: &String| without.contains(&leaf.as_str());
    while let Some(place) = leaves.iter().position(named) {
        leaves.drain(place..place + 2);
    }
    leaves
}

fn leaves_of_debug(text: &str) -> Vec<String> {
    let mut rest = text;
    let mut leaves = Vec::new();
    while let Some(first) = rest.chars().next() {
        let (word, after) = split_word(rest);
        rest = match word {
            "" if first == '"' => {
                let (string, after) = split_string(rest);
                leaves.push(string.to_owned());
                after
            }
            "" => &rest[first.len_utf8()..],
            "b" if after.starts_with('"') => {
                leaves.push("bytes".to_owned());
                split_string(after).1
            }
            "Records" => {
                leaves.push("bytes".to_owned());
                after.split_once(')').unwrap().1
            }
            "Uuid" => {
                let (id, after) = after[1..].split_once(')').unwrap();
                leaves.push(format!("{id:?}"));
                after
            }
            "unknown_tagged_fields" => after,
            _ if word.len() == 36 && word.matches('-').count() == 4 => {
                let id = u128::from_str_radix(&word.replace('-', ""), 16).unwrap();
                leaves.push(format!("\"{}\"", Uuid(id.to_be_bytes())));
                after
            }
            _ => {
                if word == "None" || !first.is_uppercase() {
                    leaves.push(word.to_owned());
                }
                after
            }
        };
    }
    leaves
}

/// The same from JSON: names in Rust's spelling, null as `None`.
pub(super) fn leaves_of_json(text: &str) -> Vec<String> {
    let mut rest = text;
    let mut leaves = Vec::new();
    while let Some(first) = rest.chars().next() {
        let (word, after) = split_word(rest);
        rest = match word {
            "" if first == '"' => {
                let (string, after) = split_string(rest);
                leaves.push(if after.starts_with(':') {
                    snake_case(string.trim_matches('"'))
                } else {
                    string.to_owned()
                });
                after
            }
            "" => &rest[first.len_utf8()..],
            "null" => {
                leaves.push("None".to_owned());
                after
            }
            _ => {
                leaves.push(word.to_owned());
                after
            }
        };
    }
    leaves
}

fn split_word(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '-');
    text.split_at(end.unwrap_or(text.len()))
}

/// The quoted string that `text` starts with, with its quotes, and what follows it.
fn split_string(text: &str) -> (&str, &str) {
    let mut escaped = false;
    for (place, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return text.split_at(place + 1),
            _ => {}
        }
    }
    panic!("{text} is not closed");
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for c in name.chars() {
        if c.is_uppercase() {
            snake.push('_');
        }
        snake.extend(c.to_lowercase());
    }
    snake
}

#[test]
fn leaves_are_names_and_values() {
    let topic = crate::messages::metadata::MetadataRequestTopic {
        topic_id: Uuid([0xff; 16]),
        name: Some("a\"b".to_owned()),
    };
    let id = r#""_____________________w""#;
    let expected = ["topic_id", id, "name", r#""a\"b""#];
    assert_eq!(leaves(&topic, &[]), expected);
    assert_eq!(leaves(&topic, &["topic_id"]), expected[2..]);
    let hyphenated = "topic_id: ffffffff-ffff-ffff-ffff-ffffffffffff";
    assert_eq!(leaves_of_debug(hyphenated), expected[..2]);
    let json = r#"{"topicId":"_____________________w","name":null,"x":[-1,true]}"#;
    let expected = ["topic_id", id, "name", "None", "x", "-1", "true"];
    assert_eq!(leaves_of_json(json), expected);
}
