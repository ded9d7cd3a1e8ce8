//! `raban partition`: which partition keys go to, and who put a topic's keys where they are.

mod sample;

use std::ffi::OsStr;

use raban::Settings;
use raban::partitioner::NamedPartitioner;

use crate::args::{KeyFormat, Partition};
use crate::exit::{Exit, Failure};
use crate::output::printed;

pub(crate) fn run(args: &Partition) -> Result<Exit, Failure> {
    if let Some(topic) = &args.sample {
        return sample::run(args, topic);
    }
    // All keys are read before the first is printed: a wrong one leaves no half output.
    let keys = args
        .keys
        .iter()
        .map(|text| key(text, args.key_format).map(|key| (text.as_encoded_bytes(), key)))
        .collect::<Result<Vec<_>, _>>()?;
    let partitioner = match args.partitioner {
        Some(named) => named,
        None => {
            let mut settings = Settings::new();
            settings.set("bootstrap.servers", "embedded:");
            configured(settings.merge(args.cluster.properties()?))?
        }
    };
    // clap requires it with keys.
    let partitions = args.partitions.unwrap_or(1);
    printed(|data| {
        for (text, key) in &keys {
            let partition = partitioner.partition_for_key(Some(key), partitions);
            let partition = partition.map_or_else(|| "-".to_owned(), |index| index.to_string());
            data.write(text)?;
            data.write(format!("\t{partition}\n").as_bytes())?;
        }
        Ok(())
    })
}

/// The partitioner that chooses as a producer with these settings does.
fn configured(settings: &Settings) -> Result<NamedPartitioner, Failure> {
    let checked = settings.check();
    let checked = checked.map_err(|error| Failure::usage(error.to_string()))?;
    Ok(checked.partitioner)
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
