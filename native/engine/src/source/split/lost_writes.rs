//! What a server has lost: a failover to a replica that lagged, or old data restored.
//!
//! It shows when the reader connects again, in one of two ways. The server's last ID is below `R`: then `R` goes down to it, so that
//! whatever is written from now on is read. Or others have written meanwhile, and the last ID is above `R`, but the last entry that this
//! reader received is not there: then all is well with what comes next, since it is above `R`, and only the loss is told.
//!
//! Never a false alarm: that entry may also have been deleted, and then it is at or below `max-deleted-entry-id` (`XDEL`, Redis 7.0), or
//! trimmed, and then the first entry is above it. Where these two don't rule it out, or the server does not tell them, nothing is said. A
//! position of a checkpoint need not be an entry's ID, so it is only what this reader received itself that is looked for.
//!
//! A stream that was deleted and made again has lost nothing, it is another one (`anew.rs`).

use std::sync::atomic::Ordering;
use std::time::Duration;

use redis::Cmd;
use tracing::error;

use crate::commands::{self, Progress};
use crate::connection::Connection;
use crate::entry_id::EntryId;
use crate::error::{Context, Error, FaultKind, Result};
use crate::source::split::SplitReader;

impl SplitReader {
    /// Whether the entry that was received last is there. To be asked before how far the stream has come: one that is deleted or trimmed
    /// in between must show there.
    pub(in crate::source) async fn last_is_kept(&mut self, connection: &mut Connection) -> Result<bool> {
        let Some(last) = self.last_entry else { return Ok(true) };
        match self.first_id_of(connection, &commands::range(&self.stream, last, last)).await {
            Err(error) if is_refused(&error) => Ok(true),
            found => Ok(found.context(|| "XRANGE")?.is_some()),
        }
    }

    /// Tells of a loss, if there is one, and goes back to where the server stands if that is below `R`.
    pub(in crate::source) async fn look_for_lost_writes(
        &mut self,
        connection: &mut Connection,
        progress: Progress,
        loss: bool,
    ) -> Result<()> {
        if self.is_recreated(connection, loss).await? {
            self.begin_anew(progress).await;
        } else if progress.generated < self.received {
            self.tell_of_lost_writes(self.received, Some(progress.generated));
            self.received = progress.generated;
            self.last_entry = None;
        } else if let Some(last) = self.last_entry.filter(|_| loss) {
            let behind = match self.first_id_of(connection, &commands::last_below(&self.stream, last)).await {
                Err(error) if is_refused(&error) => None,
                found => Some(found.context(|| "XREVRANGE")?.unwrap_or_default()),
            };
            self.tell_of_lost_writes(last, behind);
            self.last_entry = None;
        }
        Ok(())
    }

    /// Whether the stream lacks what was read of it.
    pub(in crate::source) fn is_set_back(&self, progress: Progress, last_is_kept: bool) -> bool {
        progress.generated < self.received
            || self.last_entry.is_some_and(|last| !last_is_kept && progress.would_have(last))
    }

    fn tell_of_lost_writes(&self, last: EntryId, behind: Option<EntryId>) {
        let range = match behind {
            Some(behind) => {
                let unconfirmed = self.acks.forget_above(behind);
                format!(
                    "and with it all behind {behind} up to it; {unconfirmed} of these entries were not acknowledged yet"
                )
            }
            None => "and perhaps others before it; the user may not use XREVRANGE, which would tell".to_owned(),
        };
        error!("{}: the server has lost writes: {last} was read before and is gone, {range}", self.outage.what());
        self.shared.counters.lost_writes.fetch_add(1, Ordering::Relaxed);
    }

    pub(in crate::source) async fn first_id_of(
        &mut self,
        connection: &mut Connection,
        cmd: &Cmd,
    ) -> Result<Option<EntryId>> {
        connection.queue(cmd);
        connection.flush().await?;
        self.receive_first_id(connection, Duration::ZERO).await
    }
}

/// The user may not ask. That is no reason not to read.
fn is_refused(error: &Error) -> bool {
    matches!(error, Error::Redis(fault) if fault.kind == FaultKind::Permission)
}
