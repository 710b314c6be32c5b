//! Transactions: commands that the server carries out together.
//!
//! `+OK` is the reply to `MULTI`, `+QUEUED` that to each command, then comes what `EXEC` brings
//! (<https://redis.io/docs/latest/develop/using-commands/transactions/>).

use bytes::BytesMut;
use redis::Cmd;

use crate::client::connection::Connection;
use crate::error::{Error, Fault, Result};
use crate::foreign_text::shown;
use crate::resp::reply::{self, refusal};

/// The reply to a command between `MULTI` and `EXEC`.
const QUEUED: &[u8] = b"+QUEUED\r\n";

/// What became of a transaction's commands.
#[derive(Debug)]
pub(crate) enum Outcomes {
    /// The server refused to queue a command, or to begin, so it carried none out.
    Aborted(Fault),
    /// For each command what it brought, which may be an error: the others were carried out all the same.
    Each(Results),
}

/// The replies to the commands of a transaction that was carried out. They are not decoded: nearly all are looked at
/// for their kind only, and there may be thousands.
#[derive(Debug)]
pub(crate) struct Results {
    replies: Vec<u8>,
}

impl Results {
    /// Takes those in a whole reply to `EXEC`; `None` if it does not have so many.
    pub(crate) fn of(exec: &[u8], commands: usize) -> Option<Self> {
        let header = reply::header(exec).ok()??;
        let count = reply::size(header).ok()?.filter(|_| header[0] == b'*')?;
        let results = Self { replies: exec[header.len() + 2..].to_vec() };
        (count == commands && results.iter().count() == commands).then_some(results)
    }

    /// Returns the reply to each command, in order, as it came.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = &self.replies[..];
        std::iter::from_fn(move || {
            let (next, behind) = rest.split_at(reply::length(rest).ok()??);
            rest = behind;
            Some(next)
        })
    }

    /// Returns the first error among them.
    pub(crate) fn fault(&self) -> Option<Fault> {
        self.iter().find_map(refusal)
    }
}

/// Collects the replies to transactions, one after the other.
#[derive(Default)]
pub(crate) struct Replies {
    seen: usize,
    refusal: Option<Fault>,
}

impl Replies {
    /// Takes the next reply to a transaction of `commands` commands; `None` until it is the last.
    pub(crate) fn take(&mut self, reply: &[u8], commands: usize) -> Result<Option<Outcomes>> {
        self.seen += 1;
        if self.seen < commands + 2 {
            let expected = if self.seen == 1 { b"+OK\r\n" } else { QUEUED };
            // Without `MULTI` the commands behind it are carried out, each by itself.
            if reply != expected && self.refusal.is_none() {
                let fault = refusal(reply).ok_or_else(|| unexpected("a command of a transaction", reply))?;
                if fault.is_too_large() {
                    // The server closes the connection: there will be no other reply.
                    *self = Self::default();
                    return Ok(Some(Outcomes::Aborted(fault)));
                }
                self.refusal = Some(fault);
            }
            return Ok(None);
        }
        let Replies { refusal: why, .. } = std::mem::take(self);
        if let Some(aborted) = refusal(reply) {
            return Ok(Some(Outcomes::Aborted(why.unwrap_or_else(|| reason_of(aborted)))));
        }
        let results = Results::of(reply, commands).ok_or_else(|| unexpected("EXEC", reply))?;
        Ok(Some(Outcomes::Each(results)))
    }
}

/// The commands of a transaction, between `MULTI` and `EXEC`.
#[derive(Default)]
pub(crate) struct Transaction {
    /// The encoded commands.
    pub(crate) bytes: Vec<u8>,
    /// How many there are.
    pub(crate) commands: usize,
}

impl Transaction {
    /// Adds a command.
    pub(crate) fn add(&mut self, command: &Cmd) {
        command.write_packed_command(&mut self.bytes);
        self.commands += 1;
    }

    /// Has the server carry them out; `None`: a watched key has changed, so none was. [`begin`] goes before: without
    /// `MULTI` each command would be carried out by itself.
    ///
    /// # Errors
    /// The connection's. What the server says is in the outcomes.
    pub(crate) async fn execute(mut self, connection: &mut Connection) -> Result<Option<Outcomes>> {
        redis::cmd("EXEC").write_packed_command(&mut self.bytes);
        connection.queue_within(&self.bytes, self.commands + 1);
        connection.flush().await?;
        let mut replies = Replies { seen: 1, refusal: None };
        loop {
            // Nearly all of them are, and come many at once.
            replies.seen += connection.take_within(QUEUED, self.commands + 1 - replies.seen);
            let reply = connection.raw_within().await?;
            if *reply == *b"*-1\r\n" {
                return Ok(None);
            }
            if let Some(outcomes) = replies.take(&reply, self.commands)? {
                return Ok(Some(outcomes));
            }
        }
    }
}

