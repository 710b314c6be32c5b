//! Reads by position for `COMMIT_POSITION`, as Kafka's connector does. The reader owns its position, the group is where
//! it is published.
//!
//! Nothing is ever pending, so the server does a third of the work for an entry, and no other reader can take anything
//! away.
//!
//! A read by position is not told that the stream or the group is gone: it runs out of time. So behind a read that may
//! wait for entries goes the question whether they are there. Both are answered at once: a split that is idle costs one
//! round trip for each `blockMillis`.

use crate::error::Result;
use crate::source::decode::batch::Filter;
use crate::source::split::bounded::next_before;
use crate::source::split::session::Session;
use crate::source::split::state::SplitState;

/// Reads until the split is finished.
pub(super) async fn read_by_position(state: &mut SplitState, session: &mut Session) -> Result<()> {
    let mut is_under_way = false;
    let mut is_idle = true;
    loop {
        if let Some(stop) = state.stopping_id()
            && next_before(state, session, stop).await?.is_none()
        {
            state.finish().await;
            return Ok(());
        }
        if !is_under_way {
            session.send_read_after(state.received(), state.allowance().count, is_idle).await?;
        }
        let filter = Filter::between(state.received(), state.stopping_id());
        let read = session.receive_read_after(filter, state.allowance()).await?;
        if is_idle {
            session.receive_group_check().await?;
        }
        is_idle = read.is_none();
        let read = read.unwrap_or_default();
        state.accept(&read);
        // Java gets these while the server works on the next ones. Whatever becomes of those, these are handed over.
        is_under_way = read.entries > 0 && state.stopping_id().is_none();
        let sent = if is_under_way {
            session.send_read_after(state.received(), state.allowance().count, false).await
        } else {
            Ok(())
        };
        state.hand_over(read.batches).await;
        sent?;
        state.while_paused().await;
    }
}
