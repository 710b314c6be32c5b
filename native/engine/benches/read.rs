//! Reading a preloaded topic, against what the server gives a bare client: paired, in one run.
//!
//! ```text
//! cargo bench -p flink-redis-engine --bench read [-- <entries in thousands> <pairs> <strategies>]
//! ```
//!
//! The bare client skips over the replies: 2 reads in flight on each of 4 connections, an `XACK` of all of it behind
//! each read, or `NOACK` against those of ours that acknowledge nothing. Ours is the reader as Flink drives it: batches
//! are polled and dropped, all is acknowledged by completed checkpoints. Throughput varies from run to run on a shared
//! machine: look at the ratio, and at the CPU.

#![allow(clippy::unwrap_used, clippy::print_stdout, unreachable_pub, reason = "a program that measures")]

mod measuring;
#[path = "../tests/support/mod.rs"]
mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use flink_redis_engine::config::{SourceSettings, SplitPosition};
use flink_redis_engine::enumerator::{DiscoverRequest, Enumerator};
use flink_redis_engine::resp::reply;
use flink_redis_engine::source::Reader;
use flink_redis_engine::stream::{EntryId, Runs};
use measuring::cpu_seconds;
use support::{PATIENCE, RedisServer, await_that, connection_json};

const PARTITIONS: u32 = 4;
const STRATEGIES: [&str; 3] = ["ON_CHECKPOINT", "NOACK", "COMMIT_POSITION"];

fn main() {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let entries = numbers.first().copied().unwrap_or(1000) * 1000;
    let pairs = numbers.get(1).copied().unwrap_or(3);
    let named: Vec<String> =
        std::env::args().skip(1).filter(|argument| STRATEGIES.contains(&argument.as_str())).collect();
    let server = RedisServer::start();
    println!("{} | {entries} entries of 116 bytes, {PARTITIONS} partitions, COUNT 1000", server_version(&server));
    println!(
        "{:<12} {:>12} {:>12} {:>7} | CPU s per million: {:>8} {:>8}",
        "", "bare k/s", "ours k/s", "ratio", "bare", "ours"
    );
    for strategy in STRATEGIES {
        if !named.is_empty() && !named.iter().any(|name| name == strategy) {
            continue;
        }
        let mut ratios = Vec::new();
        for _ in 0..pairs {
            preload(&server, entries);
            let bare = measure(entries, || bare_client(&server, strategy != "ON_CHECKPOINT"));
            preload(&server, entries);
            let ours = measure(entries, || engine(&server, strategy, entries));
            ratios.push(ours.rate / bare.rate);
            println!(
                "{strategy:<12} {:>12.0} {:>12.0} {:>7.2} |                    {:>8.2} {:>8.2}",
                bare.rate / 1000.0,
                ours.rate / 1000.0,
                ours.rate / bare.rate,
                bare.cpu,
                ours.cpu
            );
        }
        ratios.sort_by(f64::total_cmp);
        println!("{strategy:<12} median ratio {:.2}", ratios[ratios.len() / 2]);
    }
}

struct Measured {
    /// Entries a second.
    rate: f64,
    /// Seconds of this process's CPU for a million entries.
    cpu: f64,
}

fn measure(entries: u64, work: impl FnOnce()) -> Measured {
    let (begin, cpu) = (Instant::now(), cpu_seconds());
    work();
    let millions = entries as f64 / 1e6;
    Measured { rate: entries as f64 / begin.elapsed().as_secs_f64(), cpu: (cpu_seconds() - cpu) / millions }
}

fn server_version(server: &RedisServer) -> String {
    let info = server.text("INFO server");
    let line = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("?").to_owned();
    format!("Redis {} on {}", line("redis_version:"), line("os:"))
}

fn preload(server: &RedisServer, entries: u64) {
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

/// A thread and a connection for each partition.
fn bare_client(server: &RedisServer, no_ack: bool) {
    let threads: Vec<_> = (0..PARTITIONS)
        .map(|partition| {
            let port = server.port;
            std::thread::spawn(move || bare_connection(port, &format!("t:{partition}"), no_ack))
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

fn bare_connection(port: u16, stream: &str, no_ack: bool) {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    socket.set_nodelay(true).unwrap();
    let mut read = redis::cmd("XREADGROUP");
    read.arg("GROUP").arg("g").arg("bare").arg("COUNT").arg(1000);
    if no_ack {
        read.arg("NOACK");
    }
    let read = read.arg("STREAMS").arg(stream).arg(">").get_packed_command();
    socket.write_all(&read).unwrap();
    let mut inbox = vec![0; 1 << 20];
    let mut filled = 0;
    loop {
        socket.write_all(&read).unwrap();
        let length = next_reply(&mut socket, &mut inbox, &mut filled);
        if length <= 5 {
            return;
        }
        if !no_ack {
            let ack = acknowledge_all(&inbox[..length], stream);
            inbox.copy_within(length..filled, 0);
            filled -= length;
            socket.write_all(&ack).unwrap();
            // The reply to the read in flight comes first; that to the XACK is skipped with the next one.
            continue;
        }
        inbox.copy_within(length..filled, 0);
        filled -= length;
    }
}

/// The length of the next reply that is no number.
fn next_reply(socket: &mut TcpStream, inbox: &mut Vec<u8>, filled: &mut usize) -> usize {
    let mut looked_at = 0;
    loop {
        if *filled > looked_at {
            while let Some(length) = reply::length(&inbox[..*filled]).unwrap() {
                if inbox[0] != b':' {
                    return length;
                }
                inbox.copy_within(length..*filled, 0);
                *filled -= length;
            }
            looked_at = *filled;
        }
        if *filled == inbox.len() {
            inbox.resize(inbox.len() * 2, 0);
        }
        let received = socket.read(&mut inbox[*filled..]).unwrap();
        assert!(received > 0);
        *filled += received;
    }
}

/// `XACK` of every ID: they are the strings behind `*2`.
fn acknowledge_all(reply: &[u8], stream: &str) -> Vec<u8> {
    let mut cmd = redis::cmd("XACK");
    cmd.arg(stream).arg("g");
    let mut lines = reply.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    while let Some(line) = lines.next() {
        if line == b"*2" {
            lines.next();
            if let Some(id) = lines.next().filter(|id| EntryId::parse(id).is_some()) {
                cmd.arg(id);
            }
        }
    }
    cmd.get_packed_command()
}

fn engine(server: &RedisServer, strategy: &str, entries: u64) {
    let settings = SourceSettings::from_json(&format!(
        r#"{{{},"topic":"t","numPartitions":{PARTITIONS},"group":"g","ackStrategy":"{strategy}","startingId":"0",
        "batchSize":1000,"blockMillis":500,"maxBufferedBytes":16777216,"claimMinIdleMillis":60000}}"#,
        connection_json(server.port)
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
