//! Conditional writes, made again until their fate is known.
//!
//! After [`CallError::Unknown`] a write may have been applied. So the same write is made again: if the first was
//! applied, the second conflicts, and the item that the conflict brings along says whose it is. A conflict with
//! oneself is a success. No read before is needed, and no call more when nothing goes wrong.

use tenfold_ports::table::{Cancelled, Item, TransactError, Write, WriteError};
use tenfold_ports::{CallError, Table};

/// How often a write is made whose answer is lost every time. Four that DynamoDB leaves without an answer end within
/// 24 s, before a function's time does.
pub const TRIES: usize = 4;

/// What became of a write.
#[derive(Debug, Clone, PartialEq)]
pub enum Committed {
    /// It is applied, by this call or by one before whose answer was lost.
    Yes,
    /// It wrote nothing, since its condition does not hold: the item as somebody else has written it, none where it
    /// is absent.
    Conflict(Option<Item>),
    /// An answer was lost, and the item as it is now is somebody else's: it may have been applied in between. What
    /// may not be done twice is not to be decided anew from here.
    Unclear(Option<Item>),
}

/// What became of a transaction.
#[derive(Debug, Clone, PartialEq)]
pub enum Transacted {
    /// It is applied, by this call or by one before whose answer was lost.
    Yes,
    /// The last try wrote nothing: a reason for each write, in their order. One before may have been applied, where its
    /// answer was lost and somebody has written since.
    Cancelled(Vec<Cancelled>),
}

/// Whether the same write is made again. Once an answer was `lost`, that a later try was not applied says nothing of the
/// one before.
fn go_on(error: &CallError, lost: &mut bool) -> bool {
    *lost |= error.may_have_applied();
    *lost && !matches!(error, CallError::Refused(_))
}

/// Makes one write. `mine` tells by an item that it is what this very write has made of it, for instance by a random
/// name of the writer in it.
///
/// # Errors
/// The table did not answer, or refused the write. After [`CallError::Unknown`] it may be applied.
pub async fn write<T: Table>(
    table: &T,
    write: &Write,
    mine: impl Fn(&Item) -> bool,
) -> Result<Committed, CallError> {
    let mut lost = false;
    for _ in 0..TRIES {
        match table.write(write.clone()).await {
            Ok(()) => return Ok(Committed::Yes),
            Err(WriteError::Conflict { current: Some(item) }) if mine(&item) => return Ok(Committed::Yes),
            Err(WriteError::Conflict { current }) if lost => return Ok(Committed::Unclear(current)),
            Err(WriteError::Conflict { current }) => return Ok(Committed::Conflict(current)),
            Err(WriteError::Call(error)) if go_on(&error, &mut lost) => {}
            Err(WriteError::Call(error)) => return Err(if lost { CallError::Unknown } else { error }),
        }
    }
    Err(CallError::Unknown)
}

