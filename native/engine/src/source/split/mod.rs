//! The task that reads one split: it connects, replays, polls, and begins again after every fault.
//!
//! Its connection is its own, so a read that blocks on an idle stream holds nobody up.

mod bounded;
mod by_position;
mod connect;
mod gap;
mod lost_writes;
mod pace;
mod recreated;
mod replay;
pub(in crate::source) mod take_over;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::config::{AckStrategy, Partition, SourceSettings, Split};
use crate::connection::{Connection, Outage, Servers};
use crate::entry_id::{EntryId, Runs};
use crate::error::{Error, Fault, FaultKind, Result};
use crate::runtime::caught;
use crate::source::ack::pending_acks::PendingAcks;
use crate::source::buffer::Buffer;
use crate::source::decode::batch::{self, BatchBuilder, ScannedReply};
use crate::source::decode::scanner::{Reply, Scanner, Shape};
use crate::source::split::pace::Pace;
use crate::source::split::recreated::Known;
use crate::source::split::take_over::Identity;
use crate::topic::stream_name;

/// What the splits of one reader share.
pub(in crate::source) struct Shared {
    pub(in crate::source) settings: SourceSettings,
    pub(in crate::source) servers: Servers,
    pub(in crate::source) buffer: Arc<Buffer>,
    pub(in crate::source) closed: CancellationToken,
    /// How many splits share the buffer.
    pub(in crate::source) splits: AtomicUsize,
    pub(in crate::source) counters: Counters,
}

/// What is counted, for metrics. Written by the tasks, read by anyone.
#[derive(Default)]
pub(in crate::source) struct Counters {
    pub(in crate::source) entries: AtomicU64,
    /// Entries that were to be emitted, but their data was trimmed or deleted.
    pub(in crate::source) trimmed: AtomicU64,
    pub(in crate::source) gaps: AtomicU64,
    /// How often the server was found to have lost writes.
    pub(in crate::source) lost_writes: AtomicU64,
    pub(in crate::source) reconnects: AtomicU64,
    pub(in crate::source) acknowledged: AtomicU64,
}

pub(in crate::source) struct SplitReader {
    pub(in crate::source) shared: Arc<Shared>,
    pub(in crate::source) partition: Partition,
    pub(in crate::source) stream: String,
    /// `R`: the last ID that was received in order. Runs ahead of the position that Java knows.
    pub(in crate::source) received: EntryId,
    /// The last entry that this reader received itself, until the server turns out to have lost it.
    pub(in crate::source) last_entry: Option<EntryId>,
    /// What is known of the stream by which it can be told from another one of its name.
    pub(in crate::source) known: Known,
    /// Entries below the position that are still to be handed over.
    pub(in crate::source) pending: Runs,
    pub(in crate::source) stopping_id: Option<EntryId>,
    pub(in crate::source) acks: Arc<PendingAcks>,
    pub(in crate::source) identity: Identity,
    pub(in crate::source) builder: BatchBuilder,
    /// Takes replies of which only the IDs matter.
    probe: BatchBuilder,
    pub(in crate::source) pace: Pace,
    /// A reply measured too much and was given up, and its connection with it.
    gave_up_reply: bool,
    pub(in crate::source) outage: Outage,
}

/// A batch is cut at this size: small enough to be shared fairly, large enough that handing it over costs nothing an entry.
const BATCH_BYTES: u64 = 256 * 1024;
const SMALLEST_BATCH: u64 = 16 * 1024;
/// What one reply may measure, at least, however many splits share the reader's bytes. The model has small entries, and so small limits.
const SMALLEST_REPLY: u64 = if cfg!(test) { 1024 } else { 128 * 1024 };

