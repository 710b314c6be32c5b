//! Which stream a split's task reads, and for whom.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::config::{AckStrategy, Partition, SourceSettings};
use crate::source::shared::Shared;
use crate::stream::stream_name;

/// A batch is cut at this size: small enough to be shared fairly, large enough that handing it over costs nothing an
/// entry.
const BATCH_BYTES: u64 = 256 * 1024;
const SMALLEST_BATCH: u64 = 16 * 1024;

/// Names the stream of one split, and gives access to what the reader's tasks share. It does not change while the split
/// is read.
pub(super) struct SplitContext {
    pub(super) shared: Arc<Shared>,
    pub(super) partition: Partition,
    pub(super) stream: String,
    /// The split as log lines and errors call it: `source orders:2 (redis://…)`.
    pub(super) what: String,
    /// The size at which batches are cut.
    pub(super) batch_bytes: usize,
}

impl SplitContext {
    pub(super) fn new(shared: Arc<Shared>, partition: Partition) -> Self {
        let stream = stream_name(&shared.settings.topic, partition);
        let what = format!("source {stream} ({})", shared.settings.connection.endpoint());
        let batch_bytes = (shared.bytes_of_each_split() / 4).clamp(SMALLEST_BATCH, BATCH_BYTES) as usize;
        Self { shared, partition, stream, what, batch_bytes }
    }

    pub(super) fn settings(&self) -> &SourceSettings {
        &self.shared.settings
    }

    pub(super) fn group(&self) -> &str {
        &self.settings().group
    }

    /// Returns whether entries are read by position, without the group.
    pub(super) fn is_by_position(&self) -> bool {
        self.settings().ack_strategy == AckStrategy::CommitPosition
    }

    /// Counts a connection that has failed.
    pub(super) fn count_reconnect(&self) {
        self.shared.counters.reconnects.fetch_add(1, Ordering::Relaxed);
    }
}
