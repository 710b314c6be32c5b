//! One Flink reader: its splits' tasks, their buffer, its acknowledgments.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use serde::Serialize;
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::client::{Credentials, Servers};
use crate::config::{AckStrategy, Partition, SourceSettings, Split, SplitPosition};
use crate::error::{Error, Result};
use crate::object::{EngineObject, Tick};
use crate::runtime::{EngineRuntime, caught};
use crate::source::ack::{AckUpTo, Acknowledger, Checkpoints, PendingAcks};
use crate::source::buffer::Buffer;
use crate::source::decode::batch::Batch;
use crate::source::shared::{Counters, Shared};
use crate::source::split::SplitReader;
use crate::stream::EntryId;

/// How long a close waits for acknowledgments under way. What is not acknowledged stays pending, and a successor sees
/// to it.
const CLOSE: Duration = Duration::from_secs(3);

/// Reads the splits of one Flink source reader.
///
/// It is a handle: the work is done by tasks on the engine's threads, two for each split, one that reads and one that
/// acknowledges. What they read waits in a buffer of `maxBufferedBytes` until it is [polled](Self::poll).
///
/// Any thread may call it. In Flink the fetcher thread adds splits, polls, pauses and resumes; the task thread tells of
/// what was emitted and of checkpoints; both may close. Nothing waits but [`poll`](Self::poll) and
/// [`close`](Self::close), each with a limit.
pub struct Reader {
    shared: Arc<Shared>,
    acknowledger: Arc<Acknowledger>,
    checkpoints: Mutex<Checkpoints>,
    tasks: Mutex<JoinSet<()>>,
    handle: Handle,
    // Last, since its drop ends the runtime that the tasks are on.
    _runtime: Option<Arc<EngineRuntime>>,
}

/// Holds the counts of one reader, under the names of its metrics. All count from when the reader was made, but for
/// those that say *now*.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReaderStats {
    /// Entries that were received, to be emitted.
    pub entries: u64,
    /// Now: bytes in memory of the batches that wait for Java.
    pub buffered_bytes: u64,
    /// Entries that the server has confirmed as acknowledged.
    pub acknowledged_entries: u64,
    /// Now: entries that were received and are not acknowledged yet, as far as their IDs are remembered.
    pub unacknowledged_entries: u64,
    /// Now: bytes in memory of the IDs of these, 8 MiB at most for each split.
    pub unacknowledged_id_bytes: u64,
    /// Entries that were to be emitted, but had been trimmed or deleted before they could be read.
    pub trimmed_entries: u64,
    /// How often entries had been delivered to another reader of the group, and were read by position.
    pub gap_replays: u64,
    /// How often the server was found to have lost writes.
    pub lost_writes: u64,
    /// Connections that failed and were replaced.
    pub reconnects: u64,
}

impl Reader {
    /// Makes a reader without splits, which connects to nothing yet.
    ///
    /// # Errors
    /// When the engine's threads can't be started.
    pub fn new(settings: SourceSettings) -> Result<Self> {
        let runtime = EngineRuntime::shared()?;
        let servers = Servers::new(settings.connection.clone());
        let handle = runtime.handle()?.clone();
        Ok(Self::on(handle, Some(runtime), settings, servers))
    }

    /// Makes a reader whose tasks run on `handle`, and which keeps `runtime`.
    pub(super) fn on(
        handle: Handle,
        runtime: Option<Arc<EngineRuntime>>,
        settings: SourceSettings,
        servers: Servers,
    ) -> Self {
        let limit = usize::try_from(settings.max_buffered_bytes).unwrap_or(usize::MAX);
        let buffer = Buffer::new(limit);
        servers.on_credentials_request({
            let buffer = Arc::clone(&buffer);
            move || buffer.wake_up()
        });
        let shared = Arc::new(Shared {
            settings,
            servers,
            buffer,
            closed: CancellationToken::new(),
            splits: AtomicUsize::new(0),
            counters: Counters::default(),
        });
        Self {
            acknowledger: Acknowledger::new(shared.servers.clone()),
            shared,
            checkpoints: Mutex::default(),
            tasks: Mutex::default(),
            handle,
            _runtime: runtime,
        }
    }

    /// Begins to read splits.
    ///
    /// # Errors
    /// `Settings` for a partition that the topic does not have, `Closed` after close.
    pub fn add_splits(&self, splits: Vec<Split>) -> Result<()> {
        if self.shared.closed.is_cancelled() {
            return Err(Error::Closed);
        }
        let partitions = self.shared.settings.num_partitions;
        if let Some(split) = splits.iter().find(|split| split.partition >= partitions) {
            return Err(Error::Settings(format!(
                "split of partition {}, but numPartitions is {partitions}",
                split.partition
            )));
        }
        // Splits come of an enumerator that has been connected, now or when the restored state was written.
        self.shared.servers.were_reached();
        self.shared.splits.fetch_add(splits.len(), Ordering::Relaxed);
        let mut tasks = self.tasks.lock();
        for split in splits {
            let acks = Arc::new(PendingAcks::default());
            self.acknowledger.add_split(split.partition, Arc::clone(&acks));
            let acknowledging =
                Arc::clone(&self.acknowledger).run(Arc::clone(&self.shared), split.partition, Arc::clone(&acks));
            let shared = Arc::clone(&self.shared);
            let acknowledging = async move {
                if let Err(panic) = caught(acknowledging).await {
                    shared.buffer.fail(panic);
                }
            };
            tasks.spawn_on(acknowledging, &self.handle);
            tasks.spawn_on(SplitReader::new(Arc::clone(&self.shared), split, acks).run(), &self.handle);
        }
        Ok(())
    }

