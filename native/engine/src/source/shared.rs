//! What the tasks of one reader share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use tokio_util::sync::CancellationToken;

use crate::client::Servers;
use crate::config::SourceSettings;
use crate::source::buffer::Buffer;

/// The size that one reply may have at least, in bytes, however many splits share the reader's bytes. The model has
/// small entries, and so a small limit.
const SMALLEST_REPLY: u64 = if cfg!(test) { 1024 } else { 128 * 1024 };

/// Holds what the tasks of one reader share. Each task has a handle to it.
pub(super) struct Shared {
    pub(super) settings: SourceSettings,
    pub(super) servers: Servers,
    pub(super) buffer: Arc<Buffer>,
    pub(super) closed: CancellationToken,
    /// How many splits share the buffer. The reader adds them, a split's task takes itself off.
    pub(super) splits: AtomicUsize,
    pub(super) counters: Counters,
}

/// Counts for metrics. Written by the tasks, read by any thread.
#[derive(Default)]
pub(super) struct Counters {
    pub(super) entries: AtomicU64,
    pub(super) trimmed: AtomicU64,
    pub(super) gap_replays: AtomicU64,
    pub(super) lost_writes: AtomicU64,
    pub(super) reconnects: AtomicU64,
    pub(super) acknowledged: AtomicU64,
}

impl Shared {
    /// Returns how many bytes of the reader's each split may hold.
    pub(super) fn bytes_of_each_split(&self) -> u64 {
        self.settings.max_buffered_bytes / self.splits.load(Ordering::Relaxed).max(1) as u64
    }

    /// Returns how many bytes a reply should measure at most: two of them fit into a split's part of the reader's
    /// bytes.
    pub(super) fn reply_bytes(&self) -> u64 {
        (self.bytes_of_each_split() / 2).max(SMALLEST_REPLY)
    }
}
