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
    /// Its condition does not hold: the item as somebody else has written it, none where it is absent.
    Conflict(Option<Item>),
}

/// What became of a transaction.
#[derive(Debug, Clone, PartialEq)]
pub enum Transacted {
    /// It is applied, by this call or by one before whose answer was lost.
    Yes,
    /// It wrote nothing: a reason for each write, in their order.
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
    use super::*;

    /// What comes of tries that fail so, one after the other, as far as they are made.
    fn told(errors: &[CallError]) -> (usize, CallError) {
        let mut lost = false;
        for (at, error) in errors.iter().enumerate() {
            if !go_on(error, &mut lost) {
                return (at + 1, if lost { CallError::Unknown } else { error.clone() });
            }
        }
        (errors.len(), CallError::Unknown)
    }

    #[test]
    fn a_lost_answer_is_not_forgotten_by_a_later_refusal() {
        let refused = || CallError::Refused("no".to_owned());
        assert_eq!(told(&[CallError::Throttled]), (1, CallError::Throttled));
        assert_eq!(told(&[refused()]), (1, refused()));
        let throttled =
            [CallError::Unknown, CallError::Throttled, CallError::Unavailable, CallError::Throttled];
        assert_eq!(told(&throttled), (4, CallError::Unknown));
        assert_eq!(told(&[CallError::Unknown, refused()]), (2, CallError::Unknown));
    }
}
