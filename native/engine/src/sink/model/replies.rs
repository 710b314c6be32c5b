//! A sink counts a record as written only by the reply that its command gives on success.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::Handle;

use super::job::settings;
use crate::client::Servers;
use crate::client::simulated::{Machine, Network, Wires, int, ok};
use crate::config::{SinkKind, SinkSettings};
use crate::random;
use crate::sink::record_batch::tests::batch;
use crate::sink::writer::Writer;

/// A server, or a proxy, that gives one reply to the first so many commands of a name. To others it gives the right
/// one.
#[derive(Clone)]
struct Fake {
    command: &'static str,
    reply: &'static [u8],
    left: Arc<AtomicU32>,
}

impl Machine for Fake {
    async fn answer(&self, _: u64, words: Vec<String>) -> Vec<u8> {
        let is_wrong =
            || self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
        match words[0].as_str() {
            command if command == self.command && is_wrong() => self.reply.to_vec(),
            "XADD" => b"$3\r\n1-1\r\n".to_vec(),
            "COMMAND" => b"*1\r\n*0\r\n".to_vec(),
            "HSET" | "EXPIRE" => int(1),
            _ => ok(),
        }
    }
}

/// Two records are written. Gives how often a connection was given up until both were confirmed, or the error.
fn write(kind: SinkKind, more: SinkSettings, command: &'static str, reply: &'static [u8]) -> Result<u64, String> {
    random::seed(7);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let fake = Fake { command, reply, left: Arc::new(AtomicU32::new(2)) };
        let settings = SinkSettings { kind, ..more };
        let servers = Servers::over(settings.connection.clone(), Arc::new(Network::new(fake.clone(), Wires::new(3))));
        let writer = Writer::on(Handle::current(), None, settings, servers);
        for _ in 0..2 {
            let record: &[(&str, &str)] = match kind {
                SinkKind::Stream => &[("f", "v")],
                SinkKind::Json => &[("k", "{}")],
                SinkKind::Hash => &[("k", ""), ("f", "v")],
            };
            writer.write(&batch(&[(0, record)]), Duration::ZERO).unwrap();
        }
        let mut confirmed = Ok(false);
        for _ in 0..600 {
            confirmed = writer.flush(Duration::ZERO).map_err(|error| error.to_string());
            if confirmed != Ok(false) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        writer.crash();
        assert_ne!(confirmed, Ok(false));
        assert!(confirmed.is_err() || fake.left.load(Ordering::Relaxed) == 0, "by {}", String::from_utf8_lossy(reply));
        confirmed.map(|_| writer.stats().reconnects)
    })
}

#[test]
fn another_reply_is_none_and_the_connection_is_given_up() {
    for reply in [&b":1\r\n"[..], b"+OK\r\n", b"+QUEUED\r\n", b"*1\r\n$3\r\n1-1\r\n", b"$-1\r\n", b"*-1\r\n"] {
        assert!(write(SinkKind::Stream, settings(false), "XADD", reply).unwrap() >= 1, "{reply:?}");
    }
    for reply in [&b"$1\r\n1\r\n"[..], b"+OK\r\n", b"+QUEUED\r\n", b"$-1\r\n", b"*0\r\n"] {
        assert!(write(SinkKind::Hash, settings(false), "HSET", reply).unwrap() >= 1, "{reply:?}");
        let expiring = SinkSettings { ttl_seconds: 9, ..settings(false) };
        assert!(write(SinkKind::Hash, expiring, "EXPIRE", reply).unwrap() >= 1, "{reply:?}");
    }
    for reply in [&b":1\r\n"[..], b"+QUEUED\r\n", b"$2\r\nOK\r\n", b"*0\r\n"] {
        assert!(write(SinkKind::Json, settings(false), "JSON.SET", reply).unwrap() >= 1, "{reply:?}");
    }
}

#[test]
fn a_path_that_matches_nothing_is_a_rejection() {
    for ttl_seconds in [0, 9] {
        let path = "$.b.c".to_owned();
        let more = SinkSettings { path: path.clone(), ttl_seconds, ..settings(false) };
        let error = write(SinkKind::Json, more, "JSON.SET", b"$-1\r\n").unwrap_err();
        assert!(error.contains("key 'k', JSON.SET: the path '$.b.c' matches nothing in key 'k'"), "{error}");
        let letters = SinkSettings { path, ttl_seconds, dead_letter_stream: "dead".to_owned(), ..settings(false) };
        assert_eq!(write(SinkKind::Json, letters, "JSON.SET", b"$-1\r\n"), Ok(0));
    }
}

/// A server that is full when the first hash comes, and notes the fields of all.
#[derive(Clone, Default)]
struct FullAtFirst {
    fields: Arc<Mutex<Vec<String>>>,
}

impl Machine for FullAtFirst {
    async fn answer(&self, _: u64, words: Vec<String>) -> Vec<u8> {
        if words[0] != "HSET" {
            return ok();
        }
        let mut fields = self.fields.lock();
        fields.push(words[2].clone());
        if fields.len() == 1 { b"-OOM no memory\r\n".to_vec() } else { int(1) }
    }
}

/// The second write was in flight behind the first one, and taken: it comes once more, behind the first, and not the
/// first alone.
#[test]
fn what_has_overtaken_a_deferred_write_of_its_key_is_written_again() {
    random::seed(7);
    super::paused().block_on(async {
        let server = FullAtFirst::default();
        let settings = SinkSettings { kind: SinkKind::Hash, ..settings(false) };
        let network = Arc::new(Network::new(server.clone(), Wires::new(3)));
        let servers = Servers::over(settings.connection.clone(), network);
        let writer = Writer::on(Handle::current(), None, settings, servers);
        let (one, two) = ([("k", ""), ("f", "1")], [("k", ""), ("g", "2")]);
        writer.write(&batch(&[(0, &one), (0, &two)]), Duration::ZERO).unwrap();
        let mut turns = 0;
        while !writer.flush(Duration::ZERO).unwrap() {
            tokio::time::sleep(Duration::from_millis(10)).await;
            turns += 1;
            assert!(turns < 600, "not confirmed");
        }
        writer.crash();
        assert_eq!(*server.fields.lock(), ["f", "g", "f", "g"]);
    });
}
