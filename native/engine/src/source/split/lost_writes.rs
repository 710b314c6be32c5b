//! What a server has lost: a failover to a replica that lagged, or old data restored.
//!
//! It shows when the reader connects again, in one of two ways. The server's last ID is below `R`: then `R` goes down
//! to it, so that whatever is written from now on is read. Or others have written meanwhile, and the last ID is above
//! `R`, but the last entry that this reader received is not there: then all is well with what comes next, since it is
//! above `R`, and only the loss is told.
//!
//! Never a false alarm: that entry may also have been deleted, and then it is at or below `max-deleted-entry-id`
//! (`XDEL`, Redis 7.0), or trimmed, and then the first entry is above it. Where these two don't rule it out, or the
//! server does not tell them, nothing is said. A position of a checkpoint need not be an entry's ID, so it is only what
//! this reader received itself that is looked for.
//!
//! A stream that was deleted and made again has lost nothing, it is another one (`recreated.rs`).

use tracing::error;

use crate::client::Connection;
use crate::commands::{self, Progress};
use crate::error::{Context, Error, FaultKind, Result};
use crate::source::decode::first_id_of;
use crate::source::split::state::SplitState;
use crate::stream::EntryId;

/// The writes that a server has lost.
pub(super) struct LostWrites {
    /// What was read before and is gone.
    last: EntryId,
    /// The last entry before it that was kept; `None`: not known.
    behind: Option<EntryId>,
    /// Where the stream ends, if that is below `R`.
    end: Option<EntryId>,
}

impl LostWrites {
    /// Logs the loss, and has the split go on from what the server still has.
    pub(super) fn apply_to(&self, state: &mut SplitState) {
        let range = match self.behind {
            Some(behind) => {
                let unconfirmed = state.acks().forget_above(behind);
                format!(
                    "and with it all behind {behind} up to it; {unconfirmed} of these entries were not acknowledged yet"
                )
            }
            None => "and perhaps others before it; the user may not use XREVRANGE, which would tell".to_owned(),
        };
        let (what, last) = (&state.context().what, self.last);
        error!("{what}: the server has lost writes: {last} was read before and is gone, {range}");
        state.note_lost_writes(self.end);
    }
}

/// Returns whether the entry that was received last is there. To be asked before how far the stream has come: one that
/// is deleted or trimmed in between must show there.
pub(super) async fn last_is_kept(connection: &mut Connection, state: &SplitState) -> Result<bool> {
    let Some(last) = state.last_entry() else { return Ok(true) };
    match first_id_of(connection, &commands::range(&state.context().stream, last, last)).await {
        Err(error) if is_refused(&error) => Ok(true),
        found => Ok(found.context(|| "XRANGE")?.is_some()),
    }
}

/// Returns what the server has lost of a stream that is no other one. `is_set_back`: whether it lacks what was read.
pub(super) async fn find(
    connection: &mut Connection,
    state: &SplitState,
    progress: Progress,
    is_set_back: bool,
) -> Result<Option<LostWrites>> {
    if progress.generated < state.received() {
        let end = Some(progress.generated);
        return Ok(Some(LostWrites { last: state.received(), behind: end, end }));
    }
    let Some(last) = state.last_entry().filter(|_| is_set_back) else { return Ok(None) };
    let behind = match first_id_of(connection, &commands::last_below(&state.context().stream, last)).await {
        Err(error) if is_refused(&error) => None,
        found => Some(found.context(|| "XREVRANGE")?.unwrap_or_default()),
    };
    Ok(Some(LostWrites { last, behind, end: None }))
}

/// Returns whether the user may not ask. That is no reason not to read.
fn is_refused(error: &Error) -> bool {
    matches!(error, Error::Redis(fault) if fault.kind == FaultKind::Permission)
}
