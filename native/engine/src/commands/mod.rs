//! The commands of a source, and their replies. One place for each protocol fact.
//!
//! * [`info`] how far streams and groups have come
//! * [`consumer_name`] how readers call themselves in a group
//! * [`replies`] reads replies, of which the server is to have sent the right kind

mod consumer_name;
mod info;
mod replies;

use redis::{Cmd, Value};

use crate::client::Connection;
use crate::client::transaction::{Outcomes, Transaction, begin};
use crate::config::StartPosition;
use crate::error::{Error, Result};
use crate::stream::EntryId;
pub(crate) use consumer_name::{ConsumerName, NO_CLIENT_ID, client_id};
pub(crate) use info::{
    Progress, check_group, consumers, groups_of, has_group, is_gone, progress, progress_without_group,
    receive_group_check,
};
use replies::{bytes, unreadable};

/// Makes the group, and the stream where it is not there. Returns `false` where the group existed
/// (<https://redis.io/docs/latest/commands/xgroup-create/>).
pub(crate) async fn create_group(
    connection: &mut Connection,
    stream: &str,
    group: &str,
    at: StartPosition,
) -> Result<bool> {
    match connection.call(&group_at(stream, group, at)).await {
        Ok(_) => Ok(true),
        Err(error) if error.server_code() == BUSY => Ok(false),
        Err(error) => Err(error),
    }
}

fn group_at(stream: &str, group: &str, at: StartPosition) -> Cmd {
    let mut cmd = redis::cmd("XGROUP");
    cmd.arg("CREATE").arg(stream).arg(group).arg(at.to_string()).arg("MKSTREAM");
    cmd
}

/// Makes a group that is gone, at `0`, for a stream that is another one than was read so far, with a consumer whose
/// name `mark` says so. The two go together, or a reader that comes back to it by an older state would take the stream
/// for the old one.
pub(crate) async fn create_group_of_recreated(
    connection: &mut Connection,
    stream: &str,
    group: &str,
    mark: &str,
) -> Result<()> {
    let mut create_consumer = redis::cmd("XGROUP");
    create_consumer.arg("CREATECONSUMER").arg(stream).arg(group).arg(mark);
    together(connection, &[group_at(stream, group, StartPosition::Id(EntryId::ZERO)), create_consumer]).await
}

/// Sets the group before these entries, and acknowledges them, so that whoever reads next is given them. The two go
/// together, or what another reader is given in between would be acknowledged for it.
pub(crate) async fn give_back(
    connection: &mut Connection,
    stream: &str,
    group: &str,
    position: EntryId,
    ids: &[EntryId],
) -> Result<()> {
    let set = set_position(stream, group, position, None);
    let acknowledge = ids.chunks(PAGE).map(|chunk| acknowledge(stream, group, chunk));
    together(connection, &[set].into_iter().chain(acknowledge).collect::<Vec<_>>()).await
}

/// Has commands carried out together; where transactions are not permitted, one after the other. That a group is there
/// already is no error.
async fn together(connection: &mut Connection, commands: &[Cmd]) -> Result<()> {
    match begin(connection, &[]).await {
        Ok(_) => {}
        Err(error) if error.is_temporary() => return Err(error),
        Err(_) => {
            for command in commands {
                match connection.call(command).await {
                    Err(error) if error.server_code() != BUSY => return Err(error),
                    _ => {}
                }
            }
            return Ok(());
        }
    }
    let mut transaction = Transaction::default();
    commands.iter().for_each(|command| transaction.add(command));
    match transaction.execute(connection).await? {
        Some(Outcomes::Each(results)) => match results.fault().filter(|fault| fault.code != BUSY) {
            None => Ok(()),
            Some(fault) => Err(fault.into()),
        },
        Some(Outcomes::Aborted(fault)) => Err(fault.into()),
        None => Err(unreadable("EXEC")),
    }
}

/// The code of the error that says that a group of this name exists.
const BUSY: &str = "BUSYGROUP";

/// An entry of the pending entries list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pending {
    pub(crate) id: EntryId,
    pub(crate) consumer: String,
    pub(crate) idle_millis: u64,
}

/// Returns one page of the pending entries list, from `from` to `to`, whoever owns them
/// (<https://redis.io/docs/latest/commands/xpending/>). Its IDs rise, within these bounds: whoever pages on comes to an
/// end.
pub(crate) async fn pending_page(
    connection: &mut Connection,
    stream: &str,
    group: &str,
    from: EntryId,
    to: EntryId,
) -> Result<Vec<Pending>> {
    let mut cmd = redis::cmd("XPENDING");
    cmd.arg(stream).arg(group).arg(from.to_string()).arg(to.to_string()).arg(PAGE);
    let Value::Array(rows) = connection.call(&cmd).await? else { return Err(unreadable("XPENDING")) };
    let read_row = |row| {
        let Value::Array(columns) = row else { return None };
        let mut columns = columns.into_iter();
        let id = EntryId::parse(&bytes(columns.next()?)?)?;
        let consumer = String::from_utf8_lossy(&bytes(columns.next()?)?).into_owned();
        let Value::Int(idle) = columns.next()? else { return None };
        Some(Pending { id, consumer, idle_millis: idle.unsigned_abs() })
    };
    let page: Vec<Pending> =
        rows.into_iter().map(|row| read_row(row).ok_or_else(|| unreadable("XPENDING"))).collect::<Result<_>>()?;
    let mut lowest = from;
    for pending in &page {
        if pending.id < lowest || pending.id > to {
            return Err(Error::protocol(format!(
                "the reply to XPENDING {from} {to} has {}, which is out of order; is this a Redis server?",
                pending.id
            )));
        }
        lowest = pending.id.next();
    }
    Ok(page)
}