/// Begins a transaction: sends `commands` and `MULTI` behind them, in one round trip. The first command, if there is
/// one, is a `WATCH`. Returns the replies to the commands behind it.
///
/// # Errors
/// The first one that the server gives, led by the command. No transaction is open then.
pub(crate) async fn begin(connection: &mut Connection, commands: &[Vec<&str>]) -> Result<Vec<BytesMut>> {
    for command in commands {
        connection.queue(redis::cmd(command[0]).arg(&command[1..]));
    }
    connection.queue(&redis::cmd("MULTI"));
    connection.flush().await?;
    let mut replies = Vec::with_capacity(commands.len() + 1);
    for _ in 0..=commands.len() {
        replies.push(connection.raw().await?);
    }
    for (reply, command) in replies.iter().zip(commands.iter().chain([&vec!["MULTI"]])) {
        if let Some(fault) = refusal(reply) {
            if replies.last().is_none_or(|multi| refusal(multi).is_none()) {
                _ = Transaction::default().execute(connection).await?;
            }
            let key = command.get(1).map_or_else(String::new, |key| format!(" '{}'", shown(key)));
            return Err(fault.context(format!("{}{key}", command[0])).into());
        }
    }
    let (watch, multi) = (replies.remove(0), replies.pop());
    if [Some(watch), multi].iter().flatten().any(|reply| **reply != *b"+OK\r\n") {
        return Err(Error::protocol("the reply to WATCH or MULTI can't be read"));
    }
    Ok(replies)
}

/// Ends a transaction of no commands, and with it the watch. Returns `false` when a watched key has changed.
///
/// # Errors
/// The connection's and the server's.
pub(crate) async fn leave(connection: &mut Connection) -> Result<bool> {
    done(Transaction::default().execute(connection).await?)
}

/// Returns whether a transaction was carried out; `false`: a watched key has changed.
///
/// # Errors
/// The fault for which the server has aborted it, or else the first one of its commands.
pub(crate) fn done(outcomes: Option<Outcomes>) -> Result<bool> {
    match outcomes {
        None => Ok(false),
        Some(Outcomes::Aborted(fault)) => Err(fault.into()),
        Some(Outcomes::Each(results)) => results.fault().map_or(Ok(true), |fault| Err(fault.into())),
    }
}

/// Returns the error of a reply that no server gives to such a command: the replies are not those to what was sent.
pub(crate) fn unexpected(what: &str, reply: &[u8]) -> Error {
    Error::protocol(format!("the reply to {what} is none: {}", shown(reply)))
}

/// Returns the reason that a server gives which queued all commands and then can't carry them out (`server.c`,
/// `rejectCommand`).
fn reason_of(aborted: Fault) -> Fault {
    match aborted.server_text().strip_prefix("EXECABORT Transaction discarded because of: ") {
        Some(reason) => Fault::from_server(reason),
        None => aborted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(replies: &[&[u8]], commands: usize) -> Outcomes {
        let mut collected = Replies::default();
        for reply in &replies[..replies.len() - 1] {
            assert!(collected.take(reply, commands).unwrap().is_none());
        }
        let outcomes = collected.take(replies[replies.len() - 1], commands).unwrap().unwrap();
        assert_eq!(collected.seen, 0);
        outcomes
    }

    #[test]
    fn tells_each_command_from_the_others() {
        let exec = b"*4\r\n:1\r\n$3\r\n1-1\r\n-WRONGTYPE Operation against a key\r\n+OK\r\n";
        let outcomes = take(&[b"+OK\r\n", b"+QUEUED\r\n", b"+QUEUED\r\n", b"+QUEUED\r\n", b"+QUEUED\r\n", exec], 4);
        let Outcomes::Each(results) = outcomes else { panic!("{outcomes:?}") };
        let each: Vec<_> = results.iter().collect();
        let wrong_type: &[u8] = b"-WRONGTYPE Operation against a key\r\n";
        assert_eq!(each, [&b":1\r\n"[..], b"$3\r\n1-1\r\n", wrong_type, b"+OK\r\n"]);
        assert!(results.fault().unwrap().message().starts_with("WRONGTYPE Operation against a key"));
    }

    #[test]
    fn replies_to_something_else_are_none() {
        for replies in [
            &[&b"+QUEUED\r\n"[..]][..],
            &[b"+OK\r\n", b"+OK\r\n"],
            &[b"+OK\r\n", b"+QUEUED\r\n", b"+OK\r\n"],
            &[b"+OK\r\n", b"+QUEUED\r\n", b"*-1\r\n"],
            &[b"+OK\r\n", b"+QUEUED\r\n", b"*2\r\n:1\r\n:1\r\n"],
            &[b"+OK\r\n", b"+QUEUED\r\n", b"*1\r\n:1\r\n:1\r\n"],
            &[b"+OK\r\n", b"+QUEUED\r\n", b"$1\r\na\r\n"],
        ] {
            let mut collected = Replies::default();
            let (last, before) = replies.split_last().unwrap();
            before.iter().for_each(|reply| assert!(collected.take(reply, 1).unwrap().is_none()));
            assert!(collected.take(last, 1).unwrap_err().is_temporary());
        }
    }

    #[test]
    fn an_aborted_one_tells_why() {
        let replies: [&[u8]; 4] =
            [b"+OK\r\n", b"-OOM no memory\r\n", b"+QUEUED\r\n", b"-EXECABORT Transaction discarded\r\n"];
        assert!(matches!(take(&replies, 2), Outcomes::Aborted(fault) if fault.is_temporary() && fault.code == "OOM"));
        let closing: [&[u8]; 2] = [b"+OK\r\n", b"-ERR Protocol error: invalid bulk length\r\n"];
        assert!(matches!(take(&closing, 2), Outcomes::Aborted(fault) if !fault.is_temporary()));
        let late = b"-EXECABORT Transaction discarded because of: OOM no memory\r\n";
        let replies: [&[u8]; 4] = [b"+OK\r\n", b"+QUEUED\r\n", b"+QUEUED\r\n", late];
        assert!(matches!(take(&replies, 2), Outcomes::Aborted(fault) if fault.is_temporary() && fault.code == "OOM"));
    }
}
