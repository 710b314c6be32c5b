//! The commit protocol of the exactly-once stream sink, against a simulated Redis, under random schedules.
//!
//! A job writes the numbers from 0 on. Writers crash between any two commands, are given up and live on; commits are interrupted, repeated, made by
//! two at once; replies and connections are lost; the server is full for a while; in a cluster the slot moves to and fro between two nodes, key by key. Whatever happens: the topic holds the
//! numbers of completed checkpoints, each once and in order, and in the end recovery finds all that is staged, and it would expire.
//!
//! And the order of a hash sink's writes and what expires of them, while the slot moves and the server is full for a while; and what a sink
//! makes of [`replies`] that are none.
//!
//! The code under test is the production code, from the connection up. More schedules: `PROPTEST_CASES=100000 cargo test --release -p
//! flink-redis-engine sink::model`.

mod replies;
mod server;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use tokio::runtime::Handle;

use crate::config::{SinkKind, SinkSettings, Staging};
use crate::connection::Servers;
use crate::random;
use crate::sink::commit::{Committable, Lane, Work};
use crate::sink::encode::StagingKey;
use crate::sink::frame::tests::frame;
use crate::sink::writer::Writer;
use server::SimulatedRedis;

#[derive(Clone, Debug)]
enum Step {
    Write {
        records: u8,
    },
    Wait {
        millis: u16,
    },
    Yield {
        times: u8,
    },
    /// Flush, and what was staged goes into a checkpoint.
    Checkpoint,
    /// The oldest one completes, and what it holds is committed by one committer; or by two at once that are stopped after so many turns.
    Complete {
        stopped_after: Option<u8>,
    },
    /// The same, by one committer whose first transaction is carried out in part: so many entries are appended, and the mark is set or not.
    CompleteInPart {
        appended: u8,
        marked: bool,
    },
    /// The same, by a committer of the version before this one that is stopped after so many chunks. Then the job is started with this one.
    CompleteByOldVersion {
        chunks: u8,
    },
    /// The server refuses a command once, for good.
    Refuse {
        command: &'static str,
    },
    Crash,
    /// The same, but the old writer lives on and writes.
    GiveUp,
    EndConnections,
    LoseReplies {
        replies: u8,
    },
    Full {
        full: bool,
    },
    /// The slot begins to move to the other node.
    Migrate,
    MoveKeys {
        keys: u8,
    },
    /// All is there, and the other node is the owner.
    Migrated,
}

/// Of the commit, of recovery and of staging.
const COMMANDS: &[&str] =
    &["WATCH", "GET", "XLEN", "XRANGE", "MULTI", "XADD", "SET", "EXEC", "EXPIRE", "DEL", "SREM", "SADD", "SMEMBERS"];

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (1u8..12).prop_map(|records| Step::Write { records }),
        3 => (1u16..900).prop_map(|millis| Step::Wait { millis }),
        4 => (1u8..40).prop_map(|times| Step::Yield { times }),
        5 => Just(Step::Checkpoint),
        5 => prop::option::of(0u8..200).prop_map(|stopped_after| Step::Complete { stopped_after }),
        2 => (0u8..4, any::<bool>()).prop_map(|(appended, marked)| Step::CompleteInPart { appended, marked }),
        2 => (1u8..5).prop_map(|chunks| Step::CompleteByOldVersion { chunks }),
        2 => prop::sample::select(COMMANDS).prop_map(|command| Step::Refuse { command }),
        2 => Just(Step::Crash),
        1 => Just(Step::GiveUp),
        2 => Just(Step::EndConnections),
        2 => (1u8..4).prop_map(|replies| Step::LoseReplies { replies }),
        1 => any::<bool>().prop_map(|full| Step::Full { full }),
        2 => Just(Step::Migrate),
        2 => (1u8..4).prop_map(|keys| Step::MoveKeys { keys }),
        2 => Just(Step::Migrated),
    ]
}

/// What Flink keeps: where the source is, what the committer has to commit, what the writer has to clean up.
#[derive(Clone, Default)]
struct Checkpoint {
    next: u64,
    committables: Vec<Committable>,
    lane: Option<Lane>,
}

struct Job {
    redis: SimulatedRedis,
    settings: SinkSettings,
    servers: Servers,
    writer: Writer,
    attempt: String,
    next: u64,
    /// Not yet committed, of this and earlier checkpoints.
    committables: Vec<Committable>,
    under_way: BTreeMap<u64, Checkpoint>,
    completed: Checkpoint,
    given_up: Vec<Writer>,
    checkpoints: u64,
    /// A commit that failed for good.
    failure: Option<String>,
}

