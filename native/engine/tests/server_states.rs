//! What a server refuses for a while is tried again until it passes, and told when it does not: `docs/errors.md`,
//! "States of the server".

#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use flink_redis_engine::config::SourceSettings;
use flink_redis_engine::enumerator::{DiscoverRequest, Enumerator};
use flink_redis_engine::sink::Writer;
use redis::Value;
use support::proxy::Proxy;
use support::reading::{self, Job, settings};
use support::writing::{self, batch, flush, write};
use support::{PATIENCE, RedisServer, await_that, free_port};

/// A state that the server is brought into, and out of again.
struct State {
    code: &'static str,
    arguments: &'static [&'static str],
    enter: fn(&mut RedisServer, &Path),
    leave: fn(&RedisServer),
}

const STATES: [State; 8] = [
    State {
        code: "LOADING",
        arguments: &[
            "--key-load-delay",
            "20000",
            "--loading-process-events-interval-bytes",
            "1024",
            "--rdbcompression",
            "no",
        ],
        enter: |server, _| {
            let script = "for n = 1, 500 do redis.call('SET', n, string.rep('x', 2000)) end";
            server.run_args(&[b"EVAL", script.as_bytes(), b"0"]);
            server.run("SAVE");
            server.kill();
            server.start_again();
        },
        leave: |server| set(server, "key-load-delay 0"),
    },
    State {
        code: "READONLY",
        arguments: &[],
        enter: |server, _| {
            server.run(&format!("REPLICAOF 127.0.0.1 {}", free_port()));
        },
        leave: |server| {
            server.run("REPLICAOF NO ONE");
        },
    },
    State {
        code: "MASTERDOWN",
        arguments: &["--replica-read-only", "no", "--replica-serve-stale-data", "no"],
        enter: |server, _| {
            server.run(&format!("REPLICAOF 127.0.0.1 {}", free_port()));
        },
        leave: |server| {
            server.run("REPLICAOF NO ONE");
        },
    },
    State {
        code: "CLUSTERDOWN",
        arguments: &["--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf"],
        enter: |_, _| {},
        leave: |server| {
            server.run("CLUSTER ADDSLOTSRANGE 0 16383");
        },
    },
    State {
        code: "BUSY",
        arguments: &["--busy-reply-threshold", "1"],
        enter: |server, _| {
            let mut endless = redis::cmd("EVAL");
            endless.arg("while true do end").arg(0);
            let mut stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
            stream.write_all(&endless.get_packed_command()).unwrap();
            await_that("it is busy", || matches!(server.run("PING"), Value::ServerError(_)));
        },
        leave: |server| {
            server.run("SCRIPT KILL");
        },
    },
    State {
        code: "OOM",
        arguments: &[],
        enter: |server, _| set(server, "maxmemory 1"),
        leave: |server| set(server, "maxmemory 0"),
    },
    State {
        code: "NOREPLICAS",
        arguments: &["--min-replicas-to-write", "1"],
        enter: |_, _| {},
        leave: |server| set(server, "min-replicas-to-write 0"),
    },
    State {
        code: "MISCONF",
        arguments: &[],
        enter: |server, folder| {
            server.run_args(&[b"CONFIG", b"SET", b"save", b"3600 1"]);
            // It cannot be replaced by a file.
            std::fs::create_dir(folder.join("data.rdb")).unwrap();
            server.run("BGSAVE");
            await_that("it cannot save", || server.text("INFO persistence").contains("rdb_last_bgsave_status:err"));
        },
        leave: |server| set(server, "stop-writes-on-bgsave-error no"),
    },
];

fn set(server: &RedisServer, setting: &str) {
    assert_eq!(server.run(&format!("CONFIG SET {setting}")), Value::Okay, "{setting}");
}

fn discovery(settings: &SourceSettings, max_wait: Duration) -> (Enumerator, Result<bool, String>) {
    let enumerator = Enumerator::new(settings.clone()).unwrap();
    let result = discover(&enumerator, max_wait);
    (enumerator, result)
}

