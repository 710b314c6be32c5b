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

mod measure;
#[path = "../tests/support/mod.rs"]
mod support;

use std::io::{Read, Write};
use std::net::TcpStream;

use flink_redis_engine::resp::reply;
use flink_redis_engine::stream::EntryId;
use measure::{PARTITIONS, engine_reads, measure, median, preload};
use support::{RedisServer, connection_json};

const STRATEGIES: [&str; 3] = ["ON_CHECKPOINT", "NOACK", "COMMIT_POSITION"];

fn main() {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let entries = numbers.first().copied().unwrap_or(1000) * 1000;
    let pairs = numbers.get(1).copied().unwrap_or(3);
    let named: Vec<String> =
        std::env::args().skip(1).filter(|argument| STRATEGIES.contains(&argument.as_str())).collect();
    let server = RedisServer::start();
    println!(
        "{} | {entries} entries of 116 bytes, {PARTITIONS} partitions, COUNT 1000",
        measure::server_version(&server)
    );
    println!(
        "{:<15} {:>9} {:>9} {:>6} | CPU s per million: {:>5} {:>5} | of the server: {:>5} {:>5}",
        "", "bare k/s", "ours k/s", "ratio", "bare", "ours", "bare", "ours"
    );
    for strategy in STRATEGIES {
        if !named.is_empty() && !named.iter().any(|name| name == strategy) {
            continue;
        }
        let mut ratios = Vec::new();
        for _ in 0..pairs {
            preload(&server, entries);
            let bare = measure(&server, entries, || bare_client(&server, strategy != "ON_CHECKPOINT"));
            preload(&server, entries);
            let ours = measure(&server, entries, || engine_reads(&connection_json(server.port), strategy, entries));
            ratios.push(ours.rate / bare.rate);
            println!(
                "{strategy:<15} {:>9.0} {:>9.0} {:>6.2} |                    {:>5.2} {:>5.2} |                \
                 {:>5.2} {:>5.2}",
                bare.rate / 1000.0,
                ours.rate / 1000.0,
                ours.rate / bare.rate,
                bare.cpu,
                ours.cpu,
                bare.server_cpu,
                ours.server_cpu
            );
        }
        println!("{strategy:<15} median ratio {:.2}", median(ratios));
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
