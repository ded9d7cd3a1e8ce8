//! Bytes that are no message are refused, without panic.

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

use super::{each_message, encode, with_samples};
use crate::api::Message;
use crate::messages::field::Field;
use crate::primitives::{DecodeError, Reader, Writer};

fn read_from<M: Message>(bytes: Bytes, version: i16) -> Result<M, DecodeError> {
    M::decode(version, &mut Reader::new(bytes))
}

/// A message that was cut is refused; one with a changed byte may be read as another message, which
/// can be written in its turn.
fn survives_damage<M: Message + Field>() {
    for version in M::VERSIONS.min..=M::VERSIONS.max {
        with_samples(version, 3, |message: M| {
            let whole = encode(&message, version);
            for cut in 0..whole.len() {
                let read = read_from::<M>(whole.slice(..cut), version);
                prop_assert!(read.is_err(), "{} of {} bytes are enough", cut, whole.len());
            }
            for place in 0..whole.len().min(100) {
                for value in [0, 1, 0x7f, 0x80, 0xff] {
                    let mut damaged = BytesMut::from(whole.clone());
                    damaged[place] = value;
                    if let Ok(other) = read_from::<M>(damaged.freeze(), version) {
                        encode(&other, version);
                    }
                }
            }
            Ok(())
        });
    }
}

#[test]
fn damaged_messages_are_refused_or_read_as_others() {
    each_message!(survives_damage);
}

fn refuses_unknown_versions<M: Message>() {
    for version in i16::MIN..=i16::MAX {
        if !M::VERSIONS.contains(version) {
            let empty = &mut Reader::new(Bytes::new());
            assert!(M::decode(version, empty).is_err());
            let mut w = Writer::new();
            assert!(M::default().encode(version, &mut w).is_err());
        }
    }
}

#[test]
fn unknown_versions_are_refused() {
    each_message!(refuses_unknown_versions);
}
