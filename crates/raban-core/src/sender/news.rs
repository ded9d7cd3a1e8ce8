//! What the application's threads tell, and when it is looked at: woken, or with the next answer.

use std::time::Duration;

use super::Sender;
use super::timers::Timer;
use crate::connection::{Connection, Role};
use crate::time::{Instant, Now};

/// So many requests of each broker's to be answered are enough for news to wait for the first answer: meanwhile the broker has
/// the others.
const ANSWERS_TO_COME: usize = 2;
/// News waits no longer than this, the least that `linger.ms` may be if not 0.
const LOOK_WITHIN: Duration = Duration::from_millis(1);

impl Sender {
    pub(super) fn take_news(&mut self, now: Now) {
        let news = self.accumulator.signal.take();
        for topic in news.topics {
            self.metadata.want_topic(&topic, now.instant);
        }
        for id in news.partitions {
            let seen = self.queue(id).partition.look_as_signalled();
            self.evaluate_as(now.instant, id, seen);
        }
        for topic in news.warmed {
            self.warm(now.instant, &topic);
        }
        if let Some(what) = news.purge {
            self.purge(now.instant, what);
        }
        if news.instance_id {
            self.want_instance_id();
        }
        self.hurry(now.instant);
    }

    /// While each broker has requests to answer, batches don't wake the sender: a wake-up each would cost both threads more than to
    /// look at several at a time, and requests would be small.
    pub(super) fn look_soon(&mut self, now: Instant) {
        let enough = match self.config.linger.is_zero() {
            // Nothing more could be sent.
            true => self.max_in_flight(),
            false => self.max_in_flight().min(ANSWERS_TO_COME),
        };
        let to_leaders = |connection: &&Connection| matches!(connection.role, Role::Leader(_));
        let mut leaders = self.connections.values().filter(to_leaders).peekable();
        let all_have_enough = leaders.peek().is_some()
            && leaders.all(|connection| connection.produce_in_flight() >= enough);
        if all_have_enough {
            self.accumulator.signal.look_soon();
            if !self.timers.is_armed(Timer::News) {
                self.timers.arm(Timer::News, now + LOOK_WITHIN);
            }
        }
    }

    /// When calls wait for memory, a flush began or the producer closes, open batches leave at once:
    /// those that linger are looked at when that begins; later ones say so themselves.
    fn hurry(&mut self, now: Instant) {
        let closing = self.accumulator.generations.is_closing();
        let hurried = closing || self.accumulator.memory.has_waiters();
        let flushed = self.accumulator.generations.flushed_since_asked();
        if flushed || (hurried && !self.hurried) {
            self.hurried = hurried;
            for id in std::mem::take(&mut self.lingering) {
                self.queue(id).lingers = false;
                self.evaluate(now, id);
            }
        }
        self.hurried = hurried;
        if let Some(deadline) = self.accumulator.closing.deadline().filter(|_| !self.closed) {
            self.timers.arm(Timer::Close, deadline);
        }
    }
}
