//! Acknowledging: `XACK`, off the read path, until it is confirmed.
//!
//! Split tasks note what is owed; the reader says up to where a completed checkpoint, or emission, has come; one task a reader sends.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::config::{Partition, Place};
use crate::connection::{Connection, Links, Outage};
use crate::entry_id::{EntryId, Runs};
use crate::error::{Context, Result};
use crate::source::commands::{self, Progress};
use crate::source::consumers::ConsumerName;
use crate::source::split::Shared;
use crate::topic::stream_name;

/// IDs of one `XACK`, and how many such go out before their replies are awaited.
const CHUNK: usize = 1000;
const CHUNKS_AT_ONCE: usize = 16;

/// What one split owes to the group. Written by its task, settled by the acknowledging task.
#[derive(Default)]
pub(super) struct Owed {
    state: Mutex<OwedState>,
}

#[derive(Default)]
struct OwedState {
    ids: Runs,
    /// After a connect, until the pending entries list was walked: what was delivered before it.
    sweep: Option<EntryId>,
    sweep_always: bool,
    consumer: String,
    /// `COMMIT_POSITION` only.
    group: Option<GroupPosition>,
}

/// Where the group stands on the servers, as far as this reader knows.
struct GroupPosition {
    committed: EntryId,
    /// How many entries that is from the stream's first on, where it is known: `XINFO GROUPS` tells the lag by it.
    entries_read: Option<u64>,
    /// What was read beyond it.
    read: Runs,
}

impl Owed {
    pub(super) fn add(&self, ids: &Runs) {
        if !ids.is_empty() {
            self.state.lock().ids.extend(ids);
        }
    }

    pub(super) fn forget_above(&self, id: EntryId) {
        let mut state = self.state.lock();
        state.ids.remove_above(id);
        if let Some(group) = &mut state.group {
            group.read.remove_above(id);
        }
    }

    /// A connect: entries that were delivered before it may be pending though this reader never received them.
    pub(super) fn connected(&self, consumer: &str, delivered: EntryId, may_kill: bool) {
        let mut state = self.state.lock();
        consumer.clone_into(&mut state.consumer);
        state.sweep = Some(delivered);
        state.sweep_always = !may_kill;
    }

    /// A connect of a reader that reads by position: `received` is where it goes on.
    pub(super) fn connected_by_position(&self, progress: Progress, received: EntryId) {
        let mut state = self.state.lock();
        let mut read = state.group.take().map(|group| group.read).unwrap_or_default();
        read.remove_up_to(progress.delivered);
        // After a restore it may stand before where reading goes on: then nobody has counted what is in between.
        let counted = received <= progress.delivered || !read.is_empty();
        let entries_read = progress.entries_read.filter(|_| counted);
        state.group = Some(GroupPosition { committed: progress.delivered, entries_read, read });
    }

    /// Entries were read by position.
    pub(super) fn read(&self, ids: &Runs) {
        if let Some(group) = &mut self.state.lock().group {
            let mut beyond = ids.clone();
            beyond.remove_up_to(group.committed);
            group.read.extend(&beyond);
        }
    }

    /// The position to commit, with the count of entries up to it; never one behind what was committed.
    fn to_commit(&self, order: &Order) -> Option<(EntryId, Option<u64>)> {
        let state = self.state.lock();
        let group = state.group.as_ref().filter(|group| order.up_to > group.committed)?;
        let more = group.read.ids_up_to(order.up_to).count() as u64;
        Some((order.up_to, group.entries_read.map(|read| read + more)))
    }

    fn committed(&self, position: EntryId, entries_read: Option<u64>) {
        if let Some(group) = &mut self.state.lock().group {
            group.committed = position;
            group.entries_read = entries_read;
            group.read.remove_up_to(position);
        }
    }

    pub(super) fn len(&self) -> u64 {
        self.state.lock().ids.len()
    }

    fn next(&self, order: &Order, limit: usize) -> Vec<EntryId> {
        let state = self.state.lock();
        state.ids.ids_up_to(order.up_to).filter(|id| !order.held.contains(*id)).take(limit).collect()
    }

    /// These are confirmed: all up to `up_to` but for the held ones.
    fn settle(&self, up_to: EntryId, held: &Runs) {
        let mut state = self.state.lock();
        let kept: Vec<EntryId> = match held.is_empty() {
            true => Vec::new(),
            false => state.ids.ids_up_to(up_to).filter(|id| held.contains(*id)).collect(),
        };
        state.ids.remove_up_to(up_to);
        kept.into_iter().for_each(|id| state.ids.insert(id));
    }