    /// Returns the next batch of any split; `None` when there is none within `max_wait`, or after a wake-up.
    ///
    /// # Errors
    /// What ended a split, again at every call; `Closed` after close.
    pub fn poll(&self, max_wait: Duration) -> Result<Option<Batch>> {
        self.shared.buffer.poll(max_wait)
    }

    /// Has the current or the next `poll` return at once.
    pub fn wake_up(&self) {
        self.shared.buffer.wake_up();
    }

    /// Pauses splits, and lets others go on. A paused split is neither handed out nor read from.
    pub fn pause_or_resume(&self, pause: &[Partition], resume: &[Partition]) {
        self.shared.buffer.pause_or_resume(pause, resume);
    }

    /// Tells that every entry of the split up to `position` has been emitted. With `ON_EMIT` these are acknowledged
    /// now.
    ///
    /// `0-0` is the position of a stream that was recreated: with the batch that says so Java has left the old one
    /// behind, and checkpoints of before hold nothing of the new one.
    pub fn emitted(&self, partition: Partition, position: EntryId) {
        if position == EntryId::ZERO {
            self.checkpoints.lock().forget(partition);
            return self.acknowledger.java_knows_of_recreated(partition);
        }
        if self.shared.settings.ack_strategy == AckStrategy::OnEmit {
            self.acknowledger.request(partition, AckUpTo { up_to: position, ..AckUpTo::default() });
        }
    }

    /// Tells what a checkpoint holds, one position for each split.
    pub fn checkpoint(&self, id: i64, positions: Vec<SplitPosition>) {
        self.checkpoints.lock().add(id, positions);
    }

    /// Tells that a checkpoint has completed: what it holds is acknowledged, now or when the server can be reached.
    pub fn complete(&self, id: i64) {
        let positions = self.checkpoints.lock().complete(id);
        for SplitPosition { partition, position, pending } in positions {
            let ack = AckUpTo { up_to: position, except: pending, by_checkpoint: true, ..AckUpTo::default() };
            self.acknowledger.request(partition, ack);
        }
    }

    /// Tells that a checkpoint was aborted: what it holds belongs to the next one.
    pub fn abort(&self, id: i64) {
        self.checkpoints.lock().abort(id);
    }

    /// Returns the fault that has ended a split, if there is one. The reader fails with it.
    pub fn failure(&self) -> Option<Error> {
        self.shared.buffer.failure()
    }

    /// Ends without a word to anybody, as a process does that is killed.
    #[cfg(test)]
    pub(super) fn crash(&self) {
        self.shared.buffer.close();
        self.tasks.lock().abort_all();
        self.tasks.lock().detach_all();
    }

    /// Returns what the reader has done so far.
    pub fn stats(&self) -> ReaderStats {
        let Counters { entries, trimmed, gap_replays, lost_writes, reconnects, acknowledged } = &self.shared.counters;
        let read = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        ReaderStats {
            entries: read(entries),
            buffered_bytes: self.shared.buffer.bytes() as u64,
            acknowledged_entries: read(acknowledged),
            unacknowledged_entries: self.acknowledger.unacknowledged_entries(),
            unacknowledged_id_bytes: self.acknowledger.unacknowledged_id_bytes(),
            trimmed_entries: read(trimmed),
            gap_replays: read(gap_replays),
            lost_writes: read(lost_writes),
            reconnects: read(reconnects),
        }
    }

    /// Ends all tasks and connections, within a few seconds. Acknowledges nothing that was not asked for. Leaves out
    /// acknowledgments under way that would have to ask for credentials, see [`finish`](Self::finish). Idempotent.
    pub fn close(&self) {
        self.shared.servers.end_credentials_requests();
        self.shared.buffer.close();
        self.finish();
    }

    /// Ends reading, and waits for acknowledgments under way, for 3 seconds at most. They may have to connect: another
    /// thread provides credentials meanwhile, if it takes them.
    pub fn finish(&self) {
        self.shared.closed.cancel();
        let mut tasks = std::mem::take(&mut *self.tasks.lock());
        if tasks.is_empty() {
            return;
        }
        self.handle.block_on(async {
            let joined = tokio::time::timeout(CLOSE, async { while tasks.join_next().await.is_some() {} }).await;
            if joined.is_err() {
                warn!(
                    "source topic '{}': closed with acknowledgments under way; they stay pending for the successor",
                    self.shared.settings.topic
                );
                tasks.shutdown().await;
            }
        });
    }
}

impl EngineObject for Reader {
    fn tick(&self) -> Result<Tick> {
        match self.failure() {
            Some(error) => Err(error),
            None => {
                let credentials_requested = self.shared.servers.are_credentials_requested();
                Ok(Tick { credentials_requested, ..Tick::default() })
            }
        }
    }

    fn provide(&self, credentials: &Credentials) {
        self.shared.servers.provide(credentials);
    }

    fn close(&self) {
        Reader::close(self);
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// `ReaderMetrics.java` registers a gauge of each, but for `entries`, which Flink counts itself.
    #[test]
    fn the_counts_bear_the_names_of_the_metrics() {
        let counts = serde_json::to_value(ReaderStats::default()).unwrap();
        let names: BTreeSet<&str> = counts.as_object().unwrap().keys().map(String::as_str).collect();
        let metrics = [
            "acknowledgedEntries",
            "bufferedBytes",
            "entries",
            "gapReplays",
            "lostWrites",
            "reconnects",
            "trimmedEntries",
            "unacknowledgedEntries",
            "unacknowledgedIdBytes",
        ];
        assert_eq!(names, BTreeSet::from(metrics));
    }
}
