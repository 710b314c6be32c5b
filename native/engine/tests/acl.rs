//! The commands that a user needs, as docs/errors.md lists them: with just these all works, without one the error names
//! it.

#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::time::{Duration, Instant};

use flink_redis_engine::config::Secret;
use flink_redis_engine::enumerator::{DiscoverRequest, Enumerator};
use flink_redis_engine::sink::{Committer, Lane, Writer};
use support::reading::{self, Job};
use support::writing::{self, batch, batch_of};
use support::{PATIENCE, RedisServer};

const SOURCE: &[&str] = &["xgroup", "xinfo", "xpending", "xclaim", "xreadgroup", "xrange", "xack"];
const SOURCE_BY_POSITION: &[&str] = &["xgroup", "xinfo", "xpending", "xread"];
const SOURCE_BY_POSITION_OF_PENDING: &[&str] = &["xgroup", "xinfo", "xpending", "xread", "xclaim", "xrange", "xack"];
const SINK: &[&str] = &["xadd"];
const EXACTLY_ONCE_SINK: &[&str] =
    &["xadd", "xrange", "xlen", "watch", "get", "set", "del", "sadd", "srem", "smembers", "expire", "multi", "exec"];
const HASH_SINK: &[&str] = &["hset", "expire"];
const DEAD_LETTERS: &[&str] = &["xadd", "hset"];

/// What a user does: `Err` is how it failed.
type Work = fn(&RedisServer) -> Result<(), String>;

#[test]
fn a_user_needs_these_commands_and_is_told_which_one_is_missing() {
    let server = RedisServer::start();
    for (what, commands, work) in [
        ("a source", SOURCE, read_and_acknowledge as Work),
        ("a source that commits positions", SOURCE_BY_POSITION, read_by_position),
        (
            "a source that commits positions of a group with pending entries",
            SOURCE_BY_POSITION_OF_PENDING,
            read_pending_by_position,
        ),
        ("a sink", SINK, append),
        ("an exactly-once sink", EXACTLY_ONCE_SINK, stage_commit_and_clean_up),
        ("a hash sink with a time to live", HASH_SINK, set_hashes),
        ("a hash sink with dead letters", DEAD_LETTERS, set_hashes_and_bury),
    ] {
        let run = |permitted: &[&str]| {
            server.run("FLUSHALL");
            server.run("ACL DELUSER app");
            let permitted: Vec<String> = permitted.iter().map(|command| format!("+{command}")).collect();
            let keys = "~t:* ~{t:* ~k* ~dead";
            let made = server.run(&format!("ACL SETUSER app on >pw {keys} -@all {}", permitted.join(" ")));
            assert_eq!(made, redis::Value::Okay);
            work(&server)
        };
        assert_eq!(run(commands), Ok(()), "{what}, with all that it needs");
        for missing in commands {
            let rest: Vec<&str> = commands.iter().copied().filter(|command| command != missing).collect();
            let error = run(&rest).expect_err(&format!("{what} does not need {missing}"));
            let error = error.to_lowercase();
            let named = error.contains(&format!("'{missing}")) || error.contains(&format!("{missing} "));
            assert!(error.contains("noperm") && named, "{what} without {missing}: {error}");
            assert!(error.contains("give the user this permission"), "{error}");
        }
    }
}

