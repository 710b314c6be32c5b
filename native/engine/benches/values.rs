//! Values of 1 KB and more, read and written: against what the server gives a bare client, paired, in one run.
//!
//! ```text
//! cargo bench -p flink-redis-engine --bench values [-- <what> <sizes in KB> <pairs>p <partitions>x <strategy>]
//! ```
//!
//! What: `read`, `write` and `hash`, or some of them. All numbers without a letter are sizes.
//!
//! The bare client reads with `NOACK`, 2 reads in flight on each connection, and passes over what comes in one buffer
//! of 256 KiB; it writes commands that are encoded before, each value by a `write` of its own. Ours reads as Flink
//! drives it, and copies each batch once, as the boundary does; it writes record batches. CPU is in seconds for a
//! million values; faults are pages for one value.

#![allow(clippy::unwrap_used, clippy::print_stdout, unreachable_pub, reason = "a program that measures")]

mod measure;
#[path = "../tests/support/mod.rs"]
mod support;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use flink_redis_engine::config::{SinkSettings, SourceSettings, Split, SplitPosition};
use flink_redis_engine::sink::Writer;
use flink_redis_engine::source::Reader;
use flink_redis_engine::stream::{EntryId, Runs};
use measure::{Cost, cost_of};
use support::writing::batch_of;
use support::{PATIENCE, RedisServer, connection_json};

/// What all values of a run measure, unless they are few.
const TOTAL: u64 = 512 << 20;
const SIZES_KB: [u64; 4] = [1, 10, 100, 1000];
const STRATEGIES: [&str; 3] = ["ON_CHECKPOINT", "NOACK", "COMMIT_POSITION"];

/// What is measured, with values of `size` bytes.
struct Run {
    size: u64,
    values: u64,
    partitions: u32,
    strategy: &'static str,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let named = |suffix: &str| arguments.iter().find_map(|word| word.strip_suffix(suffix)?.parse::<u32>().ok());
    let is_asked = |work: &str| {
        arguments.iter().any(|word| word == work)
            || !["read", "write", "hash"].iter().any(|w| arguments.contains(&(*w).into()))
    };
    let mut sizes: Vec<u64> = arguments.iter().filter_map(|word| word.parse().ok()).collect();
    if sizes.is_empty() {
        sizes = SIZES_KB.to_vec();
    }
    let (pairs, partitions) = (named("p").unwrap_or(3), named("x").unwrap_or(4));
    let strategy = STRATEGIES.iter().find(|name| arguments.iter().any(|word| word == *name)).unwrap_or(&STRATEGIES[0]);
    println!("{partitions} partitions, {strategy}; CPU s per million: user + system, server; faults per value");
    for size in sizes.into_iter().map(|kb| kb * 1000) {
        let run = Run { size, values: (TOTAL / size).clamp(24, 200_000), partitions, strategy };
        if is_asked("read") {
            run.pairs("read", pairs, Run::read_bare, Run::read_ours, Run::preload);
        }
        if is_asked("write") {
            run.pairs(
                "write",
                pairs,
                |run, server| run.write_bare(server, "XADD"),
                |run, server| run.write_ours(server, ""),
                |_, _| (),
            );
        }
        if is_asked("hash") {
            let ours = |run: &Run, server: &RedisServer| run.write_ours(server, r#""kind":"HASH","#);
            run.pairs("hash", pairs, |run, server| run.write_bare(server, "HSET"), ours, |_, _| ());
        }
    }
}

impl Run {
    fn pairs(
        &self,
        work: &str,
        pairs: u32,
        bare: impl Fn(&Self, &RedisServer),
        ours: impl Fn(&Self, &RedisServer),
        prepare: impl Fn(&Self, &RedisServer),
    ) {
        let server = RedisServer::start();
        prepare(self, &server);
        let (mut rates, mut cpus) = (Vec::new(), Vec::new());
        for _ in 0..pairs {
            let costs = [&bare as &dyn Fn(&Self, &RedisServer), &ours].map(|work| {
                self.reset(&server);
                cost_of(&server, || work(self, &server))
            });
            let [bare, ours] = costs;
            rates.push(bare.seconds / ours.seconds);
            cpus.push((ours.user + ours.system) / (bare.user + bare.system).max(0.01));
            println!("{work:<5} {:>6} KB | bare {} | ours {}", self.size / 1000, self.shown(bare), self.shown(ours));
        }
        [&mut rates, &mut cpus].into_iter().for_each(|ratios| ratios.sort_by(f64::total_cmp));
        let middle = rates.len() / 2;
        println!(
            "{work:<5} {:>6} KB | median ratios: rate {:.2}, CPU {:.2}",
            self.size / 1000,
            rates[middle],
            cpus[middle]
        );
    }