fn settings(cluster: bool) -> SinkSettings {
    let mut settings = SinkSettings::from_json(
        r#"{"connection":{"host":"node","port":1,"user":"default","password":"","clientName":"c","connectTimeoutMillis":1000,
        "commandTimeoutMillis":1500,"retryTimeoutMillis":600000},"topic":"t","numPartitions":1,"maxInFlightBytes":1000000000}"#,
    )
    .unwrap();
    settings.connection.cluster = cluster;
    settings
}

impl Job {
    async fn start(redis: &SimulatedRedis, cluster: bool) -> Self {
        let settings = settings(cluster);
        let servers = Servers::over(settings.connection.clone(), redis.network());
        let (writer, attempt) = open(&settings, &servers);
        Self {
            redis: redis.clone(),
            settings,
            servers,
            writer,
            attempt,
            next: 0,
            committables: Vec::new(),
            under_way: BTreeMap::new(),
            completed: Checkpoint::default(),
            given_up: Vec::new(),
            checkpoints: 0,
            failure: None,
        }
    }

    fn work(&self) -> Arc<Work> {
        Arc::new(Work::new(self.settings.clone(), self.servers.clone(), 3))
    }

    fn write(&mut self, records: u64) {
        let records: Vec<(i32, String)> =
            (self.next..self.next + records).map(|number| (0, number.to_string())).collect();
        self.next += records.len() as u64;
        for (target, number) in records {
            // One that has failed is noticed at the checkpoint.
            let _ = self.writer.write(&frame(&[(target, &[("n", &number)])]), Duration::ZERO);
        }
    }

    /// Whether all that was written is confirmed; a writer that fails, fails the job.
    async fn flush(&mut self) -> bool {
        for _ in 0..40 {
            match self.writer.flush(Duration::ZERO) {
                Ok(true) => return true,
                Ok(false) => tokio::time::sleep(Duration::from_millis(100)).await,
                Err(_) => break,
            }
        }
        false
    }

    async fn checkpoint(&mut self) {
        if !self.flush().await {
            return self.restart(false).await;
        }
        let prepared = serde_json::to_string(&self.writer.prepare()).unwrap();
        self.committables.extend(serde_json::from_str::<Vec<Committable>>(&prepared).unwrap());
        self.checkpoints += 1;
        let epoch = 1
            + self.under_way.len() as u64
            + self.completed.lane.as_ref().filter(|lane| lane.attempt == self.attempt).map_or(0, |lane| lane.epoch);
        let lane = Lane { lane: "lane".into(), attempt: self.attempt.clone(), epoch };
        let checkpoint = Checkpoint { next: self.next, committables: self.committables.clone(), lane: Some(lane) };
        self.under_way.insert(self.checkpoints, checkpoint);
    }

    /// The oldest checkpoint completes. Gives what it has to commit.
    fn completed(&mut self) -> Option<Vec<Committable>> {
        let (_, checkpoint) = self.under_way.pop_first()?;
        self.completed = checkpoint;
        Some(self.completed.committables.clone())
    }

    async fn complete(&mut self, stopped_after: Option<u8>) {
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
        match tokio::time::timeout(Duration::from_secs(3), commit()).await {
            Ok(Ok(Ok(()))) => self.committables.retain(|one| !committables.contains(one)),
            Ok(Ok(Err(error))) if !error.to_string().contains(server::REFUSED) => {
                self.failure = Some(error.to_string())
            }
            // It has failed, or goes on, and the job is restarted.
            _ => self.restart(false).await,
        }
    }

    /// Of a transaction that was carried out in part only its committer knows: it is left alone.
    async fn complete_in_part(&mut self, appended: u8, marked: bool) {
        self.redis.wires.lose_no_more();
        self.redis.end_migration();
        let from = self.redis.wires.next_client();
        {
            let mut state = self.redis.state.lock();
            state.full = false;
            state.refusals.clear();
            state.failing_appends = Some((from, usize::from(appended)));
            state.failing_mark = Some(from).filter(|_| !marked);
        }
        self.complete(None).await;
        let mut state = self.redis.state.lock();
        (state.failing_appends, state.failing_mark) = (None, None);
    }

    async fn complete_by_old_version(&mut self, mut chunks: u8) {
        if !self.redis.state.lock().is_calm() {
            return;
        }
        let Some(committables) = self.completed() else { return };
        for committable in &committables {
            let key = StagingKey::parse(&committable.key).unwrap();
            let mark = format!("{}:{}:{}:committed", key.index, key.lane, key.attempt);
            while chunks > 0 && self.redis.state.lock().old_version_moves(committable, &mark) {
                chunks -= 1;
            }
        }
        self.restart(false).await;
    }

