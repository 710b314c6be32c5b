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
    /// The timeout that `WAIT` is given: its reply comes before the connection is given up.
    timeout: Duration,
}

/// How much later than its timeout `WAIT` may be answered: the server looks for clients that have waited long enough
/// when its timer wakes it, 10 times a second unless it is told otherwise
/// (`hz`, <https://redis.io/docs/latest/operate/oss_and_stack/management/config-file/>).
const SERVER_TICK: Duration = Duration::from_millis(100);

impl Replicas {
    /// Returns what the settings want, or `None` if it is enough that the server has a record.
    pub(super) fn of(settings: &SinkSettings) -> Option<Self> {
        let in_time = settings.connection.command_timeout().saturating_sub(SERVER_TICK);
        let timeout = (in_time / 2).max(Duration::from_millis(1));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing;

    #[test]
    fn the_reply_comes_before_the_connection_is_given_up() {
        for (command_timeout_millis, timeout) in [(10_000, 4950), (1000, 450), (200, 50), (100, 1), (1, 1)] {
            let json = format!(
                r#"{{"connection":{},"topic":"t","numPartitions":1,"maxInFlightBytes":1048576,"minReplicasToAck":2}}"#,
                testing::connection_json("h")
            );
            let mut settings = SinkSettings::from_json(&json).unwrap();
            settings.connection.command_timeout_millis = command_timeout_millis;
            let wait = Replicas::of(&settings).expect("replicas are asked for").wait();
            assert_eq!(wait.get_packed_command(), redis::cmd("WAIT").arg(2).arg(timeout).get_packed_command());
        }
    }
}
