//! How a field's or an element's value is written and read, by its type.

use bytes::Bytes;

use crate::error_code::ErrorCode;
use crate::primitives::{DecodeError, EncodeError, Reader, Records, Uuid, Writer};

#[cfg(test)]
use super::tests::Entropy;

/// The version that a message is written or read in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct At {
    pub(crate) version: i16,
    /// Whether the version has compact lengths and tagged fields (KIP-482).
    pub(crate) flexible: bool,
}

impl At {
    /// How many bytes a length or count takes at least, if versions that aren't flexible give it `plain`.
    fn len_of_len(self, plain: usize) -> usize {
        if self.flexible { 1 } else { plain }
    }
}

/// A value within a message.
pub(crate) trait Field: Sized {
    /// The least bytes that a value takes.
    fn min_len(at: At) -> usize;

    fn encode(&self, at: At, w: &mut Writer) -> Result<(), EncodeError>;

    fn decode(at: At, r: &mut Reader) -> Result<Self, DecodeError>;

    fn is_null(&self) -> bool {
        false
    }

    /// Any value that can be said in the version.
    #[cfg(test)]
    fn sample(at: At, entropy: &mut Entropy<'_>) -> Self;
}

/// A value in whose place there can be null: its length is -1 then.
pub(crate) trait Nullable: Sized {
    /// What it is called in an error.
    const WHAT: &'static str;

    fn min_len(at: At) -> usize;

    fn encode_nullable(value: Option<&Self>, at: At, w: &mut Writer) -> Result<(), EncodeError>;

    fn decode_nullable(at: At, r: &mut Reader) -> Result<Option<Self>, DecodeError>;

    /// Any value that can be said in the version.
    #[cfg(test)]
    fn sample(at: At, entropy: &mut Entropy<'_>) -> Self;
}

macro_rules! number_fields {
    ($($type:ty: $len:literal, $put:ident, $get:ident, $sample:expr;)*) => {$(
        impl Field for $type {
            #[inline]
            fn min_len(_: At) -> usize {
                $len
            }

            #[inline]
            fn encode(&self, _: At, w: &mut Writer) -> Result<(), EncodeError> {
                w.$put(*self);
                Ok(())
            }

            #[inline]
            fn decode(_: At, r: &mut Reader) -> Result<Self, DecodeError> {
                r.$get()
            }

            #[cfg(test)]
            fn sample(_: At, entropy: &mut Entropy<'_>) -> Self {
                $sample(entropy)
            }
        }
    )*};
}

number_fields! {
    bool: 1, put_bool, get_bool, |entropy: &mut Entropy<'_>| entropy.flag();
    i8: 1, put_i8, get_i8, |entropy: &mut Entropy<'_>| entropy.number() as i8;
    i16: 2, put_i16, get_i16, |entropy: &mut Entropy<'_>| entropy.number() as i16;
    i32: 4, put_i32, get_i32, |entropy: &mut Entropy<'_>| entropy.number() as i32;
    i64: 8, put_i64, get_i64, |entropy: &mut Entropy<'_>| entropy.number();
    Uuid: 16, put_uuid, get_uuid, |entropy: &mut Entropy<'_>| Uuid([entropy.byte(); 16]);
}

impl Field for ErrorCode {
    #[inline]
    fn min_len(at: At) -> usize {
        i16::min_len(at)
    }

    #[inline]
    fn encode(&self, at: At, w: &mut Writer) -> Result<(), EncodeError> {
        self.0.encode(at, w)
    }

    #[inline]
    fn decode(at: At, r: &mut Reader) -> Result<Self, DecodeError> {
        i16::decode(at, r).map(Self)
    }

    #[cfg(test)]
    fn sample(at: At, entropy: &mut Entropy<'_>) -> Self {
        Self(i16::sample(at, entropy))
    }
}

impl<T: Nullable> Field for T {
    fn min_len(at: At) -> usize {
        T::min_len(at)
    }

    fn encode(&self, at: At, w: &mut Writer) -> Result<(), EncodeError> {
        T::encode_nullable(Some(self), at, w)
    }