    fn shown(&self, cost: Cost) -> String {
        let each = 1e6 / self.values as f64;
        format!(
            "{:>7.2} k/s {:>7.2} + {:>7.2}, {:>7.2} server, {:>6.1} faults",
            self.values as f64 / cost.seconds / 1000.0,
            cost.user * each,
            cost.system * each,
            cost.server * each,
            cost.faults / self.values as f64
        )
    }

    /// Takes what is not read for another run, and away what was written.
    fn reset(&self, server: &RedisServer) {
        for partition in 0..self.partitions {
            server.run(&format!("XGROUP DESTROY t:{partition} g"));
            server.run(&format!("XGROUP CREATE t:{partition} g 0 MKSTREAM"));
            server.run(&format!("DEL w:{partition}"));
        }
    }

    fn preload(&self, server: &RedisServer) {
        let script = "local v = string.rep('x', ARGV[2]) for n = 1, ARGV[1] do \
                      redis.call('XADD', KEYS[1], '*', 'key', string.format('key-%012d', n), 'data', v) end";
        let (each, size) = ((self.values / u64::from(self.partitions)).to_string(), self.size.to_string());
        for partition in 0..self.partitions {
            let stream = format!("t:{partition}");
            server.run_args(&[b"EVAL", script.as_bytes(), b"1", stream.as_bytes(), each.as_bytes(), size.as_bytes()]);
        }
    }

    fn read_bare(&self, server: &RedisServer) {
        let (port, count) = (server.port, (2_000_000 / self.size).clamp(1, 1000));
        let each = self.values / u64::from(self.partitions);
        let threads: Vec<_> = (0..self.partitions)
            .map(|partition| std::thread::spawn(move || pass_over(port, &format!("t:{partition}"), count, each)))
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }

    fn read_ours(&self, server: &RedisServer) {
        let settings = SourceSettings::from_json(&format!(
            r#"{{{},"topic":"t","numPartitions":{},"group":"g","ackStrategy":"{}","startingId":"0","batchSize":1000,
            "blockMillis":500,"maxBufferedBytes":16777216,"claimMinIdleMillis":60000}}"#,
            connection_json(server.port),
            self.partitions,
            self.strategy
        ))
        .unwrap();
        let split =
            |partition| Split { partition, position: EntryId::ZERO, pending: Runs::default(), stopping_id: None };
        let reader = Reader::new(settings).unwrap();
        reader.add_splits((0..self.partitions).map(split).collect()).unwrap();
        let mut positions = vec![EntryId::ZERO; self.partitions as usize];
        let values = self.values / u64::from(self.partitions) * u64::from(self.partitions);
        let (mut read, mut checkpoint, mut last_checkpoint) = (0, 0, Instant::now());
        let mut heap = Vec::new();
        while read < values {
            let Some(batch) = reader.poll(PATIENCE).unwrap() else { continue };
            heap.clear();
            heap.extend_from_slice(&batch.bytes);
            let u64_at = |at: usize| u64::from_le_bytes(batch.bytes[at..at + 8].try_into().unwrap());
            positions[batch.partition as usize] = EntryId::new(u64_at(16), u64_at(24));
            read += u64::from(batch.entries);
            if last_checkpoint.elapsed() > Duration::from_millis(200) {
                checkpoint += 1;
                let at = positions.iter().enumerate().map(|(partition, position)| SplitPosition {
                    partition: partition as u32,
                    position: *position,
                    pending: Runs::default(),
                });
                reader.checkpoint(checkpoint, at.collect());
                reader.complete(checkpoint);
                last_checkpoint = Instant::now();
            }
        }
    }

    /// Sends commands over one connection, as much as goes into 8 MB before their replies are awaited.
    fn write_bare(&self, server: &RedisServer, command: &str) {
        let mut socket = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
        socket.set_nodelay(true).unwrap();
        let mut replies = BufReader::new(socket.try_clone().unwrap());
        let value = "x".repeat(self.size as usize);
        let commands: Vec<Vec<u8>> = (0..16)
            .map(|number| {
                let key = format!("key-{number:012}");
                let mut cmd = redis::cmd(command);
                match command {
                    "XADD" => cmd
                        .arg(format!("w:{}", number % self.partitions))
                        .arg(&["MAXLEN", "16", "*"])
                        .arg("key")
                        .arg(key),
                    _ => cmd.arg(key),
                };
                cmd.arg("data").arg(&value).get_packed_command()
            })
            .collect();
        let window = (8_000_000 / self.size).clamp(2, 1000);
        let (mut answered, mut line) = (0, String::new());
        let mut answer = |replies: &mut BufReader<TcpStream>| {
            line.clear();
            replies.read_line(&mut line).unwrap();
            if line.starts_with('$') {
                replies.read_line(&mut line).unwrap();
            }
            assert!(!line.starts_with('-'), "{line}");
        };
        let mut small = Vec::new();
        for number in 0..self.values {
            let command = &commands[number as usize % commands.len()];
            if self.size > 16_000 {
                socket.write_all(command).unwrap();
            } else {
                small.extend_from_slice(command);
                if small.len() > 256 * 1024 {
                    socket.write_all(&small).unwrap();
                    small.clear();
                }
            }
            while small.is_empty() && number + 1 - answered > window {
                answer(&mut replies);
                answered += 1;
            }
        }
        socket.write_all(&small).unwrap();
        (answered..self.values).for_each(|_| answer(&mut replies));
    }

    fn write_ours(&self, server: &RedisServer, more: &str) {
        let json = format!(
            r#"{{{},{more}"topic":"w","numPartitions":{},"maxLen":16,"maxInFlightBytes":16777216}}"#,
            connection_json(server.port),
            self.partitions
        );
        let writer = Writer::new(SinkSettings::from_json(&json).unwrap()).unwrap();
        let value = "x".repeat(self.size as usize);
        // As Java cuts them: by number, and by bytes.
        let each = (262_144 / self.size + 1).min(500);
        let batch = |first: u64| {
            let keys: Vec<String> = (first..first + each).map(|number| format!("key-{:012}", number % 1000)).collect();
            let is_hash = more.contains("HASH");
            let head = |key| if is_hash { (key, "") } else { ("key", key) };
            let pairs: Vec<_> = keys.iter().map(|key| [head(key.as_str()), ("data", value.as_str())]).collect();
            batch_of(&pairs.iter().map(<[_; 2]>::as_slice).collect::<Vec<_>>())
        };
        let batches: Vec<Vec<u8>> = (0..4).map(|number| batch(number * each)).collect();
        for number in 0..self.values.div_ceil(each) {
            // The boundary copies what Java hands over.
            let from = &batches[number as usize % batches.len()];
            let mut batch = writer.buffer(from.len());
            batch.extend_from_slice(from);
            while !writer.write(&batch, Duration::from_secs(1)).unwrap() {}
            writer.take_back(batch);
        }
        assert!(writer.flush(PATIENCE).unwrap());
    }
}

/// Reads values as they come, and looks at none.
fn pass_over(port: u16, stream: &str, count: u64, values: u64) {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    socket.set_nodelay(true).unwrap();
    let mut replies = BufReader::with_capacity(256 * 1024, socket.try_clone().unwrap());
    let mut read = redis::cmd("XREADGROUP");
    let read = read.arg(&["GROUP", "g", "bare", "COUNT"]).arg(count).arg(&["NOACK", "STREAMS", stream, ">"]);
    let read = read.get_packed_command();
    socket.write_all(&read).unwrap();
    let mut left = values;
    while left > 0 {
        socket.write_all(&read).unwrap();
        // `*1 *2 $stream *entries`
        let [_, _, _, entries] = [0; 4].map(|_| token(&mut replies));
        for _ in 0..entries {
            // `*2 $id *4 $key $… $data $…`
            (0..7).for_each(|_| _ = token(&mut replies));
        }
        left -= entries;
    }
}

/// Reads a header and passes over the string behind it. Returns its number.
fn token(replies: &mut BufReader<TcpStream>) -> u64 {
    let mut line = Vec::new();
    replies.read_until(b'\n', &mut line).unwrap();
    let number = std::str::from_utf8(&line[1..line.len() - 2]).unwrap().parse().unwrap();
    if line[0] == b'$' {
        let mut left = number as usize + 2;
        while left > 0 {
            let there = replies.fill_buf().unwrap().len().min(left);
            assert!(there > 0);
            replies.consume(there);
            left -= there;
        }
    }
    number
}
