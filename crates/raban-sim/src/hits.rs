//! Counts how often each fault really struck: one that was planned and met nobody doesn't count.

use std::fmt;
use std::ops::AddAssign;

macro_rules! hits {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal,)+) => {
        /// A fault that struck.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Hit {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Hit {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            fn text(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }
        }
    };
}

hits! {
    /// Bytes took longer than the link's usual time.
    Delay = "delayed bytes",
    /// Bytes trickled through a narrow link.
    SlowLink = "slow links",
    /// Bytes vanished, and the connection hung.
    Loss = "lost bytes",
    /// Bytes came much later than those of connections made since.
    Stranded = "stranded bytes",
    /// A connection was reset with something on its way.
    Reset = "resets",
    /// A request ended in the middle.
    HalfRequest = "half-written requests",
    /// A response ended in the middle.
    HalfResponse = "half-written responses",
    /// A connection couldn't be made.
    Refused = "refused connections",
    /// A batch was appended, and its answer never came.
    ResponseLost = "responses lost after the append",
    /// A request was applied after the producer had given up its connection, and appended.
    AppliedLate = "requests applied late",
    /// A broker was killed, and knew the last batch of each producer when it was back.
    CrashForgetting = "broker crashes, cache lost",
    /// A broker was killed, and knew five batches when it was back.
    CrashKeeping = "broker crashes, cache kept",
    /// A leader came to know only each producer's last batch.
    WindowShrunk = "dedupe windows shrunk to one",
    /// A leader forgot a producer that goes on.
    StateExpired = "producer states expired",
    /// Behind a rejected batch the next was accepted, since no state was there.
    AcceptedWithoutState = "second batches accepted without state",
    /// A batch was appended, and the answer was an error.
    ErrorAfterAppend = "errors after an append",
    /// A batch that is in the log was rejected when it was sent again.
    ResendRejected = "resends of appended batches rejected",
    /// Another broker took over a partition.
    LeaderMoved = "leaders moved",
    /// A broker out of sync took over, and records were lost.
    UncleanElection = "unclean elections",
    /// Compaction removed records.
    Compacted = "compactions",
    /// `DeleteRecords` removed records.
    RecordsDeleted = "records deleted",
    /// A read was refused for lack of rights.
    ReadDenied = "READ denied",
    /// A write was refused for lack of rights.
    WriteDenied = "WRITE denied",
    /// Brokers of different versions served.
    MixedVersions = "requests to an older broker",
    /// A broker took its time.
    SlowBroker = "slow brokers",
    /// A broker asked for a pause.
    Throttled = "throttled answers",
    /// An answer carried another request's number.
    WrongCorrelation = "wrong correlation ids",
    /// An answer was too short.
    Truncated = "truncated answers",
    /// An answer was noise.
    Noise = "random bytes as answers",
    /// An answer announced more elements than it has bytes.
    AbsurdLength = "absurd array lengths",
    /// An answer left out what was asked for.
    Incomplete = "incomplete answers",
    /// A follower didn't keep up.
    LaggingFollower = "lagging followers",
    /// Fewer replicas were in sync than the topic demands.
    NotEnoughReplicas = "too few replicas in sync",
    /// A topic was deleted.
    TopicDeleted = "topics deleted",
    /// A topic was made anew under its name.
    TopicRecreated = "topics re-created",
    /// A topic got more partitions.
    TopicGrown = "topics grown",
    /// Records were acknowledged with the time of their append.
    LogAppendTime = "log append times",
    /// A batch was larger than the topic takes.
    TooLarge = "batches too large",
    /// A record was invalid in the broker's eyes.
    InvalidRecord = "invalid records",
    /// The producer's epoch came to its end.
    EpochsUsedUp = "producer epochs near their end",
    /// A batch begins before the end of sequences and ends behind it.
    SequencesWrapped = "sequences wrapped",
    /// A batch took more than `batch.size`, since it had to wait.
    BatchGrown = "batches grown while they waited",
}

/// How often each fault struck.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hits([u64; Hit::ALL.len()]);

impl Default for Hits {
    fn default() -> Self {
        Self([0; Hit::ALL.len()])
    }
}

impl Hits {
    pub(crate) fn hit(&mut self, hit: Hit) {
        self.0[hit as usize] += 1;
    }

    /// How often this one struck.
    pub fn count(&self, hit: Hit) -> u64 {
        self.0[hit as usize]
    }

    /// Those that never struck.
    pub fn missing(&self) -> Vec<Hit> {
        let all = Hit::ALL.iter().copied();
        all.filter(|hit| self.count(*hit) == 0).collect()
    }
}

impl AddAssign<&Self> for Hits {
    fn add_assign(&mut self, other: &Self) {
        for (held, more) in self.0.iter_mut().zip(&other.0) {
            *held += more;
        }
    }
}

impl fmt::Display for Hit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl fmt::Display for Hits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for hit in Hit::ALL {
            writeln!(f, "{:>12}  {hit}", self.count(*hit))?;
        }
        Ok(())
    }
}
