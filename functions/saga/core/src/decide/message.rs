//! Messages and their batches: what a body can hold, and how much one call takes.

use serde::Serialize;
use tenfold_ports::topic::{self, Notice};

/// Entries of a batch, each with its place there.
pub(crate) type Placed<T> = Vec<(usize, T)>;

/// Returns a message's body. SNS and SQS take no characters that XML does not have, and would refuse the
/// whole message for one; JSON can say them in others. (Control characters are escaped in any JSON.)
pub(crate) fn json<T: Serialize>(value: &T) -> String {
    // A struct of text and numbers can always be written as JSON.
    let text = serde_json::to_string(value).unwrap_or_default();
    if text.contains(['\u{fffe}', '\u{ffff}']) {
        return text.replace('\u{fffe}', "\\ufffe").replace('\u{ffff}', "\\uffff");
    }
    text
}

/// Returns notices in batches that one call can publish.
pub(crate) fn batches(notices: Placed<Notice>) -> Vec<Placed<Notice>> {
    let mut batches: Vec<Placed<Notice>> = Vec::new();
    let mut bytes = 0;
    for (at, notice) in notices {
        let size = notice.size();
        match batches.last_mut() {
            Some(batch) if batch.len() < topic::BATCH && bytes + size <= topic::MAX_BYTES => {
                bytes += size;
                batch.push((at, notice));
            }
            _ => {
                bytes = size;
                batches.push(vec![(at, notice)]);
            }
        }
    }
    batches
}
