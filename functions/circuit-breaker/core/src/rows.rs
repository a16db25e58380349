//! The rows of the table and how they are written.
//!
//! | pk | sk | holds |
//! |---|---|---|
//! | `targets` | name | a target's configuration |
//! | `breaker#<target>` | `-` or `:<tenant>` | a breaker; `version` counts its writes |
//! | `request#<id>` | `-` | a request that the gateway answers for |
//! | `line#<target>#<ordering key>` | `-` | which requests of an ordering key wait, in their order |
//!
//! The index `queue` (partition `queue`, number `wake`) holds the requests that wait (`<target>#active`) or are
//! dead (`<target>#dead`), by when their message is expected. It is what makes a lost message harmless.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, format_smolstr};
use tenfold_ports::table::{BadItem, Condition, Item, Key, Write};
use uuid::Uuid;

use crate::breaker::Breaker;
use crate::config::TargetConfig;
use crate::mutant::{Mutant, is_in};
use crate::names::{BreakerName, RequestId, TargetName};

/// The index of waiting and dead requests.
pub const QUEUE_INDEX: &str = "queue";
/// The partition of all configurations.
pub const TARGETS: SmolStr = SmolStr::new_static("targets");
const ONLY: &str = "-";
const VERSION: &str = "version";
const STAMP: &str = "stamp";
const STATUS: &str = "status";
const WAKE: &str = "wake";
const BODY: &str = "body";
const ANSWER: &str = "answer";
/// The attribute that DynamoDB deletes by, some time after it has passed.
pub const EXPIRES: &str = "expires";

/// A configured target.
#[derive(Debug, Clone, PartialEq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// The configuration.
    pub config: Arc<TargetConfig>,
    /// When it was first put.
    pub created: Timestamp,
    /// When it was deleted. The row stays for a while, so that a request which slipped in is still found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted: Option<Timestamp>,
}

/// How long the row of a deleted target stays; longer than anything can be on its way.
const BURIED: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The key of a target's configuration.
#[must_use]
pub fn target_key(name: &TargetName) -> Key {
    Key::new(TARGETS, name.as_str())
}

/// A target's configuration as an item.
#[must_use]
pub fn target_item(name: &TargetName, target: Target) -> Item {
    let item = Item::new(target_key(name));
    match target.deleted {
        Some(deleted) => item.with(EXPIRES, (deleted + BURIED).as_second()).with_doc(target),
        None => item.with_doc(target),
    }
}

/// A breaker as it was read: with the version that a write is conditioned on.
#[derive(Debug, Clone, PartialEq)]
pub struct BreakerRow {
    /// How often it was written; 0: never.
    pub version: i64,
    /// The breaker.
    pub breaker: Breaker,
    /// A random name of its last write, by which a writer whose answer was lost knows its own.
    pub writer: u64,
}

#[derive(Debug, Clone, PartialEq, Hash, Serialize, Deserialize)]
struct StoredBreaker {
    writer: u64,
    breaker: Breaker,
}

/// The key of a breaker.
#[must_use]
pub fn breaker_key(name: &BreakerName) -> Key {
    let sk = name.tenant.as_ref().map_or(SmolStr::new_static(ONLY), |t| format_smolstr!(":{t}"));
    Key::new(format_smolstr!("breaker#{}", name.target), sk)
}

impl BreakerRow {
    /// Reads a row.
    ///
    /// # Errors
    /// The item is no such row.
    pub fn read(item: &Item) -> Result<Self, BadItem> {
        let stored: StoredBreaker = item.doc()?;
        Ok(Self { version: item.number(VERSION)?, breaker: stored.breaker, writer: stored.writer })
    }

    /// Replaces the row with `next`, if nobody has written since it was read.
    #[must_use]
    pub fn replace(&self, name: &BreakerName, next: Breaker, writer: u64) -> Write {
        let item = Item::new(breaker_key(name))
            .with(VERSION, self.version + 1)
            .with_doc(StoredBreaker { writer, breaker: next });
        let blind = is_in(Mutant::CommitWithoutCondition);
        Write::Put { item, condition: if blind { Condition::Always } else { unchanged(self.version) } }
    }
}

fn unchanged(version: i64) -> Condition {
    if version == 0 { Condition::Absent } else { Condition::Is(VERSION, version.into()) }
}

/// What became of a request so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// The gateway is calling the target, or died doing so. Nobody was promised anything.
    Running,
    /// It waits for a retry.
    Queued,
    /// The target has answered.
    Delivered,
    /// Given up, and the dead-letter queue is not yet told.
    Dying,
    /// Given up.
    Dead,
}

