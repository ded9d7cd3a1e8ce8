//! Which topic names are legal, as in Apache Kafka.

const MAX_LEN: usize = 249;

/// What is wrong with a topic's name, in Kafka's words.
pub(crate) fn check(name: &str) -> Result<(), String> {
    let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    let reason = match name {
        "" => "the empty string is not allowed".to_owned(),
        "." | ".." => format!("'{name}' is not allowed"),
        _ if name.len() > MAX_LEN => {
            format!("the length of '{name}' is longer than the max allowed length {MAX_LEN}")
        }
        _ if !name.bytes().all(legal) => {
            format!(
                "'{name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"
            )
        }
        _ => return Ok(()),
    };
    Err(format!("Topic name is invalid: {reason}"))
}

/// The name with `.` and `_` made equal: two topics may not differ in these alone, since metric names mix them up.
pub(crate) fn collision_key(name: &str) -> String {
    name.replace('.', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_judged_as_kafka_does() {
        for good in ["a", "A-b_c.9", "...", &"x".repeat(249)] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in ["", ".", "..", "a b", "a/b", "ä", "a\0", &"x".repeat(250)] {
            assert!(
                check(bad)
                    .unwrap_err()
                    .starts_with("Topic name is invalid: "),
                "{bad}"
            );
        }
        assert_eq!(collision_key("a.b_c"), collision_key("a_b.c"));
    }
}
