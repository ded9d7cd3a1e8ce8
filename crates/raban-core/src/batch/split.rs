//! Takes a sealed batch apart: into smaller ones, or into records that a broker refused and the rest.
//!
//! Records keep their order, and their bytes. The parts' counts add up to the batch's, so that they
//! can share its sequences, and the handles find the parts by themselves.
//!
//! The parts together count in `buffer.memory` for what the batch held. While they are written, they
//! and the decompressed records come on top of that; so does what they need more than the whole
//! afterwards, because small batches compress worse.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::BytesMut;
use raban_protocol::compression::Codec;
use raban_protocol::record_batch::{BatchError, HEADER_LEN, Record, RecordsBuilder, SealedRecords};

use super::SealedBatch;
use crate::delivery::Part;
use crate::facts::FactsOfAll;

/// What a batch became that is too large.
#[derive(Debug)]
pub(crate) enum Split {
    /// Two or more batches, in order.
    Halves(Vec<SealedBatch>),
    /// It has one record, or can't be taken apart.
    Whole(SealedBatch),
}

/// What a batch became some of whose records are refused.
#[derive(Debug)]
pub(crate) struct Separated {
    /// The records that aren't refused, in order.
    pub(crate) rest: Option<SealedBatch>,
    /// The refused ones, in order, with the broker's words; neighbours with the same words together.
    pub(crate) refused: Vec<(SealedBatch, Option<String>)>,
}

impl SealedBatch {
    /// Cuts the batch into at least two, each with at most half of its bytes and at most `max_bytes` on
    /// the wire, unless it has a single record.
    pub(crate) fn split(self, codec: &Codec, max_bytes: usize) -> Split {
        let mut pieces = Vec::new();
        if self.count() < 2 || cut(&self.records, codec, max_bytes, &mut pieces).is_err() {
            return Split::Whole(self);
        }
        let mut runs = Vec::with_capacity(pieces.len());
        let mut first = 0;
        for (piece, records) in pieces.iter().enumerate() {
            let count = records.count();
            runs.push(Run {
                first,
                count,
                piece,
                index: 0,
            });
            first += count;
        }
        Split::Halves(self.take_apart(pieces, &runs))
    }

    /// Takes out the records of these indexes. The batch comes back as it is if none of them is in it,
    /// or if it can't be taken apart.
    #[expect(clippy::result_large_err, reason = "the batch is what is given back")]
    pub(crate) fn without(
        self,
        codec: &Codec,
        culprits: &BTreeMap<u32, Option<String>>,
    ) -> Result<Separated, SealedBatch> {
        let refused = culprits.range(..self.count()).count();
        if refused == 0 {
            return Err(self);
        }
        let has_rest = refused < self.count() as usize;
        let Ok(Sorted { open, words, runs }) = sort(&self.records, culprits, has_rest) else {
            return Err(self);
        };
        let sealed: Result<_, _> = open.into_iter().map(|open| seal(open, codec)).collect();
        let Ok(pieces) = sealed else {
            return Err(self);
        };
        let mut batches = self.take_apart(pieces, &runs).into_iter();
        Ok(Separated {
            rest: if has_rest { batches.next() } else { None },
            refused: batches.zip(words).collect(),
        })
    }

    /// Hands the records and what they hold over to batches of these pieces.
    fn take_apart(mut self, pieces: Vec<SealedRecords>, runs: &[Run]) -> Vec<SealedBatch> {
        let notes = std::mem::take(&mut self.notes);
        let facts = std::mem::take(&mut self.facts);
        let mut left = self.held;
        let last = pieces.len() - 1;
        let mut batches = Vec::with_capacity(pieces.len());
        for (nth, records) in pieces.into_iter().enumerate() {
            let held = if nth == last {
                left
            } else {
                left.min(records.body().len())
            };
            left -= held;
            batches.push(SealedBatch {
                records,
                result: self.result.sibling(),
                facts: FactsOfAll::default(),
                notes: Vec::new(),
                held,
                ..self
            });
        }
        for run in runs {
            let of_run = (run.first..run.first + run.count).map(|index| facts.get(index));
            of_run.for_each(|of_record| batches[run.piece].facts.push(of_record));
        }
        for mut note in notes {
            let run = &runs[runs.partition_point(|run| run.first <= note.index) - 1];
            note.index = run.index + (note.index - run.first);
            batches[run.piece].notes.push(note);
        }
        let part = |run: &Run| Part {
            first: run.first,
            count: run.count,
            result: Arc::clone(&batches[run.piece].result),
            index: run.index,
        };
        self.result.split(runs.iter().map(part).collect());
        batches
    }
}

