//! What becomes of each batch in doubt once the broker and the log were asked: pure, so that a table
//! can test it.

use super::reading::Place;
use crate::error::Unresolved;
use crate::idempotence::{ProducerIdentity, Stamp, comes_before, next_sequence};
use crate::trail::Found;

/// What the leader says it knows of our producer id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum State {
    /// It won't tell, or is too old to.
    #[default]
    Unknown,
    /// It has forgotten us, or never knew us.
    Absent,
    Known {
        epoch: i16,
        last_sequence: i32,
        /// It won't forget us for a while: the last record that it has of us is young enough.
        lasting: bool,
    },
}

impl State {
    /// Whether the leader takes a batch of this stamp as the next one.
    fn takes(self, stamp: Stamp) -> bool {
        match self {
            Self::Unknown | Self::Absent => true,
            Self::Known {
                epoch,
                last_sequence,
                ..
            } if epoch == stamp.identity.epoch => {
                next_sequence(last_sequence) == stamp.base_sequence
            }
            Self::Known { epoch, .. } => epoch < stamp.identity.epoch && stamp.base_sequence == 0,
        }
    }

    /// Whether the leader refuses a batch of this stamp, now and for as long as it remembers us.
    fn refuses(self, stamp: Stamp) -> bool {
        matches!(self, Self::Known { lasting: true, .. }) && !self.takes(stamp)
    }

    /// Whether the leader says that it took a batch of this stamp, or one behind it.
    fn has(self, stamp: Stamp) -> bool {
        matches!(self, Self::Known { epoch, last_sequence, .. }
            if epoch == stamp.identity.epoch && !comes_before(last_sequence, stamp.base_sequence))
    }

    /// Whether the leader has all that one was seen to have, so that it recognises what it has, and will for a while.
    pub(crate) fn covers(self, identity: Option<ProducerIdentity>, seen: Option<i32>) -> bool {
        match (self, identity) {
            (
                Self::Known {
                    epoch,
                    last_sequence,
                    lasting: true,
                },
                Some(identity),
            ) => match seen {
                Some(seen) => epoch == identity.epoch && !comes_before(last_sequence, seen),
                None => epoch <= identity.epoch,
            },
            _ => false,
        }
    }
}

/// A batch of the row, as far as it matters here.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject {
    pub(crate) stamp: Option<Stamp>,
    /// It was given up; only its sequences are left.
    pub(crate) ghost: bool,
    pub(crate) in_doubt: bool,
    pub(crate) place: Option<Place>,
    /// It isn't sent again: a later attempt was refused for good.
    pub(crate) refused: bool,
    /// A batch behind it was acknowledged.
    pub(crate) overtaken: bool,
    /// What is on its way is judged by its answer.
    pub(crate) in_flight: bool,
    /// No copy of it can come late: each attempt was answered.
    pub(crate) answered: bool,
    /// Its records are young enough for a leader to recognise a copy of it for a while: without that
    /// both a late copy and one sent again would be appended.
    pub(crate) remembered: bool,
}

/// What becomes of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Conclusion {
    /// It is in the log.
    InLog(Place),
    /// A ghost that isn't in the log now.
    Hole,
    /// Nothing new: it is sent in its turn.
    Keep,
    /// Not in the log now, but a late copy may still come: only the same stamp is safe.
    SendAgain,
    /// Not in the log, and none of its copies ever will be: it may get another stamp.
    Absent,
    /// The policy decides.
    Undecided(Unresolved),
}

impl Conclusion {
    /// What it says of a batch in doubt.
    pub(crate) fn found(self) -> Found {
        match self {
            Self::InLog(place) => Found::Present {
                offset: Some(place.base_offset),
            },
            Self::Hole | Self::SendAgain | Self::Absent => Found::Absent,
            Self::Keep | Self::Undecided(_) => Found::Unknown,
        }
    }
}

/// Judges the row, oldest first. `incomplete` says why absence from what was read proves nothing;
/// `broken` that a bump is wanted already.
pub(crate) fn decide(
    row: &[Subject],
    state: State,
    incomplete: Option<Unresolved>,
    mut broken: bool,
) -> Vec<Conclusion> {
    let last_found = row.iter().rposition(|subject| subject.place.is_some());
    // Behind a batch that is there or sent again the next one follows on, and so does a late copy of it.
    let mut follows = false;
    // A late copy of a batch before may come, and make the leader take what it refuses now.
    let mut late = false;
    let mut conclusions = Vec::with_capacity(row.len());
    for (index, subject) in row.iter().enumerate() {
        let overtaken = subject.overtaken || last_found.is_some_and(|last| index < last);
        let may_resend = !broken && !subject.refused && (subject.remembered || subject.answered);
        let is_refused = |stamp| subject.remembered && !late && !follows && state.refuses(stamp);
        let conclusion = match (subject.place, subject.stamp) {
            _ if subject.in_flight => Conclusion::Keep,
            (Some(place), _) => Conclusion::InLog(place),
            _ if subject.ghost => Conclusion::Hole,
            (_, None) => Conclusion::Keep,
            (_, Some(_)) if overtaken && (incomplete.is_none() || !subject.in_doubt) => {
                Conclusion::Undecided(Unresolved::Overtaken)
            }
            _ if !subject.in_doubt => Conclusion::Keep,
            (_, Some(stamp)) => match incomplete {
                Some(reason) => Conclusion::Undecided(reason),
                // It was taken out of the log before that was read.
                None if state.has(stamp) => Conclusion::Undecided(Unresolved::LogStartMoved),
                None if may_resend && (follows || state.takes(stamp)) => Conclusion::SendAgain,
                None if subject.answered || is_refused(stamp) => Conclusion::Absent,
                None => Conclusion::Undecided(Unresolved::LateCopy),
            },
        };
        // The state may be older than what was read: a late copy came in between.
        follows = matches!(conclusion, Conclusion::SendAgain | Conclusion::InLog(_));
        let lost = matches!(conclusion, Conclusion::Hole | Conclusion::Undecided(_));
        late |= lost && !subject.answered;
        broken |= lost || conclusion == Conclusion::Absent;
        conclusions.push(conclusion);
    }
    keep_order(row, &mut conclusions);
    conclusions
}

