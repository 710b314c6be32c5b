//! The source behind real sentinels.

#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use flink_redis_engine::enumerator::{DiscoverRequest, Enumerator};
use support::reading::{Job, settings_over};
use support::sentinel::{MASTER, NOBODY, Sentinels, connection_json};
use support::{PATIENCE, await_that, free_port};

#[test]
fn the_master_is_followed_by_command_and_when_it_is_killed() {
    let mut deployment = Sentinels::start(2);
    let settings = settings_over(&deployment.connection_json(), "");
    let first = deployment.master();
    deployment.servers[first].add("t:0", 0..100);
    let mut job = Job::fresh(&settings);
    job.poll_for(100);
    let second = deployment.fail_over();
    deployment.servers[second].add("t:0", 100..200);
    job.poll_for(200);
    await_that("all replicas follow", || {
        deployment.servers[second].text("INFO replication").contains("connected_slaves:2")
    });
    deployment.servers[second].kill();
    let third = deployment.await_failover(second);
    deployment.servers[third].add("t:0", 200..300);
    job.poll_for(300);
    assert_eq!(job.emitted[&0], (0..300).collect::<Vec<u64>>());
    job.complete_checkpoint();
    await_that("nothing is pending", || deployment.servers[third].pending("t:0", "g") == 0);
}

/// Why a discovery fails.
fn refused(connection: &str) -> String {
    let request = DiscoverRequest { parallelism: 1, restored: false, known: Vec::new() };
    let settings = settings_over(&connection.replace("15000", "300"), "");
    Enumerator::new(settings).unwrap().discover(&request, PATIENCE).unwrap_err().to_string()
}

#[test]
fn a_user_of_the_sentinels_needs_one_command_and_what_is_wrong_is_told() {
    let deployment = Sentinels::start(0);
    let ports: Vec<u16> = deployment.sentinels.iter().map(|sentinel| sentinel.port).collect();
    for sentinel in &deployment.sentinels {
        sentinel.run("ACL SETUSER app on >s3cret -@all +sentinel|get-master-addr-by-name");
        sentinel.run("ACL SETUSER nobody on >s3cret -@all");
    }
    let app = r#""user":"app","password":"s3cret","#;
    // One that is not there and one that is no sentinel, beside a good one: whichever is asked first.
    let some = connection_json(&[free_port(), deployment.servers[0].port, ports[0]], MASTER, app);
    deployment.servers[0].run("ACL SETUSER app on >s3cret -@all");
    deployment.servers[0].add("t:0", 0..1);
    for _ in 0..5 {
        Job::fresh(&settings_over(&some, "")).poll_for(1);
    }

    for (connection, parts) in [
        (connection_json(&ports, "other", app), ["knows no master 'other'", "check the option `sentinelMaster`"]),
        (
            connection_json(&[free_port(), ports[0]], "other", app),
            ["knows no master 'other'", "check the option `sentinelMaster`"],
        ),
        (
            connection_json(&ports, MASTER, r#""user":"app","password":"wr0ng","#),
            ["options `sentinelUser` and `sentinelPassword`", "WRONGPASS"],
        ),
        (
            connection_json(&ports, MASTER, r#""user":"nobody","password":"s3cret","#),
            ["SENTINEL get-master-addr-by-name: NOPERM", "give the user this permission"],
        ),
        (connection_json(&[free_port()], MASTER, NOBODY), ["gave up after", "check that Redis runs there"]),
    ] {
        let error = refused(&connection);
        assert!(parts.iter().all(|part| error.contains(part)), "{error}");
        assert!(
            error.contains("sentinel 127.0.0.1:") && !error.contains("s3cret") && !error.contains("wr0ng"),
            "{error}"
        );
    }
}

#[test]
fn a_server_that_is_called_the_master_and_is_none_is_not_taken_for_it() {
    let deployment = Sentinels::start(1);
    let [master, replica] = [0, 1].map(|n| deployment.servers[n].port);
    let map = format!(r#""addressMap":{{"127.0.0.1:{master}":"127.0.0.1:{replica}"}}"#);
    let connection = deployment.connection_json().replace(r#""addressMap":{}"#, &map);
    let error = refused(&connection);
    let told = format!("gave up after 127.0.0.1:{replica} is no master, though the sentinels say so");
    assert!(told.split(" after ").all(|part| error.contains(part)), "{error}");

    // Who may not ask finds out at the first write.
    deployment.servers[1].run("ACL SETUSER app on >pw ~* +@all -role");
    let app = connection.replace(r#""user":"default","password":"""#, r#""user":"app","password":"pw""#);
    let error = refused(&app);
    assert!(error.contains("gave up after") && error.contains("READONLY"), "{error}");
}

#[test]
fn a_master_that_is_named_and_not_there_is_waited_for() {
    let deployment = Sentinels::start(0);
    let port = deployment.servers[0].port;
    let nobody = free_port();
    for (reached, told) in [
        (format!("{}:{port}", "x".repeat(70)), "can't be resolved"),
        (format!("127.0.0.1:{nobody}"), "check that Redis runs there"),
    ] {
        let map = format!(r#""addressMap":{{"127.0.0.1:{port}":"{reached}"}}"#);
        let error = refused(&deployment.connection_json().replace(r#""addressMap":{}"#, &map));
        assert!(error.contains("gave up after") && error.contains(told), "{error}");
    }
}
