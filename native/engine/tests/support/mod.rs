//! A real redis-server for each test that asks for one, and what tests do with it.

#![allow(dead_code, unreachable_pub, reason = "each test crate uses a part of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

pub mod certificates;
pub mod cluster;
pub mod logs;
pub mod proxy;
pub mod reading;
pub mod sentinel;
pub mod writing;

use std::collections::BTreeSet;
use std::io::{BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use redis::Value;

/// Long enough for a loaded machine; a test that passes never waits for it.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub struct RedisServer {
    child: Mutex<Child>,
    pub port: u16,
    arguments: Vec<String>,
}

impl RedisServer {
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts a server on a free port of loopback, without persistence.
    pub fn start_with(arguments: &[&str]) -> Self {
        loop {
            if let Some(server) = Self::try_start(arguments) {
                return server;
            }
        }
    }

    /// Starts a server; `None`: it has ended, since somebody else has taken a port of it meanwhile.
    pub fn try_start(arguments: &[&str]) -> Option<Self> {
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        let port = free_port();
        let mut server = Self { child: Mutex::new(spawn(port, &arguments)), port, arguments };
        server.answers().then_some(server)
    }

    /// Ends the server with `kill -9`. Everything that was in it is gone.
    pub fn kill(&mut self) {
        let child = self.child.get_mut().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    pub fn start_again(&mut self) {
        self.child = Mutex::new(spawn(self.port, &self.arguments));
        assert!(self.answers(), "redis-server ended");
    }

    /// Returns the number of the server's process.
    pub fn pid(&self) -> u32 {
        self.child.lock().unwrap().id()
    }

    /// Sends `STOP`, `CONT` or `KILL` to the server, while others use it. The shell has a `kill` of its own: a bare
    /// system has no program of that name.
    pub fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.pid());
        let mut shell = Command::new("sh").args(["-c", &kill]).stdin(Stdio::null()).spawn().unwrap();
        let mut status = None;
        await_that(&kill, || {
            status = shell.try_wait().unwrap();
            status.is_some()
        });
        assert!(status.unwrap().success(), "{kill}");
    }

    pub fn is_running(&self) -> bool {
        self.child.lock().unwrap().try_wait().unwrap().is_none()
    }

    /// Waits until it answers; `false`: it has ended, since somebody else has taken its port meanwhile.
    fn answers(&mut self) -> bool {
        let mut ended = false;
        let pid = format!("process_id:{}\r\n", self.child.get_mut().unwrap().id());
        await_that("redis-server answers", || {
            ended = !self.is_running();
            ended
                || match self.try_run(&[b"INFO", b"server"], false) {
                    // Somebody else's: this one is about to find that, and to end.
                    Ok(Value::BulkString(about)) => String::from_utf8_lossy(&about).contains(&pid),
                    // It wants a password.
                    Ok(_) => true,
                    Err(_) => false,
                }
        });
        !ended
    }

    /// Runs a command that is split at spaces; an error reply is a value.
    pub fn run(&self, command: &str) -> Value {
        self.run_args(&command.split(' ').map(str::as_bytes).collect::<Vec<_>>())
    }

    pub fn run_args(&self, arguments: &[&[u8]]) -> Value {
        self.try_run(arguments, false).expect("redis-server answers")
    }

    /// Runs a command, with `ASKING` before it where it goes to a cluster's node that does not own the key yet. An
    /// error: it does not answer.
    pub fn try_run(&self, arguments: &[&[u8]], asking: bool) -> redis::RedisResult<Value> {
        let mut cmd = redis::cmd(std::str::from_utf8(arguments[0]).unwrap());
        arguments[1..].iter().for_each(|argument| {
            cmd.arg(*argument);
        });
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut replies = BufReader::new(stream.try_clone()?);
        let mut parser = redis::Parser::new();
        if asking {
            stream.write_all(&redis::cmd("ASKING").get_packed_command())?;
            parser.parse_value(&mut replies)?;
        }
        stream.write_all(&cmd.get_packed_command())?;
        parser.parse_value(&mut replies)
    }

    pub fn int(&self, command: &str) -> i64 {
        match self.run(command) {
            Value::Int(number) => number,
            other => panic!("{command}: {other:?}"),
        }
    }

    pub fn text(&self, command: &str) -> String {
        match self.run(command) {
            Value::BulkString(bytes) => String::from_utf8(bytes).unwrap(),
            Value::SimpleString(text) => text,
            other => panic!("{command}: {other:?}"),
        }
    }

    /// Adds an entry `n <n>` for each number.
    pub fn add(&self, stream: &str, numbers: std::ops::Range<u64>) {
        let script = "for n = ARGV[1], ARGV[2] do redis.call('XADD', KEYS[1], '*', 'n', n) end";
        if !numbers.is_empty() {
            let (first, last) = (numbers.start.to_string(), (numbers.end - 1).to_string());
            self.run_args(&[b"EVAL", script.as_bytes(), b"1", stream.as_bytes(), first.as_bytes(), last.as_bytes()]);
        }
    }

    /// Returns the fields of each entry, in order.
    pub fn entries(&self, stream: &str) -> Vec<Vec<String>> {
        let text = |value: &Value| match value {
            Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            other => panic!("{other:?}"),
        };
        let fields = |entry: &Value| entry.as_sequence().unwrap()[1].as_sequence().unwrap().iter().map(text).collect();
        self.run(&format!("XRANGE {stream} - +")).as_sequence().unwrap().iter().map(fields).collect()
    }

    /// Returns the value of each entry's first field, in order.
    pub fn numbers(&self, stream: &str) -> Vec<u64> {
        self.entries(stream).iter().map(|fields| fields[1].parse().unwrap()).collect()
    }

    /// Returns how many entries of the group are pending.
    pub fn pending(&self, stream: &str, group: &str) -> i64 {
        match self.run(&format!("XPENDING {stream} {group}")) {
            Value::Array(summary) => match summary[0] {
                Value::Int(count) => count,
                ref other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }

    /// Returns what `CONFIG GET` says.
    pub fn config(&self, name: &str) -> String {
        match self.run(&format!("CONFIG GET {name}")) {
            Value::Array(pair) => match &pair[1] {
                Value::BulkString(text) => String::from_utf8(text.clone()).unwrap(),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }

    /// Returns how many entries the stream's only group has not read.
    pub fn lag(&self, stream: &str) -> i64 {
        let groups = self.run(&format!("XINFO GROUPS {stream}"));
        match groups.as_sequence().and_then(|groups| groups[0].as_sequence()).and_then(|fields| fields.last()) {
            Some(Value::Int(lag)) => *lag,
            other => panic!("{other:?}"),
        }
    }

    /// Counts the connections whose names begin so.
    pub fn connections(&self, prefix: &str) -> usize {
        self.text("CLIENT LIST").lines().filter(|line| line.contains(&format!(" name={prefix}"))).count()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        if let Ok(child) = self.child.get_mut() {
            let _ = child.kill();
            let _ = child.wait();
        }
        // What a replica was sent; a later server on this port must not begin with it.
        let _ = std::fs::remove_file(data_file(self.port));
    }
}

fn data_file(port: u16) -> String {
    format!("/tmp/flink-redis-{port}.rdb")
}

/// Below what the Java tests take, and what systems give to those who name no port: all of these come and go at any
/// time.
const PORTS: std::ops::Range<u16> = 10_000..15_000;

/// Each is given once only: tests that run side by side must not start two servers on one port.
static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

pub fn free_port() -> u16 {
    loop {
        let port = rand::random_range(PORTS);
        if GIVEN.lock().unwrap().insert(port) && TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A configuration file, if there is one, is the first of the arguments.
fn spawn(port: u16, arguments: &[String]) -> Child {
    let file = arguments.first().filter(|argument| !argument.starts_with("--"));
    let arguments = &arguments[usize::from(file.is_some())..];
    Command::new("redis-server")
        .args(file)
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", "/tmp"])
        // Not what somebody else's server has left in that folder.
        .args(["--dbfilename", data_file(port).trim_start_matches("/tmp/")])
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("redis-server is installed")
}

/// Whether this machine has IP version 6; containers often have not.
pub fn has_ipv6() -> bool {
    TcpListener::bind(("::1", 0)).is_ok()
}

/// Sets the flag when it goes, also by a panic: a scope waits for its threads, and they for the flag.
pub struct SetOnDrop<'a>(pub &'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Waits until it holds.
pub fn await_that(what: &str, mut holds: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub fn connection_json(port: u16) -> String {
    format!(
        r#""connection":{{{},"user":"default","password":"","clientName":"flink-test","connectTimeoutMillis":2000,
        "commandTimeoutMillis":3000,"keepaliveMillis":30000,"minBackoffMillis":50,"maxBackoffMillis":2000,
        "retryTimeoutMillis":15000}}"#,
        single_json(port)
    )
}

/// The field `deployment` of connection settings, for one server on loopback.
pub fn single_json(port: u16) -> String {
    format!(r#""deployment":{{"single":{{"host":"127.0.0.1","port":{port},"database":0}}}}"#)
}
