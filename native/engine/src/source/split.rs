//! The task that reads one split: it connects, replays, polls, and begins again after every fault.
//!
//! Its connection is its own, so a read that blocks on an idle stream holds nobody up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use futures_util::FutureExt;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::config::{AckStrategy, Partition, SourceSettings, Split};
use crate::connection::{Connection, Outage, Servers};
use crate::entry_id::{EntryId, Runs};
use crate::error::{Error, Result};
use crate::source::anew::Known;
use crate::source::batch::{self, BatchBuilder, Taken};
use crate::source::buffer::Buffer;
use crate::source::consumers::Identity;
use crate::source::owed::Owed;
use crate::source::scanner::{Reply, Scanner, Shape};
use crate::topic::stream_name;

/// What the splits of one reader share.
pub(super) struct Shared {
    pub(super) settings: SourceSettings,
    pub(super) servers: Servers,
    pub(super) buffer: Arc<Buffer>,
    pub(super) closed: CancellationToken,
    /// How many splits share the buffer.
    pub(super) splits: AtomicUsize,
    pub(super) counters: Counters,
}

/// What is counted, for metrics. Written by the tasks, read by anyone.
#[derive(Default)]
pub(super) struct Counters {
    pub(super) entries: AtomicU64,
    /// Entries that were to be emitted, but their data was trimmed or deleted.
    pub(super) trimmed: AtomicU64,
    pub(super) gaps: AtomicU64,
    /// How often the server was found to have lost writes.
    pub(super) lost_writes: AtomicU64,
    pub(super) reconnects: AtomicU64,
    pub(super) acknowledged: AtomicU64,
}

pub(super) struct SplitReader {
    pub(super) shared: Arc<Shared>,
    pub(super) partition: Partition,
    pub(super) stream: String,
    /// `R`: the last ID that was received in order. Runs ahead of the position that Java knows.
    pub(super) received: EntryId,
    /// The last entry that this reader received itself, until the server turns out to have lost it.
    pub(super) last_entry: Option<EntryId>,
    /// What is known of the stream by which it can be told from another one of its name.
    pub(super) known: Known,
    /// Entries below the position that are still to be handed over.
    pub(super) pending: Runs,
    pub(super) stopping_id: Option<EntryId>,
    pub(super) owed: Arc<Owed>,
    pub(super) identity: Identity,
    pub(super) builder: BatchBuilder,
    /// Takes replies of which only the IDs matter.
    probe: BatchBuilder,
    /// What an entry's strings measured lately, on average.
    entry_bytes: u64,
    pub(super) outage: Outage,
}

/// A batch is cut at this size: small enough to be shared fairly, large enough that handing it over costs nothing an entry.
const BATCH_BYTES: u64 = 256 * 1024;
const SMALLEST_BATCH: u64 = 16 * 1024;
/// What one reply may measure, at least, however many splits share the reader's bytes.
const SMALLEST_REPLY: u64 = 128 * 1024;

impl SplitReader {
    pub(super) fn new(shared: Arc<Shared>, split: Split, owed: Arc<Owed>) -> Self {
        let settings = &shared.settings;
        let stream = stream_name(&settings.topic, split.partition);
        let splits = shared.splits.load(Ordering::Relaxed).max(1) as u64;
        let batch_bytes = (settings.max_buffered_bytes / (4 * splits)).clamp(SMALLEST_BATCH, BATCH_BYTES);
        let mut probe = BatchBuilder::new(split.partition, usize::MAX);
        probe.limits(EntryId::new(u64::MAX, u64::MAX), None);
        Self {
            partition: split.partition,
            received: split.position,
            last_entry: None,
            known: Known::default(),
            pending: split.pending,
            stopping_id: split.stopping_id,
            owed,
            identity: Identity::new(&settings.connection.client_name),
            builder: BatchBuilder::new(split.partition, batch_bytes as usize),
            probe,
            entry_bytes: 1024,
            outage: Outage::new(format!("source {stream} ({})", settings.connection.endpoint()), &settings.connection),
            stream,
            shared,
        }
    }

