//! Spent buffers that serve again: of `batch.size` bytes, and of twice, four times, … as many.

use bytes::BytesMut;

#[derive(Debug, Default)]
pub(super) struct Pool {
    /// Capacity of the smallest ones: one full batch.
    smallest: usize,
    /// By how often their capacity is doubled.
    buffers: Vec<Vec<BytesMut>>,
    /// Capacity of all of them together.
    bytes: usize,
}

impl Pool {
    pub(super) fn new(smallest: usize) -> Self {
        Self {
            smallest,
            ..Self::default()
        }
    }

    pub(super) fn take(&mut self, capacity: usize) -> Option<BytesMut> {
        let class = self.class(capacity)?;
        let buffer = self.buffers.get_mut(class)?.pop()?;
        self.bytes -= capacity;
        Some(buffer)
    }

    /// A frozen buffer may have lost its front or tail: only whole ones are kept. With what they hold, which the next batch is
    /// written over: nothing of them has to be zeroed again.
    pub(super) fn keep(&mut self, spent: BytesMut) {
        let capacity = spent.capacity();
        let Some(class) = self.class(capacity) else {
            return;
        };
        if self.buffers.len() <= class {
            self.buffers.resize_with(class + 1, Vec::new);
        }
        self.buffers[class].push(spent);
        self.bytes += capacity;
    }

    /// Lets go of the largest ones until the others come to `room` at most.
    pub(super) fn shrink(&mut self, room: usize) {
        for (class, buffers) in self.buffers.iter_mut().enumerate().rev() {
            let capacity = self.smallest << class;
            let excess = self.bytes.saturating_sub(room).div_ceil(capacity);
            let left = buffers.len().saturating_sub(excess);
            self.bytes -= (buffers.len() - left) * capacity;
            buffers.truncate(left);
        }
    }

    fn class(&self, capacity: usize) -> Option<usize> {
        let times = capacity.checked_div(self.smallest)?;
        let exact = times.is_power_of_two() && times * self.smallest == capacity;
        exact.then(|| times.ilog2() as usize)
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.bytes == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_whole_buffers_of_each_size_within_the_room() {
        let mut pool = Pool::new(100);
        for capacity in [100, 100, 200, 400, 300, 50] {
            pool.keep(BytesMut::with_capacity(capacity));
        }
        assert_eq!(pool.bytes, 800, "300 and 50 are no sizes of batches");
        pool.shrink(799);
        assert!(pool.take(400).is_none(), "the largest goes first");
        assert_eq!(pool.take(200).unwrap().capacity(), 200);
        pool.shrink(150);
        assert!(pool.take(100).is_some());
        assert!(pool.is_empty() && pool.take(100).is_none());
    }
}
