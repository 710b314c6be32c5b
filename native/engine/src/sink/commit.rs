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
use crate::connection::{Connection, Links, Outage, Servers};
use crate::entry_id::EntryId;
use crate::error::{Context, Error, Fault, FaultKind, Result};
use crate::runtime::{Call, EngineRuntime};
use crate::sink::encode::{StagingKey, index_key};
use crate::sink::shared::{replicas_wait, too_few_replicas};

/// Entries that one script moves: the server does nothing else meanwhile.
const CHUNK: u64 = 200;

/// Keys: staging stream, topic's stream, mark, index. Arguments: how many to move, the mark's time to live, the epoch, how many records it has, then
/// the trimming arguments of `XADD`. Gives how many entries are left, -1 when all is gone without a mark, and when some are missing a list of how
/// many had been moved.
///
/// The mark belongs to a lane's attempt, whose epochs are committed in their order. It holds the last one that is committed, or `epoch-sequence` of
/// the last entry that was moved. So what must be there is known: an epoch's entries are numbered from 1 on, and each is looked for before the first is moved.
const MOVE: &str = r"
local epoch, records = tonumber(ARGV[3]), tonumber(ARGV[4])
local marked, moved = string.match(redis.call('GET', KEYS[3]) or '0', '^(%d+)-?(%d*)$')
marked, moved = tonumber(marked), tonumber(moved)
local staged = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', ARGV[1])
if #staged == 0 then
  if marked < epoch or (marked == epoch and moved) then return -1 end
  redis.call('EXPIRE', KEYS[3], ARGV[2])
  redis.call('DEL', KEYS[1])
  redis.call('SREM', KEYS[4], KEYS[1])
  return 0
end
if marked ~= epoch or not moved then moved = 0 end
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1][1]
local left = redis.call('XLEN', KEYS[1])
if last ~= ARGV[3] .. '-' .. ARGV[4] or left ~= records - moved then return {moved} end
for _, entry in ipairs(staged) do
  local command = {KEYS[2]}
  for i = 5, #ARGV do command[#command + 1] = ARGV[i] end
  command[#command + 1] = '*'
  for _, text in ipairs(entry[2]) do command[#command + 1] = text end
  redis.call('XADD', unpack(command))
end
left = left - #staged
if left == 0 then
  redis.call('SET', KEYS[3], ARGV[3], 'EX', ARGV[2])
  redis.call('DEL', KEYS[1])
  redis.call('SREM', KEYS[4], KEYS[1])
else
  redis.call('SET', KEYS[3], staged[#staged][1], 'EX', ARGV[2])
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
    running: Call<Request, ()>,
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
        let Some(StagingKey { index, stream, lane, attempt, .. }) = StagingKey::parse(key) else {
            return Err(Error::Settings(format!("'{key}' is no staging stream's key")));
        };
        let mut connection = links.to(key).await?;
        let max_len = self.settings.max_len.to_string();
        let mut script = redis::cmd("EVAL");
        script.arg(MOVE).arg(4).arg(key).arg(stream).arg(format!("{index}:{lane}:{attempt}:committed")).arg(index);
        script.arg(CHUNK).arg(self.settings.staging_ttl_seconds).arg(epoch).arg(records);
        self.settings.trimming(&max_len).into_iter().for_each(|argument| {
            script.arg(argument);
        });
        loop {
            let moved = connection.call(&script).await;
            match moved.map_err(not_permitted).context(|| format!("EVAL of the commit of '{key}'"))? {
                Value::Int(0) => return self.await_replicas(&mut connection).await,
                Value::Int(left) if left > 0 => debug!("'{key}': {left} of {records} entries still to be moved"),
                Value::Int(-1) => {
                    return Err(lost(committable, "it is gone, and there is no mark that it was committed"));
                }
                Value::Array(moved) => {
                    let moved = if let [Value::Int(moved)] = moved[..] { moved.unsigned_abs() } else { 0 };
                    let missing = missing(&mut connection, committable, moved).await?;
                    return Err(lost(committable, &format!("entries are missing: {missing}")));
                }
                other => return Err(Error::protocol(format!("the reply to a commit can't be read: {other:?}"))),
            }
        }
    }

    /// What this connection has written is on `minReplicasToAck` replicas.
    async fn await_replicas(&self, connection: &mut Connection) -> Result<()> {
        let wanted = self.settings.min_replicas_to_ack;
        if wanted == 0 {
            return Ok(());
        }
        let time = replicas_wait(&self.settings);
        let mut wait = redis::cmd("WAIT");
        wait.arg(wanted).arg(time.as_millis() as u64);
        match connection.call(&wait).await.context(|| "WAIT")? {
            Value::Int(there) if there.unsigned_abs() >= wanted => Ok(()),
            Value::Int(there) => Err(too_few_replicas(there.unsigned_abs(), wanted, time).into()),
            other => Err(Error::protocol(format!("the reply to WAIT can't be read: {other:?}"))),
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

/// Which entries of an epoch are not there, of those behind the moved ones: `7-3 to 7-5, 7-9`.
async fn missing(connection: &mut Connection, committable: &Committable, moved: u64) -> Result<String> {
    let Committable { key, records, epoch, .. } = committable;
    let mut ranges: Vec<String> = Vec::new();
    let mut expected = moved + 1;
    let mut gap = |until: u64, expected: u64| match until.checked_sub(expected + 1) {
        None => {}
        Some(0) => ranges.push(format!("{epoch}-{expected}")),
        Some(_) => ranges.push(format!("{epoch}-{expected} to {epoch}-{}", until - 1)),
    };
    let mut from = "-".to_owned();
    loop {
        let mut range = redis::cmd("XRANGE");
        range.arg(key).arg(&from).arg("+").arg("COUNT").arg(CHUNK);
        let Value::Array(entries) = connection.call(&range).await.context(|| format!("XRANGE '{key}'"))? else { break };
        let ids: Vec<EntryId> = entries.iter().filter_map(id_of).collect();
        for id in &ids {
            gap(id.seq, expected);
            expected = id.seq + 1;
        }
        match ids.last() {
            Some(last) if ids.len() as u64 == CHUNK => from = format!("({last}"),
            _ => break,
        }
    }
    gap(records + 1, expected);
    Ok(match ranges.len() {
        0..=5 => ranges.join(", "),
        more => format!("{}, and {} more ranges", ranges[..5].join(", "), more - 5),
    })
}

fn id_of(entry: &Value) -> Option<EntryId> {
    match entry.as_sequence()?.first()? {
        Value::BulkString(id) => EntryId::parse(id),
        _ => None,
    }
}

fn lost(committable: &Committable, why: &str) -> Error {
    let message = format!(
        "staging stream '{}' of {} records can't be committed: {why}; deleted, evicted, expired (stagingTtlSeconds), or lost by Redis in a failover; \
         what is left of it was not written to the topic",
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
