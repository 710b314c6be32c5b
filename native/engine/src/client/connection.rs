//! A connection: sends commands and receives their replies, in order.

use std::time::Duration;

use bytes::{Buf, BufMut, BytesMut};
use redis::{Cmd, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout_at};

use crate::error::{Error, Fault, FaultKind, Result};
use crate::net::dial::Stream;
use crate::resp::encode::ASKING;
use crate::resp::outline::Outline;
use crate::resp::reply;

/// The number of bytes that one read takes from the socket, at most; large enough that a full pipe costs few system
/// calls.
const READ_CHUNK: usize = 256 * 1024;

/// The number of bytes that the first read for a reply takes, and that a connection keeps while it waits: it waits most
/// of the time, and there may be thousands.
const FIRST_CHUNK: usize = 16 * 1024;

/// The number of bytes that are read behind a large string, at most: what comes there is as a rule the head of the next
/// one, whose body goes elsewhere.
const CHUNK_BEHIND_LARGE: usize = 2 * 1024;

/// One connection, used by one task at a time. After an error it is of no more use, unless it is at rest: replies may
/// be half read.
pub(crate) struct Connection {
    stream: Box<dyn Stream>,
    /// Received, not yet consumed.
    inbox: BytesMut,
    /// What the next read from the socket takes, at most.
    chunk: usize,
    /// Queued, not yet sent.
    outbox: Vec<u8>,
    command_timeout: Duration,
    /// Each command is led by `ASKING`, each reply by its `+OK`.
    asking: bool,
    /// Commands without a whole reply so far.
    unanswered: usize,
}

impl Connection {
    pub(super) fn new(stream: Box<dyn Stream>, command_timeout: Duration) -> Self {
        Self {
            stream,
            inbox: BytesMut::new(),
            chunk: FIRST_CHUNK,
            outbox: Vec::new(),
            command_timeout,
            asking: false,
            unanswered: 0,
        }
    }

    pub(super) fn asking(mut self, asking: bool) -> Self {
        self.asking = asking;
        self
    }

    /// Returns whether the server did not own the key's slot when this was opened. Then it may not have the key any
    /// more, and not say so.
    pub(crate) fn is_asking(&self) -> bool {
        self.asking
    }

    /// Queues a command; it goes out with the next [`flush`](Self::flush).
    pub(crate) fn queue(&mut self, cmd: &Cmd) {
        if self.asking {
            self.outbox.extend_from_slice(ASKING);
            self.unanswered += 1;
        }
        self.unanswered += 1;
        cmd.write_packed_command(&mut self.outbox);
    }

    /// Sends what is queued.
    ///
    /// # Errors
    /// `Timeout` after the command's timeout, `Connection` when the connection is lost.
    pub(crate) async fn flush(&mut self) -> Result<()> {
        let deadline = Instant::now() + self.command_timeout;
        let sent = timeout_at(deadline, self.stream.write_all(&self.outbox)).await;
        self.outbox.clear();
        match sent {
            Ok(result) => result.map_err(lost),
            Err(_) => Err(silent(self.command_timeout)),
        }
    }

    /// Sends one command and returns its reply.
    ///
    /// # Errors
    /// The server's, if it is an error reply; otherwise the connection's.
    pub(crate) async fn call(&mut self, cmd: &Cmd) -> Result<Value> {
        self.queue(cmd);
        self.flush().await?;
        self.value(Duration::ZERO).await
    }

    /// Returns the next reply, decoded. It may take the command's timeout, and `extra` for a command that blocks.
    ///
    /// # Errors
    /// The server's, if it is an error reply; otherwise the connection's.
    pub(crate) async fn value(&mut self, extra: Duration) -> Result<Value> {
        let deadline = self.deadline(extra);
        self.begin_reply(deadline).await?;
        self.next(deadline).await
    }

    /// Returns the next reply without its large parts: what is long or deep in it is null. It may be of any size, and
    /// takes little memory.
    pub(crate) async fn outline(&mut self, extra: Duration) -> Result<Value> {
        self.begin_reply(self.deadline(extra)).await?;
        let mut outline = Outline::default();
        loop {
            let (used, value) = outline.take(&self.inbox)?;
            self.inbox.advance(used);
            if let Some(value) = value {
                self.unanswered = self.unanswered.saturating_sub(1);
                return value;
            }
            // Each part of a large reply may take that long.
            self.fill(self.deadline(extra)).await?;
        }
    }

    /// Returns the next reply as it came, an error reply too.
    pub(crate) async fn raw(&mut self) -> Result<BytesMut> {
        let deadline = self.deadline(Duration::ZERO);
        self.begin_reply(deadline).await?;
        self.next_raw(deadline).await
    }

    /// Queues so many commands behind a `MULTI` that has its reply. That one's `ASKING` holds until `EXEC`; another one
    /// would be queued.
    pub(crate) fn queue_within(&mut self, commands: &[u8], count: usize) {
        self.outbox.extend_from_slice(commands);
        self.unanswered += count;
    }

    /// Returns the next reply to these, as it came.
    pub(crate) async fn raw_within(&mut self) -> Result<BytesMut> {
        self.next_raw(self.deadline(Duration::ZERO)).await
    }

    /// Takes from what is received the replies to these that are `reply`, up to the first other one, and returns how
    /// many there are, at most `most`.
    pub(crate) fn take_within(&mut self, reply: &[u8], most: usize) -> usize {
        let same = self.inbox.chunks_exact(reply.len()).take(most).take_while(|next| *next == reply).count();
        self.inbox.advance(same * reply.len());
        self.unanswered = self.unanswered.saturating_sub(same);
        same
    }

