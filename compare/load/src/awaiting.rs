//! How clients are driven that give a future for each record.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;

use tokio::runtime::Runtime;

use crate::Failure;
use crate::source::{Record, Share};

/// Deliveries that a sender holds; when there are so many, it awaits the older half.
pub const HELD: usize = 65_536;

/// A client whose deliveries are awaited.
pub trait Enqueue: Send + Sync + 'static {
    type Delivery: Send + 'static;

    /// Resolves when the client has taken the record.
    fn enqueue(
        &self,
        record: Record,
    ) -> impl Future<Output = Result<Self::Delivery, Failure>> + Send;

    /// Resolves when the record is acknowledged.
    ///
    /// # Errors
    /// Why it isn't.
    fn delivered(delivery: Self::Delivery) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// Sends a share and returns once each of its records has an outcome.
///
/// # Errors
/// That the task panicked. A record that fails is told to the share's tally.
pub fn send<C: Enqueue>(runtime: &Runtime, client: &Arc<C>, share: Share) -> Result<(), Failure> {
    let client = Arc::clone(client);
    if share.is_paced() {
        return send_paced(runtime, &client, share);
    }
    let task = runtime.spawn(async move { send_at_once(&*client, share).await });
    runtime.block_on(task).map_err(Failure::new)
}

async fn send_at_once<C: Enqueue>(client: &C, share: Share) {
    let tally = Arc::clone(&share.tally);
    let mut delivered = 0;
    let mut held = VecDeque::with_capacity(HELD);
    for record in share {
        match client.enqueue(record).await {
            Ok(delivery) => held.push_back(delivery),
            Err(error) => return tally.failed(error),
        }
        if held.len() == HELD {
            for delivery in held.drain(..HELD / 2) {
                match C::delivered(delivery).await {
                    Ok(()) => delivered += 1,
                    Err(error) => return tally.failed(error),
                }
            }
        }
    }
    for delivery in held {
        match C::delivered(delivery).await {
            Ok(()) => delivered += 1,
            Err(error) => return tally.failed(error),
        }
    }
    tally.delivered_many(delivered);
}

/// The sender keeps the time on a thread of its own, since an executor's clock counts milliseconds; each delivery has a task, so
/// that none waits for another to be noticed.
fn send_paced<C: Enqueue>(runtime: &Runtime, client: &Arc<C>, share: Share) -> Result<(), Failure> {
    let tally = Arc::clone(&share.tally);
    let mut tasks = VecDeque::new();
    for record in share {
        match runtime.block_on(client.enqueue(record)) {
            Err(error) => tally.failed(error),
            Ok(delivery) => {
                let tally = Arc::clone(&tally);
                tasks.push_back(runtime.spawn(async move {
                    match C::delivered(delivery).await {
                        Ok(()) => tally.delivered(record.ticket),
                        Err(error) => tally.failed(error),
                    }
                }));
            }
        }
        while tasks.pop_front_if(|task| task.is_finished()).is_some() {}
    }
    tasks
        .into_iter()
        .try_for_each(|task| runtime.block_on(task).map_err(Failure::new))
}