    /// The consumer to spare, when it is time to walk the pending entries list.
    fn to_sweep(&self, order: &Order) -> Option<String> {
        let state = self.state.lock();
        state.sweep.filter(|delivered| order.up_to >= *delivered).map(|_| state.consumer.clone())
    }

    fn swept(&self) {
        let mut state = self.state.lock();
        if !state.sweep_always {
            state.sweep = None;
        }
    }
}

/// Everything up to `up_to` may be acknowledged, but for `held`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) up_to: EntryId,
    pub(super) held: Runs,
    /// By a completed checkpoint, which covers what older readers left behind.
    pub(super) sweeps: bool,
}

/// Takes orders from Flink's threads and carries them out on its own task.
pub(super) struct Acknowledger {
    /// The newest order of each split; a newer one covers an older.
    orders: Mutex<HashMap<Partition, Order>>,
    splits: Mutex<HashMap<Partition, Arc<Owed>>>,
    ordered: Notify,
}

impl Acknowledger {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { orders: Mutex::default(), splits: Mutex::default(), ordered: Notify::new() })
    }

    pub(super) fn add_split(&self, partition: Partition, owed: Arc<Owed>) {
        self.splits.lock().insert(partition, owed);
    }

    pub(super) fn order(&self, partition: Partition, order: Order) {
        self.orders.lock().insert(partition, order);
        self.ordered.notify_one();
    }

    /// How many entries are delivered and not yet acknowledged.
    pub(super) fn owed(&self) -> u64 {
        self.splits.lock().values().map(|owed| owed.len()).sum()
    }

    /// Runs until the reader is closed and what was ordered by then is done. A final fault fails the reader.
    pub(super) async fn run(self: Arc<Self>, shared: Arc<Shared>) {
        let connection = &shared.settings.connection;
        let what = format!("source topic '{}', acknowledging ({})", shared.settings.topic, connection.endpoint());
        let mut outage = Outage::new(what, connection);
        let name = format!("{}-ack", connection.client_name);
        let mut links = Links::new(shared.servers.clone(), name);
        loop {
            if self.orders.lock().is_empty() {
                tokio::select! {
                    biased;
                    () = shared.closed.cancelled() => {}
                    () = self.ordered.notified() => {}
                }
                if self.orders.lock().is_empty() {
                    if shared.closed.is_cancelled() {
                        return;
                    }
                    continue;
                }
            }
            match self.carry_out(&shared, &mut links).await {
                Ok(()) => outage.over(),
                Err(error) => match outage.failed(error) {
                    Ok(wait) => tokio::time::sleep(wait).await,
                    Err(error) => return shared.buffer.fail(error),
                },
            }
        }
    }

    /// Each order on the server that has its split: one that can't be reached holds up no other. The first fault of all is what is given.
    async fn carry_out(&self, shared: &Shared, links: &mut Links) -> Result<()> {
        let orders: Vec<(Partition, Order)> =
            self.orders.lock().iter().map(|(split, order)| (*split, order.clone())).collect();
        let mut done = Ok(());
        for (partition, order) in orders {
            let Some(owed) = self.splits.lock().get(&partition).cloned() else { continue };
            let stream = stream_name(&shared.settings.topic, partition);
            let carried_out = async {
                let connection = links.to(&stream).await?;
                let mut work = Work { shared, stream: stream.clone(), owed, connection };
                work.acknowledge(&order).await?;
                work.sweep(&order).await?;
                work.commit_position(&order).await
            };
            if let Err(error) = carried_out.await {
                let error = links.failed(&stream, error).await;
                done = done.and(Err(error));
                continue;
            }
            // Unless a newer one has come meanwhile.
            let mut waiting = self.orders.lock();
            if waiting.get(&partition) == Some(&order) {
                waiting.remove(&partition);
            }
        }
        done
    }
}

/// One order of one split.
struct Work<'a> {
    shared: &'a Shared,
    stream: String,
    owed: Arc<Owed>,
    connection: &'a mut Connection,
}

