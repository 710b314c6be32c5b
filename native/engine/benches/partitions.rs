//! One reader with few and with many partitions: what an entry costs the engine and the server, and what reading costs
//! when nothing comes.
//!
//! ```text
//! cargo bench -p flink-redis-engine --bench partitions [-- <rounds> <seconds> <strategies> <loads> p4 p256]
//! ```
//!
//! * `backlog`: a million entries of 116 bytes that are there already, shared by all partitions
//! * `live`: another process appends 40,000 a second to all partitions in turn, for that many seconds
//! * `idle`: nobody appends anything, for as long
//!
//! `p4 p256` are numbers of partitions. All of them are measured in turn in each round: on a shared machine compare the
//! lines of one round. `start` is what connecting costs, before the first entry; it is not in the other figures.

#![allow(clippy::unwrap_used, clippy::print_stdout, unreachable_pub, reason = "a program that measures")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use flink_redis_engine::config::{SourceSettings, SplitPosition};
use flink_redis_engine::enumerator::{DiscoverRequest, Enumerator};
use flink_redis_engine::source::Reader;
use flink_redis_engine::stream::{EntryId, Runs};
use support::{PATIENCE, RedisServer, await_that, connection_json};

const STRATEGIES: [&str; 3] = ["ON_CHECKPOINT", "NOACK", "COMMIT_POSITION"];
const LOADS: [&str; 3] = ["backlog", "live", "idle"];
const BACKLOG: u64 = 1_000_000;
const LIVE_A_SECOND: u64 = 40_000;
const CHECKPOINTS: Duration = Duration::from_millis(200);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [append, port, partitions, seconds] = arguments.as_slice()
        && append == "append"
    {
        return append_to_all(port.parse().unwrap(), partitions.parse().unwrap(), seconds.parse().unwrap());
    }
    let named = |known: &'static [&'static str]| -> Vec<&'static str> {
        let chosen: Vec<_> = known.iter().copied().filter(|name| arguments.iter().any(|word| word == name)).collect();
        if chosen.is_empty() { known.to_vec() } else { chosen }
    };
    let numbers: Vec<u64> = arguments.iter().filter_map(|word| word.parse().ok()).collect();
    let mut counts: Vec<u32> = arguments.iter().filter_map(|word| word.strip_prefix('p')?.parse().ok()).collect();
    if counts.is_empty() {
        counts = vec![4, 64, 256];
    }
    let rounds = numbers.first().copied().unwrap_or(3);
    let seconds = numbers.get(1).copied().unwrap_or(5);
    println!(
        "{:<8} {:<15} {:>10} | {:>7} {:>13} {:>13} {:>11} | CPU s a million: {:>6} {:>6}",
        "", "", "partitions", "k/s", "% core engine", "% core server", "commands/s", "engine", "server"
    );
    for load in named(&LOADS) {
        for strategy in named(&STRATEGIES) {
            for _ in 0..rounds {
                for partitions in &counts {
                    run(load, strategy, *partitions, Duration::from_secs(seconds));
                }
            }
        }
    }
}

fn run(load: &str, strategy: &str, partitions: u32, time: Duration) {
    let server = RedisServer::start_with(&["--lua-time-limit", "0"]);
    let start = Used::now(&server);
    let mut job = Job::start(&server, strategy, partitions);
    let names = job.names();
    await_that("all splits read", || {
        let clients = server.text("CLIENT LIST");
        let blocked = |line: &&str| line.contains("cmd=xread") && line.contains(" flags=b ");
        clients.lines().filter(|line| line.contains(names)).filter(blocked).count() == partitions as usize
    });
    let start = Used::now(&server).since(&start);
    let entries = match load {
        "idle" => 0,
        "live" => LIVE_A_SECOND * time.as_secs(),
        _ => BACKLOG / u64::from(partitions) * u64::from(partitions),
    };
    let before = Used::now(&server);
    let begin = Instant::now();
    let mut appender = None;
    match load {
        "live" => appender = Some(appending(&server, partitions, time.as_secs())),
        "backlog" => fill(&server, partitions, entries),
        _ => {}
    }
    let (before, begin) = if load == "backlog" { (Used::now(&server), Instant::now()) } else { (before, begin) };
    if load == "idle" {
        job.poll_for(time);
    } else {
        job.poll_entries(entries);
    }
    let seconds = begin.elapsed().as_secs_f64();
    let used = Used::now(&server).since(&before);
    if let Some(mut appender) = appender {
        assert!(appender.wait().unwrap().success());
    }
    let (millions, percent) = (entries as f64 / 1e6, 100.0 / seconds);
    println!(
        "{load:<8} {strategy:<15} {partitions:>10} | {:>7.0} {:>13.1} {:>13.1} {:>11.0} |                  {:>6.2} \
         {:>6.2} | start: {:.2} {:.2}",
        entries as f64 / seconds / 1000.0,
        used.engine * percent,
        used.server * percent,
        (used.commands as f64 / seconds) - if load == "live" { LIVE_A_SECOND as f64 } else { 0.0 },
        used.engine / millions,
        used.server / millions,
        start.engine,
        start.server,
    );
}

/// What was used so far: CPU seconds, and commands at the server.
struct Used {
    engine: f64,
    server: f64,
    commands: u64,
}

impl Used {
    fn now(server: &RedisServer) -> Self {
        let info = server.text("INFO all");
        let number = |name: &str| -> f64 {
            info.lines().find_map(|line| line.strip_prefix(name)?.parse().ok()).unwrap_or_else(|| panic!("{name}"))
        };
        Self {
            engine: cpu_seconds(),
            server: number("used_cpu_user:") + number("used_cpu_sys:"),
            commands: number("total_commands_processed:") as u64,
        }
    }

