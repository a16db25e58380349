//! The row of a request.

use std::collections::VecDeque;

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, format_smolstr};
use tenfold_ports::Carrier;
use tenfold_ports::table::{BadItem, Condition, Item, Key, Write};
use uuid::Uuid;

use super::body::{BODY, StoredBody, WAITS_MOST, body_key};
use super::{EXPIRES, ONLY, QUEUE, VERSION, WAKE, unchanged};
use crate::mutant::{Mutant, is_in};
use crate::names::{RequestId, TargetName};
use crate::passage::Passage;

const STATUS: &str = "status";
/// The attribute that says until when the body's own item is kept, in seconds since 1970.
const BODY_UNTIL: &str = "bodyUntil";
const ANSWER: &str = "answer";
/// What the status of a request ends in that waits or is dead and is no `POST` to the target's URL itself. A version that knows
/// of no other would send it as one; so it cannot read it, leaves it alone and says so.
const AS_SENT: &str = "-as-sent";
/// What the status of such a request ends in instead whose body has an item of its own. A version that knows of none would send
/// it without.
const BODY_APART: &str = "-body-apart";

/// What became of a request so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RequestStatus {
    /// The gateway is calling the target, or died doing so. Nobody was promised anything.
    Running,
    /// The request waits for a retry.
    Queued,
    /// The target has answered.
    Delivered,
    /// The request is given up, and its dead letter is not yet sent.
    Dying,
    /// The request is given up, and its dead letter was sent.
    Dead,
}

impl RequestStatus {
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

/// The row of a request that the gateway answers for, as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestRow {
    /// The request's id.
    pub id: RequestId,
    /// The number of its writes, which a write is conditioned on; 0: there is no row.
    pub version: i64,
    /// What became of the request so far.
    pub status: RequestStatus,
    /// The time from which on it may be tried, to the millisecond; only while queued, dying or dead. It is its place in
    /// the index.
    pub wake: Timestamp,
    /// The time from which on it can be forgotten; not while queued or dying.
    pub expires: Timestamp,
    /// The request's body, while it waits or is dead. A claim is stored without.
    pub body: StoredBody,
    /// The body of the target's answer, once delivered or refused.
    pub answer_body: Bytes,
    /// What nobody conditions on.
    pub data: RequestData,
}

/// What of a request nobody conditions a write on.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestData {
    /// The name of the target.
    pub target: TargetName,
    /// The tenant on whose behalf it is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<SmolStr>,
    /// The idempotency key, which the target gets too.
    pub key: SmolStr,
    /// The ordering key, which names the order group that it waits in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ordering: Option<SmolStr>,
    /// The media type of the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<SmolStr>,
    /// What else of it goes through to the target.
    #[serde(flatten)]
    pub passage: Passage,
    /// The trace and the correlation id that came with it.
    #[serde(flatten)]
    pub carrier: Carrier,
    /// The digest that tells another request with the same key apart.
    pub digest: Uuid,
    /// The time at which it was taken in.
    pub accepted: Timestamp,
    /// The time from which on its age counts: that at which it was taken in or redriven.
    pub begun: Timestamp,
    /// The number of attempts since then.
    pub tries: u32,
    /// The time before which it is not to be tried.
    pub due: Timestamp,
    /// The shard of the index that it waits in: 0 to [`SHARDS`](super::SHARDS), exclusive.
    #[serde(default, skip_serializing_if = "is_first")]
    pub shard: u16,
    /// The time until which its gateway may still be calling, while running.
    pub until: Timestamp,
    /// The random name of its last write, by which a writer whose answer was lost knows its own.
    pub writer: u64,
    /// The latest 100 attempts, the oldest first.
    pub attempts: VecDeque<DeliveryAttempt>,
    /// The head of the target's answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<AnswerHead>,
    /// The reason why it is dead, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub died: Option<String>,
    /// The time at which a person cancelled or discarded it: it is dead, and not in the index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dismissed: Option<Timestamp>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it so")]
const fn is_first(shard: &u16) -> bool {
    *shard == 0
}

