//! `COMMIT_POSITION`: reading by position, as Kafka's connector does. The reader owns its position, the group is where it is published.
//!
//! Nothing is ever pending, so the server does a third of the work for an entry, and no other reader can take anything away.

use crate::commands;
use crate::error::{Context, Result};
use crate::source::decode::scanner::{Reply, Shape};
use crate::source::split::SplitReader;
use crate::source::split::connect::Session;

impl SplitReader {
    /// Reads until the split is finished.
    pub(in crate::source) async fn poll_by_position(&mut self, session: &mut Session) -> Result<()> {
        let mut asked = false;
        loop {
            if let Some(stop) = self.stopping_id
                && self.next_before(session, stop).await?.is_none()
            {
                self.finish().await;
                return Ok(());
            }
            if !asked {
                self.ask(session).await?;
            }
            self.builder.limits(self.received, self.stopping_id);
            let block = self.block();
            let reply = self.receive(&mut session.connection, Shape::Streams, block).await.context(|| "XREAD")?;
            session.is_answered = true;
            let taken = self.builder.take();
            self.accept(&taken);
            // Java gets these while the server works on the next ones. Whatever becomes of those, these are handed over.
            asked = taken.entries > 0 && self.stopping_id.is_none();
            let sent = if asked { self.ask(session).await } else { Ok(()) };
            self.hand_over(taken.batches).await;
            sent?;
            self.shared.buffer.while_paused(self.partition).await;
            if matches!(reply, Reply::Nothing) {
                // A read by position is not told that the stream or the group is gone: ask, and connect again if so.
                let group = &self.shared.settings.group;
                commands::look_for_group(&mut session.connection, &self.stream, group)
                    .await
                    .context(|| "XINFO GROUPS")?;
            }
        }
    }

    async fn ask(&self, session: &mut Session) -> Result<()> {
        let block_millis = self.block_millis(session);
        session.connection.queue(&commands::read_after(&self.stream, self.received, self.count(), block_millis));
        session.connection.flush().await
    }
}
