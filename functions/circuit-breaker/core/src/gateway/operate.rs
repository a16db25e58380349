//! `/requests/{requestId}` and `/targets/{target}/requests/{requestId}`: showing one request, cancelling or discarding it, and trying it again by hand.
//!
//! A request that a person *dismisses* stays as a row until it is forgotten: dead, and no longer in the index. So its
//! key is not free for another call, no list and no command to many has it, and by its id it can still be redriven.

use tenfold_pattern::ReadError;
use tenfold_pattern::http::RouteResult;
use tenfold_ports::api::{Problem, Request, Response};
use tenfold_ports::metrics::Metric;
use tenfold_ports::table::Read;
use tenfold_ports::{Bytes, Downstream, Queue, Runtime, Table};

use super::keys::group_full;
use super::view::RequestView;
use super::{Gateway, unknown_target};
use crate::metrics;
use crate::mutant::{Mutant, is_in};
use crate::names::{RequestId, TargetName};
use crate::park::{self, Stored};
use crate::rows::{self, OrderGroup, RequestRow, RequestStatus};

/// How often a request is decided upon anew that somebody else has written meanwhile.
const TRIES: usize = 4;
/// Why a request is dead that was cancelled.
const CANCELLED: &str = "cancelled by hand";

impl<T: Table, Q: Queue, D: Downstream, R: Runtime> Gateway<T, Q, D, R> {
    pub(super) async fn get_request(&self, id: &str) -> RouteResult {
        self.show(self.known_request(id).await?)
    }

    /// Reads a request that something was promised of, or that was answered.
    async fn known_request(&self, id: &str) -> Result<RequestRow, Problem> {
        let id = RequestId::parse(id).ok_or_else(unknown_request)?;
        let item = self.table.get(&rows::request_key(id), Read::Consistent).await.map_err(ReadError::from)?;
        let row = item.as_ref().map(RequestRow::read).transpose().map_err(ReadError::from)?;
        let known =
            |row: &RequestRow| row.status != RequestStatus::Running && !row.forgotten(self.runtime.now());
        row.filter(known).ok_or_else(unknown_request)
    }

    /// Reads a request of a target.
    async fn request_of(&self, target: &TargetName, id: &str) -> Result<RequestRow, Problem> {
        let row = self.known_request(id).await?;
        if row.data.target == *target { Ok(row) } else { Err(unknown_request()) }
    }

    fn show(&self, row: RequestRow) -> RouteResult {
        let view = RequestView::new(row, self.runtime.now()).ok_or_else(unknown_request)?;
        Ok(Response::json(200, &view))
    }

    /// `DELETE /targets/{target}/requests/{requestId}`: cancels a request that waits, discards a dead one.
    pub(super) async fn dismiss_request(
        &self,
        target: &TargetName,
        id: &str,
        request: &Request,
    ) -> RouteResult {
        for _ in 0..TRIES {
            let row = self.request_of(target, id).await?;
            if row.status == RequestStatus::Delivered {
                return Err(delivered(&row, "there is nothing to cancel"));
            }
            if row.data.dismissed.is_some() {
                return self.show(row);
            }
            let led_a_group = leads_a_group(&row);
            let (dismissed, stored) = self.dismiss(row).await?;
            if stored == Stored::Yes {
                tracing::info!(request = id, %target, by = by(request), "request dismissed by hand");
                self.dismissed_of(target, 1, led_a_group).await;
                return self.show(dismissed);
            }
        }
        Err(overtaken())
    }

    /// `POST /targets/{target}/requests/{requestId}/redrive`: queues a dead request again, also one that was dismissed.
    pub(super) async fn redrive_request(
        &self,
        target: &TargetName,
        id: &str,
        request: &Request,
    ) -> RouteResult {
        for _ in 0..TRIES {
            let row = self.request_of(target, id).await?;
            match row.status {
                RequestStatus::Delivered => return Err(delivered(&row, "there is nothing to try again")),
                // That is what was asked for.
                RequestStatus::Queued | RequestStatus::Running => return self.show(row),
                RequestStatus::Dying | RequestStatus::Dead => {}
            }
            self.registry.load(target, &[]).await?;
            self.registry.target(target).ok_or_else(|| unknown_target(target))?;
            let (again, stored) = self.redrive(row).await?;
            match stored {
                Stored::Yes => {
                    tracing::info!(request = id, %target, by = by(request), "request redriven by hand");
                    self.redriven_of(target, 1).await;
                    return self.show(again);
                }
                Stored::GroupFull => return Err(group_full()),
                Stored::Other(_) | Stored::Gone => {}
            }
        }
        Err(overtaken())
    }

