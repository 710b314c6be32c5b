//! Reading on: two `XREADGROUP`s in flight, each followed by a look for a gap. While entries are large, or not known to be small, it is one.
//!
//! The wire carries `read 1, look 1, read 2 | look 2, read 3 | …`: while Java has the entries of one read, the server works on the next,
//! and the look for a gap costs no round trip of its own. The look is `XRANGE stream (R + COUNT 1`: it finds the first entry
//! behind the last one that was received. If that is not the one which the read brought, somebody else has been given what lies
//! between. IDs below a delivered one are final, so this needs no atomicity. What was missed is fetched by position (`replay.rs`).

use std::time::Duration;

use std::sync::atomic::Ordering;
use tracing::info;

use crate::commands;
use crate::config::AckStrategy;
use crate::entry_id::EntryId;
use crate::error::{Context, Result};
use crate::source::decode::batch::ScannedReply;
use crate::source::decode::scanner::Shape;
use crate::source::split::SplitReader;
use crate::source::split::connect::Session;

impl SplitReader {
    /// Reads until something was missed.
    pub(in crate::source) async fn poll(&mut self, session: &mut Session) -> Result<()> {
        // Whether the read that is answered next is under way, and the look behind it.
        let mut under_way = false;
        loop {
            let ahead = session.is_answered && self.pace.is_ahead(self.share());
            if !under_way {
                self.queue_read(session);
                under_way = ahead;
                if ahead {
                    self.queue_gap_check(session);
                }
            }
            if ahead {
                self.queue_read(session);
            }
            session.connection.flush().await?;
            let taken = self.receive_read(session).await?;
            let found = match under_way {
                true => self.receive_gap_check(session).await?,
                false => self.gap_check_before(session, &taken).await?,
            };
            if missed(&taken, found) {
                if ahead {
                    // The read in flight is let go: what it brings is delivered, and so a part of the replay.
                    self.receive_and_forget(session).await?;
                }
                self.shared.counters.gaps.fetch_add(1, Ordering::Relaxed);
                info!(
                    "{}: entries behind {} were delivered elsewhere; they are read by position",
                    self.outage.what(),
                    self.received
                );
                return Ok(());
            }
            self.accept(&taken);
            under_way = ahead;
            if ahead {
                self.queue_gap_check(session);
            }
            self.hand_over(taken.batches).await;
            self.shared.buffer.while_paused(self.partition).await;
        }
    }

    /// One read, not yet accepted.
    pub(in crate::source) async fn receive_read(&mut self, session: &mut Session) -> Result<ScannedReply> {
        let block = self.block();
        self.builder.limits(self.received, self.stopping_id);
        self.receive(&mut session.connection, Shape::Streams, block).await.context(|| "XREADGROUP")?;
        session.is_answered = true;
        Ok(self.builder.take())
    }

    pub(in crate::source) async fn receive_gap_check(&mut self, session: &mut Session) -> Result<Option<EntryId>> {
        self.receive_first_id(&mut session.connection, Duration::ZERO).await.context(|| "XRANGE")
    }

    /// The look behind a read that was answered, at what lies before its first entry only: nothing, unless something was missed. It costs
    /// a round trip, but brings no large entry a second time.
    pub(in crate::source) async fn gap_check_before(
        &mut self,
        session: &mut Session,
        taken: &ScannedReply,
    ) -> Result<Option<EntryId>> {
        let before = taken.first_new().map(|first| format!("({first}"));
        session.connection.queue(&commands::range_after(&self.stream, self.received, before, 1));
        session.connection.flush().await?;
        self.receive_gap_check(session).await
    }

    async fn receive_and_forget(&mut self, session: &mut Session) -> Result<()> {
        let block = self.block();
        self.receive(&mut session.connection, Shape::Streams, block).await.context(|| "XREADGROUP")?;
        self.builder.discard();
        Ok(())
    }

    /// What the next read asks the server to wait for entries.
    pub(in crate::source) fn block_millis(&self, session: &Session) -> u64 {
        if session.is_answered { self.shared.settings.block_millis } else { 1 }
    }

    /// So long a read may wait.
    pub(in crate::source) fn block(&self) -> Duration {
        Duration::from_millis(self.shared.settings.block_millis)
    }

    pub(in crate::source) fn queue_read(&self, session: &mut Session) {
        let settings = &self.shared.settings;
        let no_ack = settings.ack_strategy == AckStrategy::NoAck;
        session.connection.queue(&commands::read_group(
            &self.stream,
            &settings.group,
            &session.consumer,
            self.count(),
            self.block_millis(session),
            no_ack,
        ));
    }

    pub(in crate::source) fn queue_gap_check(&self, session: &mut Session) {
        session.connection.queue(&commands::range_after(&self.stream, self.received, None, 1));
    }
}

/// Whether the stream holds an entry between the last one received and the first new one of a read.
pub(in crate::source) fn missed(taken: &ScannedReply, found: Option<EntryId>) -> bool {
    match (taken.first_new(), found) {
        (Some(new), Some(found)) => found < new,
        // The read ran out of time, yet there is an entry: it has just come, or it went elsewhere. The replay knows.
        (None, Some(_)) => taken.already_emitted.is_empty(),
        (_, None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry_id::Runs;

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
