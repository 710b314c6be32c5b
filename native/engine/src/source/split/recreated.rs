//! A stream that was deleted and made again (`DEL`, `FLUSHALL`, a time to live, a server without persistence): another
//! one, of the same name.
//!
//! Its IDs may be lower than what was read of the old one, so it is read from its first entry on. A server that has
//! lost writes (`lost_writes.rs`) looks alike: its last ID is below `R`, too, but what it has was emitted before. They
//! are told apart by the group: a deletion takes it away, a failover to a replica that lagged has it still, just
//! further back.
//!
//! A reader that was given an older state, or comes behind another one, finds the group made again already. So whoever
//! makes it again leaves a mark in it: a consumer whose name says where reading was. One that meets a mark which it
//! does not know, though it has been there before, has another stream in front of it; and so has one that comes with a
//! position below the mark which the stream has not reached.
//!
//! Where servers can fail over, a replica may lag so far that it does not even have the group. Then the first entry, as
//! it was seen at the last connect, tells: if it is there, the stream is the old one.

use tracing::warn;

use crate::client::Connection;
use crate::commands::{self, Progress};
use crate::config::StartPosition;
use crate::error::{Context, Result};
use crate::source::decode::first_id_of;
use crate::source::split::context::SplitContext;
use crate::source::split::state::SplitState;
use crate::stream::EntryId;

/// Remembers by what a stream is told from another one of its name.
#[derive(Default)]
pub(super) struct StreamMarks {
    /// Whether this reader has been connected before.
    is_known: bool,
    /// Where reading was when the group was made again.
    mark: Option<EntryId>,
    /// The stream's first entry at the last connect.
    first: Option<EntryId>,
}

impl StreamMarks {
    /// Makes the group where it is gone: the enumerator made it. It begins again at `0`; `true`: with a stream that
    /// looks like another one.
    pub(super) async fn ensure_group(
        &self,
        connection: &mut Connection,
        state: &SplitState,
        last_is_kept: bool,
    ) -> Result<bool> {
        let context = state.context();
        let (stream, group) = (&context.stream, context.group());
        if commands::has_group(connection, stream, group).await.context(|| "XINFO GROUPS")? {
            return Ok(false);
        }
        state.acks().group_is_gone();
        let progress = commands::progress_without_group(connection, stream).await.context(|| "XINFO STREAM")?;
        if state.is_set_back(progress, last_is_kept) && !self.has_failed_over(connection, context).await? {
            let mark = self.mark.unwrap_or_default().max(state.received());
            commands::create_group_of_recreated(connection, stream, group, &mark_name(context, mark))
                .await
                .context(|| format!("XGROUP CREATE '{group}'"))?;
            // Another reader may have made it in between. Then its mark tells.
            return Ok(true);
        }
        let created = commands::create_group(connection, stream, group, StartPosition::Id(EntryId::ZERO))
            .await
            .context(|| format!("XGROUP CREATE '{group}'"))?;
        if created {
            warn!(
                "{}: group '{group}' was gone; created again at 0-0, reading goes on behind {}",
                context.what,
                state.received()
            );
        }
        Ok(false)
    }

    /// Returns whether the group was made again since this reader, or the one whose state it has, was there.
    /// `is_set_back`: whether the stream lacks what was read.
    pub(super) async fn is_recreated(
        &mut self,
        connection: &mut Connection,
        state: &SplitState,
        is_set_back: bool,
    ) -> Result<bool> {
        if self.is_known && !is_set_back {
            return Ok(false);
        }
        let mark = mark(connection, state.context()).await?;
        let new = mark.filter(|mark| Some(*mark) != self.mark);
        let is_recreated = is_set_back && new.is_some_and(|mark| self.is_known || state.received() <= mark);
        self.is_known = true;
        self.mark = mark.max(self.mark);
        Ok(is_recreated)
    }

    /// Notes what the next connect may tell the stream by.
    pub(super) fn note_first_entry(&mut self, progress: Progress) {
        self.first = progress.first;
    }

    /// Returns whether the first entry is the one of the last connect: then it is the same stream, on a replica that
    /// lagged.
    async fn has_failed_over(&self, connection: &mut Connection, context: &SplitContext) -> Result<bool> {
        let settings = &context.settings().connection;
        let Some(first) = self.first.filter(|_| !settings.deployment.is_one_server()) else {
            return Ok(false);
        };
        let range = commands::range(&context.stream, first, first);
        Ok(first_id_of(connection, &range).await.context(|| "XRANGE")?.is_some())
    }
}

/// Has the split begin before the stream's first entry.
pub(super) async fn begin_again(state: &mut SplitState, progress: Progress) {
    warn!(
        "{}: the stream is gone or was deleted and made again: its last ID is {}, though reading was at {}; \
         what it has now is read from its first entry on",
        state.context().what,
        progress.generated,
        state.received()
    );
    state.begin_again().await;
}

/// Returns the mark in the group; where several readers have left one, the highest.
async fn mark(connection: &mut Connection, context: &SplitContext) -> Result<Option<EntryId>> {
    let consumers = commands::consumers(connection, &context.stream, context.group()).await;
    let prefix = mark_prefix(context);
    let at = |name: &str| EntryId::parse(name.strip_prefix(&prefix)?.as_bytes());
    Ok(consumers.context(|| "XINFO CONSUMERS")?.iter().filter_map(|consumer| at(&consumer.name)).max())
}

fn mark_prefix(context: &SplitContext) -> String {
    format!("{}-anew-", context.settings().connection.client_name)
}

fn mark_name(context: &SplitContext, at: EntryId) -> String {
    format!("{}{at}", mark_prefix(context))
}
