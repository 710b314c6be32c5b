//! Moves what an epoch has staged to its topic, when the epoch's checkpoint has completed; and cleans up what never will be.
//!
//! A staging stream is moved in chunks, each by one script: it appends to the topic, trims the staging stream and, with the last chunk, leaves
//! a mark and deletes it. A script is atomic, so a commit that is repeated, interrupted or made twice at once neither loses nor duplicates.

use std::sync::Arc;
use std::time::Duration;

use redis::Value;
use serde::Deserialize;
use tracing::{debug, info};

use crate::config::{Partition, SinkSettings};
use crate::connection::{Links, Outage, Servers};
use crate::error::{Context, Error, Fault, FaultKind, Result};
use crate::runtime::{Call, EngineRuntime};
use crate::sink::encode::{StagingKey, index_key, index_of};

/// Entries that one script moves: the server does nothing else meanwhile.
const CHUNK: u64 = 200;

/// Keys: staging stream, topic's stream, mark, index. Arguments: how many to move, the mark's time to live, the epoch, the ID of the
/// last entry there must be, then the trimming arguments of `XADD`. Gives how many entries are left, -1 when all is gone without a mark, -2
/// when its end is missing. The mark holds the highest epoch that is committed of a lane's attempt: they are committed in their order.
const MOVE: &str = r"
local staged = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', ARGV[1])
if #staged == 0 then
  if tonumber(redis.call('GET', KEYS[3]) or 0) < tonumber(ARGV[3]) then return -1 end
  redis.call('DEL', KEYS[1])
  redis.call('SREM', KEYS[4], KEYS[1])
  return 0
end
if redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1][1] ~= ARGV[4] then return -2 end
for _, entry in ipairs(staged) do
  local command = {KEYS[2]}
  for i = 5, #ARGV do command[#command + 1] = ARGV[i] end
  command[#command + 1] = '*'
  for _, text in ipairs(entry[2]) do command[#command + 1] = text end
  redis.call('XADD', unpack(command))
end
local left = redis.call('XLEN', KEYS[1]) - #staged
if left == 0 then
  redis.call('SET', KEYS[3], ARGV[3], 'EX', ARGV[2])
  redis.call('DEL', KEYS[1])
  redis.call('SREM', KEYS[4], KEYS[1])
else
  for _, entry in ipairs(staged) do redis.call('XDEL', KEYS[1], entry[1]) end
end
return left";

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
    running: Call<()>,
    runtime: Arc<EngineRuntime>,
}

impl Committer {
    /// Connects to nothing yet.
    pub fn new(settings: SinkSettings) -> Result<Self> {
        let servers = Servers::new(settings.connection.clone());
        Ok(Self {
            work: Arc::new(Work { settings, servers }),
            running: Call::default(),
            runtime: EngineRuntime::shared()?,
        })
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
        Ok(self.running.wait(self.runtime.handle()?, begin, max_wait)?.is_some())
    }

    /// Deletes the staging streams of these lanes, but for what is committed or about to be; the same way of waiting.
    pub fn recover(&self, lanes: &[Lane], max_wait: Duration) -> Result<bool> {
        let begin = || {
            let (work, lanes) = (Arc::clone(&self.work), lanes.to_vec());
            async move { work.recover_all(&lanes).await }
        };
        Ok(self.running.wait(self.runtime.handle()?, begin, max_wait)?.is_some())
    }

    /// Ends what runs. Idempotent.
    pub fn close(&self) {
        self.running.close();
    }
}

/// The work of it, on a task.
pub(super) struct Work {
    pub(super) settings: SinkSettings,
    pub(super) servers: Servers,
}

impl Work {
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
            while let Err(error) = self.commit(&links, committable).await {
                let error = links.failed(&committable.key, error);
                tokio::time::sleep(outage.failed(error)?).await;
            }
            outage.over();
        }
        Ok(())
    }

    async fn commit(&self, links: &Links, committable: &Committable) -> Result<()> {
        let Committable { key, records, epoch, .. } = committable;
        // Of the topic that it was staged for, whatever the settings say by now.
        let Some(StagingKey { stream, lane, attempt, .. }) = StagingKey::parse(key) else {
            return Err(Error::Settings(format!("'{key}' is no staging stream's key")));
        };
        let mut connection = links.to(key).await?;
        let index = index_of(stream);
        let max_len = self.settings.max_len.to_string();
        let mut script = redis::cmd("EVAL");
        script.arg(MOVE).arg(4).arg(key).arg(stream).arg(format!("{index}:{lane}:{attempt}:committed")).arg(&index);
        script.arg(CHUNK).arg(self.settings.staging_ttl_seconds).arg(epoch).arg(format!("{epoch}-{records}"));
        self.settings.trimming(&max_len).into_iter().for_each(|argument| {
            script.arg(argument);
        });
        loop {
            let moved = connection.call(&script).await;
            match moved.map_err(not_permitted).context(|| format!("EVAL of the commit of '{key}'"))? {
                Value::Int(0) => return Ok(()),
                Value::Int(left) if left > 0 => debug!("'{key}': {left} of {records} entries still to be moved"),
                Value::Int(-1) => {
                    return Err(lost(committable, "it is gone, and there is no mark that it was committed"));
                }
                Value::Int(-2) => return Err(lost(committable, "its last entries are gone")),
                other => return Err(Error::protocol(format!("the reply to a commit can't be read: {other:?}"))),
            }
        }
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
        let listed =
            connection.call(redis::cmd("SMEMBERS").arg(index)).await.context(|| format!("SMEMBERS '{index}'"))?;
        for key in texts(listed) {
            let Some(staged) = StagingKey::parse(&key) else { continue };
            let Some(lane) = lanes.iter().find(|own| own.lane == staged.lane) else { continue };
            if lane.attempt == staged.attempt && staged.epoch <= lane.epoch {
                let mut renew = redis::cmd("EXPIRE");
                renew.arg(&key).arg(self.settings.staging_ttl_seconds);
                connection.call(&renew).await.context(|| format!("EXPIRE '{key}'"))?;
                continue;
            }
            info!(
                "sink topic '{}': '{key}' was staged for a checkpoint that never completed; deleted",
                self.settings.topic
            );
            connection.call(redis::cmd("DEL").arg(&key)).await.context(|| format!("DEL '{key}'"))?;
            connection.call(redis::cmd("SREM").arg(index).arg(&key)).await.context(|| format!("SREM '{index}'"))?;
        }
        Ok(())
    }
}

/// Of a command in the script Redis says only in which line it is.
fn not_permitted(error: Error) -> Error {
    let Error::Redis(fault) = error else { return error };
    let line = || {
        let (_, at) = fault.message().split_once("user_script:")?;
        let number: usize = at.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()?;
        let (_, call) = MOVE.lines().nth(number - 1)?.split_once("redis.call('")?;
        call.split('\'').next()
    };
    match (fault.kind, line()) {
        (FaultKind::Permission, Some(command)) => fault.clone().context(format!("NOPERM for '{command}'")).into(),
        _ => fault.into(),
    }
}

fn lost(committable: &Committable, why: &str) -> Error {
    let message = format!(
        "staging stream '{}' of {} records can't be committed: {why}; it was deleted or evicted, it expired (stagingTtlSeconds), or Redis lost it; \
         its records were not written to the topic",
        committable.key, committable.records
    );
    Fault::new(FaultKind::StagingLost, message).into()
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
