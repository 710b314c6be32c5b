//! Settings as Java sends them (JSON), validated.
//!
//! Java's builders have validated already; what is checked here is what the engine relies on, so that it is safe by itself.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::entry_id::{EntryId, Runs};
use crate::error::{Error, Result};
use crate::sink::TraceContents;

/// The number of a partition, from 0.
pub type Partition = u32;

/// How to reach the server.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConnectionSettings {
    pub host: String,
    pub port: u16,
    /// The ACL user; used only when there is a password.
    pub user: String,
    /// Empty: no authentication.
    pub password: Secret,
    /// What `CLIENT LIST` shows.
    pub client_name: String,
    pub connect_timeout_millis: u64,
    /// How long one command may take.
    pub command_timeout_millis: u64,
    /// How long an outage may last before it fails the job.
    pub retry_timeout_millis: u64,
}

impl ConnectionSettings {
    pub fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_millis)
    }

    pub fn command_timeout(&self) -> Duration {
        Duration::from_millis(self.command_timeout_millis)
    }

    pub fn retry_timeout(&self) -> Duration {
        Duration::from_millis(self.retry_timeout_millis)
    }

    /// `redis://user@host:port`, for messages.
    pub fn endpoint(&self) -> String {
        let user = if self.password.is_empty() { String::new() } else { format!("{}@", self.user) };
        match self.host.contains(':') {
            true => format!("redis://{user}[{}]:{}", self.host, self.port),
            false => format!("redis://{user}{}:{}", self.host, self.port),
        }
    }

    fn validate(&self) -> Result<()> {
        not_blank("host", &self.host)?;
        at_least("port", u64::from(self.port), 1)?;
        at_least("connectTimeoutMillis", self.connect_timeout_millis, 1)?;
        at_least("commandTimeoutMillis", self.command_timeout_millis, 1)
    }
}

/// A text that no log, message or `Debug` shows.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_empty() { "\"\"" } else { "***" })
    }
}

impl fmt::Debug for ConnectionSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.endpoint())
    }
}

/// When an entry is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AckStrategy {
    /// When the checkpoint that holds it completes.
    OnCheckpoint,
    /// Right after it was emitted, in batches.
    OnEmit,
    /// Never: read with `NOACK`, it is never pending.
    #[serde(rename = "NOACK")]
    NoAck,
    /// Never: it is read by position, and when a checkpoint completes the group's position is set to the checkpoint's.
    CommitPosition,
}

/// Where a group begins or a bounded read ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// `$`: behind the last entry that is there now.
    End,
    Id(EntryId),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::End => f.write_str("$"),
            Place::Id(id) => id.fmt(f),
        }
    }
}

impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        if text == "$" {
            return Ok(Place::End);
        }
        text.parse().map(Place::Id).map_err(serde::de::Error::custom)
    }
}

/// What a source needs: its enumerator and its readers.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SourceSettings {
    pub connection: ConnectionSettings,
    pub topic: String,
    pub num_partitions: u32,
    pub group: String,
    pub ack_strategy: AckStrategy,
    pub starting_id: Place,
    #[serde(default)]
    pub stopping_id: Option<Place>,
    /// COUNT of `XREADGROUP`, at most.
    pub batch_size: u32,
    /// BLOCK of `XREADGROUP`.
    pub block_millis: u64,
    /// What one reader holds ready for Java, at most.
    pub max_buffered_bytes: u64,
    /// How long pending entries of other clients' consumers must have been idle before a job without state takes them over.
    pub claim_min_idle_millis: u64,
}

impl SourceSettings {
    pub fn from_json(json: &str) -> Result<Self> {
        let settings: Self = parse("source settings", json)?;
        settings.connection.validate()?;
        not_blank("topicName", &settings.topic)?;
        not_blank("consumerGroup", &settings.group)?;
        at_least("numPartitions", u64::from(settings.num_partitions), 1)?;
        at_least("batchSize", u64::from(settings.batch_size), 1)?;
        // BLOCK 0 would wait for ever, and the gap check of `poll.rs` needs that a read comes back.
        at_least("blockMillis", settings.block_millis, 1)?;
        at_least("maxBufferedBytes", settings.max_buffered_bytes, 1)?;
        Ok(settings)
    }
}

/// One partition's stream, as it goes to a reader: its place in the stream is a part of the job's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Split {
    pub partition: Partition,
    /// Every entry up to here has been emitted, but for `pending`.
    pub position: EntryId,
    /// Entries `<= position` that are still to be emitted.
    #[serde(default)]
    pub pending: Runs,
    /// The last entry of a bounded read.
    #[serde(default)]
    pub stopping_id: Option<EntryId>,
}

/// What a checkpoint holds of one split.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SplitPosition {
    pub partition: Partition,
    pub position: EntryId,
    #[serde(default)]
    pub pending: Runs,
}

/// What a sink writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SinkKind {
    /// `XADD topic:p`.
    #[default]
    Stream,
    /// `JSON.SET key path document`.
    Json,
    /// `HSET key field value …`.
    Hash,
}

