//! A bad network: slow, reset, half open, or ended in the middle of a reply. Nothing is lost by it, nothing comes
//! twice.

#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::time::Duration;

use flink_redis_engine::sink::{Committer, Writer};
use support::proxy::Proxy;
use support::reading::{self, Job};
use support::writing::{self, batch, commit, flush, prepared, write};
use support::{RedisServer, await_that};

const ROUNDS: u64 = 8;
const EACH: u64 = 300;

/// What goes wrong in a round.
type Fault = fn(&Proxy, round: u64);

const FAULTS: [(&str, Fault); 4] = [
    ("latency", |proxy, round| proxy.latency(Duration::from_millis(round % 3 * 5))),
    ("resets", |proxy, _| proxy.reset()),
    ("half-open connections", |proxy, round| {
        if round % 3 == 0 {
            proxy.half_open();
        }
    }),
    ("truncated replies", |proxy, round| proxy.truncate_after((round * 977 % 5000) as usize)),
];

/// Short enough that a silent connection is given up while somebody waits.
fn connection(proxy: &Proxy) -> String {
    support::connection_json(proxy.port).replace(r#""commandTimeoutMillis":3000"#, r#""commandTimeoutMillis":500"#)
}

#[test]
fn each_entry_is_read_once_and_acknowledged() {
    for (what, fault) in FAULTS {
        for strategy in ["ON_CHECKPOINT", "ON_EMIT", "NOACK", "COMMIT_POSITION"] {
            let server = RedisServer::start();
            let proxy = Proxy::to(server.port);
            let more = format!(r#""ackStrategy":"{strategy}","#);
            let mut job = Job::fresh(&reading::settings_over(&connection(&proxy), &more));
            for round in 0..ROUNDS {
                fault(&proxy, round);
                server.add("t:0", round * EACH..(round + 1) * EACH);
                job.poll_for(((round + 1) * EACH) as usize);
                job.complete_checkpoint();
            }
            assert_eq!(job.emitted[&0], (0..ROUNDS * EACH).collect::<Vec<_>>(), "{what}, {strategy}");
            await_that("nothing is pending", || server.pending("t:0", "g") == 0);
            if what != "latency" {
                assert!(job.reader.stats().reconnects > 0, "{what}, {strategy}: no connection was lost");
            }
        }
    }
}

#[test]
fn each_record_is_written_in_order_and_staged_once() {
    for (what, fault) in FAULTS {
        let server = RedisServer::start();
        let proxy = Proxy::to(server.port);
        let settings = |more: &str| writing::settings_over(&connection(&proxy), more);
        let writer = Writer::new(settings("")).unwrap();
        let staging = Writer::new(settings(r#""staging":{"lane":"lane","incarnation":"aa"},"#)).unwrap();
        let committer = Committer::new(settings("")).unwrap();
        for round in 0..ROUNDS {
            write(&writer, &batch(0, round * EACH..(round + 1) * EACH));
            write(&staging, &batch(1, round * EACH..(round + 1) * EACH));
            fault(&proxy, round);
            flush(&writer);
            commit(&committer, &prepared(&staging));
        }
        let all: Vec<u64> = (0..ROUNDS * EACH).collect();
        assert_eq!(server.numbers("t:1"), all, "{what}, exactly once");
        // At least once: what was sent again follows what it repeats, so the first of each are in order, and the last
        // of each are.
        let written = server.numbers("t:0");
        assert_eq!(firsts(written.iter()), all, "{what}");
        assert_eq!(firsts(written.iter().rev()), all.into_iter().rev().collect::<Vec<_>>(), "{what}");
        if what != "latency" {
            assert!(writer.stats().reconnects + staging.stats().reconnects > 0, "{what}: no connection was lost");
        }
    }
}

fn firsts<'a>(numbers: impl Iterator<Item = &'a u64>) -> Vec<u64> {
    let mut seen = std::collections::BTreeSet::new();
    numbers.copied().filter(|number| seen.insert(*number)).collect()
}
