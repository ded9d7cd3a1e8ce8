//! What `produce` did, counted, and as text for people.

use std::fmt;
use std::time::Duration;

/// Partitions listed one by one in the summary; of more, the number and the range is told.
const LISTED: usize = 24;

/// Counts of one run of `produce`.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    pub(crate) topic: String,
    /// Delivered records, by partition.
    pub(crate) per_partition: Vec<u64>,
    /// Bytes of the delivered records' keys and values.
    pub(crate) bytes: u64,
    /// Records surely not in the log, lines that are no record included.
    pub(crate) failed: u64,
    /// Records that may be in the log.
    pub(crate) in_doubt: u64,
    pub(crate) retries: u64,
    pub(crate) took: Duration,
}

impl Summary {
    pub(crate) fn count_delivered(&mut self, partition: i32, bytes: u64) {
        let index = usize::try_from(partition).unwrap_or(0);
        if index >= self.per_partition.len() {
            self.per_partition.resize(index + 1, 0);
        }
        self.per_partition[index] += 1;
        self.bytes += bytes;
    }

    pub(crate) fn delivered(&self) -> u64 {
        self.per_partition.iter().sum()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let delivered = self.delivered();
        write!(
            f,
            "{} {} ({}) delivered to {} in {}",
            Count(delivered),
            if delivered == 1 { "record" } else { "records" },
            Size(self.bytes as f64),
            self.topic,
            Seconds(self.took),
        )?;
        let seconds = self.took.as_secs_f64();
        if delivered > 0 && seconds > 0.0 {
            let rate = |amount: u64| amount as f64 / seconds;
            write!(
                f,
                ": {} records/s, {}/s",
                Count(rate(delivered).round() as u64),
                Size(rate(self.bytes))
            )?;
        }
        let used: Vec<_> = self
            .per_partition
            .iter()
            .enumerate()
            .filter(|(_, count)| **count > 0)
            .collect();
        if used.len() > LISTED {
            let counts = || used.iter().map(|(_, count)| **count);
            let (least, most) = (counts().min().unwrap_or(0), counts().max().unwrap_or(0));
            write!(
                f,
                "\npartitions: {} used, {} to {} records each",
                used.len(),
                Count(least),
                Count(most)
            )?;
        } else if !used.is_empty() {
            write!(f, "\npartitions:")?;
            for (position, (partition, count)) in used.into_iter().enumerate() {
                write!(
                    f,
                    "{} {partition}: {}",
                    if position == 0 { "" } else { "," },
                    Count(*count)
                )?;
            }
        }
        write!(
            f,
            "\nretries: {}, failed: {}, in doubt: {}",
            Count(self.retries),
            Count(self.failed),
            Count(self.in_doubt)
        )
    }
}

/// 1,234,567
pub(crate) struct Count(pub(crate) u64);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (index, digit) in digits.char_indices() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

/// 12.3 MB, in powers of 1000.
pub(crate) struct Size(pub(crate) f64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut size = self.0;
        // 999.95 would be printed as 1000.0.
        for unit in ["B", "kB", "MB", "GB"] {
            if size < 999.95 {
                let digits = usize::from(unit != "B");
                return write!(f, "{size:.digits$} {unit}");
            }
            size /= 1000.0;
        }
        write!(f, "{size:.1} TB")
    }
}

struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs_f64();
        if seconds < 60.0 {
            write!(f, "{seconds:.2} s")
        } else {
            let whole = self.0.as_secs();
            write!(f, "{} min {} s", whole / 60, whole % 60)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_summary() {
        let mut summary = Summary {
            topic: "orders".into(),
            took: Duration::from_millis(1250),
            retries: 3,
            ..Summary::default()
        };
        assert_eq!(
            summary.to_string(),
            "0 records (0 B) delivered to orders in 1.25 s\nretries: 3, failed: 0, in doubt: 0"
        );
        summary.count_delivered(0, 1000);
        for _ in 0..2500 {
            summary.count_delivered(2, 100);
        }
        summary.failed = 1;
        assert_eq!(
            summary.to_string(),
            "2,501 records (251.0 kB) delivered to orders in 1.25 s: 2,001 records/s, 200.8 kB/s\n\
             partitions: 0: 1, 2: 2,500\n\
             retries: 3, failed: 1, in doubt: 0"
        );
        for partition in 0..LISTED as i32 + 1 {
            summary.count_delivered(partition, 0);
        }
        assert!(
            summary
                .to_string()
                .contains("\npartitions: 25 used, 1 to 2,501 records each\n")
        );
    }

    #[test]
    fn numbers_for_people() {
        assert_eq!(Count(0).to_string(), "0");
        assert_eq!(Count(999).to_string(), "999");
        assert_eq!(Count(1_000_000).to_string(), "1,000,000");
        assert_eq!(Size(999.0).to_string(), "999 B");
        assert_eq!(Size(999_960.0).to_string(), "1.0 MB");
        assert_eq!(Size(5.0e9).to_string(), "5.0 GB");
        assert_eq!(Size(5.0e12).to_string(), "5.0 TB");
        assert_eq!(Seconds(Duration::from_secs(125)).to_string(), "2 min 5 s");
    }
}
