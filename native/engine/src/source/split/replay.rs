//! Reads by position what was delivered, to whomever, and not emitted by this job.

use crate::error::Result;
use crate::source::split::session::Session;
use crate::source::split::state::SplitState;
use crate::stream::{EntryId, Runs};

/// Runs of pending entries that are asked for in one round trip.
const RUNS_AT_ONCE: usize = 256;

/// Hands over the split's pending entries. They are fetched by ID, pending or not, so that a savepoint of this phase
/// can be gone back to.
pub(super) async fn replay_pending(state: &mut SplitState, session: &mut Session) -> Result<()> {
    if !state.has_pending() {
        return Ok(());
    }
    loop {
        let window = state.next_pending(RUNS_AT_ONCE);
        let Some(last) = window.last().map(|run| run.last()) else { break };
        let reply = session.read_pending(&window, state.received(), state.allowance()).await?;
        let asked: Runs = window.iter().flat_map(|run| run.ids()).collect();
        state.accept_pending(&asked, &reply);
        state.hand_over(reply.batches).await;
        state.pending_is_handed_over(last);
    }
    state.end_pending().await;
    Ok(())
}

/// Hands over everything behind `R` up to `delivered`, the group's `last-delivered-id`; then `R` is there.
pub(super) async fn replay(state: &mut SplitState, session: &mut Session, delivered: EntryId) -> Result<()> {
    let to = state.stopping_id().map_or(delivered, |stop| stop.min(delivered));
    while state.received() < to {
        let allowed = state.allowance();
        let reply = session.read_range(state.received(), to, allowed).await?;
        state.accept(&reply);
        let is_last_page = reply.entries < allowed.count;
        state.hand_over(reply.batches).await;
        if is_last_page && state.received() < to {
            // What lies between was deleted: the position goes on all the same.
            state.skip_to(to).await;
        }
    }
    Ok(())
}
