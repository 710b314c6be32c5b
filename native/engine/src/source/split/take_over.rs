//! Taking a split over: of the readers that there may be, the newest one reads, and those that it replaces are stopped.
//!
//! Flink may give up a TaskManager that lives on and still reads. Stopping it is for its own good and for speed: that
//! nothing is lost to it is ensured by the gap check (`gap.rs`), whether it is stopped or not.

use redis::Value;
use tracing::warn;

use crate::client::Connection;
use crate::commands::{self, ConsumerName, NO_CLIENT_ID, client_id};
use crate::error::{Context, Error, Fault, FaultKind, Result};
use crate::random;
use crate::source::split::context::SplitContext;

/// Tells a reader of one split from others.
pub(super) struct ReaderIdentity {
    /// The option `clientName`.
    base: String,
    /// Unique to this reader's life.
    tag: String,
    /// Set by the first connect. The later of two readers has the higher one.
    epoch: Option<u64>,
    /// Cleared by the first refusal of one of the `CLIENT` commands.
    may_kill: bool,
}

impl ReaderIdentity {
    pub(super) fn new(base: &str) -> Self {
        Self { base: base.to_owned(), tag: random::tag(), epoch: None, may_kill: true }
    }

    /// Returns the name that `CLIENT LIST` shows.
    pub(super) fn client_name(&self) -> String {
        format!("{}-{}", self.base, self.tag)
    }

    /// Returns whether the user may end other connections, as far as is known.
    pub(super) fn may_kill(&self) -> bool {
        self.may_kill
    }

    /// Makes this reader the one that reads, and returns its consumer's name.
    ///
    /// # Errors
    /// `Replaced`, which is final, when another one has come since this reader connected first; and what the commands
    /// bring.
    pub(super) async fn take_over(&mut self, connection: &mut Connection, context: &SplitContext) -> Result<String> {
        let (stream, group) = (&context.stream, context.group());
        let others = self.readers(connection, context).await?;
        let highest = others.iter().map(|other| (other.epoch, other.tag.as_str())).max();
        if let (Some(own), Some(highest)) = (self.epoch, highest)
            && highest > (own, self.tag.as_str())
        {
            return Err(replaced(group).into());
        }
        let epoch = 1 + highest.map_or(0, |(epoch, _)| epoch).max(self.epoch.unwrap_or(0));
        self.epoch = Some(epoch);
        let client_id = client_id(connection).await?.unwrap_or_else(|fault| {
            self.note_refusal(&fault, context);
            NO_CLIENT_ID
        });
        let own = ConsumerName { epoch, tag: self.tag.clone(), client_id };
        let name = own.of(&self.base);
        let mut create = redis::cmd("XGROUP");
        create.arg("CREATECONSUMER").arg(stream).arg(group).arg(&name);
        connection.call(&create).await.context(|| "XGROUP CREATECONSUMER")?;
        // Again, for one that came in between: of two that see each other, the higher goes on.
        for other in self.readers(connection, context).await? {
            // One with this connection's own ID is of another server, or of this one before a restart.
            if other.client_id != own.client_id && other.client_id != NO_CLIENT_ID {
                self.stop(connection, &other, context).await?;
            }
        }
        Ok(name)
    }

    async fn readers(&self, connection: &mut Connection, context: &SplitContext) -> Result<Vec<ConsumerName>> {
        let consumers =
            commands::consumers(connection, &context.stream, context.group()).await.context(|| "XINFO CONSUMERS")?;
        Ok(consumers.iter().filter_map(|consumer| ConsumerName::parse(&self.base, &consumer.name)).collect())
    }

    /// Ends the connection of a replaced reader, if it still is its own: the server gives client IDs again after a
    /// restart.
    async fn stop(&mut self, connection: &mut Connection, other: &ConsumerName, context: &SplitContext) -> Result<()> {
        if !self.may_kill {
            return Ok(());
        }
        let listed = connection.call(redis::cmd("CLIENT").arg("LIST").arg("ID").arg(other.client_id)).await;
        if !self.is_permitted(&listed, context) {
            return Ok(());
        }
        let bears_tag = match listed? {
            Value::BulkString(text) => memchr::memmem::find(&text, other.tag.as_bytes()).is_some(),
            Value::VerbatimString { text, .. } => text.contains(&other.tag),
            _ => false,
        };
        if bears_tag {
            let killed = connection.call(redis::cmd("CLIENT").arg("KILL").arg("ID").arg(other.client_id)).await;
            if self.is_permitted(&killed, context) {
                killed.context(|| "CLIENT KILL")?;
            }
        }
        Ok(())
    }

    /// Returns whether the command was carried out, or may be another time.
    fn is_permitted(&mut self, result: &Result<Value>, context: &SplitContext) -> bool {
        if let Err(Error::Redis(fault)) = result
            && fault.is_of_command()
        {
            self.note_refusal(fault, context);
            return false;
        }
        true
    }

    /// Notes that the server has no such command for this user. The first refusal is logged.
    fn note_refusal(&mut self, fault: &Fault, context: &SplitContext) {
        if std::mem::take(&mut self.may_kill) {
            warn!(
                "{}: CLIENT ID, CLIENT LIST and CLIENT KILL can't all be used here ({fault}), so a replaced reader is \
                 not stopped; nothing is lost by it",
                context.what
            );
        }
    }
}

/// Returns the error of a reader that was replaced. It is final: two jobs that took a group from each other in turn
/// would help nobody.
fn replaced(group: &str) -> Fault {
    let message = format!(
        "another reader has taken the consumer group '{group}' over; a group belongs to one job at a time, give each \
         job its own `consumerGroup`"
    );
    Fault::new(FaultKind::Replaced, message)
}
