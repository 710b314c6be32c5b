//! `WAIT`, which asks how many replicas have what this connection has written
//! (<https://redis.io/docs/latest/commands/wait/>).

use std::time::Duration;

use redis::Cmd;

use crate::config::SinkSettings;
use crate::error::Fault;

/// How many replicas must have a record before it counts as written: the option `minReplicasToAck`, where it is set.
#[derive(Clone, Copy)]
pub(super) struct Replicas {
    wanted: u64,
    /// How long one `WAIT` may take: it is answered before the connection is given up.
    timeout: Duration,
}

impl Replicas {
    /// Returns what the settings want, or `None` if it is enough that the server has a record.
    pub(super) fn of(settings: &SinkSettings) -> Option<Self> {
        let timeout = (settings.connection.command_timeout() / 2).max(Duration::from_millis(1));
        Some(Self { wanted: settings.min_replicas_to_ack, timeout }).filter(|replicas| replicas.wanted > 0)
    }

    /// Returns the command that asks.
    pub(super) fn wait(&self) -> Cmd {
        let mut wait = redis::cmd("WAIT");
        wait.arg(self.wanted).arg(self.timeout.as_millis() as u64);
        wait
    }

    /// Returns what is wrong when `WAIT` says that so many replicas have all, or `None` if they are enough. It says so
    /// as a server does that has `min-replicas-to-write`.
    pub(super) fn lack(&self, there: u64) -> Option<Fault> {
        let Self { wanted, timeout } = self;
        (there < *wanted).then(|| {
            Fault::from_server(&format!(
                "NOREPLICAS after {} ms {there} of {wanted} replicas have all records; see to the replicas, or lower \
                 minReplicasToAck",
                timeout.as_millis()
            ))
        })
    }
}
