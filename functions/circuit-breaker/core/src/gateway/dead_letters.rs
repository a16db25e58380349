//! `POST /dead-letters/clear`: deletes the dead letters that nobody needs any more.
//!
//! The rows are the truth; a dead letter tells others of it, and raises the alarm. To delete one it has to be received,
//! and whoever receives hides: so no other route receives, and this one gives back what it does not delete.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use tenfold_pattern::http::RouteResult;
use tenfold_pattern::read::{ReadError, readable};
use tenfold_pattern::send;
use tenfold_ports::api::Response;
use tenfold_ports::queue::{BATCH, Delivery};
use tenfold_ports::table::{self, Read};
use tenfold_ports::{Context, Downstream, Queue, Runtime, SmolStr, Table};

use super::{Gateway, queue_failed};
use crate::decide::timing::time_left;
use crate::names::RequestId;
use crate::park::DeadRequest;
use crate::rows::{self, RequestRow, RequestStatus};

/// The number of batches that are received at a time at most.
const WIDTH: usize = 8;
/// For how long a call waits for messages: only then all of SQS's servers are asked.
const WAIT: Duration = Duration::from_secs(1);
/// What is left of an invocation's time for giving back what is not deleted.
const RESERVE: Duration = Duration::from_secs(8);

impl<T: Table, Q: Queue, D: Downstream, R: Runtime> Gateway<T, Q, D, R> {
    pub(super) async fn clear_dead_letters(&self, context: &Context) -> RouteResult {
        let (mut looked, mut cleared, mut kept) = (0, 0, Vec::new());
        let (mut width, mut more) = (1, false);
        let done = loop {
            let receives = (0..width).map(|_| self.dead_letters.0.receive(BATCH, WAIT));
            let (mut letters, mut failed) = (Vec::<Delivery>::new(), None);
            for batch in join_all(receives).await {
                match batch {
                    Ok(batch) => letters.extend(batch),
                    Err(error) => failed = Some(error),
                }
            }
            if let Some(error) = failed {
                // Those that came beside it are in hand.
                kept.extend(letters.into_iter().map(|letter| letter.receipt));
                break Err(queue_failed(&error));
            }
            if letters.is_empty() {
                break Ok(());
            }
            // Where all of them were full there are many.
            width = if letters.len() == width * BATCH { (2 * width).min(WIDTH) } else { 1 };
            looked += letters.len();
            let (answered, others) = match self.sort(letters).await {
                Ok(sorted) => sorted,
                Err((error, letters)) => {
                    kept.extend(letters);
                    break Err(error.into());
                }
            };
            kept.extend(others);
            let most = answered.len();
            cleared += most - send::deletions(&self.dead_letters.0, answered).await;
            if time_left(self.runtime.now(), context.deadline, RESERVE, Duration::MAX).is_zero() {
                more = true;
                break Ok(());
            }
        };
        self.give_back(kept).await;
        done?;
        Ok(Response::json(200, &json!({ "looked": looked, "cleared": cleared, "more": more })))
    }

    /// Parts the receipts of letters whose request is dead no more from those of the others; on an error all are given
    /// back.
    async fn sort(
        &self,
        letters: Vec<Delivery>,
    ) -> Result<(Vec<SmolStr>, Vec<SmolStr>), (ReadError, Vec<SmolStr>)> {
        let named: Vec<(Option<RequestId>, SmolStr)> = letters
            .into_iter()
            .map(|letter| {
                let dead: Option<DeadRequest> = serde_json::from_slice(&letter.body).ok();
                (dead.map(|dead| dead.request), letter.receipt)
            })
            .collect();
        match self.still_dead(named.iter().filter_map(|(id, _)| *id).collect()).await {
            Ok(dead) => {
                let is_answered = |id: &Option<RequestId>| id.is_some_and(|id| !dead.contains(&id));
                let (answered, others): (Vec<_>, Vec<_>) =
                    named.into_iter().partition(|(id, _)| is_answered(id));
                let receipts = |letters: Vec<(_, SmolStr)>| letters.into_iter().map(|(_, r)| r).collect();
                Ok((receipts(answered), receipts(others)))
            }
            Err(error) => Err((error, named.into_iter().map(|(_, receipt)| receipt).collect())),
        }
    }

    /// Returns those of these requests that are dead and of which nobody has said that they do not matter, or whose row
    /// cannot be read.
    async fn still_dead(&self, mut ids: Vec<RequestId>) -> Result<HashSet<RequestId>, ReadError> {
        ids.sort();
        ids.dedup();
        let mut dead = HashSet::new();
        for ids in ids.chunks(table::BATCH) {
            let keys: Vec<_> = ids.iter().map(|id| rows::request_key(*id)).collect();
            let items = self.table.get_many(&keys, Read::Consistent).await?;
            let found = ids.iter().zip(items).filter_map(|(id, item)| Some((id, item?)));
            dead.extend(found.filter_map(|(id, item)| {
                let row = readable(&self.runtime, RequestRow::read(&item));
                row.is_none_or(|row| {
                    matches!(row.status, RequestStatus::Dead | RequestStatus::Dying)
                        && row.data.dismissed.is_none()
                })
                .then_some(*id)
            }));
        }
        Ok(dead)
    }

    /// Shows letters again that were received. Where that is refused they come back by themselves, when the queue no
    /// longer hides them.
    async fn give_back(&self, receipts: Vec<SmolStr>) {
        let batches: Vec<Vec<SmolStr>> = receipts.chunks(BATCH).map(<[SmolStr]>::to_vec).collect();
        for batches in batches.chunks(WIDTH) {
            let calls = batches.iter().map(|batch| self.dead_letters.0.hide(batch.clone(), Duration::ZERO));
            for error in join_all(calls).await.into_iter().filter_map(Result::err) {
                tracing::warn!(%error, "dead letters are hidden for a while");
            }
        }
    }
}
