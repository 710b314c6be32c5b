//! A writer and a committer as Java drives them.

use std::time::{Duration, Instant};

use flink_redis_engine::config::SinkSettings;
use flink_redis_engine::sink::{Committable, Committer, Writer};

use super::{PATIENCE, RedisServer, connection_json};

/// Makes settings of one server, topic `t` of two partitions; `more` are fields of the settings' JSON, each ended by a
/// comma.
pub fn settings(port: u16, more: &str) -> SinkSettings {
    settings_over(&connection_json(port), more)
}

/// The same, with connection settings of one's own: `"connection":{…}`.
pub fn settings_over(connection: &str, more: &str) -> SinkSettings {
    let bytes = if more.contains("maxInFlightBytes") { "" } else { r#""maxInFlightBytes":1048576,"# };
    let json = format!(r#"{{{connection},{bytes}{more}"topic":"t","numPartitions":2}}"#);
    SinkSettings::from_json(&json).unwrap()
}

/// Makes a batch of records `n <number>`.
pub fn batch(partition: i32, numbers: std::ops::Range<u64>) -> Vec<u8> {
    let mut out = vec![1, 0, 0, 0];
    out.extend_from_slice(&((numbers.end - numbers.start) as u32).to_le_bytes());
    for number in numbers {
        let mut strings = Vec::new();
        for text in ["n".to_owned(), number.to_string()] {
            strings.extend_from_slice(&(text.len() as u32).to_le_bytes());
            strings.extend_from_slice(text.as_bytes());
        }
        out.extend_from_slice(&partition.to_le_bytes());
        out.extend_from_slice(&1u32.to_le_bytes());
        out.extend_from_slice(&(strings.len() as u32).to_le_bytes());
        out.extend_from_slice(&strings);
    }
    out
}

/// Makes a batch of records with these pairs.
pub fn batch_of(records: &[&[(&str, &str)]]) -> Vec<u8> {
    let mut out = vec![1, 0, 0, 0];
    out.extend_from_slice(&(records.len() as u32).to_le_bytes());
    for pairs in records {
        let mut strings = Vec::new();
        for text in pairs.iter().flat_map(|(name, value)| [name, value]) {
            strings.extend_from_slice(&(text.len() as u32).to_le_bytes());
            strings.extend_from_slice(text.as_bytes());
        }
        out.extend_from_slice(&0i32.to_le_bytes());
        out.extend_from_slice(&(pairs.len() as u32).to_le_bytes());
        out.extend_from_slice(&(strings.len() as u32).to_le_bytes());
        out.extend_from_slice(&strings);
    }
    out
}

pub fn write(writer: &Writer, batch: &[u8]) {
    let begin = Instant::now();
    while !writer.write(batch, Duration::from_millis(100)).unwrap() {
        assert!(begin.elapsed() < PATIENCE, "no room: {:?}", writer.stats());
    }
}

pub fn flush(writer: &Writer) {
    assert!(writer.flush(PATIENCE).unwrap(), "not confirmed: {:?}", writer.stats());
}

/// Returns what the writer's epoch has staged, as Java hands it to the committer.
pub fn prepared(writer: &Writer) -> Vec<Committable> {
    flush(writer);
    serde_json::from_str(&serde_json::to_string(&writer.prepare()).unwrap()).unwrap()
}

/// Stages these numbers for partition 0 as versions did that did not pack: each in an entry of its own.
pub fn staged_by_old_version(server: &RedisServer, numbers: std::ops::Range<u64>) -> Committable {
    let (index, key, records) = ("{t:0}:staging", "{t:0}:staging:lane:1:aa", numbers.end - numbers.start);
    let script = "for n = ARGV[1], ARGV[2] do redis.call('XADD', KEYS[1], '1-' .. (n - ARGV[1] + 1), 'n', n) end";
    let (first, last) = (numbers.start.to_string(), (numbers.end - 1).to_string());
    server.run_args(&[b"EVAL", script.as_bytes(), b"1", key.as_bytes(), first.as_bytes(), last.as_bytes()]);
    server.run(&format!("SADD {index} {key}"));
    Committable { partition: 0, key: key.to_owned(), records, epoch: 1, packed: None }
}

pub fn commit(committer: &Committer, committables: &[Committable]) {
    assert!(committer.commit(committables, PATIENCE).unwrap());
}
