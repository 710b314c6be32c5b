//! Where a split is, and what becomes of what was received.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tracing::{info, warn};

use crate::client::Outage;
use crate::commands::Progress;
use crate::config::{AckStrategy, Split};
use crate::error::{Error, Fault, Result};
use crate::source::ack::PendingAcks;
use crate::source::decode::batch::{self, Batch, ScannedReply};
use crate::source::split::context::SplitContext;
use crate::source::split::pace::{Allowance, Pace};
use crate::source::split::session::{Broken, BrokenRead};
use crate::stream::{EntryId, Run, Runs};

/// Holds the position of one split, and hands over what was received. Nothing else moves the position, or says how much
/// may be read.
pub(super) struct SplitState {
    context: Arc<SplitContext>,
    /// `R`: the last ID that was received in order. Runs ahead of the position that Java knows.
    received: EntryId,
    /// The last entry that this reader received itself, until the server turns out to have lost it.
    last_entry: Option<EntryId>,
    /// Entries below the position that are still to be handed over.
    pending: Runs,
    stopping_id: Option<EntryId>,
    acks: Arc<PendingAcks>,
    pace: Pace,
    outage: Outage,
}

impl SplitState {
    pub(super) fn new(context: Arc<SplitContext>, split: Split, acks: Arc<PendingAcks>) -> Self {
        let settings = context.settings();
        Self {
            received: split.position,
            last_entry: None,
            pending: split.pending,
            stopping_id: split.stopping_id,
            acks,
            pace: Pace::new(settings.batch_size),
            outage: Outage::new(context.what.clone(), &settings.connection),
            context,
        }
    }

    pub(super) fn context(&self) -> &Arc<SplitContext> {
        &self.context
    }

    /// Returns `R`, the last ID that was received in order.
    pub(super) fn received(&self) -> EntryId {
        self.received
    }

    /// Returns the last entry that this reader received itself, unless the server is known to have lost it.
    pub(super) fn last_entry(&self) -> Option<EntryId> {
        self.last_entry
    }

    /// Returns the last ID of a bounded read.
    pub(super) fn stopping_id(&self) -> Option<EntryId> {
        self.stopping_id
    }

    /// Returns what waits to be acknowledged.
    pub(super) fn acks(&self) -> &PendingAcks {
        &self.acks
    }

    /// Returns what the next read may bring.
    pub(super) fn allowance(&self) -> Allowance {
        self.pace.allowance(self.context.shared.reply_bytes())
    }

    /// Returns whether the stream lacks what was read of it. `last_is_kept`: whether the last entry was found.
    pub(super) fn is_set_back(&self, progress: Progress, last_is_kept: bool) -> bool {
        progress.generated < self.received
            || self.last_entry.is_some_and(|last| !last_is_kept && progress.would_have(last))
    }

    /// Takes entries that were received in order: they are to be acknowledged, and `R` moves. They are not handed over
    /// yet.
    pub(super) fn accept(&mut self, reply: &ScannedReply) {
        match self.context.settings().ack_strategy {
            AckStrategy::OnCheckpoint | AckStrategy::OnEmit => {
                self.add_to_acknowledge(&reply.ids);
                self.add_to_acknowledge(&reply.already_emitted);
            }
            AckStrategy::CommitPosition => self.acks.add_read(&reply.ids),
            AckStrategy::NoAck => {}
        }
        if let Some(last) = reply.ids.last() {
            self.received = last;
            self.last_entry = Some(last);
        }
        self.note_answer(reply);
    }

    /// Takes the pending entries that were asked for. Those that the reply lacks were trimmed or deleted. All of them
    /// are to be acknowledged, whatever the strategy: nobody else will.
    pub(super) fn accept_pending(&mut self, asked: &Runs, reply: &ScannedReply) {
        self.add_to_acknowledge(asked);
        let trimmed = asked.len() - reply.ids.len();
        if trimmed > 0 {
            self.context.shared.counters.trimmed.fetch_add(trimmed, Ordering::Relaxed);
            warn!(
                "{}: {trimmed} pending entries were trimmed or deleted before they could be read; \
                 they are acknowledged",
                self.context.what
            );
        }
        self.note_answer(reply);
    }

    /// Notes that a read was answered, and what it brought is good: only now an outage is over. That a connection is
    /// there says little.
    fn note_answer(&mut self, reply: &ScannedReply) {
        self.outage.recovered();
        self.pace.answered(reply.entries, reply.largest);
        self.context.shared.counters.entries.fetch_add(reply.entries, Ordering::Relaxed);
    }

