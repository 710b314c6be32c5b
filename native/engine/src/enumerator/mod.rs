//! Makes the consumer groups and tells where each split begins and which reader gets it.
//!
//! A split that begins without state takes its position here, once, for the whole job: the group's `last-delivered-id`,
//! with everything that is pending up to it as the split's `pending`. So a split is never without a position, and a
//! checkpoint never has to wait until its reader has connected.

mod foreign;

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tracing::{debug, info, warn};

use crate::call::Call;
use crate::client::{ConnectionPool, Credentials, Outage, Servers};
use crate::commands;
use crate::config::{Partition, SourceSettings, Split, StartPosition};
use crate::error::{Context, Result};
use crate::object::{EngineObject, Tick};
use crate::runtime::EngineRuntime;
use crate::stream::{EntryId, Runs};
use crate::stream::{java_hash, stream_name};

/// Asks for the splits of a topic.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DiscoverRequest {
    /// How many readers there are.
    pub parallelism: u32,
    /// Whether the job has state: a partition that is new to it starts at `0`.
    pub restored: bool,
    /// Partitions that have a split already.
    #[serde(default)]
    pub known: Vec<Partition>,
}

/// Answers a [`DiscoverRequest`].
#[derive(Debug, Serialize)]
pub struct Discovered {
    /// `owners[partition]` is the index of the reader that reads it.
    pub owners: Vec<u32>,
    /// The partitions that were not known.
    pub splits: Vec<Split>,
}

/// Makes the consumer groups of a topic's partitions, and finds out where their splits begin.
///
/// Any thread may call it; one discovery runs at a time.
pub struct Enumerator {
    discovery: Arc<Discovery>,
    running: Call<DiscoverRequest, Discovered>,
    // Last, since its drop ends the runtime that the task is on.
    runtime: Arc<EngineRuntime>,
}

impl Enumerator {
    /// Makes an enumerator, which connects to nothing yet.
    ///
    /// # Errors
    /// When the engine's threads can't be started.
    pub fn new(settings: SourceSettings) -> Result<Self> {
        let (servers, running) = (Servers::new(settings.connection.clone()), Call::default());
        servers.on_credentials_request(running.interrupter());
        let discovery = Arc::new(Discovery::new(settings, servers));
        Ok(Self { discovery, running, runtime: EngineRuntime::shared()? })
    }

    /// Begins a discovery, or goes on waiting for the one that runs. `None`: it is not done within `max_wait`, call
    /// again.
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

impl EngineObject for Enumerator {
    /// Returns whether a connect waits for credentials. Never fails: the failures of an enumerator are those of its
    /// calls.
    fn tick(&self) -> Result<Tick> {
        Ok(Tick { credentials_requested: self.discovery.servers.are_credentials_requested(), ..Tick::default() })
    }

    fn provide(&self, credentials: &Credentials) {
        self.discovery.servers.provide(credentials);
    }

    fn close(&self) {
        Enumerator::close(self);
    }
}

/// Does the work of one enumerator, on a task.
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
                    outage.recovered();
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
        let pool = ConnectionPool::new(self.servers.clone(), name);
        let mut splits: Vec<Split> = Vec::new();
        let mut created = 0;
        for partition in (0..self.settings.num_partitions).filter(|partition| !request.known.contains(partition)) {
            let stream = stream_name(&self.settings.topic, partition);
            // What was said of it when another partition failed may not be true any more.
            let begin = || self.begin(&pool, &stream, partition, request.restored);
            match pool.begin_at_owner(&stream, begin).await {
                Ok((split, new)) => {
                    created += u32::from(new);
                    splits.push(split);
                }
                Err(error) => return Err(pool.note_error(&stream, error)),
            }
        }
        let SourceSettings { topic, group, num_partitions, .. } = &self.settings;
        info!(
            "source topic '{topic}': {} of {num_partitions} partitions begin without state; group '{group}' created on \
             {created} of their streams, {} entries pending on the others",
            splits.len(),
            splits.iter().map(|split| split.pending.len()).sum::<u64>()
        );
        self.warn_of_other_streams(&pool).await;
        Ok(Discovered { owners: owners(topic, *num_partitions, request.parallelism), splits })
    }

    /// Makes the split of a partition that has none. Returns it, and whether its group was made.
    async fn begin(
        &self,
        pool: &ConnectionPool,
        stream: &str,
        partition: Partition,
        restored: bool,
    ) -> Result<(Split, bool)> {
        let mut connection = pool.to(stream).await?;
        let connection = &mut *connection;
        let group = &self.settings.group;
        let start = if restored { StartPosition::Id(EntryId::ZERO) } else { self.settings.starting_id };
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
            StartPosition::Latest => progress.generated,
            StartPosition::Id(id) => id,
        });
        let position = progress.delivered;
        debug!("stream '{stream}': reading begins behind {position}, {} entries pending", pending.len());
        Ok((Split { partition, position, pending, stopping_id }, created))
    }

    /// Warns of streams that look as if this job should read them, and does not: their messages would be lost without a
    /// word. Where the server does not answer, only the warning is missing.
    async fn warn_of_other_streams(&self, pool: &ConnectionPool) {
        let SourceSettings { topic, num_partitions, .. } = &self.settings;
        let next = stream_name(topic, *num_partitions);
        if self.exists(pool, &next).await {
            warn!(
                "stream '{next}' exists: the topic has more partitions than numPartitions {num_partitions}, they are \
                 not read"
            );
        }
        if self.exists(pool, topic).await {
            warn!(
                "key '{topic}' exists, without a partition number; if it is a stream to be read: the streams of a \
                 topic are '{topic}:0' and so on, and it is only these that this job reads"
            );
        }
    }

    async fn exists(&self, pool: &ConnectionPool, key: &str) -> bool {
        let answer = match pool.to(key).await {
            Ok(mut connection) => connection.call(redis::cmd("EXISTS").arg(key)).await,
            Err(error) => Err(error),
        };
        match answer {
            Ok(there) => there == redis::Value::Int(1),
            Err(error) => {
                debug!("EXISTS '{key}': {}", pool.note_error(key, error));
                false
            }
        }
    }
}

/// Deals partitions out to readers, evenly, and the same way in every run. Not every topic begins at the first reader:
/// of many sources with few partitions it would get all.
fn owners(topic: &str, partitions: u32, parallelism: u32) -> Vec<u32> {
    let parallelism = parallelism.max(1);
    let first = java_hash(topic).cast_unsigned() % parallelism;
    (0..partitions)
        .map(|partition| ((u64::from(first) + u64::from(partition)) % u64::from(parallelism)) as u32)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::owners;

    #[test]
    fn spreads_evenly_from_a_reader_of_the_topic_s_own_on() {
        assert_eq!(owners("a", 5, 2), [1, 0, 1, 0, 1]);
        assert_eq!(owners("b", 5, 2), [0, 1, 0, 1, 0]);
        assert_eq!(owners("orders", 2, 1), [0, 0]);
        let firsts: std::collections::BTreeSet<u32> =
            (0..100).map(|n| owners(&format!("topic-{n}"), 1, 8)[0]).collect();
        assert_eq!(firsts.len(), 8);
    }
}
