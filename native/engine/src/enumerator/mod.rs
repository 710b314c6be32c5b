//! Makes the consumer groups and tells where each split begins and which reader gets it.
//!
//! A split that begins without state takes its position here, once, for the whole job: the group's `last-delivered-id`, with everything
//! that is pending up to it as the split's `pending`. So a split is never without a position, and a checkpoint never has
//! to wait until its reader has connected.

mod foreign;

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use crate::config::{Partition, Place, SourceSettings, Split};
use crate::connection::{Links, Outage, Servers};
use crate::entry_id::{EntryId, Runs};
use crate::error::{Context, Result};
use crate::runtime::{Call, EngineRuntime};
use crate::source::commands;
use crate::topic::stream_name;

/// What Java asks.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DiscoverRequest {
    pub parallelism: u32,
    /// The job has state: a partition that is new to it starts at `0`.
    pub restored: bool,
    /// Partitions that have a split already.
    #[serde(default)]
    pub known: Vec<Partition>,
}

/// What it gets.
#[derive(Debug, Serialize)]
pub struct Discovered {
    /// `owners[partition]` is the index of the reader that reads it.
    pub owners: Vec<u32>,
    /// The partitions that were not known.
    pub splits: Vec<Split>,
}

/// Called from any thread; one discovery at a time.
pub struct Enumerator {
    discovery: Arc<Discovery>,
    running: Call<DiscoverRequest, Discovered>,
    // Last, since its drop ends the runtime that the task is on.
    runtime: Arc<EngineRuntime>,
}

impl Enumerator {
    /// Connects to nothing yet.
    pub fn new(settings: SourceSettings) -> Result<Self> {
        let servers = Servers::new(settings.connection.clone());
        let discovery = Arc::new(Discovery::new(settings, servers));
        Ok(Self { discovery, running: Call::default(), runtime: EngineRuntime::shared()? })
    }

    /// Begins a discovery, or goes on waiting for the one that runs; `None`: it is not done by `max_wait`, call again.
    ///
    /// # Errors
    /// A final fault, or one that lasted longer than `retryTimeoutMillis`; `Closed` after [`close`](Self::close).
    pub fn discover(&self, request: &DiscoverRequest, max_wait: Duration) -> Result<Option<Discovered>> {
        let begin = || {
            let (discovery, request) = (Arc::clone(&self.discovery), request.clone());
            async move { discovery.with_retries(&request).await }
        };
        self.running.wait(self.runtime.handle()?, request.clone(), begin, max_wait)
    }

    /// Ends the discovery that runs. Idempotent.
    pub fn close(&self) {
        self.running.close();
    }
}

/// The work of it, on a task.
pub(crate) struct Discovery {
    settings: SourceSettings,
    servers: Servers,
}

impl Discovery {
    pub(crate) fn new(settings: SourceSettings, servers: Servers) -> Self {
        Self { settings, servers }
    }

    pub(crate) async fn with_retries(&self, request: &DiscoverRequest) -> Result<Discovered> {
        let what = format!("source topic '{}' ({})", self.settings.topic, self.settings.connection.endpoint());
        let mut outage = Outage::new(what, &self.settings.connection);
        loop {
            match self.once(request).await {
                Ok(found) => {
                    outage.over();
                    return Ok(found);
                }
                Err(error) => tokio::time::sleep(outage.failed(error)?).await,
            }
        }
    }

    async fn once(&self, request: &DiscoverRequest) -> Result<Discovered> {
        if request.restored || !request.known.is_empty() {
            self.servers.were_reached();
        }
        let name = format!("{}-enumerator", self.settings.connection.client_name);
        let links = Links::new(self.servers.clone(), name);
        let mut splits = Vec::new();
        for partition in (0..self.settings.num_partitions).filter(|partition| !request.known.contains(partition)) {
            let stream = stream_name(&self.settings.topic, partition);
            match self.begin(&links, &stream, partition, request.restored).await {
                Ok(split) => splits.push(split),
                Err(error) => return Err(links.failed(&stream, error)),
            }
        }
        self.warn_of_more_partitions(&links).await?;
        Ok(Discovered { owners: owners(self.settings.num_partitions, request.parallelism), splits })
    }

    /// The split of a partition that has none.
    async fn begin(&self, links: &Links, stream: &str, partition: Partition, restored: bool) -> Result<Split> {
        let mut connection = links.to(stream).await?;
        let connection = &mut *connection;
        let group = &self.settings.group;
        let start = if restored { Place::Id(EntryId::ZERO) } else { self.settings.starting_id };
        let created = commands::create_group(connection, stream, group, start)
            .await
            .context(|| format!("stream '{stream}', XGROUP CREATE '{group}'"))?;
        let progress =
            commands::progress(connection, stream, group).await.context(|| format!("stream '{stream}', XINFO"))?;
        let pending = match progress.pending {
            0 => Runs::default(),
            _ => foreign::take_over(connection, &self.settings, stream, progress.delivered)
                .await
                .context(|| format!("stream '{stream}', group '{group}'"))?,
        };
        let stopping_id = self.settings.stopping_id.map(|stop| match stop {
            Place::End => progress.generated,
            Place::Id(id) => id,
        });
        let position = progress.delivered;
        match created {
            true => info!("stream '{stream}': group '{group}' created, reading begins behind {position}"),
            false => {
                info!("stream '{stream}': group '{group}' goes on behind {position}, {} entries pending", pending.len())
            }
        }
        Ok(Split { partition, position, pending, stopping_id })
    }

    /// A producer with more partitions than this job reads would lose messages without a word.
    async fn warn_of_more_partitions(&self, links: &Links) -> Result<()> {
        let next = stream_name(&self.settings.topic, self.settings.num_partitions);
        let there = match links.to(&next).await {
            Ok(mut connection) => connection.call(redis::cmd("EXISTS").arg(&next)).await,
            Err(error) => Err(error),
        };
        if let Ok(redis::Value::Int(1)) = there {
            warn!(
                "stream '{next}' exists: the topic has more partitions than numPartitions {}, they are not read",
                self.settings.num_partitions
            );
        }
        match there {
            Err(error) if error.is_passing() => Err(links.failed(&next, error)),
            // Not permitted, or another fault of this command: the warning is all that is missing.
            _ => Ok(()),
        }
    }
}

/// Evenly, and the same in every run.
fn owners(partitions: u32, parallelism: u32) -> Vec<u32> {
    (0..partitions).map(|partition| partition % parallelism.max(1)).collect()
}

#[cfg(test)]
mod tests {
    use super::owners;

    #[test]
    fn spreads_evenly() {
        assert_eq!(owners(5, 2), [0, 1, 0, 1, 0]);
        assert_eq!(owners(2, 4), [0, 1]);
    }
}
