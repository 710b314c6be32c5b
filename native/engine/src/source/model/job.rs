//! What Flink does with a reader, and what it keeps.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use tokio::runtime::Handle;

use crate::client::Servers;
use crate::config::{AckStrategy, SourceSettings, Split, SplitPosition};
use crate::enumerator::{DiscoverRequest, Discovery};
use crate::error::Error;
use crate::source::Reader;
use crate::source::decode::batch::{FINISHED, PENDING, tests::entries_of};
use crate::source::model::server::SimulatedRedis;
use crate::stream::{EntryId, Runs};

/// Holds what a checkpoint does: where the split is, and what the job's state has seen up to there.
#[derive(Clone)]
struct Checkpoint {
    position: SplitPosition,
    emitted: Vec<EntryId>,
}

/// A reader that fails says so this much later than it should give up: a read that is silent takes its own time.
pub(super) const SLOW: Duration = Duration::from_secs(10);

/// A batch of which some entries are emitted.
struct Emitting {
    entries: VecDeque<EntryId>,
    pending: bool,
    position: EntryId,
    last: Option<EntryId>,
}

/// One life of the reader, from its start or a restore to its end.
struct Attempt {
    reader: Reader,
    now: Checkpoint,
    batch: Option<Emitting>,
    under_way: BTreeMap<i64, Checkpoint>,
    finished: bool,
}

/// Does with a reader what Flink does, and keeps the checkpoints.
pub(super) struct Job {
    settings: SourceSettings,
    redis: SimulatedRedis,
    current: Attempt,
    /// Readers that Flink has given up, and that live on.
    given_up: Vec<Reader>,
    completed: Vec<Checkpoint>,
    next_checkpoint: i64,
    stopping_id: Option<EntryId>,
}

/// More of them would only make schedules slow.
const MOST_GIVEN_UP: usize = 3;

impl Attempt {
    /// Starts a reader from a checkpoint. It knows of the servers what it finds out itself.
    fn start(
        settings: &SourceSettings,
        redis: &SimulatedRedis,
        from: Checkpoint,
        stopping_id: Option<EntryId>,
    ) -> Self {
        let servers = Servers::over(settings.connection.clone(), redis.network());
        let reader = Reader::on(Handle::current(), None, settings.clone(), servers);
        let SplitPosition { partition, position, pending } = from.position.clone();
        reader.add_splits(vec![Split { partition, position, pending, stopping_id }]).unwrap();
        Self { reader, now: from, batch: None, under_way: BTreeMap::new(), finished: false }
    }

    /// Emits up to `limit` entries; a checkpoint can come between any two.
    fn emit(&mut self, limit: usize) {
        let mut left = limit;
        loop {
            let Some(batch) = &mut self.batch else {
                let Ok(Some(batch)) = self.reader.poll(Duration::ZERO) else { return };
                self.finished |= batch.bytes[1] & FINISHED != 0;
                let u64_at = |at: usize| u64::from_le_bytes(batch.bytes[at..at + 8].try_into().unwrap());
                self.batch = Some(Emitting {
                    entries: entries_of(&batch).into_iter().map(|(id, _)| id).collect(),
                    pending: batch.bytes[1] & PENDING != 0,
                    position: EntryId::new(u64_at(16), u64_at(24)),
                    last: None,
                });
                continue;
            };
            while left > 0
                && let Some(id) = batch.entries.pop_front()
            {
                left -= 1;
                self.now.emitted.push(id);
                batch.last = Some(id);
                if batch.pending {
                    self.now.position.pending.remove_up_to(id);
                } else {
                    self.now.position.position = id;
                }
            }
            if !batch.entries.is_empty() {
                return;
            }
            if !batch.pending {
                self.now.position.position = batch.position;
                self.now.position.pending = Runs::default();
            }
            let up_to = if batch.pending { batch.last.unwrap_or_default() } else { batch.position };
            self.reader.emitted(0, up_to);
            self.batch = None;
        }
    }
}

