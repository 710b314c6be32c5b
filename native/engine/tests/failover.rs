//! Failovers to a replica that lagged: what it kept is emitted once, what was lost is told.

#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use redis::Value;
use support::cluster::Cluster;
use support::reading::{Job, settings_over};
use support::sentinel::Sentinels;
use support::{RedisServer, SetOnDrop, await_that, connection_json, logs};

/// Ends replication. Stopping the replica would not do: when it goes on, it reads what the master has sent it
/// meanwhile.
fn pause_replication(master: &RedisServer) {
    master.run("ACL SETUSER default -psync -sync");
    master.run("CLIENT KILL TYPE replica");
    await_that("no replica is connected", || master.text("INFO replication").contains("connected_slaves:0"));
}

/// The job has read 0 to 149, and completed a checkpoint that holds 0 to 119. The server has lost 100 and all that came
/// later.
struct Lagging<'a> {
    job: Job,
    master: &'a RedisServer,
}

impl<'a> Lagging<'a> {
    fn prepare(connection: &str, more: &str, master: &'a RedisServer) -> Self {
        logs::collect();
        let mut job = Job::fresh(&settings_over(connection, more));
        master.add("t:0", 0..100);
        job.poll_for(100);
        job.complete_checkpoint();
        await_that("the replica is in step", || master.int("WAIT 1 1000") == 1);
        pause_replication(master);
        master.add("t:0", 100..120);
        job.poll_for(120);
        job.complete_checkpoint();
        await_that("all is acknowledged", || job.reader.stats().unacknowledged_entries == 0);
        master.add("t:0", 120..150);
        job.poll_for(150);
        // It notices nothing before the others have written to the new master.
        job.reader.pause_or_resume(&[0], &[]);
        Self { job, master }
    }

    /// After the failover, and others having written 200 to 219 if `written`.
    fn check(mut self, new: &RedisServer, written: bool, unconfirmed: u64) {
        if written {
            new.add("t:0", 200..220);
        }
        self.job.reader.pause_or_resume(&[], &[0]);
        await_that("it is told", || self.job.reader.stats().lost_writes == 1);
        if !written {
            new.add("t:0", 200..220);
        }
        self.job.poll_for(170);
        assert_eq!(self.job.emitted[&0], (0..150).chain(200..220).collect::<Vec<u64>>());
        assert_eq!(new.numbers("t:0"), (0..100).chain(200..220).collect::<Vec<u64>>());
        let [last, behind] = [149, 99].map(|n| self.job.ids[n].to_string());
        let port = self.master.port;
        let told = logs::with(&[
            "source t:0 (",
            &format!(
                "the server has lost writes: {last} was read before and is gone, \
                 and with it all behind {behind} up to it; "
            ),
            &format!("{unconfirmed} of these entries were not acknowledged yet"),
        ]);
        assert_eq!(told.len(), 1, "{port}: {:?}", logs::with(&["lost writes"]));
        self.job.complete_checkpoint();
        await_that("nothing is pending", || new.pending("t:0", "g") == 0);
        assert_eq!(self.job.reader.stats().lost_writes, 1);
    }
}

