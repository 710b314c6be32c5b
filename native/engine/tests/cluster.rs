//! The source in a real cluster.

#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use flink_redis_engine::enumerator::{DiscoverRequest, Enumerator};
use redis::Value;
use support::cluster::{Cluster, connection_json};
use support::reading::{Job, discover, settings_over};
use support::{PATIENCE, RedisServer, await_that, free_port};

const TOPIC: &str = r#""numPartitions":4,"#;

/// Why a discovery fails.
fn refused(connection: &str) -> String {
    let request = DiscoverRequest { parallelism: 1, restored: false, known: Vec::new() };
    let settings = settings_over(&connection.replace("15000", "300"), "");
    Enumerator::new(settings).unwrap().discover(&request, PATIENCE).unwrap_err().to_string()
}

#[test]
fn finds_the_nodes_from_any_of_them_and_says_what_is_wrong() {
    let cluster = Cluster::start(3, 0);
    for partition in 0..4 {
        cluster.add(&format!("t:{partition}"), 0..10);
    }
    let good = cluster.nodes[1].port;
    let mut job = Job::fresh(&settings_over(&connection_json(&[free_port(), good], ""), TOPIC));
    job.poll_for(40);
    drop(job);

    // A seed whose name is not there, before the good one.
    let gone = free_port();
    let place = |host: &str| format!(r#""host":"{host}","port":{gone}"#);
    let seeds = connection_json(&[gone, good], "").replace(&place("127.0.0.1"), &place("no.such.host.invalid"));
    assert!(seeds.contains("no.such"));
    Job::fresh(&settings_over(&seeds, TOPIC));

    let alone = RedisServer::start();
    let error = refused(&connection_json(&[alone.port], ""));
    assert!(error.contains("cluster support disabled") && error.contains("set useClusterApi(false)"), "{error}");
    let other_than_the_owner = &cluster.nodes[(cluster.owner("t:0") + 1) % 3];
    let error = refused(&support::connection_json(other_than_the_owner.port));
    assert!(error.contains("MOVED") && error.contains("set useClusterApi(true)"), "{error}");
    let error = refused(&connection_json(&[free_port(), free_port()], ""));
    assert!(error.contains("gave up after") && error.contains("check that Redis runs there"), "{error}");
    for node in &cluster.nodes {
        node.run("ACL SETUSER app on >pw ~* +@all -cluster");
    }
    let limited =
        connection_json(&[good], "").replace(r#""user":"default","password":"""#, r#""user":"app","password":"pw""#);
    let error = refused(&limited);
    assert!(error.contains("CLUSTER SLOTS of 127.0.0.1:") && error.contains("'cluster|slots'"), "{error}");
}

/// Adds numbers to each of four partitions, a few at a time, while `meanwhile` goes on, and once more when it is over.
/// The job reads and takes checkpoints all the time. The numbers begin at `from`; gives where they end.
fn under_load(cluster: &Cluster, job: &mut Job, from: u64, meanwhile: impl FnOnce() + Send) -> u64 {
    let added = AtomicU64::new(from);
    std::thread::scope(|threads| {
        let work = threads.spawn(meanwhile);
        let producer = threads.spawn(|| {
            let work = work;
            loop {
                let last = work.is_finished();
                let from = added.load(Ordering::SeqCst);
                (0..4).for_each(|partition| cluster.add(&format!("t:{partition}"), from..from + 20));
                added.store(from + 20, Ordering::SeqCst);
                if last {
                    return;
                }
            }
        });
        let mut checkpoint = Instant::now();
        while !producer.is_finished() {
            job.poll(Duration::from_millis(20)).unwrap();
            if checkpoint.elapsed() > Duration::from_millis(100) {
                job.complete_checkpoint();
                checkpoint = Instant::now();
            }
        }
    });
    added.load(Ordering::SeqCst)
}

/// Each entry once, in order, and nothing is pending in the end.
fn all_was_read(cluster: &Cluster, job: &mut Job, added: u64) {
    job.poll_for(4 * added as usize);
    for partition in 0..4 {
        assert_eq!(job.emitted[&partition], (0..added).collect::<Vec<_>>(), "partition {partition}");
    }
    job.complete_checkpoint();
    for partition in 0..4 {
        let stream = format!("t:{partition}");
        await_that("nothing is pending", || cluster.nodes[cluster.owner(&stream)].pending(&stream, "g") == 0);
    }
}

fn slots(cluster: &Cluster) -> [u16; 4] {
    [0, 1, 2, 3].map(|partition| cluster.slot(&format!("t:{partition}")))
}

#[test]
fn slots_that_move_under_load_are_followed() {
    let cluster = Cluster::start(3, 0);
    for strategy in ["ON_CHECKPOINT", "ON_EMIT", "NOACK", "COMMIT_POSITION"] {
        (0..4).for_each(|partition| {
            cluster.run(&format!("t:{partition}"), &format!("DEL t:{partition}"));
        });
        let more = format!(r#"{TOPIC}"ackStrategy":"{strategy}","#);
        let mut job = Job::fresh(&settings_over(&cluster.connection_json(), &more));
        let added = under_load(&cluster, &mut job, 0, || {
            for round in 0..3 {
                for slot in slots(&cluster) {
                    cluster.migrate(slot, (cluster.owner_of_slot(slot) + 1 + round % 2) % 3);
                }
            }
            // Open for a while: the key has gone ahead of its slot.
            let ahead =
                slots(&cluster).map(|slot| cluster.begin_migration(slot, (cluster.owner_of_slot(slot) + 1) % 3));
            ahead.iter().for_each(|migration| cluster.move_keys(migration));
            let more = cluster.entries("t:0") + 100;
            await_that("keys are written where they are", || cluster.entries("t:0") > more);
            ahead.iter().for_each(|migration| cluster.end_migration(migration));
        });
        all_was_read(&cluster, &mut job, added);
    }
}

/// A node that imports a slot takes commands on a key that is not there yet as if there were none. A reader that waits
/// for Java long enough does not see the slot go away and begin to come again.
#[test]
fn a_stream_that_is_to_come_again_is_not_taken_for_an_empty_one() {
    const ENTRIES: u64 = 10_000;
    let cluster = Cluster::start(2, 0);
    cluster.add("t:0", 0..ENTRIES);
    let small = r#""numPartitions":1,"maxBufferedBytes":20000,"#;
    let settings = settings_over(&cluster.connection_json(), small);
    let splits = discover(&settings, false, &[]);
    Job::start(&settings, splits.clone()).poll_for(ENTRIES as usize);

    let (slot, here) = (cluster.slot("t:0"), cluster.owner("t:0"));
    let there = cluster.begin_migration(slot, 1 - here);
    cluster.move_keys(&there);
    // All was delivered before: it is read by position, where the stream is.
    let mut job = Job::start(&settings, splits);
    await_that("the reader waits for Java", || job.reader.stats().buffered_bytes > 10_000);
    cluster.end_migration(&there);
    cluster.migrate(slot, here);
    let again = cluster.begin_migration(slot, 1 - here);
    job.poll_for(ENTRIES as usize);
    assert_eq!(job.emitted[&0], (0..ENTRIES).collect::<Vec<_>>());
    cluster.move_keys(&again);
    cluster.end_migration(&again);
    job.complete_checkpoint();
    await_that("nothing is pending", || cluster.nodes[1 - here].pending("t:0", "g") == 0);
}

#[test]
fn masters_give_their_place_to_replicas_and_nodes_come_and_go() {
    let mut cluster = Cluster::start(3, 1);
    let quick = cluster.connection_json().replace(r#""maxBackoffMillis":2000"#, r#""maxBackoffMillis":500"#);
    let mut job = Job::fresh(&settings_over(&quick, TOPIC));
    let added = under_load(&cluster, &mut job, 0, || (3..6).for_each(|replica| cluster.fail_over_to(replica)));
    all_was_read(&cluster, &mut job, added);

    // A node of which no setting knows gets the topic's slots, gives them back, and goes for good.
    let guest = cluster.add_node();
    let owners = slots(&cluster).map(|slot| (slot, cluster.owner_of_slot(slot)));
    let added = under_load(&cluster, &mut job, added, || {
        owners.iter().for_each(|(slot, _)| cluster.migrate(*slot, guest));
        let seen = cluster.nodes[guest].int("XLEN t:0");
        await_that("it is written to", || cluster.nodes[guest].int("XLEN t:0") > seen);
        owners.iter().for_each(|(slot, owner)| cluster.migrate(*slot, *owner));
    });
    all_was_read(&cluster, &mut job, added);
    cluster.remove(guest);

    // Every master dies, one after the other; what was there has been replicated.
    for master in 3..6 {
        await_that("the replica is in step", || cluster.nodes[master].int("WAIT 1 1000") == 1);
        cluster.nodes[master].kill();
        cluster.await_promotion(master - 3);
    }
    let begin = Instant::now();
    (0..4).for_each(|partition| cluster.add(&format!("t:{partition}"), added..added + 10));
    all_was_read(&cluster, &mut job, added + 10);
    assert!(begin.elapsed() < Duration::from_secs(4), "{:?}", begin.elapsed());
}

#[test]
fn nodes_are_reached_where_the_map_says() {
    let cluster = Cluster::start(3, 0);
    let good = cluster.nodes[0].port;
    let mut job = None;
    // As behind a NAT: names that cannot be resolved.
    for (n, node) in cluster.nodes.iter().enumerate() {
        node.run(&format!("CONFIG SET cluster-announce-hostname node-{n}.invalid"));
        node.run("CONFIG SET cluster-preferred-endpoint-type hostname");
    }
    await_that("the names are known", || {
        cluster.nodes.iter().all(|node| {
            let slots = format!("{:?}", node.run("CLUSTER SLOTS"));
            (0..3).all(|n| slots.contains(&format!("{:?}", Value::BulkString(format!("node-{n}.invalid").into()))))
        })
    });
    let nodes = [0, 1, 2].map(|n| format!(r#""node-{n}.invalid":"127.0.0.1""#));
    let map = nodes.join(",");
    let mut added = 0;
    for (endpoints, more) in [("hostname", map.as_str()), ("unknown-endpoint", "")] {
        for node in &cluster.nodes {
            node.run(&format!("CONFIG SET cluster-preferred-endpoint-type {endpoints}"));
        }
        let job = job.insert(Job::fresh(&settings_over(&connection_json(&[good], more), TOPIC)));
        let begin = added;
        added = under_load(&cluster, job, begin, || {
            let ahead =
                slots(&cluster).map(|slot| cluster.begin_migration(slot, (cluster.owner_of_slot(slot) + 1) % 3));
            ahead.iter().for_each(|migration| cluster.move_keys(migration));
            let more = cluster.entries("t:0") + 50;
            await_that("keys are written where they are", || cluster.entries("t:0") > more);
            ahead.iter().for_each(|migration| cluster.end_migration(migration));
        });
        job.poll_for(4 * (added - begin) as usize);
        (0..4).for_each(|n| assert_eq!(job.emitted[&n], (begin..added).collect::<Vec<_>>(), "{endpoints}"));
        job.complete_checkpoint();
        for partition in 0..4 {
            let stream = format!("t:{partition}");
            await_that("nothing is pending", || cluster.nodes[cluster.owner(&stream)].pending(&stream, "g") == 0);
        }
    }
}

#[test]
fn a_silent_node_holds_up_no_acknowledgments_of_others() {
    let cluster = Cluster::start_with(3, 0, &["--cluster-require-full-coverage", "no"]);
    let mut job = Job::fresh(&settings_over(&cluster.connection_json(), r#""numPartitions":12,"#));
    (0..12).for_each(|partition| cluster.add(&format!("t:{partition}"), 0..100));
    job.poll_for(1200);
    let silent = cluster.owner("t:0");
    let (theirs, others): (Vec<_>, Vec<_>) =
        (0..12).map(|n| format!("t:{n}")).partition(|stream| cluster.owner(stream) == silent);
    let owners: Vec<_> = others.iter().map(|stream| (stream, cluster.owner(stream))).collect();
    assert!(theirs.len() > 2 && owners.len() > 2, "{theirs:?}");
    cluster.nodes[silent].signal("STOP");
    let begin = Instant::now();
    job.complete_checkpoint();
    await_that("the others are acknowledged", || {
        owners.iter().all(|(stream, owner)| cluster.nodes[*owner].pending(stream, "g") == 0)
    });
    // Less than the timeout of one command.
    assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
    cluster.nodes[silent].signal("CONT");
    await_that("nothing is owed", || job.reader.stats().unacknowledged_entries == 0);
    theirs.iter().for_each(|stream| assert_eq!(cluster.nodes[silent].pending(stream, "g"), 0));
}

#[test]
fn a_user_needs_two_commands_more_than_with_one_server() {
    let cluster = Cluster::start(2, 0);
    // As in docs/errors.md.
    let least = "+client|id +xgroup +xinfo +xpending +xreadgroup +xrange +xack +cluster|slots +asking";
    cluster.nodes.iter().for_each(|node| {
        node.run(&format!("ACL SETUSER app on >pw ~t:* -@all {least}"));
    });
    let app = cluster.connection_json().replace(r#""user":"default","password":"""#, r#""user":"app","password":"pw""#);
    let mut job = Job::fresh(&settings_over(&app, r#""numPartitions":1,"#));
    cluster.add("t:0", 0..10);
    job.poll_for(10);
    let migration = cluster.begin_migration(cluster.slot("t:0"), 1 - cluster.owner("t:0"));
    cluster.move_keys(&migration);
    cluster.add("t:0", 10..20);
    job.poll_for(20);
    cluster.end_migration(&migration);
    job.complete_checkpoint();
    await_that("nothing is pending", || cluster.nodes[migration.to].pending("t:0", "g") == 0);

    let back = cluster.begin_migration(migration.slot, migration.from);
    cluster.nodes.iter().for_each(|node| {
        node.run("ACL SETUSER app -asking");
    });
    cluster.move_keys(&back);
    let begin = Instant::now();
    let error = loop {
        match job.poll(Duration::from_millis(50)) {
            Err(error) => break error.to_string(),
            Ok(_) => assert!(begin.elapsed() < PATIENCE),
        }
    };
    assert!(error.contains("NOPERM") && error.contains("'asking'"), "{error}");
}