    /// Queues a dead request again, whose attempts and age count from now. Returns its row as it is to be, and what became of
    /// that.
    pub(super) async fn redrive(&self, mut row: RequestRow) -> Result<(RequestRow, Stored), ReadError> {
        let now = self.runtime.now();
        row.status = RequestStatus::Queued;
        row.wake = now;
        row.data.due = now;
        row.data.begun = now;
        row.data.tries = 0;
        row.data.died = None;
        row.data.dismissed = None;
        row.data.answer = None;
        row.answer_body = Bytes::new();
        row.data.writer = self.runtime.next_u64();
        if !is_in(Mutant::RedriveWithoutItsBody) {
            park::keep_body(&self.table, &mut row).await?;
        }
        let stored = park::queue_row(&self.table, &self.runtime, &row).await?;
        Ok((row, stored))
    }

    /// Dismisses a request that waits or is dead, and takes it off its order group where it may be in one. Returns its row as it
    /// is to be, and what became of that.
    pub(super) async fn dismiss(&self, mut row: RequestRow) -> Result<(RequestRow, Stored), ReadError> {
        let in_a_group = leads_a_group(&row);
        let now = self.runtime.now();
        if row.status == RequestStatus::Queued {
            row.data.died = Some(CANCELLED.to_owned());
        }
        row.status = RequestStatus::Dead;
        row.data.dismissed = Some(now);
        row.expires = now + self.dead_retention;
        row.data.writer = self.runtime.next_u64();
        park::keep_what_is_left(&self.table, &mut row).await?;
        let stored = if !in_a_group || is_in(Mutant::CancelledInLine) {
            park::store(&self.table, &row).await?
        } else {
            let off = |group: &OrderGroup| Some(group.without(row.id));
            park::store_in_group(&self.table, &self.runtime, &row, None, off).await?
        };
        Ok((row, stored))
    }

    /// Records that requests were dismissed. Where one of them may have been the first of its order group, the next one's
    /// turn has come: its target is looked at.
    pub(super) async fn dismissed_of(&self, target: &TargetName, requests: usize, led_a_group: bool) {
        self.runtime.record(&metrics::of(target), &[Metric::count(metrics::DISMISSED, requests as f64)]);
        if led_a_group {
            self.look_at(target).await;
        }
    }

    /// Records that requests wait again, and has their target looked at.
    pub(super) async fn redriven_of(&self, target: &TargetName, requests: usize) {
        self.runtime.record(&metrics::of(target), &[Metric::count(metrics::REDRIVEN, requests as f64)]);
        self.look_at(target).await;
    }

    async fn look_at(&self, target: &TargetName) {
        let now = self.runtime.now();
        self.wakes.by(&self.queue, target, now, now).await;
    }
}

/// Returns who has sent a command, for the log.
pub(super) fn by(request: &Request) -> &str {
    request.caller.as_deref().unwrap_or("-")
}

/// Whether a request may be the first of its order group: only those that wait are in one.
pub(super) fn leads_a_group(row: &RequestRow) -> bool {
    row.status == RequestStatus::Queued && row.data.ordering.is_some()
}

fn unknown_request() -> Problem {
    let detail = "no request was queued or answered under this id, or it is forgotten by now; while the \
                  first is still running, send it again with the same Idempotency-Key";
    Problem::new(404, "unknown-request", "There is no such request", detail)
}

/// What is answered for a request that has come to its end meanwhile.
fn delivered(row: &RequestRow, so: &str) -> Problem {
    let status = row.data.answer.as_ref().map_or(0, |answer| answer.status);
    let detail = format!("the target has answered {status}: {so}");
    Problem::new(409, "request-delivered", "The request was delivered", detail)
}

fn overtaken() -> Problem {
    Problem::unavailable("others wrote this request again and again; send the same request again", 1)
}
