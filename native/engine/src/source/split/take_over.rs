//! Who reads: consumer names that tell readers apart, and stopping those that were replaced.
//!
//! Flink may give up a TaskManager that lives on and still reads. Stopping it is for its own good and for speed: that nothing is lost
//! to it is ensured by the gap check (`poll.rs`), whether it is stopped or not.

use redis::Value;
use tracing::warn;

use crate::commands;
use crate::connection::Connection;
use crate::error::{Context, Error, Fault, FaultKind, Result};
use crate::random;
use crate::source::split::SplitReader;

/// Who a reader of one split is.
pub(in crate::source) struct Identity {
    /// The option `clientName`.
    base: String,
    /// Unique to this reader's life.
    tag: String,
    /// Set by the first connect. The later of two readers has the higher one.
    epoch: Option<u64>,
    /// Cleared by the first refusal of one of the `CLIENT` commands.
    may_kill: bool,
}

impl Identity {
    pub(in crate::source) fn new(base: &str) -> Self {
        Self { base: base.to_owned(), tag: random::tag(), epoch: None, may_kill: true }
    }

    /// What `CLIENT LIST` shows.
    pub(in crate::source) fn client_name(&self) -> String {
        format!("{}-{}", self.base, self.tag)
    }

    /// Whether the user may end other connections, as far as is known.
    pub(in crate::source) fn may_kill(&self) -> bool {
        self.may_kill
    }
}

/// The name of a consumer of ours: `<client name>-<epoch>-<tag>-<client id>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConsumerName {
    pub(crate) epoch: u64,
    pub(crate) tag: String,
    /// Of the connection that reads, or `NO_CLIENT_ID`.
    pub(crate) client_id: u64,
}

/// Stands for the ID of a connection whose server does not give any: servers begin to count at 1.
pub(crate) const NO_CLIENT_ID: u64 = 0;

/// The connection's ID; `Err` holds why there is none to have, the outer one what went wrong
/// (<https://redis.io/docs/latest/commands/client-id/>).
pub(crate) async fn client_id(connection: &mut Connection) -> Result<Result<u64, Fault>> {
    match connection.call(redis::cmd("CLIENT").arg("ID")).await.context(|| "CLIENT ID") {
        Ok(Value::Int(id)) => Ok(Ok(id.unsigned_abs())),
        Ok(_) => Err(Error::protocol("the reply to CLIENT ID is no number")),
        Err(Error::Redis(fault)) if fault.is_of_command() => Ok(Err(fault)),
        Err(error) => Err(error),
    }
}

impl ConsumerName {
    pub(crate) fn parse(base: &str, name: &str) -> Option<Self> {
        let mut parts = name.strip_prefix(base)?.strip_prefix('-')?.split('-');
        let parsed = Self {
            epoch: parts.next()?.parse().ok()?,
            tag: parts.next().filter(|tag| tag.len() == 16)?.to_owned(),
            client_id: parts.next()?.parse().ok()?,
        };
        parts.next().is_none().then_some(parsed)
    }

    /// The whole name.
    pub(crate) fn of(&self, base: &str) -> String {
        format!("{base}-{}-{}-{}", self.epoch, self.tag, self.client_id)
    }
}