/// Returns where the page behind this one begins; `None`: this was the last one.
pub(crate) fn next_page(page: &[Pending], to: EntryId) -> Option<EntryId> {
    page.last().map(|last| last.id).filter(|last| page.len() >= PAGE && *last < to).map(EntryId::next)
}

/// The number of rows that one `XPENDING` asks for.
pub(crate) const PAGE: usize = 1000;

/// Acknowledges entries (<https://redis.io/docs/latest/commands/xack/>).
pub(crate) fn acknowledge(stream: &str, group: &str, ids: &[EntryId]) -> Cmd {
    let mut cmd = redis::cmd("XACK");
    cmd.arg(stream).arg(group);
    let mut text = Vec::with_capacity(32);
    for id in ids {
        text.clear();
        id.write_to(&mut text);
        cmd.arg(text.as_slice());
    }
    cmd
}

/// Reads entries after `after`, up to `to`: an ID, or `(` and one that is not included. Exclusive ranges: Redis 6.2
/// (<https://redis.io/docs/latest/commands/xrange/>).
pub(crate) fn range_after(stream: &str, after: EntryId, to: Option<String>, count: u64) -> Cmd {
    let mut cmd = redis::cmd("XRANGE");
    cmd.arg(stream).arg(format!("({after}"));
    match to {
        Some(to) => cmd.arg(to),
        None => cmd.arg("+"),
    };
    cmd.arg("COUNT").arg(count);
    cmd
}

/// Reads the last entry below `id` (<https://redis.io/docs/latest/commands/xrevrange/>).
pub(crate) fn last_below(stream: &str, id: EntryId) -> Cmd {
    let mut cmd = redis::cmd("XREVRANGE");
    cmd.arg(stream).arg(format!("({id}")).arg("-").arg("COUNT").arg(1);
    cmd
}

/// Reads the entries from `from` to `to`.
pub(crate) fn range(stream: &str, from: EntryId, to: EntryId) -> Cmd {
    let mut cmd = redis::cmd("XRANGE");
    cmd.arg(stream).arg(from.to_string()).arg(to.to_string());
    cmd
}

/// Reads entries that no consumer of the group was given yet (<https://redis.io/docs/latest/commands/xreadgroup/>).
pub(crate) fn read_group(
    stream: &str,
    group: &str,
    consumer: &str,
    count: u64,
    block_millis: u64,
    no_ack: bool,
) -> Cmd {
    let mut cmd = redis::cmd("XREADGROUP");
    cmd.arg("GROUP").arg(group).arg(consumer).arg("COUNT").arg(count).arg("BLOCK").arg(block_millis);
    if no_ack {
        cmd.arg("NOACK");
    }
    cmd.arg("STREAMS").arg(stream).arg(">");
    cmd
}

/// Reads entries after an ID, without a group (<https://redis.io/docs/latest/commands/xread/>).
pub(crate) fn read_after(stream: &str, after: EntryId, count: u64, block_millis: u64) -> Cmd {
    let mut cmd = redis::cmd("XREAD");
    cmd.arg("COUNT").arg(count).arg("BLOCK").arg(block_millis).arg("STREAMS").arg(stream).arg(after.to_string());
    cmd
}

/// Sets the group's position (<https://redis.io/docs/latest/commands/xgroup-setid/>).
pub(crate) fn set_position(stream: &str, group: &str, position: EntryId, entries_read: Option<u64>) -> Cmd {
    let mut cmd = redis::cmd("XGROUP");
    cmd.arg("SETID").arg(stream).arg(group).arg(position.to_string());
    if let Some(entries_read) = entries_read {
        cmd.arg("ENTRIESREAD").arg(entries_read);
    }
    cmd
}

/// Gives pending entries to `consumer`, if they still have been idle that long
/// (<https://redis.io/docs/latest/commands/xclaim/>).
pub(crate) fn claim(stream: &str, group: &str, consumer: &str, min_idle_millis: u64, ids: &[EntryId]) -> Cmd {
    let mut cmd = redis::cmd("XCLAIM");
    cmd.arg(stream).arg(group).arg(consumer).arg(min_idle_millis);
    for id in ids {
        cmd.arg(id.to_string());
    }
    cmd.arg("JUSTID");
    cmd
}
