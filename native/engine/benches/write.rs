//! Writing records with each kind of sink, against what the server gives a bare client: paired, in one run.
//!
//! ```text
//! cargo bench -p flink-redis-engine --bench write [-- <records in thousands> <pairs> <sinks>]
//! ```
//!
//! Records of 116 bytes, a key of 16 and data of 100; keyed sinks have 100,000 keys. The bare client sends the commands
//! of the same records, encoded beforehand, in pipelines of 1,000 records, two of them in flight. Ours is the writer,
//! in batches of 500 as Java hands them over. `…_TTL` have a time to live; `…_MULTI` compares the same sink with a bare
//! client that sends each record in a transaction of its own. `STAGED` is the exactly-once stream sink without its
//! commits, against the bare client of `STREAM`; `ACKED` is `STREAM` with a replica that each record must have reached
//! (`minReplicasToAck` 1), against the sink that does not wait for it. Throughput varies from run to run on a shared
//! machine: look at the ratio, and at the CPU.

#![allow(clippy::unwrap_used, clippy::print_stdout, unreachable_pub, reason = "a program that measures")]

mod measure;
#[path = "../tests/support/mod.rs"]
mod support;

use std::path::Path;

use measure::{BATCH, Measured, PARTITIONS, Pipeline, batch, engine_writes, measure, median, send_in_pipelines};
use support::{RedisServer, await_that, connection_json};

const KEYS: usize = 100_000;
const IN_A_PIPELINE: usize = 1000;
const TTL: &str = "3600";

/// A sink, by the commands of its records.
#[derive(Clone, Copy, PartialEq)]
enum Sink {
    Stream,
    Hash,
    Json,
}

use Sink::{Hash, Json, Stream};

/// What each sink is compared with.
#[derive(Clone, Copy, PartialEq)]
enum Bare {
    /// A command for each record.
    Plain,
    /// An `EXPIRE` behind each command.
    Expire,
    /// Both in a transaction.
    Multi,
    /// The same sink, without waiting for replicas.
    Ours,
}

