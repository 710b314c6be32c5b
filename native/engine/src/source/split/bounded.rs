//! Reads up to an end: a bounded job takes from the group what it emits, and nothing beyond.

use crate::error::Result;
use crate::source::decode::batch::{Filter, ScannedReply};
use crate::source::split::gap::missed;
use crate::source::split::replay::replay;
use crate::source::split::session::Session;
use crate::source::split::state::SplitState;
use crate::stream::EntryId;

/// What is left of a bounded read.
pub(super) enum Next {
    /// The first entry behind the position.
    Entry(EntryId),
    /// Entries that are still to be added.
    ToCome,
}

/// Reads until `stop`, one read at a time, so that as little as possible is taken beyond it.
pub(super) async fn read_to_the_end(state: &mut SplitState, session: &mut Session, stop: EntryId) -> Result<()> {
    while let Some(next) = next_before(state, session, stop).await? {
        let allowed = state.allowance();
        session.queue_read(allowed.count);
        session.flush().await?;
        let mut read = session.receive_read(Filter::between(state.received(), Some(stop)), allowed).await?;
        // An entry that was there before the read, and is the first that it brings, leaves no room for one that was
        // missed.
        let found = match next {
            Next::Entry(next) => Some(next),
            Next::ToCome => session.first_missed(state.received(), &read).await?,
        };
        if missed(&read, found) {
            let delivered = session.progress().await?.delivered;
            replay(state, session, delivered).await?;
        } else {
            state.accept(&read);
            state.hand_over(std::mem::take(&mut read.batches)).await;
        }
        give_back(state, session, &read).await?;
        state.while_paused().await;
    }
    state.finish().await;
    Ok(())
}

/// Returns what is to be read up to `stop`, which may itself have been deleted; `None`: nothing.
pub(super) async fn next_before(state: &SplitState, session: &mut Session, stop: EntryId) -> Result<Option<Next>> {
    if state.received() >= stop {
        return Ok(None);
    }
    Ok(match session.first_behind(state.received()).await? {
        Some(next) => (next <= stop).then_some(Next::Entry(next)),
        None => (session.progress().await?.generated < stop).then_some(Next::ToCome),
    })
}

/// Gives entries beyond the end back to the group.
async fn give_back(state: &SplitState, session: &mut Session, read: &ScannedReply) -> Result<()> {
    if read.beyond.is_empty() {
        return Ok(());
    }
    let ids: Vec<EntryId> = read.beyond.runs().flat_map(|run| run.ids()).collect();
    session.give_back(state.received(), &ids).await
}