    fn decode(at: At, r: &mut Reader) -> Result<Self, DecodeError> {
        T::decode_nullable(at, r)?.ok_or(DecodeError::UnexpectedNull { what: T::WHAT })
    }

    #[cfg(test)]
    fn sample(at: At, entropy: &mut Entropy<'_>) -> Self {
        T::sample(at, entropy)
    }
}

impl<T: Nullable> Field for Option<T> {
    fn min_len(at: At) -> usize {
        T::min_len(at)
    }

    fn encode(&self, at: At, w: &mut Writer) -> Result<(), EncodeError> {
        T::encode_nullable(self.as_ref(), at, w)
    }

    fn decode(at: At, r: &mut Reader) -> Result<Self, DecodeError> {
        T::decode_nullable(at, r)
    }

    fn is_null(&self) -> bool {
        self.is_none()
    }

    #[cfg(test)]
    fn sample(at: At, entropy: &mut Entropy<'_>) -> Self {
        entropy.flag().then(|| T::sample(at, entropy))
    }
}

impl Nullable for String {
    const WHAT: &'static str = "a string";

    fn min_len(at: At) -> usize {
        at.len_of_len(2)
    }

    fn encode_nullable(value: Option<&Self>, at: At, w: &mut Writer) -> Result<(), EncodeError> {
        w.put_nullable_string(value.map(String::as_str), at.flexible)
    }

    fn decode_nullable(at: At, r: &mut Reader) -> Result<Option<Self>, DecodeError> {
        r.get_nullable_string(at.flexible)
    }

    #[cfg(test)]
    fn sample(_: At, entropy: &mut Entropy<'_>) -> Self {
        entropy.string()
    }
}

impl Nullable for Bytes {
    const WHAT: &'static str = "a byte string";

    fn min_len(at: At) -> usize {
        at.len_of_len(4)
    }

    fn encode_nullable(value: Option<&Self>, at: At, w: &mut Writer) -> Result<(), EncodeError> {
        w.put_nullable_bytes(value, at.flexible)
    }

    fn decode_nullable(at: At, r: &mut Reader) -> Result<Option<Self>, DecodeError> {
        r.get_nullable_bytes(at.flexible)
    }

    #[cfg(test)]
    fn sample(_: At, entropy: &mut Entropy<'_>) -> Self {
        entropy.bytes()
    }
}

impl Nullable for Records {
    const WHAT: &'static str = "record data";

    fn min_len(at: At) -> usize {
        at.len_of_len(4)
    }

    fn encode_nullable(value: Option<&Self>, at: At, w: &mut Writer) -> Result<(), EncodeError> {
        w.put_nullable_records(value, at.flexible)
    }

    fn decode_nullable(at: At, r: &mut Reader) -> Result<Option<Self>, DecodeError> {
        r.get_nullable_records(at.flexible)
    }

    #[cfg(test)]
    fn sample(_: At, entropy: &mut Entropy<'_>) -> Self {
        Self::new(vec![entropy.bytes(), entropy.bytes()])
    }
}

impl<T: Field> Nullable for Vec<T> {
    const WHAT: &'static str = "an array";

    fn min_len(at: At) -> usize {
        at.len_of_len(4)
    }

    fn encode_nullable(value: Option<&Self>, at: At, w: &mut Writer) -> Result<(), EncodeError> {
        w.put_len(value.map(Vec::len), at.flexible)?;
        for element in value.into_iter().flatten() {
            element.encode(at, w)?;
        }
        Ok(())
    }

    fn decode_nullable(at: At, r: &mut Reader) -> Result<Option<Self>, DecodeError> {
        r.get_nullable_array(at.flexible, T::min_len(at), |r| T::decode(at, r))
    }

    #[cfg(test)]
    fn sample(at: At, entropy: &mut Entropy<'_>) -> Self {
        let count = entropy.byte() % 4;
        (0..count).map(|_| T::sample(at, entropy)).collect()
    }
}
