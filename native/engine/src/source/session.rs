//! Connecting: the one path for start, restore, lost connection and failover.
//!
//! What a reader relies on afterwards is only its position; see `docs/delivery.md` for why each step is there.

use tracing::warn;

use crate::config::{AckStrategy, Place};
use crate::connection::Connection;
use crate::entry_id::EntryId;
use crate::error::{Context, Result};
use crate::source::commands::{self, Progress};
use crate::source::split::SplitReader;

/// A connection that is ready to read.
pub(super) struct Session {
    pub(super) connection: Connection,
    pub(super) consumer: String,
    /// The group's `last-delivered-id`, as it was when it was asked for last.
    pub(super) delivered: EntryId,
    /// Whether a read has been answered. The first one does not wait for entries: so it is known at once that reading works, and not only
    /// connecting.
    pub(super) is_answered: bool,
}

impl SplitReader {
    pub(super) async fn connect(&mut self) -> Result<Session> {
        let mut connection = self.shared.servers.connect(&self.identity.client_name(), self.stream.as_bytes()).await?;
        self.make_group(&mut connection).await?;
        let by_position = self.shared.settings.ack_strategy == AckStrategy::CommitPosition;
        // Who reads by position can't be cut short by another reader, and needs no consumer.
        let consumer = if by_position { String::new() } else { self.take_over(&mut connection).await? };
        let last_is_kept = self.last_is_kept(&mut connection).await?;
        let progress = self.progress(&mut connection).await?;
        self.look_for_lost_writes(&mut connection, progress, last_is_kept).await?;
        // What lies beyond the end is no matter of this job.
        let covered = self.stopping_id.map_or(progress.delivered, |stop| stop.min(progress.delivered));
        self.owed.connected(&consumer, covered, self.identity.may_kill());
        if by_position {
            self.owed.connected_by_position(progress, self.received);
        }
        Ok(Session { connection, consumer, delivered: progress.delivered, is_answered: false })
    }

    pub(super) async fn progress(&self, connection: &mut Connection) -> Result<Progress> {
        commands::progress(connection, &self.stream, &self.shared.settings.group).await.context(|| "XINFO")
    }

    /// The enumerator made the group. Where it is gone (`FLUSHALL`, `DEL`), it begins again at `0`: what is below the position is passed over.
    async fn make_group(&self, connection: &mut Connection) -> Result<()> {
        let group = &self.shared.settings.group;
        let from = Place::Id(EntryId::ZERO);
        let created = commands::create_group(connection, &self.stream, group, from)
            .await
            .context(|| format!("XGROUP CREATE '{group}'"))?;
        if created {
            warn!(
                "{}: group '{group}' was gone; created again at 0-0, reading goes on behind {}",
                self.outage.what(),
                self.received
            );
        }
        Ok(())
    }
}
