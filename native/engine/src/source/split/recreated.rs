//! A stream that was deleted and made again (`DEL`, `FLUSHALL`, a time to live, a server without persistence): another one, of the same name.
//!
//! Its IDs may be lower than what was read of the old one, so it is read from its first entry on. A server that has lost writes
//! (`lost_writes.rs`) looks alike: its last ID is below `R`, too, but what it has was emitted before. They are told apart by the group: a
//! deletion takes it away, a failover to a replica that lagged has it still, just further back.
//!
//! A reader that was given an older state, or comes behind another one, finds the group made again already. So whoever makes it again leaves
//! a mark in it: a consumer whose name says where reading was. One that meets a mark which it does not know, though it has been there before,
//! has another stream in front of it; and so has one that comes with a position below the mark which the stream has not reached.
//!
//! Where servers can fail over, a replica may lag so far that it does not even have the group. Then the first entry, as it was seen at the last
//! connect, tells: if it is there, the stream is the old one.

use redis::Cmd;
use tracing::warn;

use crate::commands::{self, Progress};
use crate::config::StartPosition;
use crate::connection::Connection;
use crate::entry_id::{EntryId, Runs};
use crate::error::{Context, Result};
use crate::source::decode::batch;
use crate::source::split::SplitReader;

/// By what a stream is told from another one of its name.
#[derive(Default)]
pub(in crate::source) struct Known {
    /// This reader has been there before.
    met: bool,
    /// Where reading was when the group was made again.
    mark: Option<EntryId>,
    /// The stream's first entry at the last connect.
    first: Option<EntryId>,
}

impl SplitReader {
    /// The enumerator made the group. Where it is gone, it begins again at `0`; `true`: with a stream that looks like another one.
    pub(in crate::source) async fn make_group(
        &mut self,
        connection: &mut Connection,
        last_is_kept: bool,
    ) -> Result<bool> {
        let group = self.shared.settings.group.clone();
        if commands::has_group(connection, &self.stream, &group).await.context(|| "XINFO GROUPS")? {
            return Ok(false);
        }
        self.acks.group_is_gone();
        let progress = commands::progress_without_group(connection, &self.stream).await.context(|| "XINFO STREAM")?;
        if self.is_set_back(progress, last_is_kept) && !self.has_failed_over(connection).await? {
            let mark = self.known.mark.unwrap_or_default().max(self.received);
            commands::create_group_of_recreated(connection, &self.stream, &group, &self.mark_name(mark))
                .await
                .context(|| format!("XGROUP CREATE '{group}'"))?;
            // Another reader may have made it in between. Then its mark tells.
            return Ok(true);
        }
        let created = commands::create_group(connection, &self.stream, &group, StartPosition::Id(EntryId::ZERO))
            .await
            .context(|| format!("XGROUP CREATE '{group}'"))?;
        if created {
            warn!(
                "{}: group '{group}' was gone; created again at 0-0, reading goes on behind {}",
                self.outage.what(),
                self.received
            );
        }
        Ok(false)
    }

    /// Whether the group was made again since this reader, or the one whose state it has, was there.
    pub(in crate::source) async fn is_recreated(
        &mut self,
        connection: &mut Connection,
        set_back: bool,
    ) -> Result<bool> {
        if self.known.met && !set_back {
            return Ok(false);
        }
        let mark = self.mark(connection).await?;
        let new = mark.filter(|mark| Some(*mark) != self.known.mark);
        let anew = set_back && new.is_some_and(|mark| self.known.met || self.received <= mark);
        self.known.met = true;
        self.known.mark = mark.max(self.known.mark);
        Ok(anew)
    }

    /// Reading begins at the first entry, and so does the position: Java's, and what is acknowledged.
    pub(in crate::source) async fn begin_anew(&mut self, progress: Progress) {
        warn!(
            "{}: the stream is gone or was deleted and made again: its last ID is {}, though reading was at {}; what it has now is read from \
             its first entry on",
            self.outage.what(),
            progress.generated,
            self.received
        );
        self.received = EntryId::ZERO;
        self.last_entry = None;
        self.pending = Runs::default();
        self.acks.begin_anew();
        self.shared.buffer.push(batch::empty(self.partition, 0, EntryId::ZERO)).await;
    }

    pub(in crate::source) fn met(&mut self, progress: Progress) {
        self.known.first = progress.first;
    }

    async fn has_failed_over(&mut self, connection: &mut Connection) -> Result<bool> {
        let settings = &self.shared.settings.connection;
        let Some(first) = self.known.first.filter(|_| settings.cluster || settings.sentinel.is_some()) else {
            return Ok(false);
        };
        let look: Cmd = commands::range(&self.stream, first, first);
        Ok(self.first_id_of(connection, &look).await.context(|| "XRANGE")?.is_some())
    }

    /// The mark in the group; where several readers have left one, the highest.
    async fn mark(&self, connection: &mut Connection) -> Result<Option<EntryId>> {
        let consumers = commands::consumers(connection, &self.stream, &self.shared.settings.group)
            .await
            .context(|| "XINFO CONSUMERS")?;
        let prefix = self.mark_prefix();
        let at = |name: &str| EntryId::parse(name.strip_prefix(&prefix)?.as_bytes());
        Ok(consumers.iter().filter_map(|consumer| at(&consumer.name)).max())
    }

    fn mark_prefix(&self) -> String {
        format!("{}-anew-", self.shared.settings.connection.client_name)
    }

    fn mark_name(&self, at: EntryId) -> String {
        format!("{}{at}", self.mark_prefix())
    }
}
