//! Sends commands and matches replies: many commands in flight, over one connection after the other.
//!
//! Nothing is forgotten before its reply is there. When a connection is lost, everything without a reply is sent again, in order and
//! before anything newer; so is a command that the server put off (`LOADING`, `READONLY`, …): at least once, and in order.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Buf, BytesMut};
use futures_util::FutureExt;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::config::SinkSettings;
use crate::connection::{Outage, Server, reply};
use crate::error::{Error, Fault, FaultKind, Result};
use crate::sink::dead_letter;
use crate::sink::queue::{Chunk, Queue};

/// What is counted, for metrics.
#[derive(Default)]
pub(super) struct Counters {
    pub(super) confirmed: AtomicU64,
    pub(super) dead_letters: AtomicU64,
    pub(super) reconnects: AtomicU64,
}

pub(super) struct Pipeline {
    settings: SinkSettings,
    server: Server,
    pub(super) queue: Arc<Queue>,
    pub(super) closed: CancellationToken,
    pub(super) counters: Arc<Counters>,
    outage: Outage,
    /// Without a reply, in order; the first `sent` of them are on the wire.
    unconfirmed: VecDeque<Chunk>,
    sent: usize,
    /// How much of the chunk behind the sent ones is on the wire.
    sent_bytes: usize,
    /// Commands that the server put off. While there are any, nothing new is sent.
    put_off: Vec<Chunk>,
    /// Why, the first time.
    reason: Option<Fault>,
}

const READ_CHUNK: usize = 64 * 1024;

impl Pipeline {
    pub(super) fn new(
        settings: SinkSettings,
        queue: Arc<Queue>,
        closed: CancellationToken,
        counters: Arc<Counters>,
    ) -> Self {
        let what = format!("sink topic '{}' ({})", settings.topic, settings.connection.endpoint());
        let outage = Outage::new(what, settings.connection.retry_timeout());
        let (unconfirmed, put_off) = (VecDeque::new(), Vec::new());
        let server = Server::new(settings.connection.clone());
        Self {
            settings,
            server,
            queue,
            closed,
            counters,
            outage,
            unconfirmed,
            sent: 0,
            sent_bytes: 0,
            put_off,
            reason: None,
        }
    }

    /// Runs until the writer is closed or a fault is final; that one, or a panic, fails the writer.
    pub(super) async fn run(mut self) {
        let (queue, closed) = (Arc::clone(&self.queue), self.closed.clone());
        let work = std::panic::AssertUnwindSafe(self.work()).catch_unwind();
        let ended = tokio::select! {
            () = closed.cancelled() => return,
            ended = work => ended,
        };
        match ended {
            Ok(Err(error)) => queue.fail(error),
            Ok(Ok(())) => {}
            Err(payload) => queue.fail(Error::from_panic(payload)),
        }
    }

    async fn work(&mut self) -> Result<()> {
        loop {
            let Err(error) = self.over_one_connection().await else { return Ok(()) };
            self.send_again();
            let wait = self.outage.failed(error)?;
            self.counters.reconnects.fetch_add(1, Ordering::Relaxed);
            sleep(wait).await;
        }
    }

    /// Everything without a reply is to be sent once more, what was put off before it.
    fn send_again(&mut self) {
        for chunk in self.put_off.drain(..).rev() {
            self.unconfirmed.push_front(chunk);
        }
        (self.sent, self.sent_bytes, self.reason) = (0, 0, None);
    }

    /// Ends with what makes another connection needed. A server that puts commands off may have become a replica: it is left, too.
    async fn over_one_connection(&mut self) -> Result<()> {
        let mut stream = self.server.connect(&self.settings.connection.client_name).await?.into_stream();
        self.exchange(&mut stream).await?;
        self.reason.take().map_or(Ok(()), |fault| Err(fault.into()))
    }

