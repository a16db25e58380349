//! What a team writes: an aggregate, its commands and its events. All of it is pure.
//!
//! The log, the command service and the projections know an aggregate by these traits only. The [`order`](crate::order) is
//! the one that ships.

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Something that changes by events alone, and decides which events a command leads to.
///
/// ```
/// use event_sourcing_core::aggregate::{Aggregate, DomainEvent};
/// use jiff::Timestamp;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
/// #[serde(tag = "type", content = "data", rename_all = "camelCase")]
/// enum AccountEvent { Deposited { cents: u64 }, Withdrawn { cents: u64 } }
/// impl DomainEvent for AccountEvent {}
///
/// enum AccountCommand { Deposit(u64), Withdraw(u64) }
///
/// #[derive(Debug, PartialEq)]
/// enum AccountRefusal { Overdrawn { balance: u64 } }
///
/// #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
/// struct Account { balance: u64 }
///
/// impl Aggregate for Account {
///     const KIND: &'static str = "account";
///     type Command = AccountCommand;
///     type Event = AccountEvent;
///     type Refusal = AccountRefusal;
///
///     fn decide(&self, command: &AccountCommand, _: Timestamp) -> Result<Vec<AccountEvent>, AccountRefusal> {
///         match *command {
///             AccountCommand::Deposit(cents) => Ok(vec![AccountEvent::Deposited { cents }]),
///             AccountCommand::Withdraw(cents) if cents <= self.balance => Ok(vec![AccountEvent::Withdrawn { cents }]),
///             AccountCommand::Withdraw(_) => Err(AccountRefusal::Overdrawn { balance: self.balance }),
///         }
///     }
///
///     fn evolve(&mut self, event: &AccountEvent) {
///         match event {
///             AccountEvent::Deposited { cents } => self.balance += cents,
///             AccountEvent::Withdrawn { cents } => self.balance -= cents,
///         }
///     }
/// }
///
/// let mut account = Account::default();
/// account.evolve(&AccountEvent::Deposited { cents: 500 });
/// let refused = account.decide(&AccountCommand::Withdraw(501), Timestamp::UNIX_EPOCH);
/// assert_eq!(refused, Err(AccountRefusal::Overdrawn { balance: 500 }));
/// ```
pub trait Aggregate: Default + Clone + Serialize + DeserializeOwned {
    /// The kind of aggregate, which keys in the log begin with. It never changes: 1 to 64 of `a-z`, `0-9` and `-`.
    const KIND: &'static str;
    /// The version of the state and of [`evolve`](Self::evolve). A snapshot of another version is not used, so raise it
    /// with every change of either.
    const SCHEMA: u32 = 1;
    /// What can be asked of it.
    type Command;
    /// What can happen to it.
    type Event: DomainEvent;
    /// Why a command is refused.
    type Refusal;

    /// Decides which events a command leads to at a time; none where it asks for what is so already.
    ///
    /// # Errors
    /// The command is against a rule, in this state.
    fn decide(&self, command: &Self::Command, now: Timestamp) -> Result<Vec<Self::Event>, Self::Refusal>;

    /// Takes an event in. It has happened, so it cannot be refused.
    fn evolve(&mut self, event: &Self::Event);

    /// Returns whether a command that somebody overtook is decided anew, by the state as it is then.
    #[must_use]
    fn may_be_decided_anew(_: &Self::Command) -> bool {
        true
    }
}

/// An event as it is written as JSON: `{"type": …, "data": …}`, which is what serde makes of an enum with
/// `#[serde(tag = "type", content = "data")]`.
///
/// A type of event lives for ever. One whose data change gets a higher [`schema`](Self::schema) and a step of
/// [`upcast`](Self::upcast), and everybody who reads the log reads through these: commands, projections, rebuilds, audits.
pub trait DomainEvent: Clone + Serialize + DeserializeOwned {
    /// Returns the version in which this program writes events of a type: from 1.
    #[must_use]
    fn schema(_type_name: &str) -> u32 {
        1
    }

    /// Makes of an event's data those of the next schema.
    ///
    /// # Errors
    /// They are none of this schema, in words.
    fn upcast(_type_name: &str, _schema: u32, data: Value) -> Result<Value, String> {
        Ok(data)
    }
}
