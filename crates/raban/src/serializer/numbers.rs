//! Numbers and truth values as Kafka's Java serializers write them, and the type that has no value.

use std::convert::Infallible;

use super::{SerializeContext, SerializeError, Serializer};

/// Numbers by their bytes, the most significant first: `i16`, `i32`, `i64`, `f32` and `f64` as
/// Kafka's `ShortSerializer`, `IntegerSerializer`, `LongSerializer`, `FloatSerializer` and
/// `DoubleSerializer`; and `bool`, as `BooleanSerializer`, as a byte 0 or 1.
///
/// As in Java, an `f32` that isn't a number keeps its bits, and an `f64` that isn't one becomes
/// `7ff8000000000000`.
///
/// ```
/// # async fn example(producer: raban::Producer) -> Result<(), raban::ProduceError> {
/// use raban::BigEndian;
///
/// let prices = producer.topic("prices").with_key(BigEndian).with_value(BigEndian);
/// prices.send(42_i64, 7.5).await?;
/// prices.send(&42, None).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BigEndian;

macro_rules! big_endian {
    ($($type:ty, $constant:literal: $bytes:expr;)*) => {$(
        impl Serializer<$type> for BigEndian {
            fn serialize(
                &self,
                _: &mut SerializeContext<'_>,
                value: &$type,
                out: &mut Vec<u8>,
            ) -> Result<(), SerializeError> {
                let bytes: fn($type) -> _ = $bytes;
                out.extend_from_slice(&bytes(*value));
                Ok(())
            }

            fn constant_size(&self) -> bool {
                $constant
            }
        }
    )*};
}

// Java doesn't count booleans among those of constant size.
big_endian! {
    i16, true: i16::to_be_bytes;
    i32, true: i32::to_be_bytes;
    i64, true: i64::to_be_bytes;
    f32, true: f32::to_be_bytes;
    f64, true: |value| if value.is_nan() { JAVA_NAN } else { value.to_be_bytes() };
    bool, false: |value| [u8::from(value)];
}

/// What `Double.doubleToLongBits` makes of everything that isn't a number.
const JAVA_NAN: [u8; 8] = 0x7ff8_0000_0000_0000_u64.to_be_bytes();

/// Null and nothing else, as Kafka's `VoidSerializer`: the handle takes only `None`.
///
/// ```
/// # async fn example(producer: raban::Producer) -> Result<(), raban::ProduceError> {
/// use raban::{Utf8, Void};
///
/// let lines = producer.topic("lines").with_key(Void).with_value(Utf8);
/// lines.send(None, "one").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Void;

impl Serializer<Infallible> for Void {
    fn serialize(
        &self,
        _: &mut SerializeContext<'_>,
        value: &Infallible,
        _: &mut Vec<u8>,
    ) -> Result<(), SerializeError> {
        match *value {}
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;
    use std::str::FromStr;

    use super::super::tests::{golden, serialize};
    use super::*;

    fn as_java<T: FromStr<Err: Debug>>(java: &str, bits: fn(u64) -> T)
    where
        BigEndian: Serializer<T>,
    {
        for (text, bytes) in golden(java) {
            let value = match text.strip_prefix("bits ") {
                Some(hex) => bits(u64::from_str_radix(hex, 16).unwrap()),
                None => text.parse().unwrap(),
            };
            assert_eq!(
                serialize(&BigEndian, &value).unwrap(),
                bytes,
                "{java} {text}"
            );
        }
    }

    #[test]
    fn the_bytes_are_java_s() {
        as_java::<i16>("ShortSerializer", |_| unreachable!());
        as_java::<i32>("IntegerSerializer", |_| unreachable!());
        as_java::<i64>("LongSerializer", |_| unreachable!());
        as_java::<f32>("FloatSerializer", |bits| {
            f32::from_bits(u32::try_from(bits).unwrap())
        });
        as_java::<f64>("DoubleSerializer", f64::from_bits);
        as_java::<bool>("BooleanSerializer", |_| unreachable!());
    }
}
