//! The sinks against a real cluster: slots that move while records are written, and masters that go.

#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use flink_redis_engine::config::SinkSettings;
use flink_redis_engine::sink::{Committable, Committer, Writer};
use redis::Value;
use support::cluster::Cluster;
use support::writing::{batch, batch_of, commit, flush, prepared, settings_over, write};
use support::{PATIENCE, SetOnDrop, await_that};

const PARTITIONS: u64 = 6;

fn settings(cluster: &Cluster, more: &str) -> SinkSettings {
    SinkSettings { num_partitions: PARTITIONS as u32, ..settings_over(&cluster.connection_json(), more) }
}

fn text(value: &Value) -> String {
    match value {
        Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        other => panic!("{other:?}"),
    }
}

fn numbers(cluster: &Cluster, stream: &str) -> Vec<u64> {
    let number = |entry: &Value| text(&entry.as_sequence().unwrap()[1].as_sequence().unwrap()[1]).parse().unwrap();
    cluster.run(stream, &format!("XRANGE {stream} - +")).as_sequence().unwrap().iter().map(number).collect()
}

/// Writes the same numbers to each partition, all the time; `meanwhile` may wait for progress. Gives how many.
fn under_load(writer: &Writer, meanwhile: impl FnOnce(&AtomicU64)) -> u64 {
    let (written, done) = (AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|threads| {
        threads.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let from = written.load(Ordering::Relaxed);
                (0..PARTITIONS as i32).for_each(|partition| write(writer, &batch(partition, from..from + 10)));
                written.store(from + 10, Ordering::Relaxed);
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
        });
        let _done = SetOnDrop(&done);
        meanwhile(&written);
    });
    written.into_inner()
}

/// So much more is confirmed.
fn await_progress(writer: &Writer, records: u64) {
    let before = writer.stats().confirmed;
    await_that("records are confirmed", || writer.stats().confirmed >= before + records);
}

/// The slot goes to another node and comes back, with a long stay between the two each time.
fn there_and_back(cluster: &Cluster, slot: u16, mut linger: impl FnMut()) {
    let home = cluster.owner_of_slot(slot);
    for to in [(home + 1) % 3, home] {
        let migration = cluster.begin_migration(slot, to);
        linger();
        cluster.move_keys(&migration);
        linger();
        cluster.end_migration(&migration);
        linger();
    }
}

#[test]
fn streams_keep_their_order_while_slots_move() {
    let cluster = Cluster::start(3, 0);
    let writer = Writer::new(settings(&cluster, "")).unwrap();
    let written = under_load(&writer, |_| {
        for partition in 0..2 {
            there_and_back(&cluster, cluster.slot(&format!("t:{partition}")), || await_progress(&writer, 500));
        }
    });
    flush(&writer);
    // No connection was lost, so nothing was sent again that had been taken.
    for partition in 0..PARTITIONS {
        assert_eq!(numbers(&cluster, &format!("t:{partition}")), (0..written).collect::<Vec<_>>(), "{partition}");
    }
    assert_eq!(writer.stats().in_flight_bytes, 0);
    let connections: usize = cluster.nodes.iter().map(|node| node.connections("flink-test")).sum();
    assert!(connections <= 6, "{connections} connections are left of many rounds");
}