impl Status {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Running, "running"),
        (Self::Queued, "queued"),
        (Self::Delivered, "delivered"),
        (Self::Dying, "dying"),
        (Self::Dead, "dead"),
    ];

    const fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }
}

/// A request that the gateway answers for.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestRow {
    /// Its id.
    pub id: RequestId,
    /// How often it was written; a write is conditioned on it. 0: never.
    pub version: i64,
    /// What became of it.
    pub status: Status,
    /// When its message is expected; only while queued, dying or dead.
    pub wake: Timestamp,
    /// When it can be forgotten; not while queued or dying.
    pub expires: Timestamp,
    /// Its body, until it is delivered.
    pub body: Bytes,
    /// The target's answer's body, once delivered.
    pub answer_body: Bytes,
    /// The rest.
    pub data: RequestData,
}

/// What of a request nobody conditions on.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestData {
    /// For whom.
    pub target: TargetName,
    /// On whose behalf.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<SmolStr>,
    /// The idempotency key, which the target gets too.
    pub key: SmolStr,
    /// The line that it waits in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ordering: Option<SmolStr>,
    /// The media type of the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<SmolStr>,
    /// The W3C trace context that came with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<SmolStr>,
    /// The correlation id that came with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlation: Option<SmolStr>,
    /// Tells another request with the same key apart.
    pub digest: Uuid,
    /// When it was taken in.
    pub accepted: Timestamp,
    /// From when on its age counts: when it was taken in or redriven.
    pub begun: Timestamp,
    /// Attempts since then.
    pub tries: u32,
    /// Not to be tried before.
    pub due: Timestamp,
    /// While running: until when its gateway may still be calling.
    pub until: Timestamp,
    /// Names the last write, by which a writer whose answer was lost knows its own.
    pub writer: u64,
    /// All attempts, the oldest first.
    pub attempts: VecDeque<Attempt>,
    /// What the target answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<AnswerHead>,
    /// Why it is dead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub died: Option<String>,
}

/// One attempt to deliver a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// When it ended.
    pub at: Timestamp,
    /// The target's status, where there was an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The target's answer without its body.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AnswerHead {
    /// The HTTP status.
    pub status: u16,
    /// The body's media type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<SmolStr>,
    /// The body was longer than what is kept, and is not kept.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub too_large: bool,
}

/// The most attempts that are kept of a request; the oldest go first.
const ATTEMPTS_KEPT: usize = 100;

impl RequestData {
    /// Adds an attempt to those kept.
    pub fn attempted(&mut self, attempt: Attempt) {
        if self.attempts.len() == ATTEMPTS_KEPT {
            self.attempts.pop_front();
        }
        self.attempts.push_back(attempt);
        self.tries += 1;
    }
}

/// The key of a request.
#[must_use]
pub fn request_key(id: RequestId) -> Key {
    Key::new(format_smolstr!("request#{id}"), ONLY)
}

/// The partition of the index that holds a target's requests that wait.
#[must_use]
pub fn active(target: &TargetName) -> SmolStr {
    format_smolstr!("{target}#active")
}

/// The partition of the index that holds a target's dead requests.
#[must_use]
pub fn dead(target: &TargetName) -> SmolStr {
    format_smolstr!("{target}#dead")
}

impl RequestRow {
    /// Reads a row.
    ///
    /// # Errors
    /// The item is no such row.
    pub fn read(item: &Item) -> Result<Self, BadItem> {
        let bad = |attribute: &str, why: &str| BadItem {
            key: item.key.to_string(),
            attribute: attribute.to_owned(),
            why: why.to_owned(),
        };
        let id = item.key.pk.strip_prefix("request#").and_then(RequestId::parse);
        let name = item.text(STATUS)?;
        let status = Status::ALL.iter().find(|(_, n)| n == name).map(|(s, _)| *s);
        let time = |name: &str| {
            if item.get(name).is_none() {
                return Ok(Timestamp::UNIX_EPOCH);
            }
            let n = item.number(name)?;
            let time =
                if name == EXPIRES { Timestamp::from_second(n) } else { Timestamp::from_millisecond(n) };
            time.map_err(|_| bad(name, "is no time"))
        };
        Ok(Self {
            id: id.ok_or_else(|| bad("pk", "names no request"))?,
            version: item.number(VERSION)?,
            status: status.ok_or_else(|| bad(STATUS, "is no status"))?,
            wake: time(WAKE)?,
            expires: time(EXPIRES)?,
            body: item.bytes(BODY)?.unwrap_or_default(),
            answer_body: item.bytes(ANSWER)?.unwrap_or_default(),
            data: item.doc()?,
        })
    }