impl Job {
    /// Starts a job on whatever is there, with a first checkpoint right away: the line of state begins with it.
    pub(super) async fn start(settings: SourceSettings, redis: &SimulatedRedis) -> Self {
        let servers = Servers::over(settings.connection.clone(), redis.network());
        let request = DiscoverRequest { parallelism: 1, restored: false, known: Vec::new() };
        let found = Discovery::new(settings.clone(), servers).with_retries(&request).await.unwrap();
        let split = found.splits.into_iter().next().unwrap();
        let stopping_id = split.stopping_id;
        redis.state.lock().watch.stop = stopping_id;
        let position = SplitPosition { partition: split.partition, position: split.position, pending: split.pending };
        let first = Checkpoint { position, emitted: Vec::new() };
        let current = Attempt::start(&settings, redis, first.clone(), stopping_id);
        Self {
            settings,
            redis: redis.clone(),
            current,
            given_up: Vec::new(),
            completed: vec![first],
            next_checkpoint: 1,
            stopping_id,
        }
    }

    pub(super) fn is_in_cluster(&self) -> bool {
        self.settings.connection.deployment.is_cluster()
    }

    pub(super) fn emit(&mut self, limit: usize) {
        if self.current.reader.failure().is_some() {
            // The job fails with its reader, and restarts.
            self.crash();
        }
        self.current.emit(limit);
    }

    /// Returns what ended the reader.
    pub(super) fn failure(&self) -> Option<Error> {
        self.current.reader.failure()
    }

    pub(super) fn pause(&self, pause: bool) {
        let (paused, resumed): (&[u32], &[u32]) = if pause { (&[0], &[]) } else { (&[], &[0]) };
        self.current.reader.pause_or_resume(paused, resumed);
    }

    pub(super) fn checkpoint(&mut self) {
        let id = self.next_checkpoint;
        self.next_checkpoint += 1;
        self.current.reader.checkpoint(id, vec![self.current.now.position.clone()]);
        self.current.under_way.insert(id, self.current.now.clone());
    }

    /// Completes the newest checkpoint under way; the older ones are subsumed.
    pub(super) fn complete(&mut self, redis: &SimulatedRedis) {
        let Some((id, checkpoint)) = self.current.under_way.pop_last() else { return };
        self.current.under_way.clear();
        if self.settings.ack_strategy == AckStrategy::OnCheckpoint {
            let mut state = redis.state.lock();
            state.watch.acknowledgeable.get_or_insert_default().extend(&checkpoint.emitted);
        }
        self.completed.push(checkpoint);
        self.current.reader.complete(id);
    }

    pub(super) fn abort(&mut self) {
        if let Some((id, _)) = self.current.under_way.pop_first() {
            self.current.reader.abort(id);
        }
    }

    pub(super) fn crash(&mut self) {
        self.current.reader.crash();
        self.restart(self.completed.len() - 1);
    }

    pub(super) fn give_up(&mut self) {
        let old = self.restart(self.completed.len() - 1);
        self.given_up.push(old.reader);
        if self.given_up.len() > MOST_GIVEN_UP {
            self.given_up.remove(0).crash();
        }
    }

    /// Starts a reader that Flink has given up. It reads from the group beside the current one; what it emits belongs
    /// to no line of state.
    pub(super) fn start_late(&mut self) {
        if let Some(last) = self.completed.last().filter(|_| self.given_up.len() < MOST_GIVEN_UP) {
            let late = Attempt::start(&self.settings, &self.redis, last.clone(), self.stopping_id);
            self.given_up.push(late.reader);
        }
    }

    /// Goes on from an older checkpoint. All that came after it has not happened.
    pub(super) fn rewind(&mut self, back: usize) {
        self.current.reader.crash();
        let to = self.completed.len().saturating_sub(1 + back);
        self.completed.truncate(to + 1);
        self.restart(to);
    }