impl SplitReader {
    pub(in crate::source) fn new(shared: Arc<Shared>, split: Split, acks: Arc<PendingAcks>) -> Self {
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
            acks,
            identity: Identity::new(&settings.connection.client_name),
            builder: BatchBuilder::new(split.partition, batch_bytes as usize),
            probe,
            pace: Pace::new(settings.batch_size),
            gave_up_reply: false,
            outage: Outage::new(format!("source {stream} ({})", settings.connection.endpoint()), &settings.connection),
            stream,
            shared,
        }
    }

    /// Runs until the split is finished, the reader is closed, or a fault is final; that one, or a panic, fails the reader.
    pub(in crate::source) async fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        let ended = tokio::select! {
            biased;
            () = shared.closed.cancelled() => return,
            ended = caught(self.read()) => ended,
        };
        shared.splits.fetch_sub(1, Ordering::Relaxed);
        if let Err(error) = ended.and_then(|ended| ended) {
            shared.buffer.fail(error);
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
                    self.shared.counters.reconnects.fetch_add(1, Ordering::Relaxed);
                    if std::mem::take(&mut self.gave_up_reply) {
                        // Nothing is wrong: what it brought is read again, in smaller parts.
                        debug!("{}: {error}", self.outage.what());
                        continue;
                    }
                    let error = self.shared.servers.learn(self.stream.as_bytes(), error);
                    let wait = self.outage.failed(error)?;
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
    pub(in crate::source) async fn receive(
        &mut self,
        connection: &mut Connection,
        shape: Shape,
        block: std::time::Duration,
    ) -> Result<Reply> {
        let count = self.count();
        let most_bytes = if self.pace.can_ask_for_less() { 2 * self.share() } else { u64::MAX };
        let received = receive(connection, shape, block, &mut self.builder, most_bytes).await;
        let Err(Error::Redis(fault)) = received else { return received };
        if fault.kind == FaultKind::Connection && self.builder.exceeds(most_bytes) {
            self.gave_up_reply = true;
            let (_, largest) = self.builder.measured();
            self.pace.too_large(count, largest);
        } else if matches!(fault.kind, FaultKind::Connection | FaultKind::Timeout | FaultKind::Protocol) {
            self.pace.broke_off(count);
            if fault.kind == FaultKind::Connection && self.outage.attempts() > 0 {
                return Err(Fault::new(fault.kind, format!("{}{}", fault.message(), cut_off(count))).into());
            }
        }
        Err(fault.into())
    }

    /// The first ID of a reply of which nothing else matters.
    pub(in crate::source) async fn receive_first_id(
        &mut self,
        connection: &mut Connection,
        block: std::time::Duration,
    ) -> Result<Option<EntryId>> {
        receive(connection, Shape::Entries, block, &mut self.probe, u64::MAX).await?;
        Ok(self.probe.take().first)
    }

    /// Notes entries that were received in order: they are acks an acknowledgment, and `R` moves. They are not handed over yet.
    pub(in crate::source) fn accept(&mut self, taken: &ScannedReply) {
        match self.shared.settings.ack_strategy {
            AckStrategy::OnCheckpoint | AckStrategy::OnEmit => {
                self.owe(&taken.ids);
                self.owe(&taken.already_emitted);
            }
            AckStrategy::CommitPosition => self.acks.read(&taken.ids),
            AckStrategy::NoAck => {}
        }
        if let Some(last) = taken.ids.last() {
            self.received = last;
            self.last_entry = Some(last);
        }
        self.made_progress(taken);
    }

    /// A read was answered, and what it brought is good: only now an outage is over. That a connection is there says little.
    pub(in crate::source) fn made_progress(&mut self, taken: &ScannedReply) {
        self.outage.over();
        self.pace.answered(taken.entries, taken.largest);
        self.shared.counters.entries.fetch_add(taken.entries, Ordering::Relaxed);
    }

    /// Notes entries that are to be acknowledged.
    pub(in crate::source) fn owe(&self, ids: &Runs) {
        if !self.acks.add(ids) {
            warn!(
                "{}: very many entries wait to be acknowledged, and no checkpoint completes; without checkpoints use ackStrategy ON_EMIT, \
                 NOACK or COMMIT_POSITION (from here on the next checkpoint that completes asks the group which entries are pending)",
                self.outage.what()
            );
        }
    }

    /// Hands batches over, waiting for room.
    pub(in crate::source) async fn hand_over(&self, batches: Vec<batch::Batch>) {
        for batch in batches {
            self.shared.buffer.push(batch).await;
        }
    }

    /// How many entries to ask for.
    pub(in crate::source) fn count(&self) -> u64 {
        self.pace.count(self.share())
    }

    /// What a reply should measure at most: this split's share of the reader's bytes, for two of them.
    pub(in crate::source) fn share(&self) -> u64 {
        let splits = self.shared.splits.load(Ordering::Relaxed).max(1) as u64;
        (self.shared.settings.max_buffered_bytes / (2 * splits)).max(SMALLEST_REPLY)
    }

    pub(in crate::source) async fn finish(&mut self) {
        self.acks.finished(self.received);
        let last = batch::empty(self.partition, batch::FINISHED, self.received);
        self.shared.buffer.push(last).await;
    }
}

/// What to do about a connection that ends at each read.
fn cut_off(count: u64) -> String {
    format!(
        " instead of the reply to a read of up to {count} entries; where the server's log says 'closed … for overcoming of output buffer limits', \
         raise its client-output-buffer-limit for normal clients above the largest entry, or lower batchSize"
    )
}

async fn receive(
    connection: &mut Connection,
    shape: Shape,
    block: std::time::Duration,
    out: &mut BatchBuilder,
    most_bytes: u64,
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
            if out.exceeds(most_bytes) {
                let message =
                    format!("the reply measures more than {most_bytes} bytes; it is given up and read in parts");
                return Err(Fault::new(FaultKind::Connection, message).into());
            }
        }
        // Each part of a large reply may take that long: what counts is that the server is alive.
        connection.fill(connection.deadline(block)).await?;
    }
}
