//! Sends `XACK`, off the read path, until it is confirmed.
//!
//! Split tasks add what is to be acknowledged (`pending_acks.rs`); the reader says how far it may go, when a checkpoint
//! has completed or entries were emitted; for each split a task sends. Those of one server share a connection, and a
//! server that can't be reached holds up only its own.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use parking_lot::Mutex;

use crate::client::{Connection, ConnectionPool, Outage, Servers};
use crate::commands::{self, ConsumerName};
use crate::config::{Partition, StartPosition};
use crate::error::{Context, Result};
use crate::source::ack::ack_up_to::AckUpTo;
use crate::source::ack::pending_acks::PendingAcks;
use crate::source::shared::Shared;
use crate::stream::EntryId;
use crate::stream::stream_name;

/// The number of IDs of one `XACK`, and of such commands that are sent before their replies are awaited.
const CHUNK: usize = 1000;
const CHUNKS_AT_ONCE: usize = 16;

/// Sends the acknowledgments of one reader. A handle: its tasks share it.
pub(in crate::source) struct Acknowledger {
    pool: ConnectionPool,
    splits: Mutex<HashMap<Partition, Arc<PendingAcks>>>,
}

impl Acknowledger {
    pub(in crate::source) fn new(servers: Servers) -> Arc<Self> {
        let name = format!("{}-ack", servers.settings().client_name);
        Arc::new(Self { pool: ConnectionPool::new(servers, name), splits: Mutex::default() })
    }

    /// Adds a split. Its task is to be spawned: [`run`](Self::run).
    pub(in crate::source) fn add_split(&self, partition: Partition, acks: Arc<PendingAcks>) {
        self.splits.lock().insert(partition, acks);
    }

    /// Asks for acknowledgments of one split.
    pub(in crate::source) fn request(&self, partition: Partition, ack: AckUpTo) {
        if let Some(acks) = self.splits.lock().get(&partition) {
            acks.request(ack);
        }
    }

    /// Notes that Java has begun with the stream that was recreated.
    pub(in crate::source) fn java_knows_of_recreated(&self, partition: Partition) {
        if let Some(acks) = self.splits.lock().get(&partition) {
            acks.java_knows_of_recreated();
        }
    }

    /// Returns how many entries are delivered and not yet acknowledged, as far as they are remembered.
    pub(in crate::source) fn unacknowledged_entries(&self) -> u64 {
        self.splits.lock().values().map(|acks| acks.len()).sum()
    }

    /// Returns how many bytes remembering them takes.
    pub(in crate::source) fn unacknowledged_id_bytes(&self) -> u64 {
        self.splits.lock().values().map(|acks| acks.bytes()).sum()
    }

    /// Does what is asked for one split, until the reader is closed and what was asked for by then is done. A final
    /// fault fails the reader.
    pub(in crate::source) async fn run(
        self: Arc<Self>,
        shared: Arc<Shared>,
        partition: Partition,
        acks: Arc<PendingAcks>,
    ) {
        let settings = &shared.settings;
        let stream = stream_name(&settings.topic, partition);
        let what = format!("source {stream}, acknowledging ({})", settings.connection.endpoint());
        let mut outage = Outage::new(what, &settings.connection);
        while let Some(ack) = acks.next_request(&shared.closed).await {
            let again = outage.attempts() > 0;
            let carry_out = || self.carry_out(&shared, &stream, &acks, &ack, again);
            match self.pool.begin_at_owner(&stream, carry_out).await {
                Ok(()) => {
                    outage.recovered();
                    acks.done(&ack);
                }
                Err(error) => match outage.failed(self.pool.note_error(&stream, error)) {
                    Ok(wait) => tokio::time::sleep(wait).await,
                    Err(error) => return shared.buffer.fail(error),
                },
            }
        }
    }

    /// Does what was asked for, on the connection of the split's server. `again`: the last attempt has failed, and its
    /// reply may be all that was lost.
    async fn carry_out(
        &self,
        shared: &Shared,
        stream: &str,
        acks: &PendingAcks,
        ack: &AckUpTo,
        again: bool,
    ) -> Result<()> {
        let mut connection = self.pool.to(stream).await?;
        let mut work = Work { shared, stream, acks, connection: &mut connection };
        work.acknowledge(ack).await?;
        work.acknowledge_others(ack).await?;
        work.commit_position(ack, again).await
    }
}

/// One request for one split.
struct Work<'a> {
    shared: &'a Shared,
    stream: &'a str,
    acks: &'a PendingAcks,
    connection: &'a mut Connection,
}

