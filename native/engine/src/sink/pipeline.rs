//! Sends commands and matches replies: many commands in flight, over one connection after the other.
//!
//! Nothing is forgotten before its reply is there. When a connection is lost, everything without a reply is sent again, in order and
//! before anything newer; so is a command that the server put off (`LOADING`, `READONLY`, …): at least once, and in order.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::BytesMut;
use futures_util::FutureExt;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::config::{SinkKind, SinkSettings};
use crate::connection::{Connection, Outage, Servers, ended, lost, reply, silent};
use crate::error::{Error, Fault, FaultKind, Result};
use crate::sink::dead_letter;
use crate::sink::encode::UnitKind;
use crate::sink::encode::resp::{self, arguments};
use crate::sink::queue::{Chunk, Queue};
use crate::sink::trace;
use crate::sink::transaction::{Outcomes, Replies};

/// What is counted, for metrics.
#[derive(Default)]
pub(super) struct Counters {
    pub(super) confirmed: AtomicU64,
    pub(super) dead_letters: AtomicU64,
    pub(super) reconnects: AtomicU64,
}

pub(super) struct Pipeline {
    settings: SinkSettings,
    servers: Servers,
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
    /// The replies so far to the transaction whose turn it is.
    replies: Replies,
}

const READ_CHUNK: usize = 64 * 1024;

/// The commands in the transaction that opens a staging stream.
const OPENING: usize = 4;

