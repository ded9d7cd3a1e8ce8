//! `buffer.memory`: a hard bound on the bytes that batches hold, with waiters in order and a pool of
//! spent buffers.
//!
//! A call that comes while others wait takes only what those don't need. If it always waited behind them, threads that
//! fill memory together would hand each piece of it from one to the next, which takes longer than to fill it.
//!
//! Memory counts by buffer capacity, taken in steps as a batch grows, so that what is counted is
//! what is held. Partitions that can't move (no leader, broker unreachable) share one half of it at
//! most, so that they can't starve the others; their calls wait in a line of their own.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};

use bytes::{Bytes, BytesMut};

use super::pool::Pool;
use super::waits::{WaitId, Waits};
use crate::sync::{Mutex, MutexGuard};

/// Which waiting line a call belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    /// The partition's records can be sent.
    Moving,
    /// The partition is cut off from its leader.
    Stalled,
}

#[derive(Debug)]
pub(crate) struct Memory {
    capacity: usize,
    waits: Arc<Waits>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    reserved: usize,
    /// The part of `reserved` that stalled partitions hold.
    stalled: usize,
    pool: Pool,
    moving_line: Waiting,
    stalled_line: Waiting,
}

impl State {
    fn line(&mut self, line: Line) -> &mut Waiting {
        match line {
            Line::Moving => &mut self.moving_line,
            Line::Stalled => &mut self.stalled_line,
        }
    }
}

/// Calls that wait, in order, each with what it needs.
#[derive(Debug, Default)]
struct Waiting {
    calls: VecDeque<(WaitId, usize)>,
    /// Of all of them together.
    needs: usize,
}

impl Waiting {
    fn first(&self) -> Option<(WaitId, usize)> {
        self.calls.front().copied()
    }

    /// Joins behind the last one, or stays where it stands.
    fn join(&mut self, call: WaitId, bytes: usize) {
        match self.calls.iter_mut().find(|(id, _)| *id == call) {
            Some((_, need)) => self.needs -= std::mem::replace(need, bytes),
            None => self.calls.push_back((call, bytes)),
        }
        self.needs += bytes;
    }

    fn leave(&mut self, call: WaitId) {
        let at = self.calls.iter().position(|(id, _)| *id == call);
        if let Some((_, need)) = at.and_then(|at| self.calls.remove(at)) {
            self.needs -= need;
        }
    }
}