/// One attempt to deliver a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryAttempt {
    /// The time at which it ended.
    pub at: Timestamp,
    /// The target's status, where there was an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The reason why it failed, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The target's answer without its body.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AnswerHead {
    /// The answer's HTTP status.
    pub status: u16,
    /// The body's media type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<SmolStr>,
    /// The other end-to-end headers, names in lower case.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(SmolStr, SmolStr)>,
    /// Whether the body was longer than what is kept, and is not kept.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub too_large: bool,
}

/// The bytes that both bodies have in an item. DynamoDB takes 400 KB in all; the rest is for headers of both, 10 KB each at
/// most (API Gateway takes no more), and for a hundred attempts.
const ROOM: usize = 320 * 1024;
/// The most attempts that are kept of a request; the oldest go first.
const ATTEMPTS_KEPT: usize = 100;

impl RequestData {
    /// Adds an attempt to those kept, and counts it.
    pub fn attempted(&mut self, attempt: DeliveryAttempt) {
        self.noted(attempt);
        self.tries += 1;
    }

    /// Adds an attempt to those kept that counts for nothing: of it nothing came.
    pub fn noted(&mut self, attempt: DeliveryAttempt) {
        if self.attempts.len() == ATTEMPTS_KEPT {
            self.attempts.pop_front();
        }
        self.attempts.push_back(attempt);
    }
}

/// Returns the key of a request's row.
#[must_use]
pub fn request_key(id: RequestId) -> Key {
    Key::new(format_smolstr!("request#{id}"), ONLY)
}

/// Returns the partition of the index that holds a shard of a target's requests that wait.
#[must_use]
pub fn active(target: &TargetName, shard: u16) -> SmolStr {
    partition(target, "active", shard)
}

/// Returns the partition of the index that holds a shard of a target's dead requests.
#[must_use]
pub fn dead(target: &TargetName, shard: u16) -> SmolStr {
    partition(target, "dead", shard)
}

