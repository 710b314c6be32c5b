//! The committer moves what an epoch has staged to its topic, when the epoch's checkpoint has completed; and it deletes
//! what was staged for checkpoints that never will.
//!
//! * [`transfer`] moves one staging stream, chunk by chunk
//! * [`staged`] reads its entries as they are, [`pace`] says how many at once
//! * [`mark`] says how far the epochs of a writer are committed
//! * [`missing`] names the entries that a staging stream lacks

mod mark;
mod missing;
mod pace;
mod staged;
mod transfer;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join_all;
use parking_lot::Mutex;
use redis::Value;
use serde::Deserialize;
use tracing::info;

use crate::call::Call;
use crate::client::transaction::{Outcomes, Transaction, begin};
use crate::client::{Connection, ConnectionPool, Credentials, Outage, Servers};
use crate::config::{Partition, SinkSettings};
use crate::error::{Context, Error, Result};
use crate::foreign_text::shown;
use crate::object::{EngineObject, Tick};
use crate::runtime::EngineRuntime;
use crate::sink::commit::pace::MOST;
use crate::sink::commit::transfer::Transfer;
use crate::sink::committable::Committable;
use crate::sink::encode::{StagingKey, index_key};

/// The staging streams of one writer that starts, and which of them are committed, or about to be.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Lane {
    /// The owner part of the streams' keys.
    pub lane: String,
    /// The life of the writer that the state is of; streams of other lives are deleted.
    pub incarnation: String,
    /// The last epoch of that incarnation that is committed, or about to be.
    pub epoch: u64,
}

/// A handle on the commits of a sink. It may be used from any thread, for one piece of work at a time: a task does it,
/// and a call waits for that.
pub struct Committer {
    work: Arc<Work>,
    running: Call<Request, ()>,
    runtime: Arc<EngineRuntime>,
}

impl Committer {
    /// Creates a committer, which connects to nothing yet.
    ///
    /// # Errors
    /// `Internal` when there are no threads for its tasks.
    pub fn new(settings: SinkSettings) -> Result<Self> {
        let (servers, running) = (Servers::new(settings.connection.clone()), Call::default());
        servers.on_credentials_request(running.interrupter());
        Ok(Self { work: Arc::new(Work::new(settings, servers, MOST)), running, runtime: EngineRuntime::shared()? })
    }

    /// Commits these, those of a partition in this order, or goes on waiting for that. Returns `false` if it is not
    /// done by `max_wait`: call again, with the same.
    ///
    /// # Errors
    /// `STAGING_LOST` for one that is gone and not marked as committed; a fault that is final, or lasted too long.
    pub fn commit(&self, committables: &[Committable], max_wait: Duration) -> Result<bool> {
        let begin = || {
            let (work, committables) = (Arc::clone(&self.work), committables.to_vec());
            async move { work.commit_all(&committables).await }
        };
        let request = Request::Commit(committables.to_vec());
        Ok(self.running.wait(self.runtime.handle()?, request, begin, max_wait)?.is_some())
    }

    /// Deletes the staging streams of these lanes, but for what is committed or about to be. It waits like
    /// [`commit`](Self::commit).
    ///
    /// # Errors
    /// A fault that is final, or lasted too long.
    pub fn recover(&self, lanes: &[Lane], max_wait: Duration) -> Result<bool> {
        let begin = || {
            let (work, lanes) = (Arc::clone(&self.work), lanes.to_vec());
            async move { work.recover_all(&lanes).await }
        };
        let request = Request::Recover(lanes.to_vec());
        Ok(self.running.wait(self.runtime.handle()?, request, begin, max_wait)?.is_some())
    }

    /// Ends the work that runs, and every call that waits for it. Idempotent.
    pub fn close(&self) {
        self.running.close();
    }
}

impl EngineObject for Committer {
    /// Returns whether a connect waits for credentials. Never fails: the failures of a committer are those of its
    /// calls.
    fn tick(&self) -> Result<Tick> {
        Ok(Tick { credentials_requested: self.work.servers.are_credentials_requested(), ..Tick::default() })
    }

    fn provide(&self, credentials: &Credentials) {
        self.work.servers.provide(credentials);
    }

    fn close(&self) {
        Committer::close(self);
    }
}

/// The work that a call waits for.
#[derive(PartialEq, Eq)]
enum Request {
    Commit(Vec<Committable>),
    Recover(Vec<Lane>),
}

/// How many partitions are committed side by side: while one waits for its replies, the server works for another.
const SIDE_BY_SIDE: usize = 4;

/// The settings and connections with which a committer's task works.
pub(in crate::sink) struct Work {
    pub(in crate::sink) settings: SinkSettings,
    pub(in crate::sink) servers: Servers,
    /// For each of the partitions that are committed side by side connections of its own. They are kept for the next
    /// commit.
    pools: [ConnectionPool; SIDE_BY_SIDE],
    /// How many entries a transfer reads at once, at most.
    at_once: u64,
}

