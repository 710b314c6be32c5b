//! What an epoch has staged in one partition.

use serde::{Deserialize, Serialize};

use crate::config::Partition;

/// What an epoch has staged in one partition: the writer gives it to Flink as JSON, Flink keeps it and gives it to the
/// committer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Committable {
    /// The partition of the topic that the records are for.
    pub partition: Partition,
    /// The key of the staging stream.
    pub key: String,
    /// How many records are staged.
    pub records: u64,
    /// The epoch of the writer, the milliseconds of the staged entries' IDs.
    pub epoch: u64,
    /// The entries that hold them; `None`: a version that did not pack has made an entry of each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packed: Option<Packed>,
}

/// The entries of a staging stream that holds packed records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Packed {
    /// How many there are.
    pub entries: u64,
    /// About how many bytes the largest one has.
    pub largest: u64,
}
