//! The settings of a source, and its splits.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::config::checks::{at_least, not_blank};
use crate::config::connection::ConnectionSettings;
use crate::config::json::parse;
use crate::error::Result;
use crate::stream::{EntryId, Partition, Runs};

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

/// Says where a group begins, or a bounded read ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartPosition {
    /// `$`: behind the last entry that is there now.
    Latest,
    /// At this entry.
    Id(EntryId),
}

impl fmt::Display for StartPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartPosition::Latest => f.write_str("$"),
            StartPosition::Id(id) => id.fmt(f),
        }
    }
}

impl<'de> Deserialize<'de> for StartPosition {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        if text == "$" {
            return Ok(StartPosition::Latest);
        }
        text.parse().map(StartPosition::Id).map_err(serde::de::Error::custom)
    }
}

/// What a source needs: its enumerator and its readers.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SourceSettings {
    /// How to connect.
    pub connection: ConnectionSettings,
    /// The topic.
    pub topic: String,
    /// The partitions of the topic.
    pub num_partitions: u32,
    /// The consumer group.
    pub group: String,
    /// When entries are acknowledged.
    pub ack_strategy: AckStrategy,
    /// Where a group begins that does not exist yet.
    pub starting_id: StartPosition,
    /// Where the read ends; `None`: it never ends.
    #[serde(default)]
    pub stopping_id: Option<StartPosition>,
    /// `COUNT` of `XREADGROUP`, at most.
    pub batch_size: u32,
    /// `BLOCK` of `XREADGROUP`.
    pub block_millis: u64,
    /// Bytes that one reader holds ready for Java, at most.
    pub max_buffered_bytes: u64,
    /// How long pending entries of other clients' consumers must have been idle before a job without state takes them
    /// over.
    pub claim_min_idle_millis: u64,
}

impl SourceSettings {
    /// Reads and validates the settings.
    ///
    /// # Errors
    /// `Settings`, without any password.
    pub fn from_json(json: &str) -> Result<Self> {
        let settings: Self = parse("source settings", json)?;
        settings.connection.validate()?;
        not_blank("topicName", &settings.topic)?;
        not_blank("consumerGroup", &settings.group)?;
        at_least("numPartitions", u64::from(settings.num_partitions), 1)?;
        at_least("batchSize", u64::from(settings.batch_size), 1)?;
        // BLOCK 0 would wait for ever, and the gap check of `gap.rs` needs that a read comes back.
        at_least("blockMillis", settings.block_millis, 1)?;
        at_least("maxBufferedBytes", settings.max_buffered_bytes, 1)?;
        Ok(settings)
    }
}

/// One partition's stream, as a reader gets it. Its position is a part of the job's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Split {
    /// The partition.
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
    /// The partition.
    pub partition: Partition,
    /// Every entry up to here has been emitted, but for `pending`.
    pub position: EntryId,
    /// Entries `<= position` that are still to be emitted.
    #[serde(default)]
    pub pending: Runs,
}
