//! Reading up to an end: a bounded job takes from the group what it emits, and nothing beyond.

use crate::commands;
use crate::entry_id::EntryId;
use crate::error::{Context, Result};
use crate::source::decode::batch::ScannedReply;
use crate::source::split::SplitReader;
use crate::source::split::connect::Session;
use crate::source::split::gap::missed;

/// What is left of a bounded read.
pub(in crate::source) enum Next {
    /// The first entry behind the position.
    Entry(EntryId),
    /// Entries that are still to be added.
    ToCome,
}

impl SplitReader {
    /// Reads until `stop`, one read at a time, so that as little as possible is taken beyond it.
    pub(in crate::source) async fn poll_to_the_end(&mut self, session: &mut Session, stop: EntryId) -> Result<()> {
        while let Some(next) = self.next_before(session, stop).await? {
            self.queue_read(session);
            session.connection.flush().await?;
            let mut taken = self.receive_read(session).await?;
            // An entry that was there before the read, and is the first that it brings, leaves no room for one that was missed.
            let found = match next {
                Next::Entry(next) => Some(next),
                Next::ToCome => self.gap_check_before(session, &taken).await?,
            };
            if missed(&taken, found) {
                let delivered = self.progress(&mut session.connection).await?.delivered;
                self.replay(&mut session.connection, delivered).await?;
                self.give_back(session, &taken).await?;
            } else {
                self.accept(&taken);
                self.hand_over(std::mem::take(&mut taken.batches)).await;
                self.give_back(session, &taken).await?;
            }
            self.shared.buffer.while_paused(self.partition).await;
        }
        self.finish().await;
        Ok(())
    }

    /// What is to be read up to `stop`, which may itself have been deleted; `None`: nothing.
    pub(in crate::source) async fn next_before(
        &mut self,
        session: &mut Session,
        stop: EntryId,
    ) -> Result<Option<Next>> {
        if self.received >= stop {
            return Ok(None);
        }
        self.queue_gap_check(session);
        session.connection.flush().await?;
        Ok(match self.receive_gap_check(session).await? {
            Some(next) => (next <= stop).then_some(Next::Entry(next)),
            None => (self.progress(&mut session.connection).await?.generated < stop).then_some(Next::ToCome),
        })
    }

    /// Entries beyond the end go back to the group.
    async fn give_back(&mut self, session: &mut Session, taken: &ScannedReply) -> Result<()> {
        if taken.beyond.is_empty() {
            return Ok(());
        }
        let group = self.shared.settings.group.clone();
        let ids: Vec<EntryId> = taken.beyond.runs().flat_map(|run| run.ids()).collect();
        let given_back = commands::give_back(&mut session.connection, &self.stream, &group, self.received, &ids).await;
        given_back.context(|| "XGROUP SETID, XACK")
    }
}