    /// From the last completed checkpoint: commit what it holds, clean up, write on.
    async fn restart(&mut self, lives_on: bool) {
        let (writer, attempt) = open(&self.settings, &self.servers);
        let old = std::mem::replace(&mut self.writer, writer);
        match lives_on {
            true => self.given_up.push(old),
            false => old.crash(),
        }
        self.attempt = attempt;
        self.under_way.clear();
        self.next = self.completed.next;
        self.committables = self.completed.committables.clone();
        let nothing = Lane { lane: "lane".into(), attempt: String::new(), epoch: 0 };
        let lanes = [self.completed.lane.clone().unwrap_or(nothing)];
        // Flink starts writers and committers side by side, and takes no checkpoint before both are done.
        loop {
            let work = self.work();
            let recovery = async { tokio::join!(work.commit_all(&self.committables), work.recover_all(&lanes)) };
            match tokio::time::timeout(Duration::from_secs(30), recovery).await {
                Ok((Ok(()), Ok(()))) => break,
                Ok((Err(error), _) | (_, Err(error))) if error.to_string().contains(server::REFUSED) => {}
                Ok((Err(error), _) | (_, Err(error))) => {
                    self.failure.get_or_insert(error.to_string());
                    break;
                }
                // The server is full for too long, or the slot does not arrive: the job fails again and again, until somebody sees to it.
                _ => {
                    self.redis.state.lock().full = false;
                    self.redis.end_migration();
                }
            }
        }
        self.committables.clear();
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        self.writer.crash();
        self.given_up.iter().for_each(Writer::crash);
    }
}

fn open(settings: &SinkSettings, servers: &Servers) -> (Writer, String) {
    let attempt = random::tag();
    let staging = Some(Staging { lane: "lane".into(), attempt: attempt.clone() });
    let writer = Writer::on(Handle::current(), None, SinkSettings { staging, ..settings.clone() }, servers.clone());
    (writer, attempt)
}

async fn take(step: &Step, job: &mut Job, redis: &SimulatedRedis) {
    match step {
        Step::Write { records } => {
            job.write(u64::from(*records));
            // One that lives on writes the same, from where it was.
            for writer in &job.given_up {
                let _ = writer.write(&frame(&[(0, &[("n", "666")])]), Duration::ZERO);
            }
        }
        Step::Wait { millis } => tokio::time::sleep(Duration::from_millis(u64::from(*millis))).await,
        Step::Yield { times } => {
            for _ in 0..*times {
                tokio::task::yield_now().await;
            }
        }
        Step::Checkpoint => job.checkpoint().await,
        Step::Complete { stopped_after } => job.complete(*stopped_after).await,
        Step::CompleteInPart { appended, marked } => job.complete_in_part(*appended, *marked).await,
        Step::CompleteByOldVersion { chunks } => job.complete_by_old_version(*chunks).await,
        Step::Refuse { command } => redis.state.lock().refuse(command),
        Step::Crash => job.restart(false).await,
        Step::GiveUp => job.restart(true).await,
        Step::EndConnections => redis.wires.end_all(),
        Step::LoseReplies { replies } => redis.wires.lose_replies(u32::from(*replies)),
        Step::Full { full } => redis.state.lock().full = *full,
        Step::Migrate if job.settings.connection.cluster => redis.begin_migration(),
        Step::MoveKeys { keys } => redis.move_keys(usize::from(*keys)),
        Step::Migrated => redis.end_migration(),
        Step::Migrate => {}
    }
}

fn run(seed: u64, cluster: bool, steps: &[Step]) -> Result<(), String> {
    random::seed(seed);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let redis = SimulatedRedis::new(seed);
        let mut job = Job::start(&redis, cluster).await;
        for step in steps {
            take(step, &mut job, &redis).await;
        }
        redis.wires.lose_no_more();
        redis.state.lock().calm_down();
        redis.end_migration();
        // The end of the input: what is left goes into a last checkpoint.
        job.restart(false).await;
        let end = job.next + 5;
        job.write(5);
        let mut wrong = String::new();
        for _ in 0..50 {
            if job.next < end {
                job.write(end - job.next);
            }
            job.checkpoint().await;
            job.complete(None).await;
            if let Some(failure) = job.failure.take() {
                return Err(failure);
            }
            wrong = what_is_wrong(&redis, end);
            if wrong.is_empty() {
                break;
            }
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        what_is_left(&redis, job).await
    })
}

