//! The source in a real cluster.

#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use flink_redis_engine::enumerator::{DiscoverRequest, Enumerator};
use support::cluster::{Cluster, connection_json};
use support::reading::{Job, settings_over};
use support::{PATIENCE, RedisServer, free_port};

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
