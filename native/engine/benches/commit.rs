//! Writing a stream exactly once, against at least once: paired, in one run.
//!
//! ```text
//! cargo bench -p flink-redis-engine --bench commit [-- <records in thousands> <pairs> <records of an epoch>]
//! ```
//!
//! Records of 116 bytes, a key of 16 and data of 100, in batches of 1000 as Java hands them over, for 4 partitions. An
//! epoch is written, flushed, and then committed, while nothing else goes on, as in a task of Flink. Both are given in
//! CPU seconds per million records, of this process and of the server, and in records per second.

#![allow(clippy::unwrap_used, clippy::print_stdout, unreachable_pub, reason = "a program that measures")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use flink_redis_engine::config::SinkSettings;
use flink_redis_engine::sink::{Committer, Writer};
use support::{PATIENCE, RedisServer, connection_json};

const PARTITIONS: u32 = 4;
const BATCH: u64 = 1000;

fn main() {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let records = numbers.first().copied().unwrap_or(1000) * 1000;
    let pairs = numbers.get(1).copied().unwrap_or(3);
    let epoch = numbers.get(2).copied().unwrap_or(100_000);
    let server = RedisServer::start();
    println!("{records} records of 116 bytes, {PARTITIONS} partitions, epochs of {epoch}");
    for _ in 0..pairs {
        let once = run(&server, "AT_LEAST_ONCE", "", records, epoch);
        let exactly = run(&server, "EXACTLY_ONCE", r#""staging":{"lane":"l","incarnation":"a"},"#, records, epoch);
        println!("EXACTLY_ONCE: at-least-once {:.2} server-cpu {:.2}", exactly.0 / once.0, exactly.1 / once.1);
    }
}

/// Returns records per second, and the server's CPU seconds.
fn run(server: &RedisServer, name: &str, staging: &str, records: u64, epoch: u64) -> (f64, f64) {
    server.run("FLUSHALL");
    let settings = |more: &str| {
        let json = format!(
            r#"{{{},{more}"topic":"t","numPartitions":{PARTITIONS},"maxInFlightBytes":16777216}}"#,
            connection_json(server.port)
        );
        SinkSettings::from_json(&json).unwrap()
    };
    let writer = Writer::new(settings(staging)).unwrap();
    let committer = Committer::new(settings("")).unwrap();
    let batches: Vec<Vec<u8>> = (0..16).map(batch).collect();
    let (begin, cpu, server_cpu) = (Instant::now(), cpu_seconds("self"), cpu_seconds(&server.pid().to_string()));
    for number in 1..=records / BATCH {
        while !writer.write(&batches[number as usize % batches.len()], Duration::from_secs(1)).unwrap() {}
        if number.is_multiple_of(epoch / BATCH) || number == records / BATCH {
            assert!(writer.flush(PATIENCE).unwrap());
            assert!(committer.commit(&writer.prepare(), PATIENCE).unwrap());
        }
    }
    let (rate, millions) = (records as f64 / begin.elapsed().as_secs_f64(), records as f64 / 1e6);
    let (cpu, server_cpu) = (cpu_seconds("self") - cpu, cpu_seconds(&server.pid().to_string()) - server_cpu);
    let there: i64 = (0..PARTITIONS).map(|partition| server.int(&format!("XLEN t:{partition}"))).sum();
    assert_eq!(there, records as i64);
    println!(
        "{name:<13} {:>6.0} k/s, CPU s per million {:.2}, of the server {:.2}",
        rate / 1000.0,
        cpu / millions,
        server_cpu / millions
    );
    (rate, server_cpu)
}

/// Records for all partitions in turn.
fn batch(number: u64) -> Vec<u8> {
    let data = "x".repeat(100);
    let mut out = vec![1, 0, 0, 0];
    out.extend_from_slice(&(BATCH as u32).to_le_bytes());
    for record in 0..BATCH {
        let key = format!("key-{:012}", number * BATCH + record);
        let mut strings = Vec::new();
        for text in ["key", &key, "data", &data] {
            strings.extend_from_slice(&(text.len() as u32).to_le_bytes());
            strings.extend_from_slice(text.as_bytes());
        }
        out.extend_from_slice(&(record as u32 % PARTITIONS).to_le_bytes());
        out.extend_from_slice(&2u32.to_le_bytes());
        out.extend_from_slice(&(strings.len() as u32).to_le_bytes());
        out.extend_from_slice(&strings);
    }
    out
}

/// User and system time of a process, all threads.
fn cpu_seconds(process: &str) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks / 100.0
}
