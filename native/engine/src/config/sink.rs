//! The settings of a sink.

use serde::Deserialize;

use crate::config::checks::{at_least, not_blank};
use crate::config::connection::ConnectionSettings;
use crate::config::json::parse;
use crate::error::{Error, Result};
use crate::foreign_text::shown;
use crate::stream::stream_name;

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
    pub incarnation: String,
}

/// What a trace of a write that Redis rejects contains: Java's `SinkTraceConfiguration`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TraceContents {
    /// The command, and that it failed.
    None,
    /// The key, the size and the server's code, too.
    Metadata,
    /// The server's error text and the record, too.
    All,
}

/// What a sink's writer, or its committer, needs.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SinkSettings {
    /// How to connect.
    pub connection: ConnectionSettings,
    /// What it writes.
    #[serde(default)]
    pub kind: SinkKind,
    /// The topic; for the kinds without one, what messages call the sink.
    pub topic: String,
    /// The partitions of the topic.
    pub num_partitions: u32,
    /// `MAXLEN` of `XADD`, in entries; 0: none.
    #[serde(default)]
    pub max_len: u64,
    /// Whether `MAXLEN` is approximate (`~`).
    #[serde(default)]
    pub approximate_trimming: bool,
    /// Where in a document `JSON.SET` writes; empty for the other kinds.
    #[serde(default)]
    pub path: String,
    /// The time to live of JSON documents and hashes, in seconds; 0: none.
    #[serde(default)]
    pub ttl_seconds: u64,
    /// Set: exactly once, by staging streams.
    #[serde(default)]
    pub staging: Option<Staging>,
    /// After how many seconds staging streams and the marks of committed ones expire, if no job uses them: a week, if
    /// not set.
    #[serde(default = "week")]
    pub staging_ttl_seconds: u64,
    /// Bytes that are written and not confirmed, at most.
    pub max_in_flight_bytes: u64,
    /// How many replicas must have a record before it counts as confirmed; 0: the server alone is enough.
    #[serde(default)]
    pub min_replicas_to_ack: u64,
    /// The stream of records that Redis rejects permanently; empty: they fail the job.
    #[serde(default)]
    pub dead_letter_stream: String,
    /// What to log of records that Redis rejects; `None`: nothing.
    #[serde(default)]
    pub trace: Option<TraceContents>,
}

fn week() -> u64 {
    7 * 24 * 60 * 60
}

impl SinkSettings {
    /// Reads and validates the settings.
    ///
    /// # Errors
    /// `Settings`, without any password.
    pub fn from_json(json: &str) -> Result<Self> {
        let settings: Self = parse("sink settings", json)?;
        settings.connection.validate()?;
        not_blank("topicName", &settings.topic)?;
        if settings.kind == SinkKind::Json {
            not_blank("path", &settings.path)?;
        }
        at_least("numPartitions", u64::from(settings.num_partitions), 1)?;
        at_least("maxInFlightBytes", settings.max_in_flight_bytes, 1)?;
        at_least("stagingTtlSeconds", settings.staging_ttl_seconds, 1)?;
        let own = (0..settings.num_partitions)
            .any(|partition| stream_name(&settings.topic, partition) == settings.dead_letter_stream);
        if settings.kind == SinkKind::Stream && own {
            return Err(Error::Settings(format!(
                "the dead-letter stream is '{}'; allowed: one that is no partition of topicName '{}'",
                shown(&settings.dead_letter_stream),
                settings.topic
            )));
        }
        Ok(settings)
    }

    /// Returns the trimming arguments of `XADD`; `max_len` is the option as text.
    pub(crate) fn trimming<'a>(&self, max_len: &'a str) -> Vec<&'a str> {
        match (self.max_len, self.approximate_trimming) {
            (0, _) => Vec::new(),
            (_, true) => vec!["MAXLEN", "~", max_len],
            (_, false) => vec!["MAXLEN", max_len],
        }
    }
}