impl SplitReader {
    /// Makes this reader the one that reads, and gives its consumer's name.
    pub(in crate::source) async fn take_over(&mut self, connection: &mut Connection) -> Result<String> {
        let group = self.shared.settings.group.clone();
        let others = self.readers(connection).await?;
        let highest = others.iter().map(|other| (other.epoch, other.tag.as_str())).max();
        if let (Some(own), Some(highest)) = (self.identity.epoch, highest)
            && highest > (own, self.identity.tag.as_str())
        {
            return Err(replaced(&group).into());
        }
        let epoch = 1 + highest.map_or(0, |(epoch, _)| epoch).max(self.identity.epoch.unwrap_or(0));
        self.identity.epoch = Some(epoch);
        let client_id = client_id(connection).await?.unwrap_or_else(|fault| {
            self.refused(&fault);
            NO_CLIENT_ID
        });
        let own = ConsumerName { epoch, tag: self.identity.tag.clone(), client_id };
        let name = own.of(&self.identity.base);
        let mut create = redis::cmd("XGROUP");
        create.arg("CREATECONSUMER").arg(&self.stream).arg(&group).arg(&name);
        connection.call(&create).await.context(|| "XGROUP CREATECONSUMER")?;
        // Again, for one that came in between: of two that see each other, the higher goes on.
        for other in self.readers(connection).await? {
            // One with this connection's own ID is of another server, or of this one before a restart.
            if other.client_id != own.client_id && other.client_id != NO_CLIENT_ID {
                self.stop(connection, &other).await?;
            }
        }
        Ok(name)
    }

    async fn readers(&self, connection: &mut Connection) -> Result<Vec<ConsumerName>> {
        let consumers = commands::consumers(connection, &self.stream, &self.shared.settings.group)
            .await
            .context(|| "XINFO CONSUMERS")?;
        Ok(consumers.iter().filter_map(|consumer| ConsumerName::parse(&self.identity.base, &consumer.name)).collect())
    }

    /// Ends the connection of a replaced reader, if it still is its own: the server gives client IDs again after a restart.
    async fn stop(&mut self, connection: &mut Connection, other: &ConsumerName) -> Result<()> {
        if !self.identity.may_kill {
            return Ok(());
        }
        let listed = connection.call(redis::cmd("CLIENT").arg("LIST").arg("ID").arg(other.client_id)).await;
        if !self.permitted(&listed) {
            return Ok(());
        }
        let bears_tag = match listed? {
            Value::BulkString(text) => memchr::memmem::find(&text, other.tag.as_bytes()).is_some(),
            Value::VerbatimString { text, .. } => text.contains(&other.tag),
            _ => false,
        };
        if bears_tag {
            let killed = connection.call(redis::cmd("CLIENT").arg("KILL").arg("ID").arg(other.client_id)).await;
            if self.permitted(&killed) {
                killed.context(|| "CLIENT KILL")?;
            }
        }
        Ok(())
    }

    /// Whether the command was carried out or may be another time.
    fn permitted(&mut self, result: &Result<Value>) -> bool {
        if let Err(Error::Redis(fault)) = result
            && fault.is_of_command()
        {
            self.refused(fault);
            return false;
        }
        true
    }

    /// The server has no such command for this user. The first refusal is told, once.
    fn refused(&mut self, fault: &Fault) {
        if std::mem::take(&mut self.identity.may_kill) {
            warn!(
                "{}: CLIENT ID, CLIENT LIST and CLIENT KILL can't all be used here ({fault}), so a replaced reader is not stopped; nothing is \
                 lost by it",
                self.outage.what()
            );
        }
    }
}

/// Final: two jobs that took a group from each other in turn would help nobody.
fn replaced(group: &str) -> Fault {
    let message = format!(
        "another reader has taken the consumer group '{group}' over; a group belongs to one job at a time, give each job its own `consumerGroup`"
    );
    Fault::new(FaultKind::Replaced, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_its_own_consumers_by_name() {
        let own = ConsumerName { epoch: 7, tag: "00ff00ff00ff00ff".into(), client_id: 12 };
        let name = own.of("flink-my-group");
        assert_eq!(ConsumerName::parse("flink-my-group", &name), Some(own));
        for foreign in [
            "flink-my-group",
            "flink-my-group-1",
            "flink-my-group-2-7-00ff00ff00ff00ff-12",
            "x-7-00ff00ff00ff00ff-12",
            "flink-my-group-7-tag-12",
        ] {
            assert_eq!(ConsumerName::parse("flink-my-group", foreign), None, "{foreign}");
        }
    }
}
