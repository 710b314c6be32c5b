//! Entries that are large: neither Redis nor the reader builds more of them at once than the settings allow.

#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use flink_redis_engine::config::SourceSettings;
use flink_redis_engine::source::Reader;
use flink_redis_engine::stream::{EntryId, Runs};
use support::reading::{Job, discover, settings};
use support::{PATIENCE, RedisServer};

/// `XADD stream * n <n> v <so many bytes>` for each number.
fn add_large(server: &RedisServer, numbers: std::ops::Range<u64>, bytes: usize) {
    let script = "local v = string.rep('x', ARGV[3]) \
                  for n = ARGV[1], ARGV[2] do redis.call('XADD', KEYS[1], '*', 'n', n, 'v', v) end";
    let (first, last, bytes) = (numbers.start.to_string(), (numbers.end - 1).to_string(), bytes.to_string());
    server.run_args(&[b"EVAL", script.as_bytes(), b"1", b"t:0", first.as_bytes(), last.as_bytes(), bytes.as_bytes()]);
}

/// Of batches of a thousand, as by default; the server may not send a client more than `limit` at once.
fn cut_off_at(limit: &str, strategy: &str) -> (RedisServer, SourceSettings) {
    let server = RedisServer::start();
    server.run_args(&[b"CONFIG", b"SET", b"client-output-buffer-limit", format!("normal {limit} 0 0").as_bytes()]);
    let mut settings = settings(server.port, &format!(r#""ackStrategy":"{strategy}","maxBufferedBytes":268435456,"#));
    settings.batch_size = 1000;
    (server, settings)
}

/// Memory is measured of the whole process.
static ALONE: std::sync::Mutex<()> = std::sync::Mutex::new(());

/// Polls until so many entries have come.
fn count_entries(reader: &Reader, entries: u64) {
    let (begin, mut read) = (Instant::now(), 0);
    while read < entries {
        read += reader.poll(Duration::from_millis(100)).unwrap().map_or(0, |batch| u64::from(batch.entries));
        assert!(begin.elapsed() < 3 * PATIENCE, "{read} of {entries}; {:?}", reader.stats());
    }
    assert_eq!(read, entries);
}

#[test]
fn a_limit_of_the_server_that_less_fits_into_is_worked_round() {
    let _alone = ALONE.lock();
    for strategy in ["ON_CHECKPOINT", "NOACK", "COMMIT_POSITION"] {
        let (server, settings) = cut_off_at("4mb", strategy);
        add_large(&server, 0..500, 64 * 1024);
        let reader = Reader::new(settings.clone()).unwrap();
        reader.add_splits(discover(&settings, false, &[])).unwrap();
        count_entries(&reader, 500);
        let reconnects = reader.stats().reconnects;
        assert!(reconnects > 0, "{strategy}: the limit was not met");
        assert!(reconnects <= 20, "{strategy}: {reconnects} connections were lost");
    }
}

#[test]
fn a_limit_of_the_server_below_one_entry_ends_the_job_with_what_to_do() {
    let _alone = ALONE.lock();
    for strategy in ["ON_CHECKPOINT", "COMMIT_POSITION"] {
        let (server, mut settings) = cut_off_at("1mb", strategy);
        settings.connection.retry_timeout_millis = 2000;
        server.add("t:0", 0..1);
        add_large(&server, 1..2, 4 << 20);
        server.add("t:0", 2..3);
        let split = discover(&settings, false, &[]);
        let mut job = Job::start(&settings, split);
        let begin = Instant::now();
        let error = loop {
            match job.poll(Duration::from_millis(50)) {
                Err(error) => break error.to_string(),
                Ok(_) => assert!(begin.elapsed() < PATIENCE, "{strategy}: {:?}", job.reader.stats()),
            }
        };
        for part in ["gave up after", "retryTimeoutMillis", "client-output-buffer-limit", "batchSize"] {
            assert!(error.contains(part), "{strategy}: {error}");
        }
    }
}

/// Resident bytes of this process.
fn resident() -> u64 {
    let pages: u64 = std::fs::read_to_string("/proc/self/statm").unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

/// What the server keeps for its largest client, in bytes.
fn largest_client(server: &RedisServer) -> u64 {
    let list = server.text("CLIENT LIST");
    let used = |line: &str| {
        let words = line.split(' ').filter_map(|word| word.strip_prefix("tot-mem="));
        words.filter_map(|bytes| bytes.parse::<u64>().ok()).sum()
    };
    list.lines().map(used).max().unwrap_or(0)
}

/// The highest values while the entries are read, slowly enough that they are seen: of this process, beyond what it
/// was, and of the server.
fn peaks(server: &RedisServer, entries: u64) -> (u64, u64) {
    let (memory, client, done) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
    let before = resident();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                client.fetch_max(largest_client(server), Ordering::Relaxed);
            }
        });
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                memory.fetch_max(resident(), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        let mut settings = settings(server.port, r#""maxBufferedBytes":16777216,"#);
        settings.batch_size = 1000;
        let reader = Reader::new(settings.clone()).unwrap();
        let split = flink_redis_engine::config::Split {
            partition: 0,
            position: EntryId::ZERO,
            pending: Runs::default(),
            stopping_id: None,
        };
        reader.add_splits(vec![split]).unwrap();
        // Full before it is read on.
        support::await_that("the buffer fills", || reader.stats().buffered_bytes > 0);
        count_entries(&reader, entries);
        done.store(true, Ordering::Relaxed);
    });
    (memory.into_inner().saturating_sub(before) >> 20, client.into_inner() >> 20)
}

