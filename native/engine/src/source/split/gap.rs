//! Reads on with two `XREADGROUP`s in flight, each followed by a gap check. While entries are large, or not known to be
//! small, it is one.
//!
//! The wire carries `read 1, check 1, read 2 | check 2, read 3 | …`: while Java has the entries of one read, the server
//! works on the next, and the gap check costs no round trip of its own. It is `XRANGE stream (R + COUNT 1`, and finds
//! the first entry behind the last one that was received. If that is not the one which the read brought, somebody else
//! has been given what lies between. IDs below a delivered one are final, so this needs no atomicity. What was missed
//! is fetched by position (`replay.rs`).
//!
//! Before the first entry, one read and its gap check go out together: so a split that is idle costs one round trip for
//! each `blockMillis`. It is at most one large entry that comes twice for that.

use crate::error::Result;
use crate::source::decode::batch::{Filter, ScannedReply};
use crate::source::split::session::Session;
use crate::source::split::state::SplitState;
use crate::stream::EntryId;

/// Reads until something was missed.
pub(super) async fn read_until_missed(state: &mut SplitState, session: &mut Session) -> Result<()> {
    // Whether the read that is answered next is under way, and the gap check behind it.
    let mut is_under_way = false;
    loop {
        let allowed = state.allowance();
        let is_ahead = session.is_answered() && allowed.is_ahead;
        if !is_under_way {
            session.queue_read(allowed.count);
            is_under_way = is_ahead || state.last_entry().is_none();
            if is_under_way {
                session.queue_gap_check(state.received());
            }
        }
        if is_ahead {
            session.queue_read(allowed.count);
        }
        session.flush().await?;
        let filter = Filter::between(state.received(), None);
        let read = session.receive_read(filter, allowed).await?;
        let found = if is_under_way {
            session.receive_gap_check().await?
        } else {
            session.first_missed(state.received(), &read).await?
        };
        if missed(&read, found) {
            if is_ahead {
                // The read in flight is let go: what it brings is delivered, and so a part of the replay.
                session.receive_read(filter, allowed).await?;
            }
            state.note_gap();
            return Ok(());
        }
        state.accept(&read);
        is_under_way = is_ahead;
        if is_ahead {
            session.queue_gap_check(state.received());
        }
        state.hand_over(read.batches).await;
        state.while_paused().await;
    }
}

/// Returns whether the stream holds an entry between the last one received and the first new one of a read.
pub(super) fn missed(read: &ScannedReply, found: Option<EntryId>) -> bool {
    match (read.first_new(), found) {
        (Some(new), Some(found)) => found < new,
        // The read ran out of time, yet there is an entry: it has just come, or it went elsewhere. The replay knows.
        (None, Some(_)) => read.already_emitted.is_empty(),
        (_, None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Runs;

    fn runs(ids: &[u64]) -> Runs {
        ids.iter().map(|ms| EntryId::new(*ms, 0)).collect()
    }

    #[test]
    fn a_gap_is_what_lies_before_the_first_new_entry() {
        let found = |ms| Some(EntryId::new(ms, 0));
        let read = |ids: &[u64]| ScannedReply { ids: runs(ids), ..ScannedReply::default() };
        assert!(!missed(&read(&[5, 6]), found(5)));
        assert!(missed(&read(&[5, 6]), found(4)));
        // The entry that was read has been deleted since.
        assert!(!missed(&read(&[5, 6]), found(6)));
        assert!(!missed(&read(&[5]), None));
        assert!(!missed(&read(&[]), None));
        assert!(missed(&read(&[]), found(4)));
        // Delivered again, after a failover that set the group back.
        assert!(!missed(&ScannedReply { already_emitted: runs(&[1, 2]), ..ScannedReply::default() }, found(4)));
    }
}
