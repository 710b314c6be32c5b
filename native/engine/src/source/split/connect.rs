//! Connecting: the one path for start, restore, lost connection and failover.
//!
//! What a reader relies on afterwards is only its position; see `docs/delivery.md` for why each step is there.

use crate::commands::{self, Progress};
use crate::config::AckStrategy;
use crate::connection::Connection;
use crate::entry_id::EntryId;
use crate::error::{Context, Result};
use crate::source::split::SplitReader;

/// A connection that is ready to read.
pub(in crate::source) struct Session {
    pub(in crate::source) connection: Connection,
    pub(in crate::source) consumer: String,
    /// The group's `last-delivered-id`, as it was when it was asked for last.
    pub(in crate::source) delivered: EntryId,
    /// Whether a read has been answered. The first one does not wait for entries: so it is known at once that reading works, and not only
    /// connecting.
    pub(in crate::source) is_answered: bool,
}

impl SplitReader {
    /// Where the stream is: the owner of its slot says so, if it has gone ahead of that.
    pub(in crate::source) async fn connect(&mut self) -> Result<Session> {
        self.shared.servers.ask_owner(self.stream.as_bytes());
        match self.connect_once().await {
            Err(error) if self.shared.servers.is_redirected(self.stream.as_bytes(), &error) => {
                self.connect_once().await
            }
            connected => connected,
        }
    }

    async fn connect_once(&mut self) -> Result<Session> {
        let mut connection = self.shared.servers.connect(&self.identity.client_name(), self.stream.as_bytes()).await?;
        let last_is_kept = self.last_is_kept(&mut connection).await?;
        let recreated = self.make_group(&mut connection, last_is_kept).await?;
        let by_position = self.shared.settings.ack_strategy == AckStrategy::CommitPosition;
        // Who reads by position can't be cut short by another reader, and needs no consumer.
        let consumer = if by_position { String::new() } else { self.take_over(&mut connection).await? };
        let progress = self.progress(&mut connection).await?;
        let loss = recreated || self.is_set_back(progress, last_is_kept);
        self.look_for_lost_writes(&mut connection, progress, loss).await?;
        self.met(progress);
        // What lies beyond the end is no matter of this job.
        let covered = self.stopping_id.map_or(progress.delivered, |stop| stop.min(progress.delivered));
        self.acks.connected(&consumer, covered, self.identity.may_kill());
        if by_position {
            self.acks.connected_by_position(progress, self.received);
        }
        Ok(Session { connection, consumer, delivered: progress.delivered, is_answered: false })
    }

    pub(in crate::source) async fn progress(&self, connection: &mut Connection) -> Result<Progress> {
        commands::progress(connection, &self.stream, &self.shared.settings.group).await.context(|| "XINFO")
    }
}
