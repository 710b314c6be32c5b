//! The source in a real cluster.

#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use flink_redis_engine::enumerator::{DiscoverRequest, Enumerator};
use support::cluster::{Cluster, connection_json};
use support::reading::{Job, settings_over};
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

/// Adds numbers to each of four partitions, a few at a time, while `meanwhile` goes on, and once more when it is over. The job reads and
/// takes checkpoints all the time. Gives how many there are in each partition.
fn under_load(cluster: &Cluster, job: &mut Job, meanwhile: impl FnOnce() + Send) -> u64 {
    let over = AtomicBool::new(false);
    let added = AtomicU64::new(0);
    std::thread::scope(|threads| {
        threads.spawn(|| {
            meanwhile();
            over.store(true, Ordering::SeqCst);
        });
        let producer = threads.spawn(|| {
            loop {
                let last = over.load(Ordering::SeqCst);
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
        let added = under_load(&cluster, &mut job, || {
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
