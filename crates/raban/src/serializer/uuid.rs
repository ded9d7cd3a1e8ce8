//! UUIDs as text.

use super::{SerializeContext, SerializeError, Serializer};

/// UUIDs as Kafka's `UUIDSerializer` writes them: 36 characters, in lower case. They are given as
/// `u128`, as 16 bytes in the order of the text, or, with feature `uuid`, as that crate's `Uuid`.
/// For another `serializer.encoding` give the text to [`Text`](crate::Text).
///
/// ```
/// # async fn example(producer: raban::Producer) -> Result<(), raban::ProduceError> {
/// use raban::{UuidText, Utf8};
///
/// let orders = producer.topic("orders").with_key::<u128>(UuidText).with_value(Utf8);
/// orders.send(0x0188f5c3_8d0e_7b5a_9c1d_00e0ff10203a, "paid").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UuidText;

impl Serializer<u128> for UuidText {
    fn serialize(
        &self,
        _: &mut SerializeContext<'_>,
        value: &u128,
        out: &mut Vec<u8>,
    ) -> Result<(), SerializeError> {
        append(*value, out);
        Ok(())
    }

    fn constant_size(&self) -> bool {
        true
    }
}

impl Serializer<[u8; 16]> for UuidText {
    fn serialize(
        &self,
        _: &mut SerializeContext<'_>,
        value: &[u8; 16],
        out: &mut Vec<u8>,
    ) -> Result<(), SerializeError> {
        append(u128::from_be_bytes(*value), out);
        Ok(())
    }

    fn constant_size(&self) -> bool {
        true
    }
}

#[cfg(feature = "uuid")]
impl Serializer<::uuid::Uuid> for UuidText {
    fn serialize(
        &self,
        _: &mut SerializeContext<'_>,
        value: &::uuid::Uuid,
        out: &mut Vec<u8>,
    ) -> Result<(), SerializeError> {
        append(value.as_u128(), out);
        Ok(())
    }

    fn constant_size(&self) -> bool {
        true
    }
}

#[cfg(feature = "uuid")]
impl super::Nullable<::uuid::Uuid> for ::uuid::Uuid {
    fn nullable(&self) -> Option<&::uuid::Uuid> {
        Some(self)
    }
}

#[cfg(feature = "uuid")]
impl super::ListItem for ::uuid::Uuid {
    type Value = Self;

    fn value(&self) -> Option<&Self> {
        Some(self)
    }
}

fn append(uuid: u128, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (index, byte) in uuid.to_be_bytes().into_iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            out.push(b'-');
        }
        out.extend([byte >> 4, byte & 15].map(|digit| DIGITS[usize::from(digit)]));
    }
}

/// The UUID that this text writes, in upper or lower case.
pub(super) fn parse(text: &str) -> Option<u128> {
    let digits = |group: &str, count: usize| {
        group.len() == count && group.bytes().all(|digit| digit.is_ascii_hexdigit())
    };
    let mut groups = text.split('-');
    let counts = [8, 4, 4, 4, 12];
    let whole = counts
        .into_iter()
        .all(|count| groups.next().is_some_and(|g| digits(g, count)));
    if !whole || groups.next().is_some() {
        return None;
    }
    u128::from_str_radix(&text.replace('-', ""), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{golden, serialize};
    use super::*;

    #[test]
    fn the_bytes_are_java_s() {
        for (text, bytes) in golden("UUIDSerializer") {
            let number = parse(text).unwrap();
            assert_eq!(serialize(&UuidText, &number).unwrap(), bytes);
            assert_eq!(serialize(&UuidText, &number.to_be_bytes()).unwrap(), bytes);
            #[cfg(feature = "uuid")]
            {
                let uuid = ::uuid::Uuid::from_u128(number);
                assert_eq!(serialize(&UuidText, &uuid).unwrap(), bytes);
                assert_eq!(uuid.to_string(), text);
            }
        }
    }

    #[test]
    fn only_the_whole_form_is_parsed() {
        for text in [
            "",
            "0-0-0-0-0",
            "00000000000000000000000000000000",
            "00000000-0000-0000-0000-00000000000",
            "00000000-0000-0000-0000-000000000000-",
            "00000000-0000-0000-0000-0000000000+0",
            "0000000é-000-0000-0000-000000000000",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(
            parse("FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF"),
            Some(u128::MAX)
        );
    }
}