    fn since(&self, before: &Self) -> Self {
        Self {
            engine: self.engine - before.engine,
            server: self.server - before.server,
            commands: self.commands - before.commands,
        }
    }
}

/// User and system time of this process, all threads.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks / 100.0
}

/// A reader as Flink drives it: batches are polled and dropped, checkpoints complete.
struct Job {
    reader: Reader,
    positions: Vec<EntryId>,
    entries: u64,
    checkpoint: i64,
    last_checkpoint: Instant,
}

impl Job {
    fn start(server: &RedisServer, strategy: &str, partitions: u32) -> Self {
        // The script of the backlog keeps the server for seconds.
        let connection =
            connection_json(server.port).replace(r#""commandTimeoutMillis":3000"#, r#""commandTimeoutMillis":60000"#);
        let settings = SourceSettings::from_json(&format!(
            r#"{{{connection},"topic":"t","numPartitions":{partitions},"group":"g",
            "ackStrategy":"{strategy}","startingId":"0","batchSize":1000,"blockMillis":1000,
            "maxBufferedBytes":16777216,"claimMinIdleMillis":60000}}"#
        ))
        .unwrap();
        let request = DiscoverRequest { parallelism: 1, restored: false, known: Vec::new() };
        let splits = Enumerator::new(settings.clone()).unwrap().discover(&request, PATIENCE).unwrap().unwrap().splits;
        let reader = Reader::new(settings).unwrap();
        reader.add_splits(splits).unwrap();
        Self {
            reader,
            positions: vec![EntryId::ZERO; partitions as usize],
            entries: 0,
            checkpoint: 0,
            last_checkpoint: Instant::now(),
        }
    }

    /// Returns what the names of its connections have in common.
    fn names(&self) -> &'static str {
        " name=flink-test-"
    }

    fn poll_for(&mut self, time: Duration) {
        let begin = Instant::now();
        while begin.elapsed() < time {
            self.poll();
        }
    }

    fn poll_entries(&mut self, entries: u64) {
        while self.entries < entries {
            self.poll();
        }
        self.complete_checkpoint();
        await_that("all is acknowledged", || self.reader.stats().unacknowledged_entries == 0);
        assert_eq!(self.reader.stats().reconnects, 0);
    }

    fn poll(&mut self) {
        if let Some(batch) = self.reader.poll(CHECKPOINTS).unwrap() {
            let u64_at = |at: usize| u64::from_le_bytes(batch.bytes[at..at + 8].try_into().unwrap());
            self.positions[batch.partition as usize] = EntryId::new(u64_at(16), u64_at(24));
            self.entries += u64::from(batch.entries);
        }
        if self.last_checkpoint.elapsed() > CHECKPOINTS {
            self.complete_checkpoint();
        }
    }

    fn complete_checkpoint(&mut self) {
        self.last_checkpoint = Instant::now();
        self.checkpoint += 1;
        let split = |(partition, position): (usize, &EntryId)| SplitPosition {
            partition: partition as u32,
            position: *position,
            pending: Runs::default(),
        };
        self.reader.checkpoint(self.checkpoint, self.positions.iter().enumerate().map(split).collect());
        self.reader.complete(self.checkpoint);
    }
}

/// Appends to all partitions at once: the splits' reads are blocked, and are answered when it is done.
fn fill(server: &RedisServer, partitions: u32, entries: u64) {
    let script = "local v = string.rep('x', 100) for p = 0, ARGV[1] - 1 do local s = 't:' .. p \
                  for n = 1, tonumber(ARGV[2]) do \
                  redis.call('XADD', s, '*', 'key', string.format('key-%012d', n), 'data', v) end end";
    let each = (entries / u64::from(partitions)).to_string();
    let partitions = partitions.to_string();
    server.run_args(&[b"EVAL", script.as_bytes(), b"0", partitions.as_bytes(), each.as_bytes()]);
}

/// Starts this program once more, for it to append.
fn appending(server: &RedisServer, partitions: u32, seconds: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["append", &server.port.to_string(), &partitions.to_string(), &seconds.to_string()])
        .spawn()
        .unwrap()
}

/// Appends to all partitions in turn, at an even rate, every 5 ms.
fn append_to_all(port: u16, partitions: u64, seconds: u64) {
    const STEP: Duration = Duration::from_millis(5);
    let each = LIVE_A_SECOND * STEP.as_millis() as u64 / 1000;
    let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let mut replies = socket.try_clone().unwrap();
    let skip = std::thread::spawn(move || {
        let mut inbox = [0; 64 * 1024];
        while replies.read(&mut inbox).unwrap() > 0 {}
    });
    let (begin, data) = (Instant::now(), "x".repeat(100));
    let mut next = 0;
    for step in 1..=(seconds * 1000 / STEP.as_millis() as u64) {
        let mut commands = Vec::new();
        for _ in 0..each {
            let mut add = redis::cmd("XADD");
            add.arg(format!("t:{}", next % partitions)).arg("*").arg("key").arg(format!("key-{next:012}"));
            add.arg("data").arg(&data).write_packed_command(&mut commands);
            next += 1;
        }
        socket.write_all(&commands).unwrap();
        std::thread::sleep((STEP * step as u32).saturating_sub(begin.elapsed()));
    }
    socket.shutdown(std::net::Shutdown::Write).unwrap();
    skip.join().unwrap();
}
