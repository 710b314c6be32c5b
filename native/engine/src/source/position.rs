//! `COMMIT_POSITION`: reading by position, as Kafka's connector does. The reader owns its position, the group is where it is published.
//!
//! Nothing is ever pending, so the server does a third of the work for an entry, and no other reader can take anything away.

use crate::error::{Context, Result};
use crate::source::commands;
use crate::source::scanner::Shape;
use crate::source::session::Session;
use crate::source::split::SplitReader;

impl SplitReader {
    /// Reads until the split is finished.
    pub(super) async fn poll_by_position(&mut self, session: &mut Session) -> Result<()> {
        let mut batches = Vec::new();
        loop {
            if let Some(stop) = self.stopping_id
                && self.is_at_the_end(session, stop).await?
            {
                self.hand_over(batches).await;
                self.finish().await;
                return Ok(());
            }
            let (block, count) = (self.block(), self.count());
            let read = commands::read_after(&self.stream, self.received, count, self.shared.settings.block_millis);
            session.connection.queue(&read);
            session.connection.flush().await?;
            // Java gets what came before while the server works on this one.
            self.hand_over(batches).await;
            self.shared.buffer.while_paused(self.partition).await;
            self.builder.limits(self.received, self.stopping_id);
            self.receive(&mut session.connection, Shape::Streams, block).await.context(|| "XREAD")?;
            let taken = self.builder.take();
            self.accept(&taken);
            batches = taken.batches;
        }
    }
}
