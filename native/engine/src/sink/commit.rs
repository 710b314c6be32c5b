//! Moves what an epoch has staged to its topic, when the epoch's checkpoint has completed; and cleans up what never will be.
//!
//! How a staging stream is moved: [`transfer`](crate::sink::transfer).

use std::sync::Arc;
use std::time::Duration;

use redis::Value;
use serde::Deserialize;
use tracing::info;

use crate::config::{Partition, SinkSettings};
use crate::connection::transaction::{Outcomes, Transaction};
use crate::connection::{Connection, Credentials, Links, Outage, Servers};
use crate::error::{Context, Error, Result};
use crate::foreign_text::shown;
use crate::object::{EngineObject, Tick};
use crate::runtime::{Call, EngineRuntime};
use crate::sink::encode::{StagingKey, index_key};
use crate::sink::pace::{MOST, Pace};
use crate::sink::transfer::{Transfer, begin};

/// What an epoch has staged in one partition, as Flink's state keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Committable {
    pub partition: Partition,
    pub key: String,
    pub records: u64,
    pub epoch: u64,
}

/// A lane of a writer that starts, and what of it is committed or about to be.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Lane {
    pub lane: String,
    pub attempt: String,
    /// Epochs of that attempt up to this one.
    pub epoch: u64,
}

/// Called from any thread; one piece of work at a time.
pub struct Committer {
    work: Arc<Work>,
    running: Call<Request, ()>,
    runtime: Arc<EngineRuntime>,
}

impl Committer {
    /// Connects to nothing yet.
    pub fn new(settings: SinkSettings) -> Result<Self> {
        let (servers, running) = (Servers::new(settings.connection.clone()), Call::default());
        servers.on_credentials_request(running.interrupter());
        Ok(Self { work: Arc::new(Work::new(settings, servers, MOST)), running, runtime: EngineRuntime::shared()? })
    }

    /// Commits these, in this order, or goes on waiting for that; `false`: it is not done by `max_wait`, call again.
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

    /// Deletes the staging streams of these lanes, but for what is committed or about to be; the same way of waiting.
    pub fn recover(&self, lanes: &[Lane], max_wait: Duration) -> Result<bool> {
        let begin = || {
            let (work, lanes) = (Arc::clone(&self.work), lanes.to_vec());
            async move { work.recover_all(&lanes).await }
        };
        let request = Request::Recover(lanes.to_vec());
        Ok(self.running.wait(self.runtime.handle()?, request, begin, max_wait)?.is_some())
    }

    /// Ends what runs. Idempotent.
    pub fn close(&self) {
        self.running.close();
    }
}

impl EngineObject for Committer {
    /// Its failures are those of the calls.
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

/// What a call waits for.
#[derive(PartialEq, Eq)]
enum Request {
    Commit(Vec<Committable>),
    Recover(Vec<Lane>),
}

/// The work of it, on a task.
pub(super) struct Work {
    pub(super) settings: SinkSettings,
    pub(super) servers: Servers,
    pace: Pace,
}

impl Work {
    /// Moves so many entries at once, at most.
    pub(super) fn new(settings: SinkSettings, servers: Servers, at_once: u64) -> Self {
        Self { settings, servers, pace: Pace::new(at_once) }
    }

    fn outage(&self) -> Outage {
        let what =
            format!("sink topic '{}', committing ({})", self.settings.topic, self.settings.connection.endpoint());
        Outage::new(what, &self.settings.connection)
    }

    fn links(&self) -> Links {
        Links::new(self.servers.clone(), format!("{}-commit", self.settings.connection.client_name))
    }

    pub(super) async fn commit_all(&self, committables: &[Committable]) -> Result<()> {
        let (mut outage, links) = (self.outage(), self.links());
        for committable in committables {
            let mut transfer = Transfer::new(&self.settings, &links, &self.pace, committable)?;
            while let Err(error) = transfer.run().await {
                if transfer.take_progress() {
                    outage.over();
                }
                let error = links.failed(&committable.key, error);
                tokio::time::sleep(outage.failed(error)?).await;
            }
            outage.over();
        }
        Ok(())
    }

    pub(super) async fn recover_all(&self, lanes: &[Lane]) -> Result<()> {
        let (mut outage, links) = (self.outage(), self.links());
        for partition in 0..self.settings.num_partitions {
            let index = index_key(&self.settings.topic, partition);
            while let Err(error) = self.recover(&links, &index, lanes).await {
                let error = links.failed(&index, error);
                tokio::time::sleep(outage.failed(error)?).await;
            }
            outage.over();
        }
        Ok(())
    }

    async fn recover(&self, links: &Links, index: &str, lanes: &[Lane]) -> Result<()> {
        let mut connection = links.to(index).await?;
        try_commands(&mut connection, index).await?;
        let listed = call(&mut connection, &["SMEMBERS", index]).await?;
        for key in texts(listed) {
            let Some(staged) = StagingKey::parse(&key) else { continue };
            let Some(lane) = lanes.iter().find(|own| own.lane == staged.lane) else { continue };
            if lane.attempt == staged.attempt && staged.epoch <= lane.epoch {
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

async fn call(connection: &mut Connection, words: &[&str]) -> Result<Value> {
    let called = connection.call(redis::cmd(words[0]).arg(&words[1..])).await;
    called.context(|| format!("{} '{}'", words[0], shown(words[1])))
}

/// Sends the commands of a commit, so that one which this user does not get is told of before anything is staged. They are about a key that
/// is not there, and change nothing.
async fn try_commands(connection: &mut Connection, index: &str) -> Result<()> {
    let key = format!("{index}:trial");
    let reads =
        [vec!["WATCH", &key], vec!["GET", &key], vec!["XLEN", &key], vec!["XRANGE", &key, "-", "+", "COUNT", "1"]];
    let mut writes = Transaction::default();
    let words: [&[&str]; 5] = [
        &["XADD", &key, "NOMKSTREAM", "*", "field", "value"],
        &["SET", &key, "1", "XX", "EX", "1"],
        &["EXPIRE", &key, "1"],
        &["DEL", &key],
        &["SREM", index, &key],
    ];
    for words in words {
        writes.add(redis::cmd(words[0]).arg(&words[1..]));
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
