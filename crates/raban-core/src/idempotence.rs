//! Producer id, epoch and sequences (KIP-98, KIP-360).
//!
//! The broker drops what it has already: it knows a batch by producer id, epoch and its first and
//! last sequence. Each partition counts its own sequences and bumps its own epoch: epoch + 1 with
//! sequence 0 is accepted by the broker and fences the old epoch.

use raban_protocol::error_code::ErrorCode;

use crate::time::Instant;

/// An identity that a broker gave, or that a partition bumped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProducerIdentity {
    pub(crate) id: i64,
    pub(crate) epoch: i16,
}

impl ProducerIdentity {
    /// What a batch carries when the producer isn't idempotent.
    pub(crate) const NONE: Self = Self { id: -1, epoch: -1 };
}

/// The producer id of the whole producer.
///
/// ```text
/// Wanted ── InitProducerId ──▶ Asked ── answer ──▶ Known ── epochs used up ──▶ Wanted
///    ▲                          │
///    └──── error, lost ─────────┘
/// ```
#[derive(Debug)]
pub(crate) enum ProducerId {
    /// The producer isn't idempotent.
    Unused,
    /// To be asked for, not before this time.
    Wanted {
        not_before: Instant,
    },
    Asked,
    Known(ProducerIdentity),
}

impl ProducerId {
    pub(crate) fn new(idempotent: bool) -> Self {
        if idempotent {
            Self::Wanted {
                not_before: Instant::default(),
            }
        } else {
            Self::Unused
        }
    }
}

/// The name under which the broker dedupes a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) identity: ProducerIdentity,
    pub(crate) base_sequence: i32,
}

impl Stamp {
    pub(crate) const NONE: Self = Self {
        identity: ProducerIdentity::NONE,
        base_sequence: -1,
    };

    /// The stamp that follows on `count` records of this one.
    pub(crate) fn behind(self, count: u32) -> Self {
        if self == Self::NONE {
            return self;
        }
        Self {
            base_sequence: wrapping_sequence(self.base_sequence, count),
            ..self
        }
    }

    /// The sequence of the last of `count` records.
    pub(crate) fn last_sequence(self, count: u32) -> i32 {
        wrapping_sequence(self.base_sequence, count.saturating_sub(1))
    }
}

/// A partition's own count.
#[derive(Debug, Default)]
pub(crate) struct Sequences {
    identity: Option<ProducerIdentity>,
    next: i32,
    /// The last sequence that was acknowledged under this identity.
    confirmed: Option<i32>,
    /// The last sequence under this identity that a leader was seen to have. One that knows less than that has lost
    /// something, and doesn't recognise all that it has.
    seen: Option<i32>,
    bump: Option<Option<ErrorCode>>,
    /// The id is another cluster's: what follows takes the producer's new one.
    abandoned: bool,
}

impl Sequences {
    pub(crate) fn beginning_at(first: i32) -> Self {
        Self {
            next: first,
            ..Self::default()
        }
    }

    /// The stamp for the next batch of `count` records. `producer` is what the producer holds now.
    pub(crate) fn stamp(&mut self, producer: ProducerIdentity, count: u32) -> Stamp {
        let identity = *self.identity.get_or_insert(producer);
        let base_sequence = self.next;
        self.next = wrapping_sequence(base_sequence, count);
        Stamp {
            identity,
            base_sequence,
        }
    }

    /// A batch of this stamp is in the log.
    pub(crate) fn confirm(&mut self, stamp: Stamp, count: u32) {
        let last = stamp.last_sequence(count);
        if self.identity == Some(stamp.identity) {
            raise(&mut self.confirmed, last);
            raise(&mut self.seen, last);
        }
    }

    /// The leader told that it has this sequence.
    pub(crate) fn see(&mut self, epoch: i16, last: i32) {
        if self.identity.is_some_and(|held| held.epoch == epoch) {
            raise(&mut self.seen, last);
        }
    }

    /// The last sequence under the present identity that a leader was seen to have.
    pub(crate) fn seen(&self) -> Option<i32> {
        self.seen
    }

    /// Whether a batch behind this one was acknowledged before it.
    pub(crate) fn has_overtaken(&self, stamp: Stamp) -> bool {
        self.identity == Some(stamp.identity)
            && self
                .confirmed
                .is_some_and(|confirmed| !comes_before(confirmed, stamp.base_sequence))
    }

    pub(crate) fn identity(&self) -> Option<ProducerIdentity> {
        self.identity
    }

