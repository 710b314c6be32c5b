//! Turns replies into batches: the [`scanner`] goes through the bytes that were received, and a [`batch`] is what comes
//! of them.

pub mod batch;
pub(in crate::source) mod scanner;

use std::time::Duration;

use redis::Cmd;

use crate::client::Connection;
use crate::error::{Fault, FaultKind, Result};
use crate::stream::EntryId;
use batch::{BatchBuilder, Filter, LARGE_STRING};
use scanner::{Reply, Scanner, Shape};

/// Receives one reply. What `filter` takes of its entries is in `out` then.
///
/// `block` is how long the command may wait for entries, beyond the connection's own timeout. A reply that measures
/// more than `most_bytes` is given up.
///
/// # Errors
/// The connection's, the server's, and a fault of the kind `Connection` for a reply that is given up. The connection is
/// of no more use then.
pub(in crate::source) async fn receive(
    connection: &mut Connection,
    shape: Shape,
    block: Duration,
    filter: Filter,
    out: &mut BatchBuilder,
    most_bytes: u64,
) -> Result<Reply> {
    let mut scanner = Scanner::new(shape);
    out.begin_reply(filter);
    connection.begin_reply(connection.deadline(block)).await?;
    loop {
        if !connection.received().is_empty() {
            let (used, reply) = scanner.scan(connection.received(), out)?;
            connection.consume(used);
            match reply {
                Some(Reply::Error(fault)) => return Err(fault.into()),
                Some(reply) => return Ok(reply),
                None => {}
            }
        }
        if out.exceeds(most_bytes) {
            let message = format!("the reply measures more than {most_bytes} bytes; it is given up and read in parts");
            return Err(Fault::new(FaultKind::Connection, message).into());
        }
        // Each part of a large reply may take that long: what counts is that the server is alive.
        let deadline = connection.deadline(block);
        match large_string(&scanner, out) {
            Some((left, room)) => scanner.string_came(connection.fill_into(room, left, deadline).await?),
            None => connection.fill(deadline).await?,
        }
    }
}

/// Returns how many bytes are to come of the large string that the scanner is in, and where they go: past the scanner.
fn large_string<'b>(scanner: &Scanner, out: &'b mut BatchBuilder) -> Option<(usize, &'b mut Vec<u8>)> {
    let left = scanner.string_to_come().filter(|left| *left >= LARGE_STRING)?;
    Some((left, out.room(left)?))
}

/// Receives the reply to an `XRANGE` or `XREVRANGE` of which only the first ID matters.
///
/// # Errors
/// Those of [`receive`].
pub(in crate::source) async fn receive_first_id(connection: &mut Connection) -> Result<Option<EntryId>> {
    let mut ids = BatchBuilder::new(0, usize::MAX);
    receive(connection, Shape::Entries, Duration::ZERO, Filter::first_id(), &mut ids, u64::MAX).await?;
    Ok(ids.take().first)
}

/// Sends an `XRANGE` or `XREVRANGE`, and returns the first ID of its reply.
///
/// # Errors
/// Those of [`receive`].
pub(in crate::source) async fn first_id_of(connection: &mut Connection, cmd: &Cmd) -> Result<Option<EntryId>> {
    connection.queue(cmd);
    connection.flush().await?;
    receive_first_id(connection).await
}
