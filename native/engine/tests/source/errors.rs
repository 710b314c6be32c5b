//! What a user is told of a fault, and what to do.

use std::time::{Duration, Instant};

use flink_redis_engine::config::Deployment;
use flink_redis_engine::config::Split;
use flink_redis_engine::enumerator::{DiscoverRequest, Enumerator};
use flink_redis_engine::error::Error;
use flink_redis_engine::source::Reader;
use flink_redis_engine::stream::{EntryId, Runs};

use crate::support;
use crate::support::reading::{discover, settings};
use crate::support::{PATIENCE, RedisServer};

#[test]
fn final_faults_fail_the_reader_with_what_to_do() {
    let server = RedisServer::start();
    server.run("SET t:0 text");
    let enumerator = Enumerator::new(settings(server.port, "")).unwrap();
    let request = DiscoverRequest { parallelism: 1, restored: false, known: Vec::new() };
    let error = enumerator.discover(&request, PATIENCE).unwrap_err().to_string();
    for part in [
        "source topic 't'",
        &format!("redis://127.0.0.1:{}", server.port),
        "stream 't:0'",
        "WRONGTYPE",
        "choose another `topicName`",
    ] {
        assert!(error.contains(part), "{error}");
    }

    let split = Split { partition: 0, position: EntryId::ZERO, pending: Runs::default(), stopping_id: None };
    let reader = Reader::new(settings(server.port, "")).unwrap();
    reader.add_splits(vec![split]).unwrap();
    let begin = Instant::now();
    let error = loop {
        match reader.poll(Duration::from_millis(100)) {
            Err(error) => break error.to_string(),
            Ok(_) => assert!(begin.elapsed() < PATIENCE),
        }
    };
    assert!(error.contains("source t:0 (redis://") && error.contains("WRONGTYPE"), "{error}");
}

#[test]
fn a_wrong_password_and_a_missing_permission_are_told_and_not_shown() {
    let server = RedisServer::start_with(&["--requirepass", "right"]);
    let mut wrong = settings(server.port, "");
    wrong.connection.password = flink_redis_engine::config::Secret::new("wr0ng");
    let request = DiscoverRequest { parallelism: 1, restored: false, known: Vec::new() };
    let error = Enumerator::new(wrong).unwrap().discover(&request, PATIENCE).unwrap_err().to_string();
    assert!(error.contains("WRONGPASS") && error.contains("`password`") && !error.contains("wr0ng"), "{error}");
    let error =
        Enumerator::new(settings(server.port, "")).unwrap().discover(&request, PATIENCE).unwrap_err().to_string();
    assert!(error.contains("NOAUTH") && error.contains("`password`"), "{error}");
}

#[test]
fn an_unreachable_server_is_given_up_after_the_retry_time() {
    let mut settings = settings(support::free_port(), "");
    settings.connection.retry_timeout_millis = 300;
    let request = DiscoverRequest { parallelism: 1, restored: false, known: Vec::new() };
    let error = Enumerator::new(settings.clone()).unwrap().discover(&request, PATIENCE).unwrap_err().to_string();
    assert!(error.contains("gave up after") && error.contains("check that Redis runs there"), "{error}");
    settings.connection.deployment =
        Deployment::Single { host: "no-such-host.invalid".to_owned(), port: 1, database: 0 };
    let error = Enumerator::new(settings).unwrap().discover(&request, PATIENCE).unwrap_err().to_string();
    assert!(error.contains("no-such-host.invalid") && error.contains("option `host`"), "{error}");
}

#[test]
fn a_discovery_can_be_waited_for_in_parts_and_closed() {
    let enumerator = Enumerator::new(settings(support::free_port(), "")).unwrap();
    let request = DiscoverRequest { parallelism: 1, restored: false, known: Vec::new() };
    assert!(enumerator.discover(&request, Duration::from_millis(1)).unwrap().is_none());
    assert!(enumerator.discover(&request, Duration::from_millis(1)).unwrap().is_none());
    enumerator.close();
    assert!(matches!(enumerator.discover(&request, PATIENCE), Err(Error::Closed)));
}

#[test]
fn a_stream_without_a_partition_number_is_told_of() {
    support::logs::collect();
    let server = RedisServer::start();
    server.run("XADD t * n 1");
    discover(&settings(server.port, ""), false, &[]);
    assert_eq!(support::logs::with(&["key 't' exists, without a partition number"]).len(), 1);
}
