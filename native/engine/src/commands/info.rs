//! How far streams and groups have come: `XINFO` (<https://redis.io/docs/latest/commands/xinfo-stream/>).

use std::collections::HashMap;
use std::time::Duration;

use redis::{Cmd, Value};

use crate::client::Connection;
use crate::commands::replies::{bytes, fields, id, read, unreadable};
use crate::error::{Error, Fault, Result};
use crate::stream::EntryId;

/// Returns whether the group is there.
pub(crate) async fn has_group(connection: &mut Connection, stream: &str, group: &str) -> Result<bool> {
    match check_group(connection, stream, group).await {
        Err(error) if is_gone(&error) => Ok(false),
        found => found.map(|()| true),
    }
}

/// Tells how far a stream and a group on it have come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// The group's `last-delivered-id`.
    pub(crate) delivered: EntryId,
    /// How many entries are delivered and not acknowledged.
    pub(crate) pending: u64,
    /// The stream's `last-generated-id`.
    pub(crate) generated: EntryId,
    /// The first entry; none where the stream is empty.
    pub(crate) first: Option<EntryId>,
    /// The highest ID that was ever deleted; Redis 7.0 or newer.
    pub(crate) max_deleted: Option<EntryId>,
    /// How many entries the group has read, from the stream's first on; Redis 7.0 or newer, where it is known.
    pub(crate) entries_read: Option<u64>,
}

impl Progress {
    /// Takes what the server tells of a stream, without a group.
    fn of_stream(about: &HashMap<String, Value>) -> Result<Self> {
        Ok(Self {
            generated: id(about, "last-generated-id")?,
            first: first_entry(about),
            max_deleted: id(about, "max-deleted-entry-id").ok(),
            ..Self::default()
        })
    }

    /// Returns whether an entry of this ID would be there if it had ever been: it was not deleted, and not trimmed.
    pub(crate) fn would_have(&self, id: EntryId) -> bool {
        self.max_deleted.is_some_and(|deleted| deleted < id) && self.first.is_some_and(|first| first < id)
    }
}

/// Returns how far a stream has come that no group of ours is on. One that is not there is at `0-0`.
pub(crate) async fn progress_without_group(connection: &mut Connection, stream: &str) -> Result<Progress> {
    connection.queue(redis::cmd("XINFO").arg("STREAM").arg(stream));
    connection.flush().await?;
    match connection.outline(Default::default()).await {
        Err(error) if is_gone(&error) => Ok(Progress::default()),
        about => Progress::of_stream(&fields(about?)?),
    }
}

/// Returns how far a stream and a group on it have come, with two commands in one round trip.
///
/// # Errors
/// One with the code `NOGROUP` when the group is gone.
pub(crate) async fn progress(connection: &mut Connection, stream: &str, group: &str) -> Result<Progress> {
    connection.queue(redis::cmd("XINFO").arg("STREAM").arg(stream));
    connection.queue(redis::cmd("XINFO").arg("GROUPS").arg(stream));
    connection.flush().await?;
    // The first and the last entry are in it, whole: only their IDs are kept.
    let about_stream = connection.outline(Default::default()).await;
    let about_groups = connection.value(Default::default()).await;
    let about_stream = fields(about_stream.map_err(gone)?)?;
    let about = find_group(about_groups, group)?;
    let delivered = id(&about, "last-delivered-id")?;
    let entries_read = match about.get("entries-read") {
        // A group that has read nothing; servers before 7.0 do not have the field at all.
        Some(Value::Nil) if delivered == EntryId::ZERO => Some(0),
        _ => read(&about, "entries-read").ok(),
    };
    Ok(Progress { delivered, pending: read(&about, "pending")?, entries_read, ..Progress::of_stream(&about_stream)? })
}

/// Asks whether the group is there.
///
/// # Errors
/// One with the code `NOGROUP` when it is gone.
pub(crate) async fn check_group(connection: &mut Connection, stream: &str, group: &str) -> Result<()> {
    let groups = connection.call(&groups_of(stream)).await;
    find_group(groups, group).map(drop)
}

/// Receives the reply to [`groups_of`], which was sent before; else as [`check_group`].
pub(crate) async fn receive_group_check(connection: &mut Connection, group: &str) -> Result<()> {
    find_group(connection.value(Duration::ZERO).await, group).map(drop)
}

/// Returns `XINFO GROUPS`.
pub(crate) fn groups_of(stream: &str) -> Cmd {
    let mut groups = redis::cmd("XINFO");
    groups.arg("GROUPS").arg(stream);
    groups
}

/// Returns what a reply to `XINFO GROUPS` tells of the group.
fn find_group(groups: Result<Value>, group: &str) -> Result<HashMap<String, Value>> {
    let Value::Array(groups) = groups.map_err(gone)? else { return Err(unreadable("XINFO GROUPS")) };
    for about in groups {
        let about = fields(about)?;
        if read::<String>(&about, "name")? == group {
            return Ok(about);
        }
    }
    Err(no_group())
}

/// Gives the errors that say that the stream is gone the code `NOGROUP`.
fn gone(error: Error) -> Error {
    if is_gone(&error) { no_group() } else { error }
}

fn no_group() -> Error {
    Fault::from_server("NOGROUP the stream or the group on it is gone").into()
}

fn first_entry(about_stream: &HashMap<String, Value>) -> Option<EntryId> {
    match about_stream.get("first-entry")? {
        Value::Array(entry) => EntryId::parse(&bytes(entry.first()?.clone())?),
        _ => None,
    }
}

/// Returns whether an error says that the stream or the group is gone (`DEL`, `FLUSHALL`, `XGROUP DESTROY`): each
/// command says it in its own words.
pub(crate) fn is_gone(error: &Error) -> bool {
    let text = error.server_text();
    error.server_code() == "NOGROUP" || text.contains("no such key") || text.contains("requires the key to exist")
}

/// A consumer of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Consumer {
    pub(crate) name: String,
    pub(crate) pending: u64,
}

/// Returns the consumers of a group (<https://redis.io/docs/latest/commands/xinfo-consumers/>).
pub(crate) async fn consumers(connection: &mut Connection, stream: &str, group: &str) -> Result<Vec<Consumer>> {
    let Value::Array(consumers) = connection.call(redis::cmd("XINFO").arg("CONSUMERS").arg(stream).arg(group)).await?
    else {
        return Err(unreadable("XINFO CONSUMERS"));
    };
    let read_one = |about| {
        let about = fields(about)?;
        Ok(Consumer { name: read(&about, "name")?, pending: read(&about, "pending")? })
    };
    consumers.into_iter().map(read_one).collect()
}
