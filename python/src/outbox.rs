//! What is to be told once records are settled, in their order: a row for each partition, and one wake-up for many records.

use std::collections::VecDeque;
use std::collections::hash_map::{Entry, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};

use raban::Delivery;

use crate::ready::{Bell, Woken};
use crate::sync::lock;

/// A topic, by the address of its name, and a partition. Should another topic come by the address meanwhile, the two share a
/// row, which does no harm.
pub(crate) type Place = (usize, i32);

/// Where a record goes.
pub(crate) fn place_of(delivery: &Delivery) -> Place {
    (delivery.topic().as_ptr() as usize, delivery.partition())
}

/// Places are addresses and small numbers, none of them an attacker's: mixed a little, they do.
#[derive(Default)]
struct PlaceHasher(u64);

impl Hasher for PlaceHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(5) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    fn write_i32(&mut self, number: i32) {
        self.write_u64(u64::from(number.cast_unsigned()));
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Something about a record that waits for the record's outcome.
pub(crate) trait Settles {
    fn place(&self) -> Place;

    /// Whether the outcome is there; if not, the waker is called when it comes.
    fn poll_settled(&mut self, cx: &mut Context<'_>) -> bool;
}

pub(crate) struct Outbox<T> {
    rows: Mutex<HashMap<Place, Row<T>, BuildHasherDefault<PlaceHasher>>>,
    /// The rows whose first record was settled.
    woken: Arc<Woken<Place>>,
    held: AtomicUsize,
}

struct Row<T> {
    items: VecDeque<T>,
    waker: Waker,
}

impl<T: Settles> Outbox<T> {
    pub(crate) fn new(bell: Arc<dyn Bell>) -> Self {
        Self {
            rows: Mutex::default(),
            woken: Woken::new(bell),
            held: AtomicUsize::new(0),
        }
    }

    /// How many items it holds.
    pub(crate) fn len(&self) -> usize {
        self.held.load(Ordering::Acquire)
    }

    /// Puts an item behind those of its partition.
    pub(crate) fn push(&self, item: T) {
        self.held.fetch_add(1, Ordering::AcqRel);
        let place = item.place();
        let mut rows = lock(&self.rows);
        match rows.entry(place) {
            Entry::Occupied(row) => row.into_mut().items.push_back(item),
            Entry::Vacant(vacant) => {
                let mut row = Row {
                    items: VecDeque::from([item]),
                    waker: self.woken.waker(place),
                };
                if row.items[0].poll_settled(&mut Context::from_waker(&row.waker)) {
                    row.waker.wake_by_ref();
                }
                vacant.insert(row);
            }
        }
    }

    /// Takes out what is settled in rows that were woken, or in all of them.
    pub(crate) fn take(&self, all: bool) -> Vec<T> {
        let mut places = self.woken.take();
        let mut rows = lock(&self.rows);
        if all {
            places = rows.keys().copied().collect();
        }
        let mut taken = Vec::new();
        for place in places {
            let Entry::Occupied(mut occupied) = rows.entry(place) else {
                continue;
            };
            let Row { items, waker } = occupied.get_mut();
            let mut cx = Context::from_waker(waker);
            while let Some(item) = items.pop_front_if(|item| item.poll_settled(&mut cx)) {
                taken.push(item);
            }
            if items.is_empty() {
                occupied.remove();
            }
        }
        drop(rows);
        self.held.fetch_sub(taken.len(), Ordering::AcqRel);
        taken
    }
}