    fn add_to_acknowledge(&self, ids: &Runs) {
        if !self.acks.add(ids) {
            warn!(
                "{}: very many entries wait to be acknowledged, and no checkpoint completes; without checkpoints use \
                 ackStrategy ON_EMIT, NOACK or COMMIT_POSITION (from here on the next checkpoint that completes asks \
                 the group which entries are pending)",
                self.context.what
            );
        }
    }

    /// Hands batches over to Java, waiting for room.
    pub(super) async fn hand_over(&self, batches: Vec<Batch>) {
        for batch in batches {
            self.context.shared.buffer.push(batch).await;
        }
    }

    /// Hands over that the position is at `R`, without an entry.
    async fn hand_over_position(&self, flags: u8) {
        let batch = batch::empty(self.context.partition, flags, self.received);
        self.context.shared.buffer.push(batch).await;
    }

    /// Waits while Java has paused the split.
    pub(super) async fn while_paused(&self) {
        self.context.shared.buffer.while_paused(self.context.partition).await;
    }

    /// Moves `R` on to `to`, where no entry lies between any more.
    pub(super) async fn skip_to(&mut self, to: EntryId) {
        self.received = to;
        self.hand_over_position(0).await;
    }

    /// Returns whether entries below the position are still to be handed over.
    pub(super) fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Returns the first of the pending entries, in up to `runs` runs: no more than one read's worth.
    pub(super) fn next_pending(&self, runs: usize) -> Vec<Run> {
        let mut left = self.allowance().count;
        let mut window = Vec::new();
        for mut run in self.pending.runs().take(runs) {
            run.count = run.count.min(left);
            left -= run.count;
            window.push(run);
            if left == 0 {
                break;
            }
        }
        window
    }

    /// Notes that the pending entries up to `id` were handed over.
    pub(super) fn pending_is_handed_over(&mut self, up_to: EntryId) {
        self.pending.remove_up_to(up_to);
    }

    /// Tells Java that none of the pending entries is left, whatever of them was gone.
    pub(super) async fn end_pending(&self) {
        self.hand_over_position(0).await;
    }

    /// Tells Java that the split is read to its end.
    pub(super) async fn finish(&self) {
        self.acks.finished(self.received);
        self.hand_over_position(batch::FINISHED).await;
    }

    /// Notes that entries were delivered to another reader of the group.
    pub(super) fn note_gap(&self) {
        self.context.shared.counters.gap_replays.fetch_add(1, Ordering::Relaxed);
        info!(
            "{}: entries behind {} were delivered elsewhere; they are read by position",
            self.context.what, self.received
        );
    }

    /// Goes back to `to`, the end of what the server still has of the stream; `None`: stays where it is. The last entry
    /// is lost either way.
    pub(super) fn note_lost_writes(&mut self, to: Option<EntryId>) {
        self.received = to.unwrap_or(self.received);
        self.last_entry = None;
        self.context.shared.counters.lost_writes.fetch_add(1, Ordering::Relaxed);
    }

    /// Begins before the first entry of a stream that is another one, and so does the position: Java's, and what is
    /// acknowledged.
    pub(super) async fn begin_again(&mut self) {
        self.received = EntryId::ZERO;
        self.last_entry = None;
        self.pending = Runs::default();
        self.acks.stream_is_recreated();
        self.hand_over_position(0).await;
    }

    /// Takes a read that did not come whole, which asks for less the next time, and returns the error to go on with.
    pub(super) fn note_broken_read(&mut self, read: BrokenRead, error: Error) -> Error {
        match read.why {
            Broken::GivenUp { largest } => self.pace.too_large(read.count, largest),
            Broken::CutOff | Broken::Other => self.pace.broke_off(read.count),
        }
        match error {
            Error::Redis(fault) if read.why == Broken::CutOff && self.outage.attempts() > 0 => {
                Fault::new(fault.kind, format!("{}{}", fault.message(), cut_off(read.count))).into()
            }
            error => error,
        }
    }

    /// Returns how long to wait before the next attempt.
    ///
    /// # Errors
    /// A final fault, or one that has lasted too long.
    pub(super) fn note_failure(&mut self, error: Error) -> Result<Duration> {
        self.outage.failed(error)
    }
}

/// Returns what to do about a connection that ends at each read.
fn cut_off(count: u64) -> String {
    format!(
        " instead of the reply to a read of up to {count} entries; where the server's log says \
         'closed … for overcoming of output buffer limits', raise its client-output-buffer-limit for normal clients \
         above the largest entry, or lower batchSize"
    )
}
