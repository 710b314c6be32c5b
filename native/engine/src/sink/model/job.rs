//! A job with an exactly-once sink, and what Flink keeps of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use super::server::{self, Failing, SimulatedRedis};
use crate::client::Servers;
use crate::config::testing;
use crate::config::{SinkSettings, Staging};
use crate::random;
use crate::sink::commit::{Lane, Work};
use crate::sink::committable::Committable;
use crate::sink::record_batch::tests::batch;
use crate::sink::writer::Writer;

const PATIENCE: Duration = Duration::from_secs(3);

/// What Flink keeps: where the source is, what the committer has to commit, what the writer has to clean up.
#[derive(Clone, Default)]
pub(super) struct Checkpoint {
    next: u64,
    committables: Vec<Committable>,
    pub(super) lane: Option<Lane>,
}

pub(super) struct Job {
    redis: SimulatedRedis,
    pub(super) settings: SinkSettings,
    servers: Servers,
    writer: Writer,
    incarnation: String,
    pub(super) next: u64,
    /// Not yet committed, of this and earlier checkpoints.
    committables: Vec<Committable>,
    under_way: BTreeMap<u64, Checkpoint>,
    pub(super) completed: Checkpoint,
    pub(super) given_up: Vec<Writer>,
    checkpoints: u64,
    /// How long a commit may take: then the job fails.
    patience: Duration,
    /// A commit that failed for good, or did not do what it said.
    pub(super) failure: Option<String>,
}

pub(super) fn settings(cluster: bool) -> SinkSettings {
    let mut settings = SinkSettings::from_json(&format!(
        r#"{{"connection":{},"topic":"t","numPartitions":1,"maxInFlightBytes":1000000000}}"#,
        testing::connection_json("node")
    ))
    .unwrap();
    if cluster {
        settings.connection.deployment = testing::cluster("node");
    }
    settings
}

impl Job {
    pub(super) async fn start(redis: &SimulatedRedis, cluster: bool) -> Self {
        let settings = settings(cluster);
        let servers = Servers::over(settings.connection.clone(), redis.network());
        let (writer, incarnation) = open(&settings, &servers);
        Self {
            redis: redis.clone(),
            settings,
            servers,
            writer,
            incarnation,
            next: 0,
            committables: Vec::new(),
            under_way: BTreeMap::new(),
            completed: Checkpoint::default(),
            given_up: Vec::new(),
            checkpoints: 0,
            patience: PATIENCE,
            failure: None,
        }
    }

    pub(super) fn work(&self) -> Arc<Work> {
        Arc::new(Work::new(self.settings.clone(), self.servers.clone(), 3))
    }

    /// Writes the next numbers, in batches of so many.
    pub(super) fn write(&mut self, records: u64, at_once: usize) {
        let numbers: Vec<String> = (self.next..self.next + records).map(|number| number.to_string()).collect();
        self.next += records;
        for numbers in numbers.chunks(at_once) {
            let fields: Vec<_> = numbers.iter().map(|number| [("n", number.as_str())]).collect();
            let records: Vec<(i32, &[(&str, &str)])> = fields.iter().map(|fields| (0, &fields[..])).collect();
            // One that has failed is noticed at the checkpoint.
            let _ = self.writer.write(&batch(&records), Duration::ZERO);
        }
    }

    /// Returns whether all that was written is confirmed; a writer that fails, fails the job.
    pub(super) async fn flush(&mut self) -> bool {
        for _ in 0..40 {
            match self.writer.flush(Duration::ZERO) {
                Ok(true) => return true,
                Ok(false) => tokio::time::sleep(Duration::from_millis(100)).await,
                Err(_) => break,
            }
        }
        false
    }

    pub(super) async fn checkpoint(&mut self) {
        if !self.flush().await {
            return self.restart(false).await;
        }
        let prepared = serde_json::to_string(&self.writer.prepare()).unwrap();
        self.committables.extend(serde_json::from_str::<Vec<Committable>>(&prepared).unwrap());
        self.checkpoints += 1;
        let epoch = 1
            + self.under_way.len() as u64
            + self
                .completed
                .lane
                .as_ref()
                .filter(|lane| lane.incarnation == self.incarnation)
                .map_or(0, |lane| lane.epoch);
        let lane = Lane { lane: "lane".into(), incarnation: self.incarnation.clone(), epoch };
        let checkpoint = Checkpoint { next: self.next, committables: self.committables.clone(), lane: Some(lane) };
        self.under_way.insert(self.checkpoints, checkpoint);
    }

    /// The oldest checkpoint completes. Gives what it has to commit.
    pub(super) fn completed(&mut self) -> Option<Vec<Committable>> {
        let (_, checkpoint) = self.under_way.pop_first()?;
        self.completed = checkpoint;
        Some(self.completed.committables.clone())
    }

    pub(super) async fn complete(&mut self, stopped_after: Option<u8>) {
        let Some(committables) = self.completed() else { return };
        let commit = || {
            let (work, committables) = (self.work(), committables.clone());
            tokio::spawn(async move { work.commit_all(&committables).await })
        };
        if let Some(turns) = stopped_after {
            // The job fails in the middle of a commit, and Flink commits again.
            let (one, two) = (commit(), commit());
            for _ in 0..turns {
                tokio::task::yield_now().await;
            }
            one.abort();
            two.abort();
            return self.restart(false).await;
        }
        match tokio::time::timeout(self.patience, commit()).await {
            Ok(Ok(Ok(()))) => {
                self.are_committed(&committables);
                self.committables.retain(|one| !committables.contains(one));
            }
            Ok(Ok(Err(error))) if !error.to_string().contains(server::REFUSED) => self.fail(error.to_string()),
            // It has failed, or goes on, and the job is restarted.
            _ => self.restart(false).await,
        }
    }

