//! Cells: the cases that are measured, each a name that says what is sent and how.

use std::fmt;
use std::str::FromStr;

use load::{Codec, Profile};
use serde::{Serialize, Serializer};

/// One case. Its name is its parts joined by `-`, as in `100b-6p-nokey-none-1s-best`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cell {
    /// Bytes of a value.
    pub(crate) size: u32,
    pub(crate) partitions: i32,
    pub(crate) keyed: bool,
    pub(crate) compression: Codec,
    pub(crate) senders: u32,
    pub(crate) settings: Profile,
    /// Records per second, each at its time; without it, as many as possible.
    pub(crate) rate: Option<u32>,
    pub(crate) linger_ms: Option<u32>,
}

impl Cell {
    /// The case that decides.
    pub(crate) const DECIDING: Self = Self {
        size: 100,
        partitions: 6,
        keyed: false,
        compression: Codec::None,
        senders: 1,
        settings: Profile::Best,
        rate: None,
        linger_ms: None,
    };

    /// The deciding case, each of its parts changed alone, all that with the clients' defaults, and latency.
    pub(crate) fn standard() -> Vec<Self> {
        let base = Self::DECIDING;
        let changed = [
            base,
            Self { senders: 4, ..base },
            Self { size: 1024, ..base },
            Self {
                partitions: 1000,
                ..base
            },
            Self {
                keyed: true,
                ..base
            },
            Self::compressed(Codec::Lz4),
            Self::compressed(Codec::Zstd),
            Self::compressed(Codec::Gzip),
        ];
        let defaults = changed.map(|cell| Self {
            settings: Profile::Defaults,
            ..cell
        });
        let latency = [0, 5].map(Self::latency);
        changed.into_iter().chain(latency).chain(defaults).collect()
    }

    /// The deciding case, and with the clients' defaults.
    pub(crate) fn of_both_settings() -> [Self; 2] {
        [Profile::Best, Profile::Defaults].map(|settings| Self {
            settings,
            ..Self::DECIDING
        })
    }

    /// The deciding case with a codec.
    pub(crate) const fn compressed(compression: Codec) -> Self {
        Self {
            compression,
            ..Self::DECIDING
        }
    }

    /// Latency at 20,000 records/s.
    pub(crate) const fn latency(linger_ms: u32) -> Self {
        Self {
            rate: Some(20_000),
            linger_ms: Some(linger_ms),
            ..Self::DECIDING
        }
    }

    /// Each combination of sizes, partitions, keys, codecs, senders and settings.
    pub(crate) fn all() -> Vec<Self> {
        let mut cells = Vec::new();
        for settings in [Profile::Best, Profile::Defaults] {
            for compression in [Codec::None, Codec::Lz4, Codec::Zstd, Codec::Gzip] {
                for bits in 0..16 {
                    cells.push(Self {
                        size: if bits & 1 == 0 { 100 } else { 1024 },
                        partitions: if bits & 2 == 0 { 6 } else { 1000 },
                        keyed: bits & 4 != 0,
                        compression,
                        senders: if bits & 8 == 0 { 1 } else { 4 },
                        settings,
                        ..Self::DECIDING
                    });
                }
            }
        }
        cells.extend([0, 5].map(Self::latency));
        cells
    }

    /// How many records to measure unless told otherwise: seconds for the fastest, not minutes for the slowest.
    pub(crate) fn records(&self) -> u64 {
        match (self.rate, self.compression) {
            (Some(rate), _) => u64::from(rate) * 10,
            (None, Codec::None) => 300_000_000 / u64::from(self.size.max(100)),
            (None, Codec::Lz4) => 200_000_000 / u64::from(self.size.max(100)),
            (None, _) => 100_000_000 / u64::from(self.size.max(100)),
        }
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = if self.keyed { "keyed" } else { "nokey" };
        let settings = match self.settings {
            Profile::Best => "best",
            Profile::Defaults => "defaults",
        };
        let (size, partitions, codec, senders) = (
            self.size,
            self.partitions,
            self.compression.name(),
            self.senders,
        );
        write!(
            f,
            "{size}b-{partitions}p-{key}-{codec}-{senders}s-{settings}"
        )?;
        if let Some(rate) = self.rate {
            write!(f, "-rate{rate}")?;
        }
        if let Some(linger) = self.linger_ms {
            write!(f, "-linger{linger}")?;
        }
        Ok(())
    }
}