/// Records that follow one another both in the batch and in a piece of it.
#[derive(Debug)]
struct Run {
    first: u32,
    count: u32,
    piece: usize,
    /// The index of the first one in the piece.
    index: u32,
}

fn seal(open: RecordsBuilder, codec: &Codec) -> Result<SealedRecords, BatchError> {
    let (records, _) = open.seal(codec, BytesMut::new())?;
    Ok(records)
}

fn append(open: &mut RecordsBuilder, record: &Record) {
    open.append(record.timestamp, &record.borrowed());
}

/// Writes the records anew, in two or more pieces.
fn cut(
    records: &SealedRecords,
    codec: &Codec,
    max_bytes: usize,
    pieces: &mut Vec<SealedRecords>,
) -> Result<(), BatchError> {
    let room = room(records, max_bytes);
    let mut open = RecordsBuilder::new(BytesMut::with_capacity(room));
    let mut close = |open: RecordsBuilder| {
        let piece = seal(open, codec)?;
        // It compressed worse than the whole.
        if piece.len() > max_bytes && piece.count() > 1 {
            return cut(&piece, codec, max_bytes, pieces);
        }
        pieces.push(piece);
        Ok(())
    };
    for record in records.read()? {
        let record = record?;
        let len = open.len() + open.encoded_len(record.timestamp, &record.borrowed());
        if !open.is_empty() && len > room {
            let next = RecordsBuilder::new(BytesMut::with_capacity(room));
            close(std::mem::replace(&mut open, next))?;
        }
        append(&mut open, &record);
    }
    close(open)
}

/// Bytes of records, uncompressed, in a piece: half of them, or fewer where that is expected to be more
/// than `max_bytes` on the wire.
fn room(records: &SealedRecords, max_bytes: usize) -> usize {
    let uncompressed = records.uncompressed_len();
    let allowed = max_bytes
        .saturating_sub(HEADER_LEN)
        .saturating_mul(uncompressed)
        / records.body().len();
    allowed.min(uncompressed / 2)
}

/// A batch's records, written anew: first those that aren't refused, if there are any, then each run of
/// refused ones, with the words for it.
#[derive(Debug, Default)]
struct Sorted {
    open: Vec<RecordsBuilder>,
    words: Vec<Option<String>>,
    runs: Vec<Run>,
}

fn sort(
    records: &SealedRecords,
    culprits: &BTreeMap<u32, Option<String>>,
    has_rest: bool,
) -> Result<Sorted, BatchError> {
    let mut sorted = Sorted::default();
    let Sorted { open, words, runs } = &mut sorted;
    let empty = || RecordsBuilder::new(BytesMut::new());
    open.extend(has_rest.then(empty));
    for (first, record) in (0..).zip(records.read()?) {
        let record = record?;
        let piece = match culprits.get(&first) {
            None => 0,
            Some(said) => {
                let in_last = runs.last().is_some_and(|run| run.piece + 1 == open.len());
                if !(in_last && words.last() == Some(said)) {
                    open.push(empty());
                    words.push(said.clone());
                }
                open.len() - 1
            }
        };
        match runs.last_mut().filter(|run| run.piece == piece) {
            Some(run) => run.count += 1,
            None => runs.push(Run {
                first,
                count: 1,
                piece,
                index: open[piece].count(),
            }),
        }
        append(&mut open[piece], &record);
    }
    Ok(sorted)
}

#[cfg(test)]
mod tests;