    /// Runs until the split is finished, the reader is closed, or a fault is final; that one, or a panic, fails the reader.
    pub(super) async fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        let work = std::panic::AssertUnwindSafe(self.read()).catch_unwind();
        let ended = tokio::select! {
            biased;
            () = shared.closed.cancelled() => return,
            ended = work => ended,
        };
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(error)) => shared.buffer.fail(error),
            Err(payload) => shared.buffer.fail(Error::from_panic(payload)),
        }
    }

    async fn read(&mut self) -> Result<()> {
        loop {
            let ended = self.read_over_one_connection().await;
            self.builder.discard();
            self.probe.discard();
            match ended {
                Ok(()) => return Ok(()),
                Err(error) => {
                    let error = self.shared.servers.learn(self.stream.as_bytes(), error);
                    let wait = self.outage.failed(error)?;
                    self.shared.counters.reconnects.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    /// `Ok` when the split is finished.
    async fn read_over_one_connection(&mut self) -> Result<()> {
        let mut session = self.connect().await?;
        self.replay_pending(&mut session.connection).await?;
        if self.shared.settings.ack_strategy == AckStrategy::CommitPosition {
            return self.poll_by_position(&mut session).await;
        }
        loop {
            self.replay(&mut session.connection, session.delivered).await?;
            if let Some(stop) = self.stopping_id {
                return self.poll_to_the_end(&mut session, stop).await;
            }
            // It comes back when something was missed, which the replay fetches.
            self.poll(&mut session).await?;
            session.delivered = self.progress(&mut session.connection).await?.delivered;
        }
    }

    /// Receives the reply of a command that gives entries; they are in the builder then.
    pub(super) async fn receive(
        &mut self,
        connection: &mut Connection,
        shape: Shape,
        block: std::time::Duration,
    ) -> Result<Reply> {
        receive(connection, shape, block, &mut self.builder).await
    }

    /// The first ID of a reply of which nothing else matters.
    pub(super) async fn receive_first_id(
        &mut self,
        connection: &mut Connection,
        block: std::time::Duration,
    ) -> Result<Option<EntryId>> {
        receive(connection, Shape::Entries, block, &mut self.probe).await?;
        Ok(self.probe.take().first)
    }

    /// Notes entries that were received in order: they are owed an acknowledgment, and `R` moves. They are not handed over yet.
    pub(super) fn accept(&mut self, taken: &Taken) {
        match self.shared.settings.ack_strategy {
            AckStrategy::OnCheckpoint | AckStrategy::OnEmit => {
                self.owe(&taken.ids);
                self.owe(&taken.known);
            }
            AckStrategy::CommitPosition => self.owed.read(&taken.ids),
            AckStrategy::NoAck => {}
        }
        if let Some(last) = taken.ids.last() {
            self.received = last;
            self.last_entry = Some(last);
        }
        if let Some(average) = taken.string_bytes.checked_div(taken.entries) {
            // Follows growth at once and shrinking slowly: it is there to bound memory.
            self.entry_bytes = average.max(self.entry_bytes - self.entry_bytes / 8);
        }
        self.shared.counters.entries.fetch_add(taken.entries, Ordering::Relaxed);
    }

    /// Notes entries that are to be acknowledged.
    pub(super) fn owe(&self, ids: &Runs) {
        if !self.owed.add(ids) {
            warn!(
                "{}: very many entries wait to be acknowledged, and no checkpoint completes; without checkpoints use ackStrategy ON_EMIT, \
                 NOACK or COMMIT_POSITION (from here on the next checkpoint that completes asks the group which entries are pending)",
                self.outage.what()
            );
        }
    }

    /// Hands batches over, waiting for room.
    pub(super) async fn hand_over(&self, batches: Vec<batch::Batch>) {
        for batch in batches {
            self.shared.buffer.push(batch).await;
        }
    }

    /// How many entries to ask for: as many as the settings say, but no more than this split's share of the bytes.
    pub(super) fn count(&self) -> u64 {
        let settings = &self.shared.settings;
        let splits = self.shared.splits.load(Ordering::Relaxed).max(1) as u64;
        let share = (settings.max_buffered_bytes / (2 * splits)).max(SMALLEST_REPLY);
        (share / self.entry_bytes.max(1)).clamp(1, u64::from(settings.batch_size))
    }

    pub(super) async fn finish(&mut self) {
        let last = batch::empty(self.partition, batch::FINISHED, self.received);
        self.shared.buffer.push(last).await;
    }
}

async fn receive(
    connection: &mut Connection,
    shape: Shape,
    block: std::time::Duration,
    out: &mut BatchBuilder,
) -> Result<Reply> {
    let mut scanner = Scanner::new(shape);
    connection.begin_reply(connection.deadline(block)).await?;
    loop {
        if !connection.received().is_empty() {
            let (used, reply) = scanner.scan(connection.received(), out)?;
            connection.consume(used);
            match reply {
                Some(Reply::Error(fault)) => return Err(fault.into()),
                Some(reply) => return Ok(reply),
                None => {}
            }
        }
        // Each part of a large reply may take that long: what counts is that the server is alive.
        connection.fill(connection.deadline(block)).await?;
    }
}