impl Serialize for Cell {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A part of a cell's name that isn't one.
#[derive(Debug, thiserror::Error)]
#[error(
    "{part:?} in {name:?} is no part of a cell's name; parts, joined by '-', are a size (100b), partitions (6p), senders (1s), \
     nokey or keyed, none, lz4, zstd or gzip, best or defaults, rateN (records/s) and lingerN (ms); those left out are \
     as in {deciding}",
    deciding = Cell::DECIDING
)]
pub(crate) struct NotACell {
    part: String,
    name: String,
}

impl FromStr for Cell {
    type Err = NotACell;

    /// Parts that are left out are the deciding case's.
    fn from_str(name: &str) -> Result<Self, NotACell> {
        name.split('-').try_fold(Self::DECIDING, |cell, part| {
            cell.with(part).ok_or_else(|| NotACell {
                part: part.to_owned(),
                name: name.to_owned(),
            })
        })
    }
}

impl Cell {
    fn with(self, part: &str) -> Option<Self> {
        let codec = |compression| {
            Some(Self {
                compression,
                ..self
            })
        };
        let settings = |settings| Some(Self { settings, ..self });
        match part {
            "nokey" => Some(Self {
                keyed: false,
                ..self
            }),
            "keyed" => Some(Self {
                keyed: true,
                ..self
            }),
            "none" => codec(Codec::None),
            "lz4" => codec(Codec::Lz4),
            "zstd" => codec(Codec::Zstd),
            "gzip" => codec(Codec::Gzip),
            "best" => settings(Profile::Best),
            "defaults" => settings(Profile::Defaults),
            _ => self.with_number(part),
        }
    }

    fn with_number(self, part: &str) -> Option<Self> {
        if let Some(rate) = part.strip_prefix("rate") {
            let rate = Some(positive(rate)?);
            return Some(Self { rate, ..self });
        }
        if let Some(linger) = part.strip_prefix("linger") {
            let linger_ms = Some(linger.parse().ok()?);
            return Some(Self { linger_ms, ..self });
        }
        let (number, unit) = part.split_at_checked(part.len().checked_sub(1)?)?;
        let number = positive(number)?;
        match unit {
            "b" if number <= 1_000_000 => Some(Self {
                size: number,
                ..self
            }),
            "p" => Some(Self {
                partitions: i32::try_from(number).ok()?,
                ..self
            }),
            "s" if number <= 64 => Some(Self {
                senders: number,
                ..self
            }),
            _ => None,
        }
    }
}

fn positive(number: &str) -> Option<u32> {
    number.parse().ok().filter(|number| *number > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for cell in Cell::standard().into_iter().chain(Cell::all()) {
            assert_eq!(cell.to_string().parse::<Cell>().unwrap(), cell);
        }
        assert_eq!(Cell::DECIDING.to_string(), "100b-6p-nokey-none-1s-best");
    }

    #[test]
    fn what_is_left_out_is_the_deciding_cells() {
        let four = Cell {
            senders: 4,
            compression: Codec::Zstd,
            ..Cell::DECIDING
        };
        assert_eq!("zstd-4s".parse::<Cell>().unwrap(), four);
        assert_eq!(
            "linger5-rate20000".parse::<Cell>().unwrap(),
            Cell::latency(5)
        );
    }

    #[test]
    fn bad_parts_are_named() {
        for bad in [
            "", "fast", "0b", "-1s", "65s", "6p-x", "rate0", "rate", "9999999b", "é",
        ] {
            let error = bad.parse::<Cell>().unwrap_err().to_string();
            assert!(error.contains("is no part of a cell's name"), "{error}");
        }
    }

    #[test]
    fn the_lists_have_no_cell_twice() {
        for mut cells in [Cell::standard(), Cell::all()] {
            let all = cells.len();
            cells.sort();
            cells.dedup();
            assert_eq!(cells.len(), all);
        }
        assert!(Cell::standard().contains(&Cell::DECIDING));
    }
}
