//! Reading up to an end: a bounded job takes from the group what it emits, and nothing beyond.

use std::time::Duration;

use crate::entry_id::EntryId;
use crate::error::{Context, Result};
use crate::source::batch::Taken;
use crate::source::commands;
use crate::source::poll::missed;
use crate::source::session::Session;
use crate::source::split::SplitReader;

impl SplitReader {
    /// Reads until `stop`, one read at a time, so that as little as possible is taken beyond it.
    pub(super) async fn poll_to_the_end(&mut self, session: &mut Session, stop: EntryId) -> Result<()> {
        while !self.is_at_the_end(session, stop).await? {
            self.queue_read(session);
            self.queue_look(session);
            session.connection.flush().await?;
            let (mut taken, found) = self.receive_read(session).await?;
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

    /// Whether nothing is left up to `stop`, which may itself have been deleted.
    pub(super) async fn is_at_the_end(&mut self, session: &mut Session, stop: EntryId) -> Result<bool> {
        if self.received >= stop {
            return Ok(true);
        }
        self.queue_look(session);
        session.connection.flush().await?;
        match self.receive_first_id(&mut session.connection, Duration::ZERO).await.context(|| "XRANGE")? {
            Some(next) => Ok(next > stop),
            None => Ok(self.progress(&mut session.connection).await?.generated >= stop),
        }
    }

    /// Entries beyond the end go back to the group: it is set before them, then they are no longer pending here.
    async fn give_back(&mut self, session: &mut Session, taken: &Taken) -> Result<()> {
        if taken.beyond.is_empty() {
            return Ok(());
        }
        let group = self.shared.settings.group.clone();
        let set = commands::set_position(&self.stream, &group, self.received, None);
        session.connection.call(&set).await.context(|| "XGROUP SETID")?;
        let ids: Vec<EntryId> = taken.beyond.runs().flat_map(|run| run.ids()).collect();
        for chunk in ids.chunks(commands::PAGE) {
            session.connection.call(&commands::acknowledge(&self.stream, &group, chunk)).await.context(|| "XACK")?;
        }
        Ok(())
    }
}