    fn restart(&mut self, from: usize) -> Attempt {
        let next = Attempt::start(&self.settings, &self.redis, self.completed[from].clone(), self.stopping_id);
        std::mem::replace(&mut self.current, next)
    }

    /// Runs without more faults, but for the readers that live on. Everything must arrive in the end.
    pub(super) async fn run_to_the_end(mut self, redis: &SimulatedRedis) -> Result<(), String> {
        redis.lose_no_more();
        redis.state.lock().trouble = None;
        // A slot that is on its way is read where it is, however long that takes. Not so one that no node serves:
        // whoever moves it sees to that.
        while redis.state.lock().is_served_by_nobody() {
            redis.reshard().await;
        }
        self.pause(false);
        let mut wrong = String::new();
        for round in 0..300 {
            if round == 100 {
                // Nobody lives on for ever.
                self.given_up.drain(..).for_each(|reader| reader.crash());
                // What they had taken, and what was deleted while it was the last entry, is acknowledged behind the
                // next one, after a connect.
                if !redis.state.lock().watch.excused.is_empty() {
                    redis.produce(1, true);
                    redis.end_connections();
                }
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
            self.emit(usize::MAX);
            self.checkpoint();
            self.complete(redis);
            tokio::time::sleep(Duration::from_millis(50)).await;
            wrong = self.what_is_wrong(redis);
            if wrong.is_empty() || wrong.starts_with("never") {
                break;
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }

    /// Returns what is missing so far, with `never` in front when no time can heal it; empty: nothing.
    fn what_is_wrong(&self, redis: &SimulatedRedis) -> String {
        let emitted = &self.current.now.emitted;
        // A stream that was recreated begins again; what was of the old one comes before it.
        let wrong_order =
            emitted.windows(2).find(|pair| pair[0] >= pair[1] && redis.is_old(pair[0]) == redis.is_old(pair[1]));
        let state = redis.state.lock();
        if self.current.reader.stats().lost_writes > 0 && !state.lost_writes {
            return "never: a loss was told of, and nothing was lost".to_owned();
        }
        if let Some(violation) = state.watch.violations.first() {
            return format!("never: {violation}");
        }
        if let Some(pair) = wrong_order {
            return format!("never: {} was emitted after {}", pair[1], pair[0]);
        }
        let stop = self.stopping_id.unwrap_or(EntryId::new(u64::MAX, u64::MAX));
        if let Some(beyond) = emitted.last().filter(|last| **last > stop) {
            return format!("never: {beyond} was emitted, which is beyond the end, {stop}");
        }
        let emitted: BTreeSet<EntryId> = emitted.iter().copied().collect();
        let missing: Vec<String> = state
            .produced
            .difference(&emitted)
            .filter(|id| **id <= stop && !state.watch.excused.contains(id))
            .map(EntryId::to_string)
            .collect();
        drop(state);
        if !missing.is_empty() {
            return format!(
                "not emitted: {}; {:?}, failure {:?}",
                missing.join(" "),
                self.current.reader.stats(),
                self.current.reader.failure()
            );
        }
        if self.stopping_id.is_some() && !self.current.finished {
            return format!("not finished: {:?}", self.current.reader.stats());
        }
        // One that only notes what it has read loses what a lost reply held.
        let gives_back = self.settings.ack_strategy != AckStrategy::NoAck;
        if let Some(id) = redis.lost_beyond(stop).first().filter(|_| gives_back) {
            return format!("never: {id} is beyond the end and is lost to the next job");
        }
        match redis.pending(stop) {
            0 => String::new(),
            pending => format!("{pending} entries are still pending; {:?}", self.current.reader.stats()),
        }
    }
}

/// Ends the readers, also when a test fails: a reader's own drop waits for its tasks, which can't be done among them.
impl Drop for Job {
    fn drop(&mut self) {
        self.current.reader.crash();
        self.given_up.iter().for_each(Reader::crash);
    }
}
