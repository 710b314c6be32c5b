//! Writing records with each kind of sink: how many a second, and how much CPU.
//!
//! ```text
//! cargo bench -p flink-redis-engine --bench write [-- <records in thousands> <runs>]
//! ```
//!
//! Records of 116 bytes, a key of 16 and data of 100, in batches of 500 as Java hands them over. `ACKED` is `STREAM`
//! with a replica that each record must have reached (`minReplicasToAck` 1). On a shared machine compare the runs of
//! one time with one another, and look at the CPU.

#![allow(clippy::unwrap_used, clippy::print_stdout, unreachable_pub, reason = "a program that measures")]

mod measuring;
#[path = "../tests/support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use flink_redis_engine::config::SinkSettings;
use flink_redis_engine::sink::Writer;
use measuring::cpu_seconds;
use support::{PATIENCE, RedisServer, await_that, connection_json};

const PARTITIONS: u32 = 4;
const BATCH: u64 = 500;

fn main() {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let records = numbers.first().copied().unwrap_or(1000) * 1000;
    let runs = numbers.get(1).copied().unwrap_or(3);
    let server = RedisServer::start();
    println!("{records} records of 116 bytes, {PARTITIONS} partitions");
    for _ in 0..runs {
        run("STREAM", &server, "", records);
        run("STAGED", &server, r#""staging":{"lane":"l","incarnation":"a"},"#, records);
        run("HASH", &server, r#""kind":"HASH","#, records);
        let replica = RedisServer::start_with(&["--replicaof", "127.0.0.1", &server.port.to_string()]);
        await_that("the replica follows", || replica.text("INFO replication").contains("master_link_status:up"));
        run("FOLLOWED", &server, "", records);
        run("ACKED", &server, r#""minReplicasToAck":1,"#, records);
    }
}

fn run(name: &str, server: &RedisServer, more: &str, records: u64) {
    server.run("FLUSHALL");
    let json = format!(
        r#"{{{},{more}"topic":"t","numPartitions":{PARTITIONS},"maxInFlightBytes":16777216}}"#,
        connection_json(server.port)
    );
    let writer = Writer::new(SinkSettings::from_json(&json).unwrap()).unwrap();
    let batches: Vec<Vec<u8>> = (0..16).map(|number| batch(number, more.contains("HASH"))).collect();
    let (begin, cpu) = (Instant::now(), cpu_seconds());
    for number in 0..records / BATCH {
        while !writer.write(&batches[number as usize % batches.len()], Duration::from_secs(1)).unwrap() {}
    }
    assert!(writer.flush(PATIENCE).unwrap());
    let (seconds, cpu) = (begin.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    println!(
        "{name:<9} {:>6.0} k/s, CPU s per million {:.2}",
        records as f64 / seconds / 1000.0,
        cpu / (records as f64 / 1e6)
    );
}

/// Records for all partitions in turn, or hashes.
fn batch(number: u64, hashes: bool) -> Vec<u8> {
    let data = "x".repeat(100);
    let mut out = vec![1, 0, 0, 0];
    out.extend_from_slice(&(BATCH as u32).to_le_bytes());
    for record in 0..BATCH {
        let key = format!("key-{:012}", number * BATCH + record);
        let (target, pairs) = if hashes {
            (0, [(key.as_str(), ""), ("data", data.as_str())])
        } else {
            (record as u32 % PARTITIONS, [("key", key.as_str()), ("data", data.as_str())])
        };
        let mut strings = Vec::new();
        for text in pairs.iter().flat_map(|(name, value)| [name, value]) {
            strings.extend_from_slice(&(text.len() as u32).to_le_bytes());
            strings.extend_from_slice(text.as_bytes());
        }
        out.extend_from_slice(&target.to_le_bytes());
        out.extend_from_slice(&2u32.to_le_bytes());
        out.extend_from_slice(&(strings.len() as u32).to_le_bytes());
        out.extend_from_slice(&strings);
    }
    out
}
