//! By position: what was delivered, to whomever, and not emitted by this job.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tracing::warn;

use crate::commands;
use crate::connection::Connection;
use crate::entry_id::{EntryId, Run, Runs};
use crate::error::{Context, Result};
use crate::source::decode::batch;
use crate::source::decode::scanner::Shape;
use crate::source::split::SplitReader;

/// Runs of pending entries that are asked for in one round trip.
const RUNS_AT_ONCE: usize = 256;

impl SplitReader {
    /// Hands over the entries of `pending`. They are fetched by ID, pending or not, so that a savepoint of this phase can be gone back to.
    pub(in crate::source) async fn replay_pending(&mut self, connection: &mut Connection) -> Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        while let Some(window) = self.window() {
            self.make_sure_it_is_there(connection).await?;
            self.replay_window(connection, &window).await.context(|| "XRANGE of pending entries")?;
            if let Some(last) = window.last() {
                self.pending.remove_up_to(last.last());
            }
        }
        // Tells that this phase is over, whatever of its entries was gone.
        let over = batch::empty(self.partition, 0, self.received);
        self.shared.buffer.push(over).await;
        Ok(())
    }

    /// The next runs to ask for: no more than one read's worth.
    fn window(&self) -> Option<Vec<Run>> {
        let mut left = self.count();
        let mut window = Vec::new();
        for mut run in self.pending.runs().take(RUNS_AT_ONCE) {
            run.count = run.count.min(left);
            left -= run.count;
            window.push(run);
            if left == 0 {
                break;
            }
        }
        (!window.is_empty()).then_some(window)
    }

    async fn replay_window(&mut self, connection: &mut Connection, window: &[Run]) -> Result<()> {
        for run in window {
            connection.queue(&commands::range(&self.stream, run.first, run.last()));
        }
        connection.flush().await?;
        self.builder.pending(self.received);
        for _ in window {
            self.receive(connection, Shape::Entries, Duration::ZERO).await?;
        }
        let taken = self.builder.take();
        let asked: Runs = window.iter().flat_map(|run| run.ids()).collect();
        // Those whose data is gone, too, and whatever the strategy: nobody else will acknowledge them.
        self.owe(&asked);
        self.count_trimmed(asked.len() - taken.ids.len());
        self.made_progress(&taken);
        self.hand_over(taken.batches).await;
        Ok(())
    }

    /// An `XRANGE` does not tell a stream that is elsewhere from one without entries. Since the last one Java may have taken its time, and the slot may
    /// have gone away, and be about to come again.
    async fn make_sure_it_is_there(&self, connection: &mut Connection) -> Result<()> {
        if connection.is_asking() {
            let group = &self.shared.settings.group;
            commands::look_for_group(connection, &self.stream, group).await.context(|| "XINFO GROUPS")?;
        }
        Ok(())
    }

    fn count_trimmed(&self, entries: u64) {
        if entries > 0 {
            self.shared.counters.trimmed.fetch_add(entries, Ordering::Relaxed);
            warn!(
                "{}: {entries} pending entries were trimmed or deleted before they could be read; they are acknowledged",
                self.outage.what()
            );
        }
    }

    /// Hands over everything behind `R` up to `delivered`, the group's `last-delivered-id`; then `R` is there.
    pub(in crate::source) async fn replay(&mut self, connection: &mut Connection, delivered: EntryId) -> Result<()> {
        let to = self.stopping_id.map_or(delivered, |stop| stop.min(delivered));
        while self.received < to {
            self.make_sure_it_is_there(connection).await?;
            let count = self.count();
            connection.queue(&commands::range_after(&self.stream, self.received, Some(to.to_string()), count));
            connection.flush().await?;
            self.builder.limits(self.received, None);
            self.receive(connection, Shape::Entries, Duration::ZERO).await.context(|| "XRANGE")?;
            let taken = self.builder.take();
            self.accept(&taken);
            let last_page = taken.entries < count;
            self.hand_over(taken.batches).await;
            if last_page && self.received < to {
                // What lies between was deleted: the position goes on all the same.
                self.received = to;
                self.shared.buffer.push(batch::empty(self.partition, 0, to)).await;
            }
        }
        Ok(())
    }
}