/// What was refused before a batch that may be in the log can't come behind it.
fn keep_order(row: &[Subject], conclusions: &mut [Conclusion]) {
    let undecided = |conclusion: &Conclusion| matches!(conclusion, Conclusion::Undecided(_));
    let last = conclusions.iter().rposition(undecided).unwrap_or(0);
    for (subject, conclusion) in row.iter().zip(conclusions).take(last) {
        let is_unsent = subject.stamp.is_some() && !subject.in_flight;
        if *conclusion == Conclusion::Keep && is_unsent {
            *conclusion = Conclusion::Undecided(Unresolved::Overtaken);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place = Place {
        base_offset: 40,
        log_append_time: None,
    };
    const KNOWN: State = State::Known {
        epoch: 1,
        last_sequence: 9,
        lasting: true,
    };

    fn stamp(base_sequence: i32) -> Stamp {
        Stamp {
            identity: ProducerIdentity { id: 7, epoch: 1 },
            base_sequence,
        }
    }

    fn doubt(base_sequence: i32) -> Subject {
        Subject {
            stamp: Some(stamp(base_sequence)),
            ghost: false,
            in_doubt: true,
            place: None,
            refused: false,
            overtaken: false,
            in_flight: false,
            answered: false,
            remembered: true,
        }
    }

    fn found(base_sequence: i32) -> Subject {
        Subject {
            place: Some(PLACE),
            ..doubt(base_sequence)
        }
    }

    fn ghost(base_sequence: i32) -> Subject {
        Subject {
            ghost: true,
            ..doubt(base_sequence)
        }
    }

    #[test]
    fn a_table_of_rows() {
        use Conclusion::{Absent, Hole, InLog, Keep, SendAgain, Undecided};
        use Unresolved::{Compacted, LateCopy, LogStartMoved, Overtaken};
        let sure = |base| Subject {
            in_doubt: false,
            ..doubt(base)
        };
        let unsent = Subject {
            stamp: None,
            ..sure(0)
        };
        let answered = |base| Subject {
            answered: true,
            ..doubt(base)
        };
        let in_flight = Subject {
            in_flight: true,
            ..doubt(9)
        };
        let old = |base| Subject {
            remembered: false,
            ..doubt(base)
        };
        let overtaken = Subject {
            overtaken: true,
            ..sure(10)
        };
        let gap = Some(Compacted);
        type Case = (
            &'static str,
            Vec<Subject>,
            State,
            Option<Unresolved>,
            bool,
            Vec<Conclusion>,
        );
        let table: Vec<Case> = vec![
            (
                "all found",
                vec![found(10), found(11)],
                KNOWN,
                None,
                false,
                vec![InLog(PLACE); 2],
            ),
            (
                "the tail is missing",
                vec![found(10), doubt(11)],
                State::Absent,
                None,
                false,
                vec![InLog(PLACE), SendAgain],
            ),
            (
                "none arrived",
                vec![doubt(10), doubt(11)],
                KNOWN,
                None,
                false,
                vec![SendAgain; 2],
            ),
            (
                "the leader has lost what was before",
                vec![doubt(11), doubt(12)],
                KNOWN,
                None,
                false,
                vec![Absent; 2],
            ),
            (
                "a hole before a found one",
                vec![doubt(10), found(11)],
                State::Absent,
                None,
                false,
                vec![Undecided(Overtaken), InLog(PLACE)],
            ),
            (
                "acknowledged out of turn",
                vec![overtaken],
                KNOWN,
                None,
                false,
                vec![Undecided(Overtaken)],
            ),
            (
                "a gap, and one found",
                vec![doubt(10), found(11)],
                KNOWN,
                gap,
                false,
                vec![Undecided(Compacted), InLog(PLACE)],
            ),
            (
                "a gap says nothing of what was never in doubt",
                vec![sure(10), unsent],
                KNOWN,
                gap,
                false,
                vec![Keep; 2],
            ),
            (
                "before one that may be in the log",
                vec![sure(10), doubt(11), sure(12)],
                State::Unknown,
                Some(Unresolved::OldBroker),
                false,
                vec![Undecided(Overtaken), Undecided(Unresolved::OldBroker), Keep],
            ),
            (
                "what is on its way is judged by its answer",
                vec![in_flight, doubt(10)],
                State::Unknown,
                Some(Unresolved::TopicRecreated),
                false,
                vec![Keep, Undecided(Unresolved::TopicRecreated)],
            ),
            (
                "a ghost in the log keeps the sequence",
                vec![
                    Subject {
                        place: Some(PLACE),
                        ..ghost(10)
                    },
                    doubt(11),
                ],
                State::Absent,
                None,
                false,
                vec![InLog(PLACE), SendAgain],
            ),
            (
                "behind a hole a late copy may come",
                vec![ghost(10), doubt(11)],
                State::Absent,
                None,
                false,
                vec![Hole, Undecided(LateCopy)],
            ),
            (
                "behind a hole that may fill",
                vec![ghost(10), doubt(11)],
                KNOWN,
                None,
                false,
                vec![Hole, Undecided(LateCopy)],
            ),
            (
                "behind a batch that failed",
                vec![doubt(11)],
                KNOWN,
                None,
                true,
                vec![Absent],
            ),
            (
                "behind a hole, and each attempt was answered",
                vec![ghost(10), answered(11)],
                State::Absent,
                None,
                false,
                vec![Hole, Absent],
            ),
            (
                "refused at a later attempt",
                vec![
                    Subject {
                        refused: true,
                        ..doubt(10)
                    },
                    doubt(11),
                ],
                KNOWN,
                None,
                false,
                vec![Undecided(LateCopy); 2],
            ),
            (
                "refused, and each attempt was answered",
                vec![
                    Subject {
                        refused: true,
                        ..answered(10)
                    },
                    answered(11),
                ],
                KNOWN,
                None,
                false,
                vec![Absent; 2],
            ),
            (
                "of old records a late copy would not be recognised",
                vec![old(10), old(11)],
                State::Absent,
                None,
                false,
                vec![Undecided(LateCopy); 2],
            ),
            (
                "of old records no copy comes where each attempt was answered",
                vec![Subject {
                    answered: true,
                    ..old(10)
                }],
                State::Absent,
                None,
                false,
                vec![SendAgain],
            ),
            (
                "the log is newer than what the leader said",
                vec![found(10), doubt(11)],
                State::Known {
                    epoch: 1,
                    last_sequence: 8,
                    lasting: true,
                },
                None,
                false,
                vec![InLog(PLACE), SendAgain],
            ),
            (
                "the same, and a bump is wanted",
                vec![found(10), doubt(11)],
                KNOWN,
                None,
                true,
                vec![InLog(PLACE), Undecided(LateCopy)],
            ),
            (
                "the leader took it, and the log has it no more",
                vec![doubt(9), doubt(10)],
                KNOWN,
                None,
                false,
                vec![Undecided(LogStartMoved), Undecided(LateCopy)],
            ),
            (
                "behind one that is sent again a late copy is taken",
                vec![doubt(10), old(11), old(12)],
                KNOWN,
                None,
                false,
                vec![SendAgain, Undecided(LateCopy), Undecided(LateCopy)],
            ),
            (
                "before a bump",
                vec![doubt(10)],
                State::Unknown,
                None,
                true,
                vec![Undecided(LateCopy)],
            ),
            (
                "the leader refuses them as long as it remembers, and it may forget",
                vec![doubt(11), doubt(12)],
                State::Known {
                    epoch: 1,
                    last_sequence: 9,
                    lasting: false,
                },
                None,
                false,
                vec![Undecided(LateCopy); 2],
            ),
            (
                "the leader refuses old ones as long as it remembers",
                vec![old(11), old(12)],
                KNOWN,
                None,
                false,
                vec![Undecided(LateCopy); 2],
            ),
            (
                "before a bump, and each attempt was answered",
                vec![answered(10)],
                State::Absent,
                None,
                true,
                vec![Absent],
            ),
        ];
        for (what, row, state, incomplete, broken, expected) in table {
            assert_eq!(decide(&row, state, incomplete, broken), expected, "{what}");
        }
    }

    #[test]
    fn a_leader_covers_what_was_confirmed() {
        let ours = Some(ProducerIdentity { id: 7, epoch: 1 });
        assert!(
            KNOWN.covers(ours, Some(9)) && KNOWN.covers(ours, Some(3)) && KNOWN.covers(ours, None)
        );
        assert!(!KNOWN.covers(ours, Some(10)) && !State::Absent.covers(ours, None));
        let bumped = Some(ProducerIdentity { id: 7, epoch: 2 });
        assert!(KNOWN.covers(bumped, None) && !KNOWN.covers(bumped, Some(0)));
    }

    #[test]
    fn the_first_batch_of_an_epoch_follows_the_epoch_before() {
        let first = Stamp {
            identity: ProducerIdentity { id: 7, epoch: 2 },
            base_sequence: 0,
        };
        assert!(KNOWN.takes(first) && KNOWN.takes(stamp(10)) && !KNOWN.takes(stamp(12)));
    }
}
