//! A run before it runs: all that follows from the seed, so that parts of it can be left out.

use std::fmt;
use std::time::Duration;

use raban_core::Config;

use crate::content::RecordId;
use crate::schedule::{Fault, Schedule, What};
use crate::setup::Setup;
use crate::workload::{Op, Workload};

/// Everything that a seed decides.
#[derive(Debug, Clone)]
pub struct Plan {
    pub(crate) seed: u64,
    pub(crate) setup: Setup,
    pub(crate) schedule: Schedule,
    pub(crate) workload: Workload,
    #[cfg(feature = "mutants")]
    pub(crate) mutant: Option<raban_core::mutant::Mutant>,
}

impl Plan {
    /// What follows from `seed`.
    pub fn of(seed: u64) -> Self {
        let setup = Setup::draw(seed);
        let workload = Workload::draw(seed, &setup, &setup.config());
        let schedule = Schedule::draw(seed, &setup, span(&workload));
        Self {
            seed,
            setup,
            schedule,
            workload,
            #[cfg(feature = "mutants")]
            mutant: None,
        }
    }

    /// The same with a fault in the producer.
    #[cfg(feature = "mutants")]
    pub fn with(self, mutant: raban_core::mutant::Mutant) -> Self {
        Self {
            mutant: Some(mutant),
            ..self
        }
    }

    /// The producer's settings.
    pub(crate) fn config(&self) -> Config {
        #[cfg_attr(not(feature = "mutants"), expect(unused_mut))]
        let mut config = self.setup.config();
        #[cfg(feature = "mutants")]
        {
            config.mutant = self.mutant;
        }
        config
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// A record's number behind all of the workload's.
    pub(crate) fn first_free_id(&self) -> RecordId {
        let ops = self.workload.tasks.iter().flatten();
        let ids = ops.filter_map(|op| match op {
            Op::Send { id, .. } | Op::Try { id, .. } => Some(id + 1),
            _ => None,
        });
        ids.max().unwrap_or_default()
    }

    /// How many rounds of records may fail although all is well again: connections that nobody ended, one to each node at
    /// most, hang until a request on them times out, and few retries are soon used up.
    pub(crate) fn rehearsals(&self) -> i32 {
        let hangs = |fault: &Fault| match fault.what {
            What::Crash { silent, .. } => silent,
            What::Loss { delivers, .. } => !delivers,
            _ => false,
        };
        let may_fail = self.schedule.0.iter().any(hangs) || self.setup.few_retries();
        if may_fail { self.setup.nodes } else { 0 }
    }

    /// How many records its tasks try to send.
    pub fn records(&self) -> usize {
        let ops = self.workload.tasks.iter().flatten();
        ops.filter(|op| matches!(op, Op::Send { .. } | Op::Try { .. }))
            .count()
    }
}

/// How long the workload takes if nothing goes wrong.
fn span(workload: &Workload) -> Duration {
    let pauses = |task: &Vec<Op>| -> Duration {
        let pause = |op: &Op| match op {
            Op::Pause(pause) => *pause,
            _ => Duration::ZERO,
        };
        task.iter().map(pause).sum()
    };
    let longest = workload.tasks.iter().map(pauses).max().unwrap_or_default();
    longest + Duration::from_millis(100)
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "seed {}\n{}{}{}",
            self.seed, self.setup, self.schedule, self.workload
        )
    }
}