/// Without `MULTI` a server carries out by itself each command that comes behind it.
#[test]
fn without_multi_nothing_is_staged_whatever_else_is_missing() {
    let server = RedisServer::start();
    for missing in [&["multi"][..], &["multi", "sadd"], &["multi", "expire"], &["multi", "sadd", "expire"]] {
        let permitted: Vec<String> =
            EXACTLY_ONCE_SINK.iter().filter(|name| !missing.contains(name)).map(|name| format!("+{name}")).collect();
        server.run("ACL DELUSER app");
        server.run(&format!("ACL SETUSER app on >pw ~t:* ~{{t:* -@all {}", permitted.join(" ")));
        let writer = writer(&server, r#""staging":{"lane":"lane","incarnation":"aa"},"#);
        let error = write(&writer, &batch(0, 0..300)).expect_err("it may not be staged");
        assert!(error.contains("MULTI: NOPERM") && error.contains("give the user this permission"), "{error}");
        assert_eq!(server.int("DBSIZE"), 0, "without {missing:?}");
    }
}

fn as_user(settings: &mut flink_redis_engine::config::ConnectionSettings) {
    settings.user = "app".to_owned();
    settings.password = Secret::new("pw");
}

/// Reads 20 entries, of which another client had 5 pending, until a checkpoint has acknowledged them.
fn read_and_acknowledge(server: &RedisServer) -> Result<(), String> {
    server.add("t:0", 0..20);
    server.run("XGROUP CREATE t:0 g 0");
    server.run("XREADGROUP GROUP g someone COUNT 5 STREAMS t:0 >");
    read(server, r#""claimMinIdleMillis":0,"#, || server.pending("t:0", "g") == 0)
}

fn read_by_position(server: &RedisServer) -> Result<(), String> {
    server.add("t:0", 0..20);
    read(server, r#""ackStrategy":"COMMIT_POSITION","#, || server.lag("t:0") == 0)
}

fn read_pending_by_position(server: &RedisServer) -> Result<(), String> {
    server.add("t:0", 0..20);
    server.run("XGROUP CREATE t:0 g 0");
    server.run("XREADGROUP GROUP g someone COUNT 5 STREAMS t:0 >");
    read(server, r#""ackStrategy":"COMMIT_POSITION","claimMinIdleMillis":0,"#, || {
        server.lag("t:0") == 0 && server.pending("t:0", "g") == 0
    })
}

fn read(server: &RedisServer, more: &str, acknowledged: impl Fn() -> bool) -> Result<(), String> {
    let mut settings = reading::settings(server.port, more);
    as_user(&mut settings.connection);
    let request = DiscoverRequest { parallelism: 1, restored: false, known: Vec::new() };
    let enumerator = Enumerator::new(settings.clone()).unwrap();
    let found = enumerator.discover(&request, PATIENCE).map_err(|error| error.to_string())?.unwrap();
    let mut job = Job::start(&settings, found.splits);
    let begin = Instant::now();
    let mut completed = false;
    loop {
        assert!(begin.elapsed() < PATIENCE, "{:?}", job.reader.stats());
        job.poll(Duration::from_millis(20)).map_err(|error| error.to_string())?;
        if job.count() >= 20 && !completed {
            job.complete_checkpoint();
            completed = true;
        }
        if completed && acknowledged() {
            return Ok(());
        }
    }
}

fn append(server: &RedisServer) -> Result<(), String> {
    write(&writer(server, ""), &batch(0, 0..10))
}

fn set_hashes(server: &RedisServer) -> Result<(), String> {
    write(
        &writer(server, r#""kind":"HASH","ttlSeconds":60,"#),
        &batch_of(&[&[("k1", ""), ("n", "1")], &[("k2", ""), ("n", "2")]]),
    )
}

fn set_hashes_and_bury(server: &RedisServer) -> Result<(), String> {
    server.run("SET k1 text");
    write(
        &writer(server, r#""kind":"HASH","deadLetterStream":"dead","#),
        &batch_of(&[&[("k1", ""), ("n", "1")], &[("k2", ""), ("n", "2")]]),
    )?;
    assert_eq!(server.int("XLEN dead"), 1);
    Ok(())
}

fn stage_commit_and_clean_up(server: &RedisServer) -> Result<(), String> {
    let writer = writer(server, r#""staging":{"lane":"lane","incarnation":"aa"},"#);
    write(&writer, &batch(0, 0..300))?;
    let prepared = serde_json::to_string(&writer.prepare()).unwrap();
    let committables: Vec<_> = serde_json::from_str(&prepared).unwrap();
    write(&writer, &batch(0, 300..310))?;
    let mut settings = writing::settings(server.port, "");
    as_user(&mut settings.connection);
    let committer = Committer::new(settings).unwrap();
    assert!(committer.commit(&committables, PATIENCE).map_err(|error| error.to_string())?);
    assert!(committer.commit(&committables, PATIENCE).map_err(|error| error.to_string())?, "again");
    let lanes = [Lane { lane: "lane".into(), incarnation: "bb".into(), epoch: 1 }];
    assert!(committer.recover(&lanes, PATIENCE).map_err(|error| error.to_string())?);
    assert_eq!(server.int("XLEN t:0"), 300);
    assert_eq!(server.int("EXISTS {t:0}:staging:lane:2:aa"), 0);
    Ok(())
}

fn writer(server: &RedisServer, more: &str) -> Writer {
    let mut settings = writing::settings(server.port, more);
    as_user(&mut settings.connection);
    Writer::new(settings).unwrap()
}

fn write(writer: &Writer, batch: &[u8]) -> Result<(), String> {
    assert!(writer.write(batch, PATIENCE).map_err(|error| error.to_string())?);
    assert!(writer.flush(PATIENCE).map_err(|error| error.to_string())?);
    Ok(())
}