#[test]
fn behind_sentinels_what_the_replica_kept_is_emitted_once_and_what_is_lost_is_told() {
    for (strategy, unconfirmed, written) in [("ON_CHECKPOINT", 30, true), ("COMMIT_POSITION", 30, false)] {
        let deployment = Sentinels::start(1);
        let old = deployment.master();
        let strategy = format!(r#""ackStrategy":"{strategy}","#);
        let lagging = Lagging::prepare(&deployment.connection_json(), &strategy, &deployment.servers[old]);
        deployment.servers[old].signal("KILL");
        let new = deployment.await_failover(old);
        lagging.check(&deployment.servers[new], written, unconfirmed);
    }
}

#[test]
fn in_a_cluster_what_the_replica_kept_is_emitted_once_and_what_is_lost_is_told() {
    for (strategy, unconfirmed, written) in [("NOACK", 0, true), ("ON_CHECKPOINT", 30, false)] {
        let cluster = Cluster::start(3, 1);
        let old = cluster.owner("t:0");
        let strategy = format!(r#""ackStrategy":"{strategy}","#);
        let lagging = Lagging::prepare(&cluster.connection_json(), &strategy, &cluster.nodes[old]);
        cluster.nodes[old].signal("KILL");
        cluster.await_promotion(3 + old);
        lagging.check(&cluster.nodes[3 + old], written, unconfirmed);
    }
}

#[test]
fn a_master_that_is_killed_under_load_costs_nothing_of_what_its_replica_has() {
    let deployment = Sentinels::start(1);
    let old = deployment.master();
    let mut job = Job::fresh(&settings_over(&deployment.connection_json(), ""));
    let (master, over) = (AtomicUsize::new(old), AtomicBool::new(false));
    std::thread::scope(|threads| {
        let producer = threads.spawn(|| {
            for number in 0.. {
                let number = format!("{number}");
                let add = ["XADD", "t:0", "*", "n", &number].map(str::as_bytes);
                // Each at most once: one that fails is left out.
                let _ = deployment.servers[master.load(Ordering::SeqCst)].try_run(&add, false);
                if over.load(Ordering::SeqCst) {
                    return;
                }
            }
        });
        let over = SetOnDrop(&over);
        job.poll_for(500);
        deployment.servers[old].signal("KILL");
        master.store(deployment.await_failover(old), Ordering::SeqCst);
        let before = job.count();
        job.poll_for(before + 500);
        drop(over);
        producer.join().unwrap();
    });
    let new = &deployment.servers[master.into_inner()];
    let kept = new.numbers("t:0");
    job.poll_until("the last one", |job| job.emitted[&0].last() == kept.last());
    let emitted = &job.emitted[&0];
    assert!(emitted.windows(2).all(|pair| pair[0] < pair[1]), "each at most once, in order");
    let lost: Vec<_> = emitted.iter().filter(|number| kept.binary_search(number).is_err()).collect();
    assert_eq!(emitted.len(), kept.len() + lost.len(), "all that was kept; lost: {lost:?}");
    job.complete_checkpoint();
    await_that("nothing is pending", || new.pending("t:0", "g") == 0);
}

#[test]
fn no_loss_is_told_of_entries_that_were_deleted_or_trimmed() {
    let server = RedisServer::start();
    // It waits before it connects again: meanwhile others write and delete.
    let patient = connection_json(server.port).replace(r#""minBackoffMillis":50,"#, r#""minBackoffMillis":500,"#);
    let mut job = Job::fresh(&settings_over(&patient, ""));
    for (round, deletion) in
        ["XDEL t:0 {last}", "XTRIM t:0 MAXLEN 5", "XTRIM t:0 MAXLEN 3", "XTRIM t:0 MAXLEN 0"].iter().enumerate()
    {
        let from = 100 * round as u64;
        server.add("t:0", from..from + 10);
        job.poll_until("the first ones", |job| job.emitted.get(&0).is_some_and(|all| all.last() == Some(&(from + 9))));
        let last = job.ids.last().unwrap().to_string();
        let reconnects = job.reader.stats().reconnects;
        server.run("CLIENT KILL TYPE normal");
        server.add("t:0", from + 10..from + 15);
        assert!(matches!(server.run(&deletion.replace("{last}", &last)), Value::Int(1..)), "{deletion}");
        await_that("it connects again", || job.reader.stats().reconnects > reconnects);
        server.add("t:0", from + 15..from + 20);
        job.poll_until("the last one", |job| job.emitted[&0].last() == Some(&(from + 19)));
        assert_eq!(job.reader.stats().lost_writes, 0, "{deletion}");
    }
}

#[test]
fn a_user_who_may_not_look_for_losses_reads_on() {
    let server = RedisServer::start();
    server.run("ACL SETUSER app on >pw ~* -@all +xgroup +xinfo +xpending +xread");
    let app =
        connection_json(server.port).replace(r#""user":"default","password":"""#, r#""user":"app","password":"pw""#);
    let mut job = Job::fresh(&settings_over(&app, r#""ackStrategy":"COMMIT_POSITION","#));
    for round in 0..3 {
        server.add("t:0", round * 10..(round + 1) * 10);
        job.poll_for((round as usize + 1) * 10);
        server.run("CLIENT KILL TYPE normal");
    }
    assert_eq!(job.emitted[&0], (0..30).collect::<Vec<u64>>());
}
