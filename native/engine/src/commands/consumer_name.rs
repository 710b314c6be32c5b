//! The names of a source's consumers, by which its readers tell one another from other clients.

use redis::Value;

use crate::client::Connection;
use crate::error::{Context, Error, Fault, Result};

/// The name of a consumer of ours: `<client name>-<epoch>-<tag>-<client id>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConsumerName {
    /// The later of two readers has the higher one.
    pub(crate) epoch: u64,
    /// Unique to a reader's life, 16 hexadecimal digits.
    pub(crate) tag: String,
    /// The client ID of the connection that reads, or `NO_CLIENT_ID`.
    pub(crate) client_id: u64,
}

/// Stands for the ID of a connection whose server does not give any: servers begin to count at 1.
pub(crate) const NO_CLIENT_ID: u64 = 0;

impl ConsumerName {
    /// Parses the name of a consumer whose client name is `base`; `None`: it is another client's.
    pub(crate) fn parse(base: &str, name: &str) -> Option<Self> {
        let mut parts = name.strip_prefix(base)?.strip_prefix('-')?.split('-');
        let parsed = Self {
            epoch: parts.next()?.parse().ok()?,
            tag: parts.next().filter(|tag| tag.len() == 16)?.to_owned(),
            client_id: parts.next()?.parse().ok()?,
        };
        parts.next().is_none().then_some(parsed)
    }

    /// Returns the whole name, for the client name `base`.
    pub(crate) fn of(&self, base: &str) -> String {
        format!("{base}-{}-{}-{}", self.epoch, self.tag, self.client_id)
    }
}

/// Returns the connection's ID, or why the server gives none (<https://redis.io/docs/latest/commands/client-id/>).
///
/// # Errors
/// What went wrong, where that is not for the server or the user to allow.
pub(crate) async fn client_id(connection: &mut Connection) -> Result<Result<u64, Fault>> {
    match connection.call(redis::cmd("CLIENT").arg("ID")).await.context(|| "CLIENT ID") {
        Ok(Value::Int(id)) => Ok(Ok(id.unsigned_abs())),
        Ok(_) => Err(Error::protocol("the reply to CLIENT ID is no number")),
        Err(Error::Redis(fault)) if fault.is_of_command() => Ok(Err(fault)),
        Err(error) => Err(error),
    }
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
