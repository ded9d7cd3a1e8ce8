//! Lists in the format of Kafka's `ListSerializer`.

use bytes::Bytes;

use super::{SerializeContext, SerializeError, Serializer};

/// Lists as Kafka's `ListSerializer` writes them; `S` serializes the items. They are given as `Vec`
/// or slice, and items may be null: `Option`s.
///
/// All numbers are big-endian `i32`. What [`constant_size`](Serializer::constant_size) says of `S`
/// decides the format:
///
/// | constant | byte 0, count and indexes of the nulls, count of all items, the others one after another |
/// |---|---|
/// | otherwise | byte 1, count of the items, of each its size in bytes (-1 for null) and its bytes |
///
/// ```
/// # async fn example(producer: raban::Producer) -> Result<(), raban::ProduceError> {
/// use raban::{BigEndian, List, Utf8};
///
/// let paths = producer.topic("paths").with_key(Utf8).with_value(List(BigEndian));
/// paths.send("a", &vec![Some(1), None, Some(3)]).await?;
///
/// let words = producer.topic("words").with_value(List(Utf8));
/// words.send(None, &vec!["one", "two"]).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct List<S>(pub S);

impl<I: ListItem, S: Serializer<I::Value>> Serializer<[I]> for List<S> {
    fn serialize(
        &self,
        context: &mut SerializeContext<'_>,
        items: &[I],
        out: &mut Vec<u8>,
    ) -> Result<(), SerializeError> {
        let Self(inner) = self;
        let constant = inner.constant_size();
        out.push(u8::from(!constant));
        if constant {
            let null = |index: &usize| items[*index].value().is_none();
            append((0..items.len()).filter(null).count(), out)?;
            for index in (0..items.len()).filter(null) {
                append(index, out)?;
            }
        }
        append(items.len(), out)?;
        for item in items {
            match item.value() {
                None if constant => {}
                None => out.extend_from_slice(&(-1_i32).to_be_bytes()),
                Some(value) if constant => inner.serialize(context, value, out)?,
                Some(value) => {
                    let size_at = out.len();
                    append(0, out)?;
                    let from = out.len();
                    inner.serialize(context, value, out)?;
                    let size = number(out.len() - from)?;
                    out[size_at..from].copy_from_slice(&size);
                }
            }
        }
        Ok(())
    }
}

impl<I: ListItem, S: Serializer<I::Value>> Serializer<Vec<I>> for List<S> {
    fn serialize(
        &self,
        context: &mut SerializeContext<'_>,
        items: &Vec<I>,
        out: &mut Vec<u8>,
    ) -> Result<(), SerializeError> {
        self.serialize(context, items.as_slice(), out)
    }
}

fn append(count: usize, out: &mut Vec<u8>) -> Result<(), SerializeError> {
    out.extend_from_slice(&number(count)?);
    Ok(())
}

fn number(count: usize) -> Result<[u8; 4], SerializeError> {
    let count = i32::try_from(count);
    let too_large =
        |_| SerializeError::new("a list holds at most 2147483647 items and bytes an item");
    Ok(count.map_err(too_large)?.to_be_bytes())
}

/// An item of a [`List`]: a number, a `bool`, text, bytes, another list, or an `Option` of these,
/// where `None` is null. Types of one's own implement it, with themselves as `Value`, to be
/// serialized by a [`Serializer`] of one's own, or as JSON.
pub trait ListItem {
    /// What the items' serializer takes.
    type Value: ?Sized;

    /// The value, or `None` for null.
    fn value(&self) -> Option<&Self::Value>;
}

macro_rules! items {
    ($($type:ty => $value:ty;)*) => {$(
        impl ListItem for $type {
            type Value = $value;

            fn value(&self) -> Option<&$value> {
                Some(self)
            }
        }
    )*};
}

items! {
    bool => bool;
    i16 => i16;
    i32 => i32;
    i64 => i64;
    u128 => u128;
    f32 => f32;
    f64 => f64;
    str => str;
    String => str;
    Bytes => [u8];
}

impl<T> ListItem for [T] {
    type Value = [T];

    fn value(&self) -> Option<&[T]> {
        Some(self)
    }
}

impl<T> ListItem for Vec<T> {
    type Value = [T];

    fn value(&self) -> Option<&[T]> {
        Some(self)
    }
}

impl<I: ListItem + ?Sized> ListItem for &I {
    type Value = I::Value;

    fn value(&self) -> Option<&I::Value> {
        I::value(self)
    }
}

impl<I: ListItem> ListItem for Option<I> {
    type Value = I::Value;

    fn value(&self) -> Option<&I::Value> {
        self.as_ref()?.value()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{golden, serialize};
    use super::*;
    use crate::{BigEndian, Raw, Utf8, UuidText};

    fn as_java<I: ListItem>(
        java: &str,
        inner: impl Serializer<I::Value>,
        parse: impl Fn(&'static str) -> I,
    ) {
        let inner = List(inner);
        for (text, bytes) in golden(&format!("ListSerializer:{java}")) {
            let texts = text.split(',').filter(|_| !text.is_empty());
            let item = |text| (text != "null").then(|| parse(text));
            let items: Vec<Option<I>> = texts.map(item).collect();
            assert_eq!(serialize(&inner, &items).unwrap(), bytes, "{java} {text}");
        }
    }

    #[test]
    fn the_bytes_are_java_s() {
        as_java("ShortSerializer", BigEndian, |text| {
            text.parse::<i16>().unwrap()
        });
        as_java("IntegerSerializer", BigEndian, |text| {
            text.parse::<i32>().unwrap()
        });
        as_java("LongSerializer", BigEndian, |text| {
            text.parse::<i64>().unwrap()
        });
        as_java("FloatSerializer", BigEndian, |text| {
            text.parse::<f32>().unwrap()
        });
        as_java("DoubleSerializer", BigEndian, |text| {
            text.parse::<f64>().unwrap()
        });
        as_java("BooleanSerializer", BigEndian, |text| {
            text.parse::<bool>().unwrap()
        });
        as_java("UUIDSerializer", UuidText, |text| {
            super::super::uuid::parse(text).unwrap()
        });
        as_java("StringSerializer", Utf8, |text| text);
    }

    #[test]
    fn lists_of_bytes_and_of_lists() {
        assert_eq!(
            serialize(&List(Raw), &vec![vec![7_u8], vec![]]).unwrap(),
            [1, 0, 0, 0, 2, 0, 0, 0, 1, 7, 0, 0, 0, 0]
        );
        let nested = serialize(&List(List(BigEndian)), &[vec![1_i16], vec![]][..]).unwrap();
        let one = [0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1];
        let none = [0, 0, 0, 0, 0, 0, 0, 0, 0];
        let sizes = ([0, 0, 0, 11], [0, 0, 0, 9]);
        let both = [&sizes.0[..], &one, &sizes.1, &none].concat();
        assert_eq!(nested, [&[1, 0, 0, 0, 2][..], &both].concat());
    }
}