#[test]
fn memory_stays_near_what_may_be_buffered() {
    let _alone = ALONE.lock();
    let server = RedisServer::start();
    add_large(&server, 0..400, 1 << 20);
    let (memory, client) = peaks(&server, 400);
    assert!(memory < 100, "{memory} MiB");
    assert!(client < 64, "{client} MiB");

    server.run("DEL t:0");
    add_large(&server, 0..20_000, 100);
    add_large(&server, 20_000..20_400, 1 << 20);
    // The server builds the reply that begins small and goes on large: its own memory can't be bounded then, only ours.
    let (memory, _) = peaks(&server, 20_400);
    assert!(memory < 128, "{memory} MiB");
}

#[test]
fn a_large_entry_comes_once() {
    let _alone = ALONE.lock();
    let server = RedisServer::start();
    add_large(&server, 0..40, 1 << 20);
    let sent = || {
        let info = server.text("INFO stats");
        let line = info.lines().find_map(|line| line.strip_prefix("total_net_output_bytes:"));
        line.unwrap().trim().parse::<u64>().unwrap() >> 20
    };
    let mut settings = settings(server.port, r#""maxBufferedBytes":16777216,"#);
    settings.batch_size = 1000;
    let splits = discover(&settings, false, &[]);
    let before = sent();
    let reader = Reader::new(settings).unwrap();
    reader.add_splits(splits).unwrap();
    count_entries(&reader, 40);
    // A look at the first and the last entry, when it connects, is not avoided.
    let sent = sent() - before;
    assert!(sent < 40 + 5, "the server has sent {sent} MiB for 40 entries of 1 MiB");
}

/// The highest that this process has been, in bytes, since this was last asked.
fn highest_resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

/// `XINFO STREAM` brings the first and the last entry, whole.
#[test]
fn connecting_to_a_stream_of_large_entries_takes_little_memory() {
    let _alone = ALONE.lock();
    let server = RedisServer::start();
    add_large(&server, 0..2, 64 << 20);
    server.run("XGROUP CREATE t:0 g $");
    let settings = settings(server.port, "");
    let last = flink_redis_engine::config::Split {
        partition: 0,
        position: EntryId::new(u64::MAX >> 1, 0),
        pending: Runs::default(),
        stopping_id: None,
    };
    let reader = Reader::new(settings).unwrap();
    highest_resident();
    let before = resident();
    reader.add_splits(vec![last]).unwrap();
    // It has connected, and found that the stream ends before its position.
    support::await_that("it has asked how far the stream is", || reader.stats().lost_writes > 0);
    let more = highest_resident().saturating_sub(before) >> 20;
    assert!(more < 32, "{more} MiB more for two entries of 64 MiB that are not read");
}
