//! What calls promise when they return: within which time, and what is settled then.

use std::time::Duration;

use raban_core::config::Acks;
use raban_core::{CloseReport, Config, ErrorKind};

use crate::ledger::Ledger;
use crate::stage::Stage;
use crate::violation::Violation;

/// What the driver and an application's thread may take on top, to get to run.
const SLACK: Duration = Duration::from_millis(5);

/// A record was accepted, or not: within `max.block.ms`.
pub(crate) fn accepted(stage: &mut Stage, config: &Config, since: Duration) {
    let took = stage.now - since;
    if took > config.max_block + SLACK {
        let limit = config.max_block;
        stage.violate(Violation::new(
            "max.block.ms",
            format!("a call took {took:?}, not {limit:?}"),
        ));
    }
}

/// A flush ended: all of the first `upto` accepted records are settled, within the time for a delivery.
pub(crate) fn flushed(
    stage: &mut Stage,
    ledger: &Ledger,
    config: &Config,
    since: Duration,
    upto: u64,
) {
    let mut before = ledger
        .accepted()
        .filter(|(_, _, accepted)| accepted.order <= upto);
    let open = before.find(|(_, _, accepted)| {
        let delivery = accepted.delivery.as_ref();
        delivery.is_some_and(|delivery| !delivery.is_settled())
    });
    if let Some((id, _, _)) = open {
        stage.violate(Violation::new(
            "flush",
            format!("a flush since {since:?} ended before record {id} was settled"),
        ));
    }
    // With acks=0 a flush ends when the broker has read what was written, or is given up.
    let barrier = match config.acks {
        Acks::None => config.request_timeout,
        _ => Duration::ZERO,
    };
    let took = stage.now - since;
    if took > config.delivery_timeout + barrier + SLACK {
        stage.violate(Violation::new("flush", format!("a flush took {took:?}")));
    }
}

/// A close ended: everything is settled, within its timeout, and it reports what it gave up.
pub(crate) fn closed(
    stage: &mut Stage,
    ledger: &Ledger,
    since: Duration,
    timeout: Duration,
    report: CloseReport,
) {
    let open = ledger.accepted().find(|(_, _, accepted)| {
        let delivery = accepted.delivery.as_ref();
        delivery.is_some_and(|delivery| !delivery.is_settled())
    });
    if let Some((id, _, _)) = open {
        stage.violate(Violation::new(
            "close",
            format!("it ended before record {id} was settled"),
        ));
    }
    let given_up = |in_doubt: bool| {
        let outcomes = ledger
            .accepted()
            .filter_map(|(_, _, accepted)| accepted.delivery.as_ref()?.try_outcome());
        let errors = outcomes.filter_map(Result::err);
        let aborted = errors.filter(|error| *error.kind() == ErrorKind::Aborted);
        aborted
            .filter(|error| error.may_have_been_written() == in_doubt)
            .count() as u64
    };
    // Those that nobody waits for aren't seen here.
    if given_up(false) > report.unsent || given_up(true) > report.in_doubt {
        stage.violate(Violation::new(
            "close",
            format!("it gave up more than {report:?}"),
        ));
    }
    let took = stage.now - since;
    if took > timeout + SLACK {
        stage.violate(Violation::new(
            "close",
            format!("it took {took:?} instead of {timeout:?}"),
        ));
    }
}