    /// Sends and receives at the same time, until something was put off and nothing is in flight.
    async fn exchange(&mut self, stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> Result<()> {
        let queue = Arc::clone(&self.queue);
        let timeout = self.settings.connection.command_timeout();
        let (mut input, mut output) = tokio::io::split(stream);
        let mut inbox = BytesMut::new();
        let mut heard = Instant::now();
        loop {
            if self.put_off.is_empty() {
                while let Some(chunk) = queue.pop() {
                    self.unconfirmed.push_back(chunk);
                }
            }
            let in_flight = self.sent > 0 || self.sent_bytes > 0;
            if !in_flight {
                if !self.put_off.is_empty() {
                    return Ok(());
                }
                heard = Instant::now();
            }
            // A chunk that is half sent is sent to its end: its commands are in the server's hands.
            let sending = self.sent < self.unconfirmed.len() && (self.put_off.is_empty() || self.sent_bytes > 0);
            tokio::select! {
                // The end of a connection is noticed also while nothing is in flight.
                received = receive(&mut input, &mut inbox) => {
                    received?;
                    heard = Instant::now();
                    self.take_replies(&mut inbox)?;
                }
                written = self.send(&mut output), if sending => written?,
                () = queue.changed.notified(), if !sending && self.put_off.is_empty() => {}
                () = sleep_until(heard + timeout), if in_flight => {
                    let message = format!("no reply within {} ms (commandTimeoutMillis)", timeout.as_millis());
                    return Err(Fault::new(FaultKind::Timeout, message).into());
                }
            }
        }
    }

    /// One write of the chunk whose turn it is.
    async fn send(&mut self, output: &mut (impl AsyncWrite + Unpin)) -> Result<()> {
        let Some(chunk) = self.unconfirmed.get(self.sent) else { return Ok(()) };
        let from = chunk.start() + self.sent_bytes;
        let written = output.write(&chunk.bytes[from..]).await.map_err(lost)?;
        self.sent_bytes += written;
        if from + written == chunk.bytes.len() {
            self.sent += 1;
            self.sent_bytes = 0;
        }
        Ok(())
    }

    fn take_replies(&mut self, inbox: &mut BytesMut) -> Result<()> {
        while let Some(length) = reply::length(inbox)? {
            match inbox.first() {
                Some(b'-') => {
                    let text = String::from_utf8_lossy(&inbox[1..length - 2]).into_owned();
                    self.refused(Fault::from_server(&text))?;
                }
                _ => self.confirmed()?,
            }
            inbox.advance(length);
        }
        Ok(())
    }

    fn confirmed(&mut self) -> Result<()> {
        self.step()?;
        self.outage.over();
        self.counters.confirmed.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// The command whose turn it is has its reply.
    fn step(&mut self) -> Result<()> {
        let Some(chunk) = self.unconfirmed.front_mut() else {
            return Err(Error::protocol("a reply to no command"));
        };
        let before = chunk.start();
        chunk.confirmed += 1;
        if self.sent == 0 {
            // Its chunk is still being sent; what is sent of it counts from the new start.
            self.sent_bytes -= chunk.start() - before;
        }
        if chunk.is_confirmed() {
            let bytes = chunk.bytes.len();
            self.unconfirmed.pop_front();
            self.sent = self.sent.saturating_sub(1);
            self.queue.settle(bytes);
        }
        Ok(())
    }

    /// The server has put the command off, or rejects it for good.
    fn refused(&mut self, fault: Fault) -> Result<()> {
        let Some(command) = self.unconfirmed.front().map(|chunk| chunk.current().to_vec()) else {
            return Err(Error::protocol("a reply to no command"));
        };
        if fault.is_passing() {
            // Its bytes count until it is confirmed, so that a flush waits for it.
            self.queue.replace(0, command.len());
            self.put_off.push(Chunk::of_one(command));
            self.reason.get_or_insert(fault);
            return self.step();
        }
        let target = crate::sink::xadd::arguments(&command)
            .get(1)
            .map(|name| String::from_utf8_lossy(name).into_owned())
            .unwrap_or_default();
        let Some(stream) = dead_letter::stream(&self.settings).filter(|stream| *stream != target) else {
            return Err(fault.context(format!("stream '{target}', XADD")).into());
        };
        if self.counters.dead_letters.fetch_add(1, Ordering::Relaxed) == 0 {
            warn!(
                "{}: Redis rejects a record for '{target}' ({fault}); it goes to '{stream}', as will others",
                self.outage.what()
            );
        }
        let letter = dead_letter::of_rejected(stream, &command, &fault);
        self.queue.replace(0, letter.len());
        self.unconfirmed.push_back(Chunk::of_one(letter));
        self.step()
    }
}

async fn receive(input: &mut (impl AsyncRead + Unpin), inbox: &mut BytesMut) -> Result<()> {
    inbox.reserve(READ_CHUNK);
    match input.read_buf(inbox).await {
        Ok(0) => Err(Fault::new(FaultKind::Connection, "connection closed by the server").into()),
        Ok(_) => Ok(()),
        Err(error) => Err(lost(error)),
    }
}

fn lost(error: std::io::Error) -> Error {
    Fault::new(FaultKind::Connection, format!("connection lost ({error})")).into()
}