impl Work<'_> {
    /// Acknowledges what this reader has received.
    async fn acknowledge(&mut self, ack: &AckUpTo) -> Result<()> {
        loop {
            let ids = self.acks.to_send(ack, CHUNK * CHUNKS_AT_ONCE);
            let Some(last) = ids.last().copied() else { return Ok(()) };
            self.send(&ids).await?;
            self.acks.confirmed(last, &ack.except);
        }
    }

    async fn send(&mut self, ids: &[EntryId]) -> Result<()> {
        let group = &self.shared.settings.group;
        for chunk in ids.chunks(CHUNK) {
            self.connection.queue(&commands::acknowledge(self.stream, group, chunk));
        }
        self.connection.flush().await?;
        let mut acknowledged = 0;
        for _ in ids.chunks(CHUNK) {
            if let redis::Value::Int(count) =
                self.connection.value(Duration::ZERO).await.context(|| format!("XACK '{}'", self.stream))?
            {
                acknowledged += count.unsigned_abs();
            }
        }
        self.shared.counters.acknowledged.fetch_add(acknowledged, Ordering::Relaxed);
        Ok(())
    }

    /// Acknowledges what replaced readers received and this job has emitted since. Once after every connect, and after
    /// IDs were forgotten.
    async fn acknowledge_others(&mut self, ack: &AckUpTo) -> Result<()> {
        let Some(own) = self.acks.to_scan(ack) else { return Ok(()) };
        let group = &self.shared.settings.group;
        let mut from = Some(EntryId::ZERO);
        while let Some(first) = from {
            let page = match commands::pending_page(self.connection, self.stream, group, first, ack.up_to).await {
                // The group is gone, and what was pending with it; whoever reads makes it again.
                Err(error) if commands::is_gone(&error) => return Ok(()),
                page => page.context(|| format!("XPENDING '{}'", self.stream))?,
            };
            if self.acks.to_scan(ack).is_none() {
                // The stream was recreated meanwhile: this may be its list.
                return Ok(());
            }
            from = commands::next_page(&page, ack.up_to);
            let ids: Vec<EntryId> =
                page.into_iter().map(|pending| pending.id).filter(|id| !ack.except.contains(*id)).collect();
            if !ids.is_empty() {
                self.send(&ids).await?;
            }
        }
        self.acks.scanned(ack);
        self.delete_replaced(&own).await
    }

    /// Sets the group to where the completed checkpoint is, for `COMMIT_POSITION`.
    async fn commit_position(&mut self, ack: &AckUpTo, again: bool) -> Result<()> {
        if again && self.acks.to_commit(ack).is_some() {
            // A successor may have gone further meanwhile.
            match commands::progress(self.connection, self.stream, &self.shared.settings.group).await {
                Ok(progress) => self.acks.overtaken(progress),
                Err(error) if commands::is_gone(&error) => {}
                Err(error) => return Err(error).context(|| "XINFO"),
            }
        }
        let Some((position, entries_read)) = self.acks.to_commit(ack) else { return Ok(()) };
        let group = &self.shared.settings.group;
        let set = commands::set_position(self.stream, group, position, entries_read);
        if let Err(error) = self.connection.call(&set).await {
            if !commands::is_gone(&error) {
                return Err(error).context(|| format!("XGROUP SETID '{}'", self.stream));
            }
            // Gone while reading went on, which needs no group: it is made again where reading is. But not on a stream
            // that has not come that far: it is another one, and the reader begins again with it.
            let stream = commands::progress_without_group(self.connection, self.stream).await.context(|| "XINFO")?;
            if stream.generated < position {
                return Ok(());
            }
            commands::create_group(self.connection, self.stream, group, StartPosition::Id(position)).await?;
        }
        self.acks.committed(position, entries_read);
        Ok(())
    }

    /// Deletes the consumers of replaced readers, each by a script that checks that it owns nothing: deleting one
    /// deletes what it has pending.
    async fn delete_replaced(&mut self, own: &str) -> Result<()> {
        const SCRIPT: &str = "if #redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[2]) == 0 then \
                              return redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2]) end return -1";
        let settings = &self.shared.settings;
        let consumers =
            commands::consumers(self.connection, self.stream, &settings.group).await.context(|| "XINFO CONSUMERS")?;
        for consumer in consumers {
            let ours = ConsumerName::parse(&settings.connection.client_name, &consumer.name).is_some();
            if !ours || consumer.name == own || consumer.pending > 0 {
                continue;
            }
            let mut script = redis::cmd("EVAL");
            script.arg(SCRIPT).arg(1).arg(self.stream).arg(&settings.group).arg(&consumer.name);
            match self.connection.call(&script).await {
                Err(error) if error.is_temporary() => return Err(error),
                // Scripts are not permitted: the consumer stays, which harms nobody.
                Err(error) => {
                    tracing::debug!("consumer '{}' stays: {error}", consumer.name);
                    return Ok(());
                }
                Ok(_) => {}
            }
        }
        Ok(())
    }
}