// The first has the name of the only one that there was before there were shards.
fn partition(target: &TargetName, kind: &str, shard: u16) -> SmolStr {
    if shard == 0 { format_smolstr!("{target}#{kind}") } else { format_smolstr!("{target}#{kind}#{shard}") }
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
        let name = item.text(STATUS)?;
        let apart = name.strip_suffix(BODY_APART);
        let name = apart.or_else(|| name.strip_suffix(AS_SENT)).unwrap_or(name);
        let status = RequestStatus::ALL.iter().find(|(_, n)| *n == name).map(|(s, _)| *s);
        let time = |name: &str| {
            if item.get(name).is_none() {
                return Ok(Timestamp::UNIX_EPOCH);
            }
            let n = item.number(name)?;
            let seconds = matches!(name, EXPIRES | BODY_UNTIL);
            let time = if seconds { Timestamp::from_second(n) } else { Timestamp::from_millisecond(n) };
            time.map_err(|_| bad(name, "is no time"))
        };
        Ok(Self {
            id: Self::id_of(&item.key).ok_or_else(|| bad("pk", "names no request"))?,
            version: item.number(VERSION)?,
            status: status.ok_or_else(|| bad(STATUS, "is no status"))?,
            wake: time(WAKE)?,
            expires: time(EXPIRES)?,
            body: match apart {
                Some(_) => StoredBody::Apart(time(BODY_UNTIL)?),
                None => StoredBody::Inline(item.bytes(BODY)?.unwrap_or_default()),
            },
            answer_body: item.bytes(ANSWER)?.unwrap_or_default(),
            data: item.doc()?,
        })
    }

    /// Returns the id of a request from the key of its row, which is all that the index gives; none where it is the key of
    /// something else.
    #[must_use]
    pub fn id_of(key: &Key) -> Option<RequestId> {
        if key.sk != ONLY {
            return None;
        }
        key.pk.strip_prefix("request#").and_then(RequestId::parse)
    }

    /// Returns the write of this row in place of the one that was read (or of none), if nobody has written
    /// since.
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
            .with(STATUS, self.status_name())
            .with_doc(self.kept());
        match self.status {
            RequestStatus::Running | RequestStatus::Delivered => {
                item = item.with(EXPIRES, self.expires.as_second());
            }
            RequestStatus::Dead if self.data.dismissed.is_some() => {}
            RequestStatus::Queued | RequestStatus::Dying | RequestStatus::Dead => {
                let (target, shard) = (&self.data.target, self.data.shard);
                let is_dead = self.status == RequestStatus::Dead;
                let queue = if is_dead { dead(target, shard) } else { active(target, shard) };
                item = item.with(QUEUE, queue).with(WAKE, self.wake.as_millisecond());
            }
        }
        if self.status == RequestStatus::Dead {
            item = item.with(EXPIRES, self.expires.as_second());
        }
        if self.data.answer.is_some() {
            item = item.with(ANSWER, self.answer_body.clone());
        }
        match &self.body {
            _ if !self.is_sent_again() => item,
            StoredBody::Inline(body) => item.with(BODY, body.clone()),
            StoredBody::Apart(until) => item.with(BODY_UNTIL, until.as_second()),
        }
    }

    /// Returns the name of its status as it is stored.
    fn status_name(&self) -> SmolStr {
        let suffix = match &self.body {
            _ if !self.is_sent_again() => "",
            StoredBody::Apart(_) => BODY_APART,
            StoredBody::Inline(_) if self.data.passage.is_plain() => "",
            StoredBody::Inline(_) => AS_SENT,
        };
        format_smolstr!("{}{suffix}", self.status.name())
    }

    /// Returns whether the request itself is kept, since it may be sent again from here. A claim's is sent again by its
    /// caller, who has it.
    const fn is_sent_again(&self) -> bool {
        matches!(self.status, RequestStatus::Queued | RequestStatus::Dying | RequestStatus::Dead)
    }

    /// Returns the key of the item of its body, where it has one.
    #[must_use]
    pub fn body_key(&self) -> Key {
        body_key(request_key(self.id), self.data.digest)
    }

    /// Returns until when its body may be needed, if it is written as it is now.
    #[must_use]
    pub fn body_needed(&self) -> Timestamp {
        let waits = self.data.begun + WAITS_MOST;
        if self.status == RequestStatus::Dead { waits.max(self.expires) } else { waits }
    }

    /// Returns how many bytes of an answer's body have room in the row beside the request.
    #[must_use]
    pub fn room_for_answer(&self) -> usize {
        ROOM.saturating_sub(self.body.len_in_row())
    }

    fn kept(&self) -> RequestData {
        let mut data = self.data.clone();
        if !self.is_sent_again() {
            data.passage.headers = Vec::new();
            data.passage.query = Vec::new();
        }
        data
    }

    /// Returns the row after a write of `self` succeeded.
    #[must_use]
    pub const fn written(mut self) -> Self {
        self.version += 1;
        self
    }

    /// Returns whether the row is to be treated as absent: DynamoDB deletes days after the time.
    #[must_use]
    pub fn forgotten(&self, now: Timestamp) -> bool {
        !matches!(self.status, RequestStatus::Queued | RequestStatus::Dying) && self.expires <= now
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_an_older_and_a_newer_version_wrote_reads() {
        let time = "2026-01-02T03:04:05Z";
        let older = json!({
            "target": "pay", "key": "k", "digest": "0e1f7c1a-52c5-5c39-9d3b-31a57a0cbe07", "accepted": time,
            "begun": time, "tries": 1, "due": time, "until": time, "writer": u64::MAX,
            "attempts": [{ "at": time, "status": 500, "error": "x" }],
            "answer": { "status": 200 },
        });
        let read: RequestData = serde_json::from_value(older.clone()).unwrap();
        assert_eq!((&read.carrier, read.writer), (&Carrier::default(), u64::MAX));
        assert_eq!(read.passage, Passage::default());
        assert_eq!(serde_json::to_value(&read).unwrap(), older);
        let mut newer = older;
        newer["traceparent"] = json!("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        newer["correlation"] = json!("order-17");
        newer["priority"] = json!({ "high": true });
        newer["attempts"][0]["region"] = json!("us-east-1");
        let read: RequestData = serde_json::from_value(newer).unwrap();
        assert_eq!(read.carrier.correlation.as_deref(), Some("order-17"));
        assert!(read.carrier.traceparent.is_some());
    }

    #[test]
    fn every_status_reads_back_by_its_name() {
        for (status, name) in RequestStatus::ALL {
            assert_eq!(status.name(), name);
        }
    }
}