    /// The sequence is broken: the next batch must begin a new epoch.
    pub(crate) fn want_bump(&mut self, because: Option<ErrorCode>) {
        if self.identity.is_some() && self.bump.is_none() {
            self.bump = Some(because);
        }
    }

    /// Has the next bump take another id, in place of another epoch.
    pub(crate) fn abandon_id(&mut self) {
        self.abandoned = self.identity.is_some();
    }

    pub(crate) fn bump_wanted(&self) -> bool {
        self.bump.is_some()
    }

    /// Begins the next epoch at sequence 0; `None` where the epochs of this id are used up or it was abandoned, so that
    /// the next stamp takes the producer's then newer id.
    pub(crate) fn bump(&mut self) -> (Option<ProducerIdentity>, Option<ErrorCode>) {
        let because = self.bump.take().flatten();
        self.next = 0;
        self.confirmed = None;
        self.seen = None;
        let abandoned = std::mem::take(&mut self.abandoned);
        self.identity = self.identity.filter(|_| !abandoned).and_then(|held| {
            // The broker keeps the last epoch for itself.
            (held.epoch < i16::MAX - 1).then(|| ProducerIdentity {
                epoch: held.epoch + 1,
                ..held
            })
        });
        (self.identity, because)
    }
}

fn raise(highest: &mut Option<i32>, last: i32) {
    if highest.is_none_or(|highest| comes_before(highest, last)) {
        *highest = Some(last);
    }
}

/// Sequences run from 0 to 2^31 - 1 and begin again at 0.
fn wrapping_sequence(base: i32, count: u32) -> i32 {
    ((i64::from(base) + i64::from(count)) & i64::from(i32::MAX)) as i32
}

/// The sequence after this one.
pub(crate) fn next_sequence(last: i32) -> i32 {
    wrapping_sequence(last, 1)
}

/// Whether sequence `a` was given out before `b`: the shorter way around the circle decides.
pub(crate) fn comes_before(a: i32, b: i32) -> bool {
    let ahead = b.wrapping_sub(a) & i32::MAX;
    ahead != 0 && ahead < 1 << 30
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRODUCER: ProducerIdentity = ProducerIdentity { id: 7, epoch: 0 };

    #[test]
    fn sequences_are_contiguous_and_wrap_at_2_to_the_31() {
        let mut sequences = Sequences::default();
        assert_eq!(sequences.stamp(PRODUCER, 3).base_sequence, 0);
        assert_eq!(sequences.stamp(PRODUCER, 1).base_sequence, 3);
        sequences.next = i32::MAX - 1;
        assert_eq!(sequences.stamp(PRODUCER, 4).base_sequence, i32::MAX - 1);
        assert_eq!(sequences.stamp(PRODUCER, 1).base_sequence, 2);
    }

    #[test]
    fn a_bump_begins_the_next_epoch_at_0_until_epochs_are_used_up() {
        let mut sequences = Sequences::default();
        sequences.stamp(PRODUCER, 3);
        sequences.want_bump(Some(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER));
        assert!(sequences.bump_wanted());
        let (bumped, _) = sequences.bump();
        assert_eq!(bumped, Some(ProducerIdentity { id: 7, epoch: 1 }));
        assert_eq!(sequences.stamp(PRODUCER, 1).base_sequence, 0);
        sequences.identity = Some(ProducerIdentity {
            id: 7,
            epoch: i16::MAX - 1,
        });
        sequences.want_bump(None);
        assert_eq!(sequences.bump(), (None, None));
    }

    #[test]
    fn what_is_confirmed_follows_the_order_across_the_wrap() {
        let mut sequences = Sequences::default();
        sequences.stamp(PRODUCER, 1);
        let stamp = |base_sequence| Stamp {
            identity: PRODUCER,
            base_sequence,
        };
        sequences.confirm(stamp(i32::MAX - 1), 2);
        sequences.confirm(stamp(5), 2);
        sequences.confirm(stamp(0), 2);
        assert_eq!((sequences.confirmed, sequences.seen()), (Some(6), Some(6)));
        assert!(sequences.has_overtaken(stamp(6)));
        assert!(sequences.has_overtaken(stamp(i32::MAX)));
        assert!(!sequences.has_overtaken(stamp(7)));
        assert!(comes_before(i32::MAX, 0) && !comes_before(0, i32::MAX) && !comes_before(3, 3));
    }

    #[test]
    fn a_partition_that_sent_nothing_needs_no_bump() {
        let mut sequences = Sequences::default();
        sequences.want_bump(None);
        assert!(!sequences.bump_wanted());
    }
}