/// Whose staging streams a writer of the exactly-once stream sink makes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Staging {
    /// Owned by one writer at a time; kept in its state.
    pub lane: String,
    /// Unique to a writer's life.
    pub attempt: String,
}

/// What a sink's writer, or its committer, needs.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SinkSettings {
    pub connection: ConnectionSettings,
    #[serde(default)]
    pub kind: SinkKind,
    /// For the kinds without a topic, what messages call the sink.
    pub topic: String,
    pub num_partitions: u32,
    /// MAXLEN of `XADD`; 0: none.
    #[serde(default)]
    pub max_len: u64,
    #[serde(default)]
    pub approximate_trimming: bool,
    /// Where in a document `JSON.SET` writes.
    #[serde(default = "root")]
    pub path: String,
    /// Of JSON documents and hashes; 0: none.
    #[serde(default)]
    pub ttl_seconds: u64,
    /// Set: exactly once, by staging streams.
    #[serde(default)]
    pub staging: Option<Staging>,
    /// How long staging streams and the marks of committed ones are kept, should nobody see to them.
    #[serde(default = "week")]
    pub staging_ttl_seconds: u64,
    /// What is written and not confirmed, at most.
    pub max_in_flight_bytes: u64,
    /// Where records go that Redis rejects for good; empty: they fail the job.
    #[serde(default)]
    pub dead_letter_stream: String,
    /// What to log of records that Redis rejects.
    #[serde(default)]
    pub trace: Option<TraceContents>,
}

fn root() -> String {
    "$".to_owned()
}

fn week() -> u64 {
    7 * 24 * 60 * 60
}

impl SinkSettings {
    pub fn from_json(json: &str) -> Result<Self> {
        let settings: Self = parse("sink settings", json)?;
        settings.connection.validate()?;
        not_blank("topicName", &settings.topic)?;
        at_least("numPartitions", u64::from(settings.num_partitions), 1)?;
        at_least("maxInFlightBytes", settings.max_in_flight_bytes, 1)?;
        at_least("stagingTtlSeconds", settings.staging_ttl_seconds, 1)?;
        Ok(settings)
    }

    /// The trimming arguments of `XADD`; `max_len` is the option as text.
    pub fn trimming<'a>(&self, max_len: &'a str) -> Vec<&'a str> {
        match (self.max_len, self.approximate_trimming) {
            (0, _) => Vec::new(),
            (_, true) => vec!["MAXLEN", "~", max_len],
            (_, false) => vec!["MAXLEN", max_len],
        }
    }
}

/// Reads JSON of the control plane. The message never holds the text itself: it may hold a password.
pub fn parse<T: serde::de::DeserializeOwned>(what: &str, json: &str) -> Result<T> {
    serde_json::from_str(json).map_err(|error| Error::Settings(format!("{what}: {error}")))
}

fn not_blank(option: &str, value: &str) -> Result<()> {
    match value.trim().is_empty() {
        true => Err(Error::Settings(format!("{option} is '{value}': a text that is not blank is needed"))),
        false => Ok(()),
    }
}

fn at_least(option: &str, value: u64, min: u64) -> Result<()> {
    match value < min {
        true => Err(Error::Settings(format!("{option} is {value}: at least {min} is needed"))),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = r#"{"connection":{"host":"h","port":6379,"user":"u","password":"s3cret","clientName":"c",
        "connectTimeoutMillis":1,"commandTimeoutMillis":1,"retryTimeoutMillis":0},"topic":"t","numPartitions":2,"group":"g",
        "ackStrategy":"NOACK","startingId":"$","stoppingId":null,"batchSize":1,"blockMillis":1,"maxBufferedBytes":1,"claimMinIdleMillis":1}"#;

    #[test]
    fn reads_what_java_sends() {
        let settings = SourceSettings::from_json(SOURCE).unwrap();
        assert_eq!(settings.ack_strategy, AckStrategy::NoAck);
        assert_eq!(settings.starting_id, Place::End);
        assert_eq!(settings.stopping_id, None);
    }

    #[test]
    fn shows_no_password() {
        let settings = SourceSettings::from_json(SOURCE).unwrap();
        assert!(!format!("{settings:?}").contains("s3cret"));
        assert_eq!(settings.connection.endpoint(), "redis://u@h:6379");
        let broken = SourceSettings::from_json(&SOURCE.replace("\"port\":6379", "\"port\":true")).unwrap_err();
        assert!(!broken.to_string().contains("s3cret"), "{broken}");
    }

    #[test]
    fn names_the_option() {
        for (from, to, message) in [
            ("\"host\":\"h\"", "\"host\":\" \"", "host is ' '"),
            ("\"numPartitions\":2", "\"numPartitions\":0", "numPartitions is 0: at least 1"),
            ("\"blockMillis\":1", "\"blockMillis\":0", "blockMillis is 0: at least 1"),
            ("\"startingId\":\"$\"", "\"startingId\":\"x\"", "'x' is no entry ID"),
        ] {
            let error = SourceSettings::from_json(&SOURCE.replace(from, to)).unwrap_err();
            assert!(error.to_string().contains(message), "{error}");
        }
    }
}
