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

mod measure;
#[path = "../tests/support/mod.rs"]
mod support;

use std::time::Duration;

use flink_redis_engine::config::SinkSettings;
use flink_redis_engine::sink::{Committer, Writer};
use measure::{Measured, PARTITIONS, measure, median};
use support::{PATIENCE, RedisServer, connection_json};

const BATCH: u64 = 1000;

fn main() {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let records = numbers.first().copied().unwrap_or(1000) * 1000;
    let pairs = numbers.get(1).copied().unwrap_or(3);
    let epoch = numbers.get(2).copied().unwrap_or(100_000);
    let server = RedisServer::start();
    println!("{records} records of 116 bytes, {PARTITIONS} partitions, epochs of {epoch}");
    let (mut rates, mut cpus) = (Vec::new(), Vec::new());
    for _ in 0..pairs {
        let once = run(&server, "AT_LEAST_ONCE", "", records, epoch);
        let exactly = run(&server, "EXACTLY_ONCE", r#""staging":{"lane":"l","incarnation":"a"},"#, records, epoch);
        rates.push(exactly.rate / once.rate);
        cpus.push(exactly.server_cpu / once.server_cpu);
    }
    println!("EXACTLY_ONCE: at-least-once {:.2} server-cpu {:.2}", median(rates), median(cpus));
}

fn run(server: &RedisServer, name: &str, staging: &str, records: u64, epoch: u64) -> Measured {
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
    let data = "x".repeat(100);
    let batches: Vec<Vec<u8>> = (0..16)
        .map(|number| {
            let keys: Vec<String> = (0..BATCH).map(|record| format!("key-{:012}", number * BATCH + record)).collect();
            let records = keys.iter().zip((0..PARTITIONS).cycle());
            let records: Vec<_> = records.map(|(key, target)| (target, vec!["key", key, "data", &data])).collect();
            measure::batch(&records)
        })
        .collect();
    let measured = measure(server, records, || {
        for number in 1..=records / BATCH {
            while !writer.write(&batches[number as usize % batches.len()], Duration::from_secs(1)).unwrap() {}
            if number.is_multiple_of(epoch / BATCH) || number == records / BATCH {
                assert!(writer.flush(PATIENCE).unwrap());
                assert!(committer.commit(&writer.prepare(), PATIENCE).unwrap());
            }
        }
    });
    let there: i64 = (0..PARTITIONS).map(|partition| server.int(&format!("XLEN t:{partition}"))).sum();
    assert_eq!(there, records as i64);
    println!(
        "{name:<13} {:>6.0} k/s, CPU s per million {:.2}, of the server {:.2}",
        measured.rate / 1000.0,
        measured.cpu,
        measured.server_cpu
    );
    measured
}