const STAGED: &str = r#""staging":{"lane":"l","incarnation":"a"},"#;
const SINKS: [(&str, Sink, &str, Bare); 9] = [
    ("STREAM", Stream, "", Bare::Plain),
    ("STAGED", Stream, STAGED, Bare::Plain),
    ("HASH", Hash, r#""kind":"HASH","#, Bare::Plain),
    ("HASH_TTL", Hash, r#""kind":"HASH","ttlSeconds":3600,"#, Bare::Expire),
    ("HASH_MULTI", Hash, r#""kind":"HASH","ttlSeconds":3600,"#, Bare::Multi),
    ("JSON", Json, r#""kind":"JSON","path":"$","#, Bare::Plain),
    ("JSON_TTL", Json, r#""kind":"JSON","path":"$","ttlSeconds":3600,"#, Bare::Expire),
    ("JSON_MULTI", Json, r#""kind":"JSON","path":"$","ttlSeconds":3600,"#, Bare::Multi),
    ("ACKED", Stream, r#""minReplicasToAck":1,"#, Bare::Ours),
];

fn main() {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let records = numbers.first().copied().unwrap_or(1000) * 1000;
    let pairs = numbers.get(1).copied().unwrap_or(3);
    let named: Vec<String> = std::env::args().skip(1).filter(|name| SINKS.iter().any(|sink| sink.0 == name)).collect();
    let module = json_module();
    let server = RedisServer::start_with(&module.iter().flat_map(|file| ["--loadmodule", file]).collect::<Vec<_>>());
    println!("{} | {records} records of 116 bytes", measure::server_version(&server));
    println!(
        "{:<11} {:>9} {:>9} {:>6} | CPU s per million: {:>5} {:>5} | of the server: {:>5} {:>5} {:>6}",
        "", "bare k/s", "ours k/s", "ratio", "bare", "ours", "bare", "ours", "ratio"
    );
    for (name, sink, more, bare) in SINKS {
        if !named.is_empty() && !named.iter().any(|chosen| chosen == name) || sink == Json && module.is_none() {
            continue;
        }
        let replica = (bare == Bare::Ours)
            .then(|| RedisServer::start_with(&["--replicaof", "127.0.0.1", &server.port.to_string()]));
        if let Some(replica) = &replica {
            await_that("the replica follows", || replica.text("INFO replication").contains("master_link_status:up"));
        }
        let mut ratios = Vec::new();
        for _ in 0..pairs {
            let bare = run_bare(&server, sink, bare, records);
            let ours = run_ours(&server, sink, more, records);
            print(name, bare, ours);
            ratios.push((ours.rate / bare.rate, ours.server_cpu / bare.server_cpu));
        }
        let (rates, cpus): (Vec<f64>, Vec<f64>) = ratios.into_iter().unzip();
        println!("{name:<11} median ratio {:.2}, of the server's CPU {:.2}", median(rates), median(cpus));
    }
}

fn print(name: &str, bare: Measured, ours: Measured) {
    println!(
        "{name:<11} {:>9.0} {:>9.0} {:>6.2} |                    {:>5.2} {:>5.2} |                {:>5.2} {:>5.2} \
         {:>6.2}",
        bare.rate / 1000.0,
        ours.rate / 1000.0,
        ours.rate / bare.rate,
        bare.cpu,
        ours.cpu,
        bare.server_cpu,
        ours.server_cpu,
        ours.server_cpu / bare.server_cpu
    );
}

/// The RedisJSON module that `./dev` keeps; `None`: it is not there.
fn json_module() -> Option<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../build/servers/rejson.so");
    file.canonicalize().ok().map(|file| file.to_str().unwrap().to_owned())
}

fn run_bare(server: &RedisServer, sink: Sink, bare: Bare, records: u64) -> Measured {
    if bare == Bare::Ours {
        return run_ours(server, sink, "", records);
    }
    server.run("FLUSHALL");
    let pipelines: Vec<Pipeline> =
        (0..KEYS / IN_A_PIPELINE).map(|number| pipeline(sink, bare, number * IN_A_PIPELINE)).collect();
    measure(server, records, || send_in_pipelines(server.port, &pipelines, records as usize / IN_A_PIPELINE))
}

fn run_ours(server: &RedisServer, sink: Sink, more: &str, records: u64) -> Measured {
    server.run("FLUSHALL");
    let batches: Vec<Vec<u8>> = (0..KEYS / BATCH).map(|number| records_from(sink, number * BATCH)).collect();
    measure(server, records, || engine_writes(&connection_json(server.port), more, &batches, records))
}

fn pipeline(sink: Sink, bare: Bare, first: usize) -> Pipeline {
    let mut pipeline = Pipeline::default();
    for number in first..first + IN_A_PIPELINE {
        let (key, data) = (key(number), data(sink));
        let stream = format!("t:{}", number % PARTITIONS as usize);
        if bare == Bare::Multi {
            pipeline.command(&[b"MULTI"]);
        }
        pipeline.command(&match sink {
            Stream => vec![b"XADD", stream.as_bytes(), b"*", b"key", key.as_bytes(), b"data", data.as_bytes()],
            Hash => vec![b"HSET", key.as_bytes(), b"data", data.as_bytes()],
            Json => vec![b"JSON.SET", key.as_bytes(), b"$", data.as_bytes()],
        });
        if bare != Bare::Plain {
            pipeline.command(&[b"EXPIRE", key.as_bytes(), TTL.as_bytes()]);
        }
        if bare == Bare::Multi {
            pipeline.command(&[b"EXEC"]);
        }
    }
    pipeline
}

fn records_from(sink: Sink, first: usize) -> Vec<u8> {
    let keys: Vec<String> = (first..first + BATCH).map(key).collect();
    let data = data(sink);
    let record = |(number, key)| match sink {
        Stream => (number as u32 % PARTITIONS, vec!["key", key, "data", &data]),
        Hash => (0, vec![key, "", "data", &data]),
        Json => (0, vec![key, &data]),
    };
    batch(&keys.iter().map(String::as_str).enumerate().map(record).collect::<Vec<_>>())
}

fn key(number: usize) -> String {
    format!("key-{number:012}")
}

/// Of 100 bytes.
fn data(sink: Sink) -> String {
    if sink == Json { format!(r#"{{"data":"{}"}}"#, "x".repeat(89)) } else { "x".repeat(100) }
}