impl Pipeline {
    pub(super) fn new(
        settings: SinkSettings,
        servers: Servers,
        queue: Arc<Queue>,
        closed: CancellationToken,
        counters: Arc<Counters>,
    ) -> Self {
        let what = format!("sink topic '{}' ({})", settings.topic, settings.connection.endpoint());
        let outage = Outage::new(what, &settings.connection);
        let (unconfirmed, put_off) = (VecDeque::new(), Vec::new());
        Self {
            settings,
            servers,
            queue,
            closed,
            counters,
            outage,
            unconfirmed,
            sent: 0,
            sent_bytes: 0,
            put_off,
            reason: None,
            replies: Replies::default(),
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
        self.replies = Replies::default();
    }

    /// Ends with what makes another connection needed. A server that puts commands off may have become a replica: it is left, too.
    async fn over_one_connection(&mut self) -> Result<()> {
        let mut connection = self.servers.connect(&self.settings.connection.client_name, b"").await?;
        if self.settings.kind == SinkKind::Json {
            require_json(&mut connection).await?;
        }
        let mut stream = connection.into_stream();
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
                    return Err(silent(timeout));
                }
            }
        }
    }

    /// One write of the chunk whose turn it is.
    async fn send(&mut self, output: &mut (impl AsyncWrite + Unpin)) -> Result<()> {
        let Some(chunk) = self.unconfirmed.get(self.sent) else { return Ok(()) };
        let from = chunk.start() + self.sent_bytes;
        let written = output.write(&chunk.bytes()[from..]).await.map_err(lost)?;
        self.sent_bytes += written;
        if from + written == chunk.bytes().len() {
            self.sent += 1;
            self.sent_bytes = 0;
        }
        Ok(())
    }

    fn take_replies(&mut self, inbox: &mut BytesMut) -> Result<()> {
        while let Some(length) = reply::length(inbox)? {
            let one = inbox.split_to(length).freeze();
            let Some((_, kind)) = self.unconfirmed.front().and_then(Chunk::current) else {
                return Err(Error::protocol("a reply to no command"));
            };
            match kind.clone() {
                UnitKind::Transaction(bounds) => match self.replies.take(&one, 2 * (bounds.len() - 1))? {
                    Some(outcomes) => self.transaction_done(&bounds, outcomes)?,
                    None => continue,
                },
                UnitKind::Opening => match self.replies.take(&one, OPENING)? {
                    Some(outcomes) => self.opened(outcomes)?,
                    None => continue,
                },
                UnitKind::Staged => self.staged(&one)?,
                UnitKind::Sealing(records) => self.sealed(&one, records)?,
                UnitKind::Record => match reply::refusal(&one) {
                    Some(fault) => self.refused(fault)?,
                    None => self.confirmed(UnitKind::Record),
                },
            }
            self.step()?;
        }
        Ok(())
    }

    /// The unit whose turn it is has all its replies.
    fn step(&mut self) -> Result<()> {
        let Some(chunk) = self.unconfirmed.front_mut() else {
            return Err(Error::protocol("a reply to no command"));
        };
        let before = chunk.start();
        chunk.settled += 1;
        if self.sent == 0 {
            // Its chunk is still being sent; what is sent of it counts from the new start.
            let unit = chunk.start() - before;
            let sent = self.sent_bytes.checked_sub(unit);
            self.sent_bytes = sent.ok_or_else(|| Error::protocol("a reply to a command that was not sent yet"))?;
        }
        if chunk.is_settled() {
            let bytes = chunk.bytes().len();
            self.unconfirmed.pop_front();
            self.sent = self.sent.saturating_sub(1);
            self.queue.settle(bytes);
        }
        Ok(())
    }

    fn confirmed(&mut self, kind: UnitKind) {
        self.outage.over();
        self.counters.confirmed.fetch_add(kind.records(), Ordering::Relaxed);
        if self.overtaken() {
            self.put_off_current(kind, None);
        }
    }

    /// A write to a key that was in flight behind one that was put off has overtaken it: it is written once more, behind it, so that the last
    /// one stays the last. Appends to a stream are not: that would only repeat them.
    fn overtaken(&self) -> bool {
        !self.put_off.is_empty() && self.settings.kind != SinkKind::Stream
    }

    /// The server has put the record off, or rejects it for good.
    fn refused(&mut self, fault: Fault) -> Result<()> {
        if fault.is_passing() {
            self.put_off_current(UnitKind::Record, Some(fault));
            return Ok(());
        }
        let Some((bytes, _)) = self.unconfirmed.front().and_then(Chunk::current) else { return Ok(()) };
        let bytes = bytes.to_vec();
        self.reject(&bytes, &fault)
    }

    fn opened(&mut self, outcomes: Outcomes) -> Result<()> {
        let fault = match outcomes {
            Outcomes::Aborted(fault) => Some(fault),
            Outcomes::Each(faults) => faults.into_iter().flatten().find(|fault| !is_there_already(fault)),
        };
        match fault {
            Some(fault) if fault.is_passing() => self.put_off_current(UnitKind::Opening, Some(fault)),
            Some(fault) => return Err(self.not_staged(fault)),
            None => self.confirmed(UnitKind::Opening),
        }
        Ok(())
    }

    fn staged(&mut self, reply: &[u8]) -> Result<()> {
        match reply::refusal(reply) {
            // It was sent again, after its reply was lost. Should it not be there after all, the seal tells.
            Some(fault) if is_there_already(&fault) => self.confirmed(UnitKind::Staged),
            Some(fault) if fault.is_passing() => self.put_off_current(UnitKind::Staged, Some(fault)),
            Some(fault) => return Err(self.not_staged(fault)),
            // There is no stream: what makes it may have been put off, and comes first.
            None if reply.starts_with(b"$-1") && !self.put_off.is_empty() => {
                self.put_off_current(UnitKind::Staged, None);
            }
            None if reply.starts_with(b"$-1") => return Err(staging_lost(&self.current_target())),
            None => self.confirmed(UnitKind::Staged),
        }
        Ok(())
    }

    fn sealed(&mut self, reply: &[u8], records: u64) -> Result<()> {
        let kind = UnitKind::Sealing(records);
        match reply::refusal(reply) {
            Some(fault) if fault.is_passing() => self.put_off_current(kind, Some(fault)),
            Some(fault) => return Err(self.not_staged(fault)),
            None if reply == format!(":{records}\r\n").as_bytes() => self.confirmed(kind),
            // Some of them are still to be written.
            None if !self.put_off.is_empty() => self.put_off_current(kind, None),
            None => return Err(staging_incomplete(&self.current_target(), records)),
        }
        Ok(())
    }

    /// Each entry of a staging stream has its number, so none may go to the dead letters.
    fn not_staged(&self, fault: Fault) -> Error {
        fault.context(format!("staging stream '{}'", self.current_target())).into()
    }

    /// To be sent again, before anything newer.
    fn put_off(&mut self, bytes: Vec<u8>, kind: UnitKind, why: Option<Fault>) {
        self.queue.add(bytes.len());
        self.put_off.push(Chunk::of_one(bytes, kind));
        self.reason = self.reason.take().or(why);
    }

    fn put_off_current(&mut self, kind: UnitKind, why: Option<Fault>) {
        if let Some((bytes, _)) = self.unconfirmed.front().and_then(Chunk::current) {
            self.put_off(bytes.to_vec(), kind, why);
        }
    }

    /// To the dead letters; without them it fails the writer.
    fn reject(&mut self, command: &[u8], fault: &Fault) -> Result<()> {
        let words = arguments(command);
        let word = |at: usize| words.get(at).map(|word| String::from_utf8_lossy(word).into_owned()).unwrap_or_default();
        let (name, target) = (word(0), word(1));
        if let Some(contents) = self.settings.trace {
            trace::rejected(contents, &words, fault);
        }
        let letters = dead_letter::stream(&self.settings).filter(|stream| *stream != target && fault.is_of_record());
        let Some(stream) = letters else {
            let what = if name == "XADD" { "stream" } else { "key" };
            return Err(fault.clone().context(format!("{what} '{target}', {name}")).into());
        };
        if self.counters.dead_letters.fetch_add(1, Ordering::Relaxed) == 0 {
            warn!(
                "{}: Redis rejects a record for '{target}' ({fault}); it goes to '{stream}', as will others",
                self.outage.what()
            );
        }
        let letter = dead_letter::of_rejected(stream, command, fault);
        self.queue.add(letter.len());
        self.unconfirmed.push_back(Chunk::of_one(letter, UnitKind::Record));
        Ok(())
    }

    /// Each record of a transaction for itself: one that is bad fails no other.
    fn transaction_done(&mut self, bounds: &[usize], outcomes: Outcomes) -> Result<()> {
        let Some(unit) = self.unconfirmed.front().and_then(Chunk::current).map(|(bytes, _)| bytes.to_vec()) else {
            return Ok(());
        };
        let records = bounds.windows(2).map(|bound| &unit[bound[0]..bound[1]]);
        match outcomes {
            // Nothing of it was carried out, for a reason that is none of the records' (memory, permissions).
            Outcomes::Aborted(fault) if fault.is_passing() => {
                self.put_off(unit.clone(), UnitKind::Transaction(bounds.to_vec()), Some(fault));
            }
            Outcomes::Aborted(fault) => {
                for record in records {
                    self.reject(record, &fault)?;
                }
            }
            Outcomes::Each(faults) => {
                for (record, faults) in records.zip(faults.chunks(2)) {
                    match faults.iter().flatten().next() {
                        None => {
                            self.outage.over();
                            self.counters.confirmed.fetch_add(1, Ordering::Relaxed);
                            if self.overtaken() {
                                let (bytes, bounds) = transaction_of(record);
                                self.put_off(bytes, UnitKind::Transaction(bounds), None);
                            }
                        }
                        Some(fault) if fault.is_passing() => {
                            let (bytes, bounds) = transaction_of(record);
                            self.put_off(bytes, UnitKind::Transaction(bounds), Some(fault.clone()));
                        }
                        Some(fault) => self.reject(record, fault)?,
                    }
                }
            }
        }
        Ok(())
    }

    fn current_target(&self) -> String {
        let unit = self.unconfirmed.front().and_then(Chunk::current).map_or(&[][..], |(bytes, _)| bytes);
        String::from_utf8_lossy(resp::key(unit)).into_owned()
    }
}

