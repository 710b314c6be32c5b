//! One Flink reader: its splits' tasks, their buffer, its acknowledgments.
//!
//! Called by Flink's threads (fetcher and task thread); nothing here waits but `poll` and `close`, each with a limit.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use serde::Serialize;
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::config::{AckStrategy, Partition, SourceSettings, Split, SplitPosition};
use crate::connection::{Credentials, Servers};
use crate::entry_id::EntryId;
use crate::error::{Error, Result};
use crate::object::{EngineObject, Tick};
use crate::runtime::{EngineRuntime, caught};
use crate::source::acknowledge::Acknowledger;
use crate::source::batch::Batch;
use crate::source::buffer::Buffer;
use crate::source::checkpoints::Checkpoints;
use crate::source::owed::{Order, Owed};
use crate::source::split::{Counters, Shared, SplitReader};

/// How long a close waits for acknowledgments under way. What is not acknowledged stays pending, and a successor sees to it.
const CLOSE: Duration = Duration::from_secs(3);

pub struct Reader {
    shared: Arc<Shared>,
    acknowledger: Arc<Acknowledger>,
    checkpoints: Mutex<Checkpoints>,
    tasks: Mutex<JoinSet<()>>,
    handle: Handle,
    // Last, since its drop ends the runtime that the tasks are on.
    _runtime: Option<Arc<EngineRuntime>>,
}

/// What a reader has done so far.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReaderStats {
    pub entries: u64,
    pub buffered_bytes: u64,
    pub acknowledged: u64,
    pub owed: u64,
    pub owed_bytes: u64,
    pub trimmed: u64,
    pub gaps: u64,
    pub lost_writes: u64,
    pub reconnects: u64,
}

impl Reader {
    /// Connects to nothing yet.
    pub fn new(settings: SourceSettings) -> Result<Self> {
        let runtime = EngineRuntime::shared()?;
        let servers = Servers::new(settings.connection.clone());
        let handle = runtime.handle()?.clone();
        Ok(Self::on(handle, Some(runtime), settings, servers))
    }

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

    /// Begins to read them.
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
            let owed = Arc::new(Owed::default());
            self.acknowledger.add_split(split.partition, Arc::clone(&owed));
            let acknowledging =
                Arc::clone(&self.acknowledger).run(Arc::clone(&self.shared), split.partition, Arc::clone(&owed));
            let shared = Arc::clone(&self.shared);
            let acknowledging = async move {
                if let Err(panic) = caught(acknowledging).await {
                    shared.buffer.fail(panic);
                }
            };
            tasks.spawn_on(acknowledging, &self.handle);
            tasks.spawn_on(SplitReader::new(Arc::clone(&self.shared), split, owed).run(), &self.handle);
        }
        Ok(())
    }

    /// The next batch of any split; `None` when there is none by `max_wait`, or after a wake-up.
    ///
    /// # Errors
    /// What ended a split, again at every call.
    pub fn poll(&self, max_wait: Duration) -> Result<Option<Batch>> {
        self.shared.buffer.poll(max_wait)
    }

    /// The current or the next `poll` returns at once.
    pub fn wake_up(&self) {
        self.shared.buffer.wake_up();
    }

    /// A paused split is neither handed out nor read from.
    pub fn pause_or_resume(&self, pause: &[Partition], resume: &[Partition]) {
        self.shared.buffer.pause_or_resume(pause, resume);
    }

    /// Every entry of the split up to `position` has been emitted. Acknowledged now, if that is the strategy.
    ///
    /// `0-0` is the position of a stream that was made anew: with the batch that says so Java has left the old one behind, and checkpoints of
    /// before hold nothing of the new one.
    pub fn emitted(&self, partition: Partition, position: EntryId) {
        if position == EntryId::ZERO {
            self.checkpoints.lock().forget(partition);
            return self.acknowledger.java_begins_anew(partition);
        }
        if self.shared.settings.ack_strategy == AckStrategy::OnEmit {
            self.acknowledger.order(partition, Order { up_to: position, ..Order::default() });
        }
    }

    /// What the checkpoint holds.
    pub fn checkpoint(&self, id: i64, positions: Vec<SplitPosition>) {
        self.checkpoints.lock().add(id, positions);
    }

    /// It completed: what it holds is acknowledged, now or when the server can be reached.
    pub fn complete(&self, id: i64) {
        let positions = self.checkpoints.lock().complete(id);
        for split in positions {
            self.acknowledger.order(
                split.partition,
                Order { up_to: split.position, held: split.pending, sweeps: true, ..Order::default() },
            );
        }
    }

    /// It was aborted: what it holds belongs to the next one.
    pub fn abort(&self, id: i64) {
        self.checkpoints.lock().abort(id);
    }

    /// What ended a split, if one has ended so.
    pub fn failure(&self) -> Option<Error> {
        self.shared.buffer.failure()
    }

    #[cfg(test)]
    pub(super) fn crash(&self) {
        self.shared.buffer.close();
        self.tasks.lock().abort_all();
        self.tasks.lock().detach_all();
    }

    pub fn stats(&self) -> ReaderStats {
        let Counters { entries, trimmed, gaps, lost_writes, reconnects, acknowledged } = &self.shared.counters;
        let read = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        ReaderStats {
            entries: read(entries),
            buffered_bytes: self.shared.buffer.bytes() as u64,
            acknowledged: read(acknowledged),
            owed: self.acknowledger.owed(),
            owed_bytes: self.acknowledger.bytes(),
            trimmed: read(trimmed),
            gaps: read(gaps),
            lost_writes: read(lost_writes),
            reconnects: read(reconnects),
        }
    }

    /// Ends all tasks and connections; bounded in time. Acknowledges nothing that was not ordered. Acknowledgments under way that would have to
    /// ask for credentials are left out, see [`finish`](Self::finish). Idempotent.
    pub fn close(&self) {
        self.shared.servers.end_credentials_requests();
        self.shared.buffer.close();
        self.finish();
    }

    /// Ends reading, and waits for acknowledgments under way, for 3 seconds at most. They may have to connect: another thread provides
    /// credentials meanwhile, if it takes them.
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