impl Memory {
    pub(crate) fn new(capacity: usize, pooled_capacity: usize, waits: Arc<Waits>) -> Self {
        Self {
            capacity,
            waits,
            state: Mutex::new(State {
                pool: Pool::new(pooled_capacity),
                ..State::default()
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Bytes that can still be taken.
    pub(crate) fn available(&self) -> usize {
        self.capacity - self.state().reserved
    }

    /// Whether so many bytes could be taken now, beside what is needed by those who wait.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        let state = self.state();
        let ahead = state.moving_line.needs;
        self.fits(&state, ahead.saturating_add(bytes), Line::Moving)
    }

    /// How many calls wait.
    pub(crate) fn waiting(&self) -> usize {
        let state = self.state();
        state.moving_line.calls.len() + state.stalled_line.calls.len()
    }

    /// Whether a call waits, so that open batches must leave at once to make room.
    pub(crate) fn has_waiters(&self) -> bool {
        self.waiting() > 0
    }

    /// Takes `bytes` if there is room beside what those need who wait before this call.
    pub(crate) fn reserve(&self, bytes: usize, line: Line, call: Option<WaitId>) -> bool {
        let mut state = self.state();
        let reserved = self.reserve_locked(&mut state, bytes, line, call);
        if reserved {
            self.shrink_pool(&mut state);
        }
        reserved
    }

    /// Takes a buffer of `capacity` bytes, a spent one if there is one of that size.
    pub(crate) fn buffer(
        &self,
        capacity: usize,
        line: Line,
        call: Option<WaitId>,
    ) -> Option<BytesMut> {
        let mut state = self.state();
        if !self.reserve_locked(&mut state, capacity, line, call) {
            return None;
        }
        Some(self.take_buffer(state, capacity))
    }

    /// Takes a buffer of `capacity` bytes in place of one of `held` bytes.
    pub(crate) fn larger(
        &self,
        held: usize,
        capacity: usize,
        line: Line,
        call: Option<WaitId>,
    ) -> Option<BytesMut> {
        let mut state = self.state();
        if !self.reserve_locked(&mut state, capacity - held, line, call) {
            return None;
        }
        Some(self.take_buffer(state, capacity))
    }

    fn take_buffer(&self, mut state: MutexGuard<'_, State>, capacity: usize) -> BytesMut {
        let pooled = state.pool.take(capacity);
        self.shrink_pool(&mut state);
        drop(state);
        pooled.unwrap_or_else(|| BytesMut::with_capacity(capacity))
    }

    /// Takes back a buffer that counts no more.
    pub(crate) fn keep(&self, spent: BytesMut) {
        let mut state = self.state();
        state.pool.keep(spent);
        self.shrink_pool(&mut state);
    }

    fn reserve_locked(
        &self,
        state: &mut State,
        bytes: usize,
        line: Line,
        call: Option<WaitId>,
    ) -> bool {
        let waiting = state.line(line);
        let first = waiting.first().map(|(id, _)| id);
        let ahead = match first == call {
            true => 0,
            false => waiting.needs,
        };
        if !self.fits(state, ahead.saturating_add(bytes), line) {
            return false;
        }
        state.reserved += bytes;
        if line == Line::Stalled {
            state.stalled += bytes;
        }
        true
    }

    fn fits(&self, state: &State, bytes: usize, line: Line) -> bool {
        let within_half = state.stalled + bytes <= self.capacity / 2 || state.stalled == 0;
        bytes <= self.capacity - state.reserved && (line == Line::Moving || within_half)
    }

    /// Spent buffers are held too: with the reserved ones they stay within the bound.
    fn shrink_pool(&self, state: &mut State) {
        let room = self.capacity - state.reserved;
        state.pool.shrink(room);
    }

    /// Joins a line, or stays where it stands in it.
    pub(crate) fn wait(&self, call: WaitId, bytes: usize, line: Line) {
        let mut state = self.state();
        let other = match line {
            Line::Moving => Line::Stalled,
            Line::Stalled => Line::Moving,
        };
        state.line(other).leave(call);
        state.line(line).join(call, bytes);
    }

    /// Leaves the lines, served or not, and lets the next one try.
    pub(crate) fn leave(&self, call: WaitId) {
        let mut state = self.state();
        state.moving_line.leave(call);
        state.stalled_line.leave(call);
        let next = self.next_served(&state);
        drop(state);
        self.waits.wake(next.into_iter().flatten());
    }

    /// Gives back `bytes` and, where nobody else holds it, the buffer itself to the pool.
    pub(crate) fn release(&self, bytes: usize, line: Line, buffer: Option<Bytes>) {
        let spent = buffer.and_then(|buffer| buffer.try_into_mut().ok());
        let mut state = self.state();
        state.reserved = state
            .reserved
            .checked_sub(bytes)
            .expect("no more is released than was reserved");
        if line == Line::Stalled {
            state.stalled -= bytes;
        }
        if let Some(spent) = spent {
            state.pool.keep(spent);
            self.shrink_pool(&mut state);
        }
        let next = self.next_served(&state);
        drop(state);
        self.waits.wake(next.into_iter().flatten());
    }

    /// Moves what a partition holds between the two counts when it stalls or moves again.
    pub(crate) fn set_stalled(&self, held: usize, stalled: bool) {
        let mut state = self.state();
        if stalled {
            state.stalled += held;
            return;
        }
        state.stalled -= held;
        // Their partitions may move now: each looks again for itself.
        let waiting = std::mem::take(&mut state.stalled_line);
        drop(state);
        self.waits.wake(waiting.calls.into_iter().map(|(id, _)| id));
    }

    fn next_served(&self, state: &State) -> [Option<WaitId>; 2] {
        let first = |line: &Waiting, kind| {
            line.first()
                .filter(|(_, need)| self.fits(state, *need, kind))
                .map(|(id, _)| id)
        };
        [
            first(&state.moving_line, Line::Moving),
            first(&state.stalled_line, Line::Stalled),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(capacity: usize) -> Memory {
        Memory::new(capacity, 16, Arc::new(Waits::default()))
    }

    #[test]
    fn the_bound_is_hard_and_given_back() {
        let memory = memory(100);
        assert!(memory.reserve(100, Line::Moving, None));
        assert!(!memory.reserve(1, Line::Moving, None));
        memory.release(40, Line::Moving, None);
        assert_eq!(memory.available(), 40);
        assert!(memory.reserve(40, Line::Moving, None));
    }

    #[test]
    fn nobody_overtakes_the_first_in_line() {
        let memory = memory(100);
        assert!(memory.reserve(90, Line::Moving, None));
        memory.wait(1, 50, Line::Moving);
        memory.wait(2, 5, Line::Moving);
        assert!(!memory.reserve(5, Line::Moving, None), "a newcomer waits");
        assert!(
            !memory.reserve(5, Line::Moving, Some(2)),
            "so does the second"
        );
        memory.release(90, Line::Moving, None);
        assert!(memory.reserve(50, Line::Moving, Some(1)));
        memory.leave(1);
        assert!(memory.reserve(5, Line::Moving, Some(2)));
    }

    #[test]
    fn what_those_who_wait_do_not_need_may_be_taken() {
        let memory = memory(100);
        assert!(memory.reserve(90, Line::Moving, None));
        memory.wait(1, 30, Line::Moving);
        memory.wait(2, 20, Line::Moving);
        memory.wait(2, 25, Line::Moving);
        memory.release(50, Line::Moving, None);
        assert!(!memory.reserve(6, Line::Moving, None), "they need 55 of 60");
        assert!(memory.reserve(5, Line::Moving, None));
        assert!(!memory.reserve(25, Line::Moving, Some(2)), "30 are ahead");
        assert!(memory.reserve(30, Line::Moving, Some(1)));
        memory.leave(1);
        assert!(memory.reserve(25, Line::Moving, Some(2)));
        memory.leave(2);
        memory.release(10, Line::Moving, None);
        assert!(memory.reserve(10, Line::Moving, None));
    }

    #[test]
    fn stalled_partitions_leave_half_to_the_others() {
        let memory = memory(100);
        assert!(memory.reserve(40, Line::Stalled, None));
        assert!(!memory.reserve(20, Line::Stalled, None));
        memory.wait(1, 20, Line::Stalled);
        assert!(memory.reserve(60, Line::Moving, None), "others go on");
        memory.release(60, Line::Moving, None);
        memory.release(40, Line::Stalled, None);
        assert!(memory.reserve(20, Line::Stalled, Some(1)));
    }

    #[test]
    fn a_spent_buffer_serves_again_and_the_pool_stays_within_the_bound() {
        let memory = memory(32);
        let buffer = memory.buffer(16, Line::Moving, None).unwrap();
        let address = buffer.as_ptr();
        memory.release(16, Line::Moving, Some(buffer.freeze()));
        let again = memory.buffer(16, Line::Moving, None).unwrap();
        assert_eq!(again.as_ptr(), address);
        memory.release(16, Line::Moving, Some(again.freeze()));
        assert!(memory.reserve(32, Line::Moving, None));
        assert!(memory.state().pool.is_empty());
    }
}
