//! Which frames a proxy doesn't simply pass on, and what it does with them.

use std::time::Duration;

use super::frame::ApiKey;

/// The way of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the broker.
    Request,
    /// From the broker to the client.
    Response,
}

/// Identifies a rule of one proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RuleId(pub(super) u64);

/// What to do with certain frames, for [`Proxy::add`](super::Proxy::add).
///
/// ```
/// # use std::time::Duration;
/// # use testbed::{ApiKey, Rule};
/// let lost = Rule::responses(ApiKey::PRODUCE).times(5).swallow();
/// let half_written = Rule::requests(ApiKey::PRODUCE).skip(2).times(1).cut_after(100);
/// let slow = Rule::any_response().delay(Duration::from_millis(20));
/// ```
#[derive(Clone, Debug)]
pub struct Rule {
    pub(super) direction: Direction,
    pub(super) api: Option<ApiKey>,
    pub(super) skip: u64,
    pub(super) times: Option<u64>,
    pub(super) action: Action,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Swallow,
    Delay(Duration),
    Hold,
    CutAfter(usize),
}

impl Rule {
    /// A rule for requests of one API.
    pub fn requests(api: ApiKey) -> RuleBuilder {
        RuleBuilder::new(Direction::Request, Some(api))
    }

    /// A rule for responses to one API.
    pub fn responses(api: ApiKey) -> RuleBuilder {
        RuleBuilder::new(Direction::Response, Some(api))
    }

    /// A rule for all requests.
    pub fn any_request() -> RuleBuilder {
        RuleBuilder::new(Direction::Request, None)
    }

    /// A rule for all responses.
    pub fn any_response() -> RuleBuilder {
        RuleBuilder::new(Direction::Response, None)
    }
}

/// Says which frames a [`Rule`] is for; its last four methods say what happens to them.
#[derive(Clone, Debug)]
#[must_use]
pub struct RuleBuilder {
    direction: Direction,
    api: Option<ApiKey>,
    skip: u64,
    times: Option<u64>,
}

impl RuleBuilder {
    fn new(direction: Direction, api: Option<ApiKey>) -> Self {
        Self {
            direction,
            api,
            skip: 0,
            times: None,
        }
    }

    /// Leaves the first `frames` that fit alone.
    pub fn skip(mut self, frames: u64) -> Self {
        self.skip = frames;
        self
    }

    /// Applies to so many frames, then no more; to all of them unless set.
    pub fn times(mut self, frames: u64) -> Self {
        self.times = Some(frames);
        self
    }

    /// The frame disappears. A swallowed request never reaches the broker; after a swallowed response the broker has
    /// done what was asked, and the client doesn't know.
    pub fn swallow(self) -> Rule {
        self.rule(Action::Swallow)
    }

    /// The frame leaves the proxy this long after it came in; frames behind it wait, and keep their own delay.
    pub fn delay(self, by: Duration) -> Rule {
        self.rule(Action::Delay(by))
    }

    /// The frame, and all behind it on its connection and way, wait until the rule is removed.
    pub fn hold(self) -> Rule {
        self.rule(Action::Hold)
    }

    /// Passes on the first `bytes` of the frame, counted from its 4-byte size, then resets the connection. The client
    /// sees a reset, the broker an orderly close.
    pub fn cut_after(self, bytes: usize) -> Rule {
        self.rule(Action::CutAfter(bytes))
    }

    fn rule(self, action: Action) -> Rule {
        let Self {
            direction,
            api,
            skip,
            times,
        } = self;
        Rule {
            direction,
            api,
            skip,
            times,
            action,
        }
    }
}
