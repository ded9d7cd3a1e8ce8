//! `raban partition`: which partition keys go to.

use std::ffi::OsStr;

use raban::partitioner::murmur2;

use crate::args::{KeyFormat, Partition, Partitioner};
use crate::exit::{Exit, Failure};
use crate::output::printed;

pub(crate) fn run(args: &Partition) -> Result<Exit, Failure> {
    // All keys are read before the first is printed: a wrong one leaves no half output.
    let keys = args
        .keys
        .iter()
        .map(|text| key(text, args.key_format).map(|key| (text.as_encoded_bytes(), key)))
        .collect::<Result<Vec<_>, _>>()?;
    let Partitioner::Murmur2 = args.partitioner;
    printed(|data| {
        for (text, key) in &keys {
            data.write(text)?;
            data.write(
                format!("\t{}\n", murmur2::partition_for_key(key, args.partitions)).as_bytes(),
            )?;
        }
        Ok(())
    })
}

fn key(text: &OsStr, format: KeyFormat) -> Result<Vec<u8>, Failure> {
    match format {
        KeyFormat::Text => Ok(text.as_encoded_bytes().to_vec()),
        KeyFormat::Hex => text.to_str().and_then(from_hex).ok_or_else(|| {
            Failure::usage(format!(
                "key {:?} isn't hexadecimal: two digits (0-9, a-f) make a byte; or leave out --key-format hex",
                text.display().to_string()
            ))
        }),
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    pairs
        .iter()
        .map(|&[high, low]| Some((digit(high)? << 4 | digit(low)?) as u8))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_keys() {
        assert_eq!(from_hex(""), Some(vec![]));
        assert_eq!(from_hex("00fFa1"), Some(vec![0, 0xff, 0xa1]));
        for text in ["0", "000", "0g", "+1", "é0"] {
            assert_eq!(from_hex(text), None, "{text}");
        }
    }
}