impl Work<'_> {
    async fn acknowledge(&mut self, order: &Order) -> Result<()> {
        loop {
            let ids = self.owed.next(order, CHUNK * CHUNKS_AT_ONCE);
            let Some(last) = ids.last().copied() else { return Ok(()) };
            self.send(&ids).await?;
            self.owed.settle(last, &order.held);
        }
    }

    async fn send(&mut self, ids: &[EntryId]) -> Result<()> {
        let group = &self.shared.settings.group;
        for chunk in ids.chunks(CHUNK) {
            self.connection.queue(&commands::acknowledge(&self.stream, group, chunk));
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

    /// Once after every connect: what replaced readers received and this job has emitted since is acknowledged, too.
    async fn sweep(&mut self, order: &Order) -> Result<()> {
        let Some(own) = order.sweeps.then(|| self.owed.to_sweep(order)).flatten() else { return Ok(()) };
        let group = &self.shared.settings.group;
        let mut from = EntryId::ZERO;
        loop {
            let page = match commands::pending_page(self.connection, &self.stream, group, from, order.up_to).await {
                // The group is gone, and what was pending with it; whoever reads makes it again.
                Err(error) if commands::is_gone(&error) => return Ok(()),
                page => page.context(|| format!("XPENDING '{}'", self.stream))?,
            };
            let Some(last) = page.last().map(|pending| pending.id) else { break };
            let full = page.len() == commands::PAGE;
            let ids: Vec<EntryId> =
                page.into_iter().map(|pending| pending.id).filter(|id| !order.held.contains(*id)).collect();
            if !ids.is_empty() {
                self.send(&ids).await?;
            }
            if !full || last >= order.up_to {
                break;
            }
            from = last.next();
        }
        self.owed.swept();
        self.delete_replaced(&own).await
    }

    /// `COMMIT_POSITION`: the group goes to where the completed checkpoint is.
    async fn commit_position(&mut self, order: &Order) -> Result<()> {
        let Some((position, entries_read)) = self.owed.to_commit(order) else { return Ok(()) };
        let group = &self.shared.settings.group;
        let set = commands::set_position(&self.stream, group, position, entries_read);
        if let Err(error) = self.connection.call(&set).await {
            if !commands::is_gone(&error) {
                return Err(error).context(|| format!("XGROUP SETID '{}'", self.stream));
            }
            // Gone while reading went on, which needs no group: it is made again where reading is.
            commands::create_group(self.connection, &self.stream, group, Place::Id(position)).await?;
        }
        self.owed.committed(position, entries_read);
        Ok(())
    }

    /// Consumers of replaced readers go, each by a script that checks that it owns nothing: deleting one deletes what it has pending.
    async fn delete_replaced(&mut self, own: &str) -> Result<()> {
        const SCRIPT: &str = "if #redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[2]) == 0 then \
                              return redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2]) end return -1";
        let settings = &self.shared.settings;
        let consumers =
            commands::consumers(self.connection, &self.stream, &settings.group).await.context(|| "XINFO CONSUMERS")?;
        for consumer in consumers {
            let ours = ConsumerName::parse(&settings.connection.client_name, &consumer.name).is_some();
            if !ours || consumer.name == own || consumer.pending > 0 {
                continue;
            }
            let mut script = redis::cmd("EVAL");
            script.arg(SCRIPT).arg(1).arg(&self.stream).arg(&settings.group).arg(&consumer.name);
            match self.connection.call(&script).await {
                Err(error) if error.is_passing() => return Err(error),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn id(ms: u64) -> EntryId {
        EntryId::new(ms, 0)
    }

    #[test]
    fn what_is_held_is_neither_sent_nor_forgotten() {
        let owed = Owed::default();
        owed.add(&(1..=6).map(id).collect());
        let order = Order { up_to: id(5), held: [id(2), id(3)].into_iter().collect(), sweeps: true };
        assert_eq!(owed.next(&order, 2), [id(1), id(4)]);
        owed.settle(id(4), &order.held);
        assert_eq!(owed.next(&order, 9), [id(5)]);
        owed.settle(id(5), &order.held);
        assert_eq!(owed.next(&order, 9), []);
        let later = Order { up_to: id(6), held: Runs::default(), sweeps: true };
        assert_eq!(owed.next(&later, 9), [id(2), id(3), id(6)]);
    }

    #[test]
    fn sweeps_when_all_that_was_delivered_before_the_connect_is_covered() {
        let owed = Owed::default();
        let order = |ms| Order { up_to: id(ms), held: Runs::default(), sweeps: true };
        assert_eq!(owed.to_sweep(&order(9)), None);
        owed.connected("own", id(5), true);
        assert_eq!(owed.to_sweep(&order(4)), None);
        assert_eq!(owed.to_sweep(&order(5)).as_deref(), Some("own"));
        owed.swept();
        assert_eq!(owed.to_sweep(&order(9)), None);
        owed.connected("own", id(5), false);
        owed.swept();
        assert!(owed.to_sweep(&order(9)).is_some());
    }
}