/// Makes one transaction. `mine` tells by the reasons of a cancelled one that it was cancelled by itself: an attempt
/// before was applied, and its answer lost.
///
/// # Errors
/// The table did not answer, or refused the transaction. After [`CallError::Unknown`] it may be applied.
pub async fn transact<T: Table>(
    table: &T,
    writes: &[Write],
    mine: impl Fn(&[Cancelled]) -> bool,
) -> Result<Transacted, CallError> {
    let mut lost = false;
    for _ in 0..TRIES {
        match table.transact(writes.to_vec()).await {
            Ok(()) => return Ok(Transacted::Yes),
            Err(TransactError::Cancelled(reasons)) if mine(&reasons) => return Ok(Transacted::Yes),
            Err(TransactError::Cancelled(reasons)) => return Ok(Transacted::Cancelled(reasons)),
            Err(TransactError::Call(error)) if go_on(&error, &mut lost) => {}
            Err(TransactError::Call(error)) => return Err(if lost { CallError::Unknown } else { error }),
        }
    }
    Err(CallError::Unknown)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::VecDeque;

    use futures_util::FutureExt;
    use tenfold_ports::table::{Condition, Cursor, Key, Page, Query, Read};

    use super::*;

    /// A table that answers writes as it is told, one after the other.
    struct Scripted(RefCell<VecDeque<Result<(), WriteError>>>);

    impl Table for Scripted {
        async fn get(&self, _: &Key, _: Read) -> Result<Option<Item>, CallError> {
            Err(CallError::Unavailable)
        }

        async fn get_many(&self, _: &[Key], _: Read) -> Result<Vec<Option<Item>>, CallError> {
            Err(CallError::Unavailable)
        }

        async fn write(&self, _: Write) -> Result<(), WriteError> {
            self.0.borrow_mut().pop_front().unwrap()
        }

        async fn transact(&self, _: Vec<Write>) -> Result<(), TransactError> {
            self.write(a_write()).await.map_err(|error| match error {
                WriteError::Conflict { current } => {
                    TransactError::Cancelled(vec![Cancelled::Condition(current)])
                }
                WriteError::Call(error) => error.into(),
            })
        }

        async fn query(&self, _: Query) -> Result<Page, CallError> {
            Err(CallError::Unavailable)
        }

        async fn count(&self, _: Query) -> Result<(u64, Option<Cursor>), CallError> {
            Err(CallError::Unavailable)
        }
    }

    fn written_by(writer: i64) -> Item {
        Item::new(Key::new("a", "b")).with("writer", writer)
    }

    fn a_write() -> Write {
        Write::Put { item: written_by(1), condition: Condition::Absent }
    }

    fn conflict(writer: i64) -> Result<(), WriteError> {
        Err(WriteError::Conflict { current: Some(written_by(writer)) })
    }

    fn fails(error: CallError) -> Result<(), WriteError> {
        Err(error.into())
    }

    /// What comes of a write whose tries are answered so, and how many answers were not asked for.
    fn told(answers: Vec<Result<(), WriteError>>) -> (Result<Committed, CallError>, usize) {
        let table = Scripted(RefCell::new(answers.into()));
        let mine = |item: &Item| item.number("writer") == Ok(1);
        let committed = write(&table, &a_write(), mine).now_or_never().unwrap();
        (committed, table.0.take().len())
    }

    #[test]
    fn a_conflict_with_oneself_is_a_success() {
        assert_eq!(told(vec![Ok(())]), (Ok(Committed::Yes), 0));
        assert_eq!(told(vec![fails(CallError::Unknown), conflict(1)]), (Ok(Committed::Yes), 0));
        assert_eq!(told(vec![conflict(2)]), (Ok(Committed::Conflict(Some(written_by(2)))), 0));
    }

    #[test]
    fn what_was_overtaken_after_its_answer_was_lost_is_unclear() {
        let unclear = Ok(Committed::Unclear(Some(written_by(2))));
        assert_eq!(told(vec![fails(CallError::Unknown), conflict(2)]), (unclear.clone(), 0));
        let answers = vec![fails(CallError::Unknown), fails(CallError::Throttled), conflict(2)];
        assert_eq!(told(answers), (unclear, 0));
    }

    #[test]
    fn a_lost_answer_is_not_forgotten_by_a_later_refusal() {
        let refused = || CallError::Refused("no".to_owned());
        assert_eq!(told(vec![fails(CallError::Throttled)]), (Err(CallError::Throttled), 0));
        assert_eq!(told(vec![fails(refused())]), (Err(refused()), 0));
        let throttled =
            [CallError::Unknown, CallError::Throttled, CallError::Unavailable, CallError::Throttled];
        assert_eq!(told(throttled.map(fails).into()), (Err(CallError::Unknown), 0));
        let answers = vec![fails(CallError::Unknown), fails(refused()), Ok(())];
        assert_eq!(told(answers), (Err(CallError::Unknown), 1));
    }

    #[test]
    fn a_transaction_that_cancels_itself_is_a_success() {
        let told = |answers: Vec<Result<(), WriteError>>| {
            let table = Scripted(RefCell::new(answers.into()));
            let mine = |reasons: &[Cancelled]| reasons == [Cancelled::Condition(Some(written_by(1)))];
            transact(&table, &[a_write()], mine).now_or_never().unwrap()
        };
        assert_eq!(told(vec![fails(CallError::Unknown), conflict(1)]), Ok(Transacted::Yes));
        let other = vec![Cancelled::Condition(Some(written_by(2)))];
        assert_eq!(told(vec![conflict(2)]), Ok(Transacted::Cancelled(other)));
    }
}
