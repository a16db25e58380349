//! Scans: a walk through the whole table, in segments.

use std::hash::BuildHasher;

use rustc_hash::FxBuildHasher;
use smol_str::SmolStr;
use tenfold_ports::CallError;
use tenfold_ports::table::{Cursor, Page, Scan};

use super::items::Items;
use super::refusal::invalid;
use super::size::{MAX_PAGE, size};

/// The most segments of a scan.
const SEGMENTS: u32 = 1_000_000;

impl Items {
    /// Reads a page of a scan. Partitions come in an order of their own, which is the same for every scan.
    pub(crate) fn scan(&self, scan: &Scan) -> Result<Page, CallError> {
        if !(1..=SEGMENTS).contains(&scan.segments) || scan.segment >= scan.segments {
            return Err(invalid("a segment that there is not"));
        }
        let mine =
            |pk: &SmolStr| (FxBuildHasher.hash_one(pk) % u64::from(scan.segments)) as u32 == scan.segment;
        let mut items: Vec<_> = self.all().filter(|item| mine(&item.key.pk)).collect();
        items.sort_unstable_by(|one, other| one.key.cmp(&other.key));
        let after = scan.after.as_ref().map(|after| &after.key);
        let mut page = Page::default();
        let mut read = 0;
        for item in items.into_iter().filter(|item| after.is_none_or(|after| item.key > *after)) {
            if page.items.len() == scan.limit.max(1) as usize || read > MAX_PAGE {
                page.next = page.items.last().map(|last| Cursor { key: last.key.clone(), index: None });
                break;
            }
            read += size(item, self.weighs_documents);
            page.items.push(item.clone());
        }
        Ok(page)
    }
}