fn discover(enumerator: &Enumerator, max_wait: Duration) -> Result<bool, String> {
    let request = DiscoverRequest { parallelism: 1, restored: false, known: Vec::new() };
    enumerator.discover(&request, max_wait).map(|found| found.is_some()).map_err(|error| error.to_string())
}

#[test]
fn states_that_pass_are_waited_for_and_told() {
    for State { code, arguments, enter, leave } in STATES {
        let folder = Folder::new();
        let own = ["--dir", folder.0.to_str().unwrap(), "--dbfilename", "data.rdb"];
        let mut server = RedisServer::start_with(&[&own[..], arguments].concat());
        enter(&mut server, &folder.0);
        let patient = settings(server.port, "");
        let mut impatient = patient.clone();
        impatient.connection.retry_timeout_millis = 200;
        let error = discovery(&impatient, PATIENCE).1.unwrap_err();
        for part in
            ["source topic 't' (redis://127.0.0.1:", "gave up after", "(retryTimeoutMillis): ", &format!(": {code} ")]
        {
            assert!(error.contains(part), "{code}: {error}");
        }
        let (enumerator, first) = discovery(&patient, Duration::from_millis(100));
        assert_eq!(first, Ok(false), "{code}");
        leave(&server);
        assert_eq!(discover(&enumerator, PATIENCE), Ok(true), "{code}");
    }
}

#[test]
fn a_server_that_has_enough_clients_is_waited_for_and_told() {
    let server = RedisServer::start();
    let proxy = Proxy::to(server.port);
    let control = Control::to(server.port);
    let patient = settings(proxy.port, r#""numPartitions":8,"#);
    let mut impatient = patient.clone();
    impatient.connection.retry_timeout_millis = 200;

    control.set("maxclients 1");
    let error = discovery(&impatient, PATIENCE).1.unwrap_err();
    let parts = ["gave up after", "ERR max number of clients reached; raise the server's `maxclients`"];
    // The server hangs up behind its answer: what arrives first is chance.
    assert!(error.contains(parts[0]), "{error}");
    assert!(error.contains(parts[1]) || error.contains("connection"), "{error}");
    let (enumerator, first) = discovery(&patient, Duration::from_millis(100));
    assert_eq!(first, Ok(false));
    control.set("maxclients 1000");
    assert_eq!(discover(&enumerator, PATIENCE), Ok(true));

    // Source and sink, from the start and in the middle of their work.
    let splits = reading::discover(&patient, false, &[]);
    control.set("maxclients 1");
    let mut job = Job::start(&patient, splits);
    let writer = Writer::new(writing::settings(proxy.port, "")).unwrap();
    write(&writer, &batch(0, 0..10));
    await_that("all of them were refused", || job.reader.stats().reconnects >= 8 && writer.stats().reconnects >= 2);
    for round in 0..2 {
        control.set("maxclients 1000");
        flush(&writer);
        job.poll_for((round + 1) * 10);
        if round == 0 {
            let before = (job.reader.stats().reconnects, writer.stats().reconnects);
            control.set("maxclients 1");
            proxy.reset();
            write(&writer, &batch(0, 10..20));
            await_that("all of them were refused again", || {
                job.reader.stats().reconnects >= before.0 + 16 && writer.stats().reconnects >= before.1 + 2
            });
        }
    }
    // A write whose reply was lost with the connection is there twice: the sink is one that writes at least once.
    let written = server.numbers("t:0");
    job.poll_for(written.len());
    assert_eq!(job.emitted[&0], written);
    assert!((0..20).all(|number| written.contains(&number)), "{written:?}");
}

/// A connection that was there before the server had too many.
struct Control(std::sync::Mutex<TcpStream>);

impl Control {
    fn to(port: u16) -> Self {
        Self(std::sync::Mutex::new(TcpStream::connect(("127.0.0.1", port)).unwrap()))
    }

    fn set(&self, setting: &str) {
        let mut stream = self.0.lock().unwrap();
        stream.write_all(format!("CONFIG SET {setting}\r\n").as_bytes()).unwrap();
        let mut answer = [0; 5];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"+OK\r\n", "{setting}");
    }
}

struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("flink-redis-states-{}-{}", std::process::id(), free_port()));
        std::fs::create_dir(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
