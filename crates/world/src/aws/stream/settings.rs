//! How an event source mapping is set up.

use super::filter::RecordFilter;
use crate::kernel::ids::QueueId;

/// How a mapping is set up.
#[derive(Debug, Clone, PartialEq)]
pub struct MappingSettings {
    /// The most records of a batch, 1 to 10,000.
    pub batch: usize,
    /// A record is wanted that passes one of these; all are where there is none.
    pub filters: Vec<RecordFilter>,
    /// Whether a batch that failed is split in two (`BisectBatchOnFunctionError`).
    pub bisect: bool,
    /// How often a batch comes again before it is given up; none for as long as its records live.
    pub max_retries: Option<u32>,
    /// The queue that is told of a batch that was given up.
    pub on_failure: Option<QueueId>,
    /// How many batches of a run may come again although all was well.
    pub duplicates: u32,
    /// How many batches of a run may be one record although there are more.
    pub short: u32,
}

impl Default for MappingSettings {
    fn default() -> Self {
        Self {
            batch: 100,
            filters: Vec::new(),
            bisect: false,
            max_retries: None,
            on_failure: None,
            duplicates: 0,
            short: 0,
        }
    }
}