impl Work {
    pub(in crate::sink) fn new(settings: SinkSettings, servers: Servers, at_once: u64) -> Self {
        let pools = std::array::from_fn(|_| {
            ConnectionPool::new(servers.clone(), format!("{}-commit", settings.connection.client_name))
        });
        Self { settings, servers, pools, at_once }
    }

    fn outage(&self) -> Outage {
        let what =
            format!("sink topic '{}', committing ({})", self.settings.topic, self.settings.connection.endpoint());
        Outage::new(what, &self.settings.connection)
    }

    /// Commits these: those of a partition in this order, some partitions side by side.
    pub(in crate::sink) async fn commit_all(&self, committables: &[Committable]) -> Result<()> {
        let mut partitions: BTreeMap<Partition, Vec<&Committable>> = BTreeMap::new();
        for committable in committables {
            partitions.entry(committable.partition).or_default().push(committable);
        }
        let waiting = Mutex::new(partitions.into_values());
        let next = || waiting.lock().next();
        try_join_all(self.pools.iter().map(|pool| async {
            while let Some(committables) = next() {
                self.commit_partition(pool, &committables).await?;
            }
            Ok(())
        }))
        .await
        .map(|_| ())
    }

    async fn commit_partition(&self, pool: &ConnectionPool, committables: &[&Committable]) -> Result<()> {
        let mut outage = self.outage();
        for committable in committables {
            let mut transfer = Transfer::new(&self.settings, pool, committable, self.at_once)?;
            while let Err(error) = transfer.run().await {
                if transfer.take_progress() {
                    outage.recovered();
                }
                let error = pool.note_error(&committable.key, error);
                tokio::time::sleep(outage.failed(error)?).await;
            }
            outage.recovered();
        }
        Ok(())
    }

    pub(in crate::sink) async fn recover_all(&self, lanes: &[Lane]) -> Result<()> {
        let (mut outage, pool) = (self.outage(), &self.pools[0]);
        for partition in 0..self.settings.num_partitions {
            let index = index_key(&self.settings.topic, partition);
            while let Err(error) = self.recover(pool, &index, lanes).await {
                let error = pool.note_error(&index, error);
                tokio::time::sleep(outage.failed(error)?).await;
            }
            outage.recovered();
        }
        Ok(())
    }

    async fn recover(&self, pool: &ConnectionPool, index: &str, lanes: &[Lane]) -> Result<()> {
        let mut connection = pool.to(index).await?;
        try_commands(&mut connection, index).await?;
        let listed = call(&mut connection, &["SMEMBERS", index]).await?;
        for key in texts(listed) {
            let Some(staged) = StagingKey::parse(&key) else { continue };
            let Some(lane) = lanes.iter().find(|own| own.lane == staged.lane) else { continue };
            if lane.incarnation == staged.incarnation && staged.epoch <= lane.epoch {
                call(&mut connection, &["EXPIRE", &key, &self.settings.staging_ttl_seconds.to_string()]).await?;
                continue;
            }
            let topic = &self.settings.topic;
            info!("sink topic '{topic}': '{}' was staged for a checkpoint that never completed; deleted", shown(&key));
            call(&mut connection, &["DEL", &key]).await?;
            call(&mut connection, &["SREM", index, &key]).await?;
        }
        Ok(())
    }
}

async fn call(connection: &mut Connection, args: &[&str]) -> Result<Value> {
    let called = connection.call(redis::cmd(args[0]).arg(&args[1..])).await;
    called.context(|| format!("{} '{}'", args[0], shown(args[1])))
}

/// Tries the commands of a commit, so that the job fails before anything is staged if this user may not send one of
/// them. They are about a key that is not there, and change nothing.
async fn try_commands(connection: &mut Connection, index: &str) -> Result<()> {
    let key = format!("{index}:trial");
    let reads =
        [vec!["WATCH", &key], vec!["GET", &key], vec!["XLEN", &key], vec!["XRANGE", &key, "-", "+", "COUNT", "1"]];
    let mut writes = Transaction::default();
    let commands: [&[&str]; 5] = [
        &["XADD", &key, "NOMKSTREAM", "*", "field", "value"],
        &["SET", &key, "1", "XX", "EX", "1"],
        &["EXPIRE", &key, "1"],
        &["DEL", &key],
        &["SREM", index, &key],
    ];
    for args in commands {
        writes.add(redis::cmd(args[0]).arg(&args[1..]));
    }
    let tried = match begin(connection, &reads).await {
        Ok(_) => writes.execute(connection).await,
        Err(error) => Err(error),
    };
    match tried {
        Ok(Some(Outcomes::Aborted(fault))) if fault.is_of_command() => Err(fault.context("exactly once").into()),
        // A server that is full, or a slot that is on its way: that passes, and it is no matter here.
        Ok(_) => Ok(()),
        Err(Error::Redis(fault)) if !fault.code.is_empty() && !fault.is_of_command() => Ok(()),
        Err(error) => Err(error),
    }
}

/// Returns the strings of an array.
fn texts(reply: Value) -> Vec<String> {
    let text = |item| match item {
        Value::BulkString(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        _ => None,
    };
    match reply {
        Value::Array(items) => items.into_iter().filter_map(text).collect(),
        _ => Vec::new(),
    }
}