    /// Marks the connection as of no more use: a reply or a transaction may be left in it.
    pub(crate) fn abandon(&mut self) {
        self.unanswered = usize::MAX;
    }

    async fn next(&mut self, deadline: Instant) -> Result<Value> {
        reply::decode(&self.next_raw(deadline).await?)
    }

    async fn next_raw(&mut self, deadline: Instant) -> Result<BytesMut> {
        let mut end = reply::End::default();
        loop {
            if let Some(length) = end.find(&self.inbox)? {
                self.unanswered = self.unanswered.saturating_sub(1);
                return Ok(self.inbox.split_to(length));
            }
            self.fill(deadline).await?;
        }
    }

    /// Prepares for a reply that the caller reads with a decoder of its own. Call it before the first byte is read.
    pub(crate) async fn begin_reply(&mut self, deadline: Instant) -> Result<()> {
        if self.inbox.is_empty() {
            self.chunk = FIRST_CHUNK;
            if self.inbox.capacity() > FIRST_CHUNK {
                self.inbox = BytesMut::new();
            }
        }
        if self.asking
            && let Err(error) = self.next(deadline).await
        {
            if !error.server_code().is_empty() {
                // Refused: the command has a reply all the same, which must not be taken for that of a later one.
                _ = self.next(deadline).await;
            }
            return Err(error);
        }
        Ok(())
    }

    /// Returns whether every command has had its reply, also those that nobody waited for any more: the connection can
    /// be used for more.
    pub(super) fn is_at_rest(&self) -> bool {
        self.unanswered == 0
    }

    /// Returns when a reply must be there: after the command's timeout, and `extra` for a command that blocks.
    pub(crate) fn deadline(&self, extra: Duration) -> Instant {
        Instant::now() + self.command_timeout + extra
    }

    /// Returns the bytes received and not consumed, for a caller with a codec of its own.
    pub(crate) fn received(&self) -> &[u8] {
        &self.inbox
    }

    /// Drops so many received bytes.
    pub(crate) fn consume(&mut self, bytes: usize) {
        self.inbox.advance(bytes);
    }

    /// Receives more, at least one byte, until `deadline`.
    ///
    /// # Errors
    /// `Timeout` at the deadline, `Connection` when the connection is lost.
    pub(crate) async fn fill(&mut self, deadline: Instant) -> Result<()> {
        let chunk = std::mem::replace(&mut self.chunk, READ_CHUNK);
        self.inbox.reserve(chunk);
        let read = timeout_at(deadline, self.stream.read_buf(&mut (&mut self.inbox).limit(chunk))).await;
        self.received_some(read).map(drop)
    }

    /// Receives up to `most` bytes of a large string straight into the room that `out` has left, until `deadline`, and
    /// returns how many. Everything received before must be consumed.
    ///
    /// # Errors
    /// Those of [`fill`](Self::fill).
    pub(crate) async fn fill_into(&mut self, out: &mut Vec<u8>, most: usize, deadline: Instant) -> Result<usize> {
        self.chunk = CHUNK_BEHIND_LARGE;
        let read = timeout_at(deadline, self.stream.read_buf(&mut out.limit(most))).await;
        self.received_some(read)
    }

    fn received_some(&self, read: Result<std::io::Result<usize>, Elapsed>) -> Result<usize> {
        match read {
            Ok(Ok(0)) => Err(ended()),
            Ok(Ok(bytes)) => Ok(bytes),
            Ok(Err(error)) => Err(lost(error)),
            Err(_) => Err(silent(self.command_timeout)),
        }
    }

    /// Returns the bare stream, for a task that sends and receives at the same time. Nothing may be queued or received
    /// yet.
    pub(crate) fn into_stream(self) -> Box<dyn Stream> {
        self.stream
    }
}

/// Returns the error of a connection that is lost. A stream that knows more than that it failed has put a fault into
/// `error`.
pub(crate) fn lost(error: std::io::Error) -> Error {
    match error.downcast::<Fault>() {
        Ok(fault) => fault.into(),
        Err(error) => Fault::new(FaultKind::Connection, format!("connection lost ({error})")).into(),
    }
}

/// Returns the error of a connection that the server has closed.
pub(crate) fn ended() -> Error {
    Fault::new(FaultKind::Connection, "connection closed by the server").into()
}

/// Returns the error of a reply that did not come in time.
pub(crate) fn silent(timeout: Duration) -> Error {
    let message = format!("no reply within {} ms (commandTimeoutMillis)", timeout.as_millis());
    Fault::new(FaultKind::Timeout, message).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_connection_that_waits_has_given_its_large_buffer_back() {
        let (ours, mut theirs) = tokio::io::duplex(1 << 20);
        let mut connection = Connection::new(Box::new(ours), Duration::from_secs(10));
        let large = [b"$900000\r\n".as_slice(), &[b'x'; 900_000], b"\r\n"].concat();
        theirs.write_all(&large).await.unwrap();
        let received = connection.value(Duration::ZERO).await.unwrap();
        assert!(matches!(received, Value::BulkString(bytes) if bytes.len() == 900_000));
        // Asleep until more comes: the buffer is what the wait needs.
        let waits = connection.value(Duration::ZERO);
        assert!(futures_util::FutureExt::now_or_never(waits).is_none());
        let kept = connection.inbox.capacity();
        assert!(kept <= 2 * FIRST_CHUNK, "{kept} bytes are kept");
        theirs.write_all(b":7\r\n").await.unwrap();
        assert_eq!(connection.value(Duration::ZERO).await.unwrap(), Value::Int(7));
    }
}
