//! The calls that wait, for memory or for metadata: one waker and one deadline each.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;
use std::task::Waker;

use crate::sync::{Mutex, MutexGuard};
use crate::time::Instant;

/// Names one waiting call.
pub(crate) type WaitId = u64;

#[derive(Debug, Default)]
pub(crate) struct Waits {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    next_id: WaitId,
    calls: BTreeMap<WaitId, (Instant, Waker)>,
    deadlines: BTreeSet<(Instant, WaitId)>,
}

impl Waits {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn new_id(&self) -> WaitId {
        let mut state = self.state();
        state.next_id += 1;
        state.next_id
    }

    /// Keeps the call's latest waker. Returns whether its deadline is now the earliest of all, so
    /// that the driver must set its timer anew.
    pub(crate) fn register(&self, id: WaitId, deadline: Instant, waker: &Waker) -> bool {
        let mut state = self.state();
        state.calls.insert(id, (deadline, waker.clone()));
        // A call that expired by the driver's clock and not yet by its own waits a little longer.
        state.deadlines.insert((deadline, id)) && state.deadlines.first() == Some(&(deadline, id))
    }

    pub(crate) fn remove(&self, id: WaitId) {
        let mut state = self.state();
        if let Some((deadline, _)) = state.calls.remove(&id) {
            state.deadlines.remove(&(deadline, id));
        }
    }

    pub(crate) fn wake(&self, ids: impl IntoIterator<Item = WaitId>) {
        let wakers: Vec<Waker> = {
            let state = self.state();
            ids.into_iter()
                .filter_map(|id| state.calls.get(&id).map(|(_, waker)| waker.clone()))
                .collect()
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    pub(crate) fn wake_all(&self) {
        let ids: Vec<WaitId> = self.state().calls.keys().copied().collect();
        self.wake(ids);
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.state()
            .deadlines
            .first()
            .map(|(deadline, _)| *deadline)
    }

    /// Wakes the calls whose deadline has come; each sees for itself that it is over.
    pub(crate) fn expire(&self, now: Instant) {
        let expired: Vec<WaitId> = {
            let mut state = self.state();
            let later = state.deadlines.split_off(&(now, WaitId::MAX));
            std::mem::replace(&mut state.deadlines, later)
                .into_iter()
                .map(|(_, id)| id)
                .collect()
        };
        self.wake(expired);
    }
}
