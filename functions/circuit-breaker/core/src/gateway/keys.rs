//! Idempotency keys: who may write a request's row, and what a repeated key is answered.

use jiff::Timestamp;
use tenfold_pattern::ReadError;
use tenfold_pattern::http::RouteResult;
use tenfold_ports::api::{Problem, Request, Response};
use tenfold_ports::table::Read;
use tenfold_ports::{Context, Downstream, Queue, Runtime, Table};

use super::Gateway;
use super::view::{passed_on, queued};
use crate::call::kept;
use crate::decide::permits::CLOCK_MARGIN;
use crate::decide::timing::seconds_until;
use crate::mutant::{Mutant, is_in};
use crate::park::{self, Stored};
use crate::rows::{ORDER_GROUP_MOST, RequestRow, RequestStatus, request_key};

/// How often an abandoned key is taken over before somebody else is let have it.
const TAKE_TRIES: usize = 4;

/// What came of claiming a key.
pub(super) enum KeyClaim {
    /// The key is this request's; the row as it is written.
    Claimed(Box<RequestRow>),
    /// The key came before, and this is the answer to its repetition.
    Answered(Response),
}

impl<T: Table, Q: Queue, D: Downstream, R: Runtime> Gateway<T, Q, D, R> {
    /// Answers a request that its target does not take: with what its key came to, where that was before the target's
    /// configuration was changed. Otherwise its sender would believe that nothing was done.
    ///
    /// # Errors
    /// The problem, where the key is new.
    pub(super) async fn refused(&self, request: &Request, row: &RequestRow, problem: Problem) -> RouteResult {
        let before = self.before(row).await?;
        let answer = before.map(|before| self.repeated(request, row, &before)).transpose()?;
        answer.flatten().ok_or(problem)
    }

    /// Reads what became of the key of a row before.
    async fn before(&self, row: &RequestRow) -> Result<Option<RequestRow>, ReadError> {
        let item = self.table.get(&request_key(row.id), Read::Consistent).await?;
        Ok(item.as_ref().map(RequestRow::read).transpose()?)
    }

    /// Claims a key, so that the same one again does not call the target. The claim lapses when this process
    /// must have ended.
    pub(super) async fn claim(
        &self,
        request: &Request,
        mut row: RequestRow,
        context: &Context,
    ) -> Result<KeyClaim, Problem> {
        row.status = RequestStatus::Running;
        let ends = if is_in(Mutant::ClaimTooShort) { self.runtime.now() } else { context.deadline };
        row.data.until = ends + CLOCK_MARGIN;
        row.expires = self.runtime.now() + self.answer_retention;
        Ok(match self.take(request, &mut row).await? {
            None => KeyClaim::Claimed(Box::new(row.written())),
            Some(response) => KeyClaim::Answered(response),
        })
    }

    /// Writes a row whose key is free, forgotten or abandoned, and before it the body that it promises, where that is large.
    /// Otherwise returns what a repeated key is answered.
    pub(super) async fn take(
        &self,
        request: &Request,
        row: &mut RequestRow,
    ) -> Result<Option<Response>, Problem> {
        let parks = row.status == RequestStatus::Queued;
        if parks
            && row.version == 0
            && row.body.is_apart()
            && let Some(before) = self.before(row).await?
        {
            // A repetition writes no body, which nobody would delete.
            if let Some(response) = self.repeated(request, row, &before)? {
                return Ok(Some(response));
            }
            row.version = before.version;
        }
        if parks && !is_in(Mutant::RowBeforeBody) {
            park::put_body(&self.table, row, &request.body).await?;
        }
        for _ in 0..TAKE_TRIES {
            row.data.writer = self.runtime.next_u64();
            let stored = if parks {
                park::queue_row(&self.table, &self.runtime, row).await?
            } else {
                park::store(&self.table, row).await?
            };
            match stored {
                Stored::Yes if parks && is_in(Mutant::RowBeforeBody) => {
                    park::put_body(&self.table, row, &request.body).await?;
                    return Ok(None);
                }
                Stored::Yes => return Ok(None),
                Stored::GroupFull => return Err(group_full()),
                Stored::Gone => row.version = 0,
                Stored::Other(current) => match self.repeated(request, row, &current)? {
                    Some(response) => return Ok(Some(response)),
                    None => row.version = current.version,
                },
            }
        }
        Err(Problem::unavailable("others with the same Idempotency-Key were faster again and again", 1))
    }

    /// Returns what a repeated key is answered, or none where the row there is nobody's any more and can be taken
    /// over.
    fn repeated(
        &self,
        request: &Request,
        row: &RequestRow,
        current: &RequestRow,
    ) -> Result<Option<Response>, Problem> {
        let now = self.runtime.now();
        if current.forgotten(now) {
            return Ok(None);
        }
        if current.data.digest != row.data.digest {
            let detail = "this Idempotency-Key came before with another method, path, query, body, content type or \
                      Ordering-Key; take a new key for a new request";
            return Err(Problem::new(422, "key-reused", "The key was used for another request", detail));
        }
        match current.status {
            RequestStatus::Running if claim_holds(current, now) => {
                let detail = "the first request with this Idempotency-Key is still running; ask again later";
                let seconds = seconds_until(now, current.data.until).min(2);
                Err(Problem::new(409, "still-running", "The request is still running", detail).after(seconds))
            }
            RequestStatus::Running => Ok(None),
            RequestStatus::Queued => Ok(Some(queued(request, row.id))),
            RequestStatus::Dying | RequestStatus::Dead => Err(given_up(current)),
            RequestStatus::Delivered => {
                let Some(head) = &current.data.answer else { return Ok(None) };
                let Some(target) = self.registry.target(&row.data.target) else { return Ok(None) };
                let answer = kept(head, current.answer_body.clone());
                passed_on(request, &row.data.target, &target.config, &answer)
                    .map(|response| Some(response.with("idempotent-replayed", "true")))
            }
        }
    }
}

/// Whether the gateway that claimed a key may still be calling.
fn claim_holds(current: &RequestRow, now: Timestamp) -> bool {
    now < current.data.until && !is_in(Mutant::ClaimStolen)
}

pub(super) fn group_full() -> Problem {
    let detail = format!("{ORDER_GROUP_MOST} requests with this Ordering-Key wait already");
    Problem::new(429, "line-full", "Too many requests wait in line", detail).after(30)
}

/// What a repeated key is answered whose request was given up: it is not tried again by itself.
fn given_up(row: &RequestRow) -> Problem {
    let why = row.data.died.as_deref().unwrap_or("for a reason that is not known");
    let detail = format!(
        "the request with this Idempotency-Key was given up ({why}); GET /requests/{id} shows it, POST \
         /targets/{target}/requests/{id}/redrive tries it again, and a new key makes it a new request",
        target = row.data.target,
        id = row.id
    );
    Problem::new(409, "request-dead", "The request was given up", detail)
}