/// What writers have left that lived on, or whose last words the server heard late: the next attempt must find it, and without one it must expire.
async fn what_is_left(redis: &SimulatedRedis, job: Job) -> Result<(), String> {
    let work = job.work();
    drop(job);
    redis.wires.end_all();
    let for_ever = redis.staged_for_ever();
    if !for_ever.is_empty() {
        return Err(format!("staged, and will not expire: {for_ever:?}"));
    }
    let nothing = Lane { lane: "lane".into(), attempt: String::new(), epoch: 0 };
    work.recover_all(&[nothing]).await.map_err(|error| error.to_string())?;
    match redis.staged() {
        staged if staged.is_empty() => Ok(()),
        staged => Err(format!("staged, and not found by recovery: {staged:?}")),
    }
}

fn what_is_wrong(redis: &SimulatedRedis, end: u64) -> String {
    let state = redis.state.lock();
    match state.topic.iter().copied().eq(0..end) {
        true => String::new(),
        false => format!("the topic is not the numbers to {end}, each once and in order: {:?}", state.topic),
    }
}

/// Without failures of the job, and of connections: what was in flight on a lost one may be carried out late.
fn keyed_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (1u8..12).prop_map(|records| Step::Write { records }),
        3 => (1u16..900).prop_map(|millis| Step::Wait { millis }),
        4 => (1u8..40).prop_map(|times| Step::Yield { times }),
        1 => any::<bool>().prop_map(|full| Step::Full { full }),
        2 => Just(Step::Migrate),
        2 => (1u8..4).prop_map(|keys| Step::MoveKeys { keys }),
        2 => Just(Step::Migrated),
    ]
}

/// A hash sink writes rising numbers to a few keys, so long that not all of them are on the wire at once. In the end each has its last one, and
/// its time to live. One key is of another type: its records are dead letters, and it gets no time to live.
fn run_keyed(seed: u64, cluster: bool, ttl_seconds: u64, steps: &[Step]) -> Result<(), String> {
    random::seed(seed);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let redis = SimulatedRedis::new(seed);
        let dead_letter_stream = server::LETTERS.to_owned();
        let settings = SinkSettings { kind: SinkKind::Hash, ttl_seconds, dead_letter_stream, ..settings(cluster) };
        let servers = Servers::over(settings.connection.clone(), redis.network());
        let writer = Writer::on(Handle::current(), None, settings, servers);
        let (mut next, mut last, mut rejected) = (0, BTreeMap::new(), BTreeSet::new());
        for step in steps {
            match step {
                Step::Write { records } => {
                    for number in next..next + u64::from(*records) {
                        let key = format!("{{t:0}}k{}", number % 6);
                        writer
                            .write(&frame(&[(0, &[(&key, ""), ("n", &format!("{number:0>3000}"))])]), Duration::ZERO)
                            .unwrap();
                        if key == server::FOREIGN {
                            rejected.insert(number);
                        } else {
                            last.insert(key, number);
                        }
                    }
                    next += u64::from(*records);
                }
                Step::Wait { millis } => tokio::time::sleep(Duration::from_millis(u64::from(*millis))).await,
                Step::Yield { times } => {
                    for _ in 0..*times {
                        tokio::task::yield_now().await;
                    }
                }
                Step::Full { full } => redis.state.lock().full = *full,
                Step::Migrate if cluster => redis.begin_migration(),
                Step::MoveKeys { keys } => redis.move_keys(usize::from(*keys)),
                Step::Migrated => redis.end_migration(),
                _ => {}
            }
        }
        redis.state.lock().full = false;
        redis.end_migration();
        for _ in 0..600 {
            if writer.flush(Duration::ZERO).map_err(|error| error.to_string())? {
                writer.crash();
                let state = redis.state.lock();
                let (there, expiring, letters) = (&state.hashes, &state.expiring, &state.letters);
                let to_expire: BTreeSet<String> = last.keys().filter(|_| ttl_seconds > 0).cloned().collect();
                return match () {
                    () if *there != last => Err(format!("{there:?} are there, and not {last:?}")),
                    () if *expiring != to_expire => Err(format!("{expiring:?} are to expire, and not {to_expire:?}")),
                    () if *letters != rejected => Err(format!("{letters:?} are dead letters, and not {rejected:?}")),
                    () => Ok(()),
                };
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Err(format!("not confirmed: {:?}", writer.stats()))
    })
}

fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(400)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_topic_holds_each_record_once_and_in_order(seed in any::<u64>(), cluster in any::<bool>(), steps in prop::collection::vec(step(), 1..50)) {
        run(seed, cluster, &steps).map_err(TestCaseError::fail)?;
    }
    #[test]
    fn each_key_holds_what_was_written_last(
        seed in any::<u64>(), cluster in any::<bool>(), ttl in 0u64..2, steps in prop::collection::vec(keyed_step(), 1..50)
    ) {
        run_keyed(seed, cluster, ttl, &steps).map_err(TestCaseError::fail)?;
    }
}