    /// The id of a request from the key of its item, which is all that the index gives.
    #[must_use]
    pub fn id_of(key: &Key) -> Option<RequestId> {
        key.pk.strip_prefix("request#").and_then(RequestId::parse)
    }

    /// Writes this row in place of the one that was read (or of none), if nobody has written since.
    #[must_use]
    pub fn replace(&self) -> Write {
        let blind = is_in(Mutant::RowWithoutCondition);
        Write::Put {
            item: self.item(),
            condition: if blind { Condition::Always } else { unchanged(self.version) },
        }
    }

    fn item(&self) -> Item {
        let mut item = Item::new(request_key(self.id))
            .with(VERSION, self.version + 1)
            .with(STATUS, self.status.name())
            .with_doc(self.data.clone());
        match self.status {
            Status::Running | Status::Delivered => item = item.with(EXPIRES, self.expires.as_second()),
            Status::Queued | Status::Dying | Status::Dead => {
                let target = &self.data.target;
                let queue = if self.status == Status::Dead { dead(target) } else { active(target) };
                item = item.with(QUEUE_INDEX, queue).with(WAKE, self.wake.as_millisecond());
            }
        }
        if self.status == Status::Dead {
            item = item.with(EXPIRES, self.expires.as_second());
        }
        if self.status == Status::Delivered {
            item.with(ANSWER, self.answer_body.clone())
        } else {
            item.with(BODY, self.body.clone())
        }
    }

    /// The row after a write of `self` succeeded.
    #[must_use]
    pub const fn written(mut self) -> Self {
        self.version += 1;
        self
    }

    /// Whether the row is to be treated as absent: DynamoDB deletes days after the time.
    #[must_use]
    pub fn forgotten(&self, now: Timestamp) -> bool {
        !matches!(self.status, Status::Queued | Status::Dying) && self.expires <= now
    }
}

/// Which requests of an ordering key wait. At most [`LINE_MOST`].
#[derive(Debug, Clone, PartialEq)]
pub struct LineRow {
    /// Which target's.
    pub target: TargetName,
    /// The ordering key.
    pub ordering: SmolStr,
    /// A random name of its last write; none: there is no row. An empty line is deleted, and a counter would
    /// begin anew with the next one, so that a late writer could mistake it for the line that it read.
    pub stamp: Option<i64>,
    /// The line.
    pub line: Line,
}

/// A line of requests.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Line {
    /// Who waits, the first first.
    pub waiting: VecDeque<RequestId>,
    /// Who is delivering the first one.
    pub holder: Option<Hold>,
}

/// Who is delivering the first of a line, and until when nobody else may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Hold {
    /// A random name.
    pub holder: u64,
    /// The end of the lease.
    pub until: Timestamp,
}

/// The longest line: it keeps the row under 25 kB.
pub const LINE_MOST: usize = 500;

/// The key of a line.
#[must_use]
pub fn line_key(target: &TargetName, ordering: &str) -> Key {
    Key::new(format_smolstr!("line#{target}#{ordering}"), ONLY)
}

impl LineRow {
    /// Reads a row; none stands for an empty line.
    ///
    /// # Errors
    /// The item is no such row.
    pub fn read(target: &TargetName, ordering: &SmolStr, item: Option<&Item>) -> Result<Self, BadItem> {
        let (stamp, line) = match item {
            Some(item) => (Some(item.number(STAMP)?), item.doc()?),
            None => (None, Line::default()),
        };
        Ok(Self { target: target.clone(), ordering: ordering.clone(), stamp, line })
    }

    /// Replaces the line, if nobody has written since it was read. `stamp` is a random name for this write.
    #[must_use]
    pub fn replace(&self, next: Line, stamp: i64) -> Write {
        let key = line_key(&self.target, &self.ordering);
        let condition = self.stamp.map_or(Condition::Absent, |s| Condition::Is(STAMP, s.into()));
        if next.waiting.is_empty() {
            return Write::Delete { key, condition };
        }
        Write::Put { item: Item::new(key).with(STAMP, stamp).with_doc(next), condition }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_reads_back_by_its_name() {
        for (status, name) in Status::ALL {
            assert_eq!(status.name(), name);
        }
    }
}
