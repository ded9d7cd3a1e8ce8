//! What is written is read back as it was.

use proptest::prelude::*;

use super::{decode, each_message, encode, with_samples};
use crate::api::Message;
use crate::messages::field::Field;

fn reads_back<M: Message + Field>() {
    for version in M::VERSIONS.min..=M::VERSIONS.max {
        with_samples(version, 32, |message: M| {
            let bytes = encode(&message, version);
            prop_assert_eq!(decode::<M>(bytes, version), message);
            Ok(())
        });
        let default = M::default();
        assert_eq!(decode::<M>(encode(&default, version), version), default);
    }
}

#[test]
fn every_message_reads_back_in_every_version() {
    each_message!(reads_back);
}