#[test]
fn the_last_write_to_each_key_stays_the_last_while_slots_move() {
    let cluster = Cluster::start(3, 0);
    // Forty keys of one slot, and some of others.
    let key = |n: u64| if n % 50 < 40 { format!("{{k}}{}", n % 50) } else { format!("k{}", n % 50) };
    let slot = cluster.slot("{k}");
    for ttl in [0, 600] {
        let writer = Writer::new(settings(&cluster, &format!(r#""kind":"HASH","ttlSeconds":{ttl},"#))).unwrap();
        let (done, mut written) = (AtomicBool::new(false), 0);
        std::thread::scope(|threads| {
            let load = threads.spawn(|| {
                let mut n = 0u64;
                while !done.load(Ordering::Relaxed) || !n.is_multiple_of(50) {
                    write(&writer, &batch_of(&[&[(key(n).as_str(), ""), ("n", n.to_string().as_str())]]));
                    n += 1;
                }
                n
            });
            let done = SetOnDrop(&done);
            for to in [0, 1, 2] {
                let migration = cluster.begin_migration(slot, to);
                for moved in 0..40 {
                    // New keys and old ones, one after the other.
                    let (from, port) = (&cluster.nodes[migration.from], cluster.nodes[to].port.to_string());
                    if migration.from != migration.to {
                        let key = format!("{{k}}{moved}");
                        from.run(&format!("MIGRATE 127.0.0.1 {port} {key} 0 5000"));
                    }
                    await_progress(&writer, 20);
                }
                cluster.move_keys(&migration);
                cluster.end_migration(&migration);
                await_progress(&writer, 200);
                if to == 0 {
                    assert_eq!(cluster.run("{k}", "DEL {k}7 {k}8"), Value::Int(2));
                }
            }
            drop(done);
            written = load.join().unwrap();
        });
        flush(&writer);
        for n in written - 50..written {
            let key = key(n);
            assert_eq!(text(&cluster.run(&key, &format!("HGET {key} n"))), n.to_string(), "{key}");
            assert_eq!(cluster.run(&key, &format!("TTL {key}")) == Value::Int(-1), ttl == 0);
        }
    }
}

#[test]
fn what_is_staged_is_committed_once_and_in_order_while_slots_move() {
    let cluster = Cluster::start(3, 0);
    let writer = Writer::new(settings(&cluster, r#""staging":{"lane":"lane","incarnation":"aa"},"#)).unwrap();
    let committer = Committer::new(settings(&cluster, "")).unwrap();
    let (done, mut written) = (AtomicBool::new(false), 0);
    let slot = cluster.slot("t:0");
    std::thread::scope(|threads| {
        let load = threads.spawn(|| {
            let (mut from, mut before): (u64, Vec<Committable>) = (0, Vec::new());
            while !done.load(Ordering::Relaxed) {
                for _ in 0..10 {
                    (0..PARTITIONS as i32).for_each(|partition| write(&writer, &batch(partition, from..from + 10)));
                    from += 10;
                }
                // A checkpoint; the one before it completes, late.
                let staged = prepared(&writer);
                commit(&committer, &before);
                before = staged;
            }
            commit(&committer, &before);
            from
        });
        let done = SetOnDrop(&done);
        // An epoch can't be opened or committed while the slot is on its way: it waits.
        let linger = || std::thread::sleep(std::time::Duration::from_millis(300));
        there_and_back(&cluster, slot, linger);
        there_and_back(&cluster, cluster.slot("t:1"), linger);
        drop(done);
        written = load.join().unwrap();
    });
    for partition in 0..PARTITIONS {
        assert_eq!(numbers(&cluster, &format!("t:{partition}")), (0..written).collect::<Vec<_>>(), "{partition}");
    }
    let left: Vec<String> = cluster
        .nodes
        .iter()
        .flat_map(|node| node.run("KEYS *staging*").as_sequence().unwrap().iter().map(text).collect::<Vec<_>>())
        .filter(|key| !key.ends_with(":committed"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn dead_letters_go_to_the_node_that_has_their_stream() {
    let cluster = Cluster::start(3, 0);
    let stream = (0..).map(|n| format!("t:{n}")).find(|stream| cluster.owner(stream) != cluster.owner("dead")).unwrap();
    let partition = stream[2..].parse().unwrap();
    cluster.run(&stream, &format!("SET {stream} text"));
    let writer = Writer::new(settings(&cluster, r#""deadLetterStream":"dead","#)).unwrap();
    write(&writer, &batch(partition, 0..20));
    flush(&writer);
    assert_eq!(cluster.run("dead", "XLEN dead"), Value::Int(20));
    assert_eq!(writer.stats().dead_letters, 20);
}

#[test]
fn a_slot_that_nobody_serves_is_waited_for_and_then_fails_the_writer() {
    let cluster = Cluster::start(3, 0);
    let mut settings = settings(&cluster, "");
    settings.connection.retry_timeout_millis = 1000;
    let owner = &cluster.nodes[cluster.owner("t:0")];
    let command = format!("CLUSTER DELSLOTS {}", cluster.slot("t:0"));
    cluster.nodes.iter().for_each(|node| _ = node.run(&command));
    let writer = Writer::new(settings).unwrap();
    write(&writer, &batch(0, 0..10));
    let error = writer.flush(PATIENCE).unwrap_err().to_string();
    assert!(error.contains("gave up after") && error.contains("CLUSTERDOWN"), "{error}");
    assert_eq!(owner.int("DBSIZE"), 0);
}

#[test]
fn a_master_that_dies_loses_nothing_that_a_replica_has_acknowledged() {
    let mut cluster = Cluster::start(3, 1);
    let master = cluster.owner("t:0");
    // A second replica, so that one is left when the first is promoted.
    let second = cluster.add_node();
    cluster.replicate(second, master);
    let writer = Writer::new(settings(&cluster, r#""minReplicasToAck":1,"#)).unwrap();
    let staging = r#""minReplicasToAck":1,"staging":{"lane":"lane","incarnation":"aa"},"#;
    let staging = SinkSettings { topic: "{t:0}s".into(), ..settings(&cluster, staging) };
    let stager = Writer::new(staging.clone()).unwrap();
    (0..50).for_each(|n| write(&stager, &batch(0, n * 10..n * 10 + 10)));
    let staged = prepared(&stager);
    let (done, written) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|threads| {
        threads.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let from = written.load(Ordering::Relaxed);
                (0..PARTITIONS as i32).for_each(|partition| write(&writer, &batch(partition, from..from + 10)));
                written.store(from + 10, Ordering::Relaxed);
            }
        });
        let _done = SetOnDrop(&done);
        await_progress(&writer, 2000);
        cluster.nodes[master].kill();
        await_that("a replica is promoted", || {
            cluster.nodes[3..].iter().any(|node| node.text("INFO replication").contains("role:master"))
        });
        cluster.await_health();
        await_progress(&writer, 2000);
    });
    flush(&writer);
    for partition in 0..PARTITIONS {
        // What no replica had acknowledged was sent again, from the oldest on.
        let mut next = 0;
        for number in numbers(&cluster, &format!("t:{partition}")) {
            assert!(number <= next, "{partition}: {number} before {next}");
            next = next.max(number + 1);
        }
        assert_eq!(next, written.load(Ordering::Relaxed), "{partition}");
    }
    let committer = Committer::new(staging).unwrap();
    commit(&committer, &staged);
    assert_eq!(numbers(&cluster, "{t:0}s:0"), (0..500).collect::<Vec<_>>());
}
