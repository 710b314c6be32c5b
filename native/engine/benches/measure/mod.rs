//! What the benchmarks share: what a run costs, and the engine as Flink drives it.

#![allow(dead_code, unused_imports, reason = "each benchmark uses a part of it")]

mod bare;
mod cost;

use std::time::{Duration, Instant};

use flink_redis_engine::config::{SinkSettings, SourceSettings, SplitPosition};
use flink_redis_engine::enumerator::{DiscoverRequest, Enumerator};
use flink_redis_engine::sink::Writer;
use flink_redis_engine::source::Reader;
use flink_redis_engine::stream::{EntryId, Runs};

pub use bare::{Pipeline, send_in_pipelines};
pub use cost::{Cost, cost_of, cpu_seconds};

use crate::support::{PATIENCE, RedisServer, await_that};

pub const PARTITIONS: u32 = 4;
/// Records that Java hands over at once.
pub const BATCH: usize = 500;

/// What a run has cost.
#[derive(Clone, Copy)]
pub struct Measured {
    /// Records or entries a second.
    pub rate: f64,
    /// Seconds of this process's CPU for a million of them.
    pub cpu: f64,
    /// Seconds of the server's CPU for a million of them.
    pub server_cpu: f64,
}

pub fn measure(server: &RedisServer, records: u64, work: impl FnOnce()) -> Measured {
    let cost = cost_of(server, work);
    let millions = records as f64 / 1e6;
    Measured {
        rate: records as f64 / cost.seconds,
        cpu: (cost.user + cost.system) / millions,
        server_cpu: cost.server / millions,
    }
}

/// The middle one, of an odd number.
pub fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

pub fn server_version(server: &RedisServer) -> String {
    let info = server.text("INFO server");
    let line = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("?").to_owned();
    format!("Redis {} on {}", line("redis_version:"), line("os:"))
}

/// Has a writer write so many records, of these batches in turn; `more` are fields of the sink's settings, each ended
/// by a comma.
pub fn engine_writes(connection: &str, more: &str, batches: &[Vec<u8>], records: u64) {
    let json =
        format!(r#"{{{connection},{more}"topic":"t","numPartitions":{PARTITIONS},"maxInFlightBytes":16777216}}"#);
    let writer = Writer::new(SinkSettings::from_json(&json).unwrap()).unwrap();
    for number in 0..records as usize / BATCH {
        while !writer.write(&batches[number % batches.len()], Duration::from_secs(1)).unwrap() {}
    }
    assert!(writer.flush(PATIENCE).unwrap());
    assert_eq!(writer.stats().dead_letters, 0);
}

/// Has a reader read so many entries of the topic `t`, as Flink drives it: batches are polled and dropped, all is
/// acknowledged by completed checkpoints.
pub fn engine_reads(connection: &str, strategy: &str, entries: u64) {
    let settings = SourceSettings::from_json(&format!(
        r#"{{{connection},"topic":"t","numPartitions":{PARTITIONS},"group":"g","ackStrategy":"{strategy}",
        "startingId":"0","batchSize":1000,"blockMillis":500,"maxBufferedBytes":16777216,"claimMinIdleMillis":60000}}"#
    ))
    .unwrap();
    let request = DiscoverRequest { parallelism: 1, restored: false, known: Vec::new() };
    let splits = Enumerator::new(settings.clone()).unwrap().discover(&request, PATIENCE).unwrap().unwrap().splits;
    let reader = Reader::new(settings).unwrap();
    reader.add_splits(splits).unwrap();
    let mut positions = vec![EntryId::ZERO; PARTITIONS as usize];
    let (mut read, mut checkpoint, mut last_checkpoint) = (0, 0, Instant::now());
    let mut complete = |positions: &[EntryId]| {
        checkpoint += 1;
        let split = |(partition, position): (usize, &EntryId)| SplitPosition {
            partition: partition as u32,
            position: *position,
            pending: Runs::default(),
        };
        reader.checkpoint(checkpoint, positions.iter().enumerate().map(split).collect());
        reader.complete(checkpoint);
    };
    while read < entries {
        let Some(batch) = reader.poll(PATIENCE).unwrap() else { continue };
        let u64_at = |at: usize| u64::from_le_bytes(batch.bytes[at..at + 8].try_into().unwrap());
        positions[batch.partition as usize] = EntryId::new(u64_at(16), u64_at(24));
        read += u64::from(batch.entries);
        if last_checkpoint.elapsed() > Duration::from_millis(200) {
            complete(&positions);
            last_checkpoint = Instant::now();
        }
    }
    if strategy == "ON_CHECKPOINT" {
        complete(&positions);
        await_that("all is acknowledged", || reader.stats().unacknowledged_entries == 0);
    }
}

/// Fills the topic `t` anew with entries of 116 bytes, and creates its groups.
pub fn preload(server: &RedisServer, entries: u64) {
    server.run("FLUSHALL");
    let script = "local v = string.rep('x', 100) for n = 1, tonumber(ARGV[1]) do \
                  redis.call('XADD', KEYS[1], '*', 'key', string.format('key-%012d', n), 'data', v) end";
    for partition in 0..PARTITIONS {
        for _ in 0..10 {
            let each = (entries / u64::from(PARTITIONS) / 10).to_string();
            server.run_args(&[b"EVAL", script.as_bytes(), b"1", format!("t:{partition}").as_bytes(), each.as_bytes()]);
        }
        server.run(&format!("XGROUP CREATE t:{partition} g 0"));
    }
}

/// Encodes a batch of records as Java hands them over: a target, and the strings of the record.
pub fn batch(records: &[(u32, Vec<&str>)]) -> Vec<u8> {
    let mut out = vec![1, 0, 0, 0];
    out.extend_from_slice(&(records.len() as u32).to_le_bytes());
    for (target, strings) in records {
        let mut encoded = Vec::new();
        for text in strings {
            encoded.extend_from_slice(&(text.len() as u32).to_le_bytes());
            encoded.extend_from_slice(text.as_bytes());
        }
        out.extend_from_slice(&target.to_le_bytes());
        out.extend_from_slice(&(strings.len() as u32 / 2).to_le_bytes());
        out.extend_from_slice(&(encoded.len() as u32).to_le_bytes());
        out.extend_from_slice(&encoded);
    }
    out
}