    /// The first failure is told.
    fn fail(&mut self, failure: String) {
        self.failure.get_or_insert(failure);
    }

    fn are_committed(&mut self, committables: &[Committable]) {
        if let Some(left) = committables.iter().find(|committable| !self.redis.is_cleaned_up(&committable.key)) {
            self.fail(format!("committed, and not cleaned up: {}", left.key));
        }
    }

    /// Of a transaction that was carried out in part only its committer knows: it is left alone.
    pub(super) async fn complete_in_part(&mut self, failing: Failing) {
        self.redis.calm_down();
        self.redis.state.lock().failing = Some(failing);
        self.patience = Duration::from_secs(60);
        self.complete(None).await;
        self.patience = PATIENCE;
        self.redis.state.lock().failing = None;
    }

    /// Has the oldest checkpoint be one of the version before this one: each record was staged in an entry of its own.
    fn have_staged_by_old_version(&mut self) {
        let oldest = self.under_way.first_key_value();
        let staged = oldest.map_or_else(Vec::new, |(_, checkpoint)| checkpoint.committables.clone());
        for packed in staged.iter().filter(|packed| self.redis.unpack(packed)) {
            let kept = self.under_way.values_mut().flat_map(|checkpoint| &mut checkpoint.committables);
            for one in kept.chain(&mut self.committables).filter(|one| *one == packed) {
                one.packed = None;
            }
        }
    }

    pub(super) async fn complete_lacking(&mut self, entry: u8, moved: u8, replaced: bool) {
        self.redis.calm_down();
        if moved > 0 {
            self.have_staged_by_old_version();
        }
        let oldest = self.under_way.first_key_value();
        let Some(last) = oldest.and_then(|(_, checkpoint)| checkpoint.committables.last().cloned()) else { return };
        let Some(taken) = self.redis.take_staged(&last, moved, u64::from(entry), replaced) else { return };
        let Some((last, others)) =
            self.completed().and_then(|all| Some((all.last()?.clone(), all[..all.len() - 1].to_vec())))
        else {
            return;
        };
        let work = self.work();
        if let Err(error) = work.commit_all(&others).await {
            self.fail(error.to_string());
        }
        let before = self.redis.state.lock().topic.len();
        match work.commit_all(std::slice::from_ref(&last)).await {
            Err(error) if error.to_string().contains(&format!("records are missing: {}", taken.records)) => {}
            Err(error) if error.to_string().contains("it is gone") => {}
            Err(error) => self.fail(error.to_string()),
            Ok(()) => self.fail(format!("{} lacks {}, and is committed", last.key, taken.records)),
        }
        // That another one is in the place of it is seen when its turn comes.
        if !replaced && self.redis.state.lock().topic.len() != before {
            self.fail(format!("{} lacks {}, and some of it is written", last.key, taken.records));
        }
        self.redis.put_back(&last, taken);
        self.restart(false).await;
    }

    pub(super) async fn complete_by_old_version(&mut self, mut chunks: u8) {
        if !self.redis.state.lock().is_calm() {
            return;
        }
        self.have_staged_by_old_version();
        let Some(committables) = self.completed() else { return };
        for committable in &committables {
            while chunks > 0 && self.redis.state.lock().old_version_moves(committable) {
                chunks -= 1;
            }
        }
        self.restart(false).await;
    }

    /// From the last completed checkpoint: commit what it holds, clean up, write on.
    pub(super) async fn restart(&mut self, lives_on: bool) {
        let for_ever = self.redis.there_for_ever();
        if !for_ever.is_empty() {
            self.fail(format!("there, and not to expire when they should: {for_ever:?}"));
        }
        let (writer, incarnation) = open(&self.settings, &self.servers);
        let old = std::mem::replace(&mut self.writer, writer);
        if lives_on {
            self.given_up.push(old)
        } else {
            old.crash()
        }
        self.incarnation = incarnation;
        self.under_way.clear();
        self.next = self.completed.next;
        self.committables = self.completed.committables.clone();
        let lanes = [self.completed.lane.clone().unwrap_or_else(nothing)];
        // Flink starts writers and committers side by side, and takes no checkpoint before both are done.
        for _ in 0..100 {
            let work = self.work();
            let recovery = async { tokio::join!(work.commit_all(&self.committables), work.recover_all(&lanes)) };
            match tokio::time::timeout(Duration::from_secs(30), recovery).await {
                Ok((Ok(()), Ok(()))) => {
                    let committables = std::mem::take(&mut self.committables);
                    self.are_committed(&committables);
                    return;
                }
                Ok((Err(error), _) | (_, Err(error))) if error.to_string().contains(server::REFUSED) => {}
                Ok((Err(error), _) | (_, Err(error))) => {
                    self.committables.clear();
                    return self.fail(error.to_string());
                }
                // The server is full for too long, or the slot does not arrive: the job fails again and again, until
                // somebody sees to it.
                _ => {
                    self.redis.state.lock().full = false;
                    self.redis.end_migration();
                }
            }
        }
        self.committables.clear();
        self.fail("the job fails again and again".to_owned());
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        self.writer.crash();
        self.given_up.iter().for_each(Writer::crash);
    }
}

fn open(settings: &SinkSettings, servers: &Servers) -> (Writer, String) {
    let incarnation = random::tag();
    let staging = Some(Staging { lane: "lane".into(), incarnation: incarnation.clone() });
    let writer = Writer::on(Handle::current(), None, SinkSettings { staging, ..settings.clone() }, servers.clone());
    (writer, incarnation)
}

/// The lane of a writer of which no checkpoint has completed.
pub(super) fn nothing() -> Lane {
    Lane { lane: "lane".into(), incarnation: String::new(), epoch: 0 }
}