/// One clear error at the start, instead of one for each record.
async fn require_json(connection: &mut Connection) -> Result<()> {
    let known = connection.call(redis::cmd("COMMAND").arg("INFO").arg("JSON.SET")).await;
    let missing = matches!(&known, Ok(redis::Value::Array(about)) if matches!(about[..], [redis::Value::Nil]));
    if missing {
        let message =
            "the server has no JSON module (it does not know JSON.SET); load RedisJSON, or use Redis 8 or Redis Stack";
        return Err(Fault::new(FaultKind::Server, message).into());
    }
    match known {
        Err(error) if error.is_passing() => Err(error),
        // A user who may not ask finds out with the first record.
        _ => Ok(()),
    }
}

/// A record's commands in a transaction of their own.
fn transaction_of(record: &[u8]) -> (Vec<u8>, Vec<usize>) {
    let mut bytes = Vec::with_capacity(record.len() + 32);
    resp::command(&mut bytes, &[b"MULTI"]);
    let start = bytes.len();
    bytes.extend_from_slice(record);
    let bounds = vec![start, bytes.len()];
    resp::command(&mut bytes, &[b"EXEC"]);
    (bytes, bounds)
}

/// What Redis says of an entry ID that is not above the last one.
fn is_there_already(fault: &Fault) -> bool {
    fault.message().contains("equal or smaller")
}

fn staging_incomplete(key: &str, records: u64) -> Error {
    let message = format!(
        "staging stream '{key}' does not hold all {records} records of its epoch: the server has put some off and taken later ones, or has lost \
         some in a failover; the job has to go back to its last checkpoint, nothing is lost"
    );
    Fault::new(FaultKind::StagingLost, message).into()
}

fn staging_lost(key: &str) -> Error {
    let message = format!(
        "staging stream '{key}' is gone while its epoch is being written: it was deleted or evicted, it expired, or this writer was replaced"
    );
    Fault::new(FaultKind::StagingLost, message).into()
}

async fn receive(input: &mut (impl AsyncRead + Unpin), inbox: &mut BytesMut) -> Result<()> {
    inbox.reserve(READ_CHUNK);
    match input.read_buf(inbox).await {
        Ok(0) => Err(ended()),
        Ok(_) => Ok(()),
        Err(error) => Err(lost(error)),
    }
}
