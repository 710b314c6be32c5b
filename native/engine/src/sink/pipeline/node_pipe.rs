//! One connection of a pipeline: many commands in flight, and their replies, in order.
//!
//! Nothing is forgotten before its reply is there. What the server puts off (`LOADING`, `MOVED`, …) is kept apart, to be sent again before
//! anything newer. With `minReplicasToAck` nothing is forgotten either before a `WAIT` behind it has said that enough replicas have it.

use std::collections::{HashSet, VecDeque};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWrite};
use tokio::time::Instant;
use tracing::debug;

use crate::connection::transaction::Replies;
use crate::connection::{Route, Stream, ended, lost, reply, silent};
use crate::error::{Error, Fault, FaultKind, Result};
use crate::sink::chunk::Chunk;
use crate::sink::encode::{UnitKind, resp};
use crate::sink::pipeline::shared::{Shared, replicas_wait};

const READ_CHUNK: usize = 64 * 1024;

pub(super) struct NodePipe {
    pub(super) route: Route,
    wire: Option<Wire>,
    /// Without a reply, in order; the first `sent` of them are on the wire.
    unconfirmed: VecDeque<Chunk>,
    sent: usize,
    /// How much of the chunk behind the sent ones is on the wire.
    sent_bytes: usize,
    /// The replies so far to the transaction whose turn it is.
    pub(super) replies: Replies,
    /// The reply to the `ASKING` before the current unit is here.
    asked: bool,
    /// What the server put off, in order, and the keys of it.
    deferred: Option<Chunk>,
    deferred_keys: HashSet<Vec<u8>>,
    /// The times to live of what was written, to be sent when all replies are taken that are here.
    expiries: Option<Chunk>,
    /// Answered, and not yet known to be on enough replicas.
    unreplicated: VecDeque<Chunk>,
    /// The `WAIT` whose turn it is has said that they are.
    pub(super) wait_satisfied: bool,
    /// A `WAIT` is among the unconfirmed.
    waiting: bool,
    last_heard: Instant,
    /// Something went this way in this round.
    used: bool,
    /// The server may have become a replica, or be on its way out.
    leave: bool,
}

struct Wire {
    stream: Box<dyn Stream>,
    inbox: BytesMut,
    unflushed: bool,
}

impl NodePipe {
    /// Not connected yet.
    pub(super) fn new(route: Route) -> Self {
        Self {
            route,
            wire: None,
            unconfirmed: VecDeque::new(),
            sent: 0,
            sent_bytes: 0,
            replies: Replies::default(),
            asked: false,
            deferred: None,
            expiries: None,
            deferred_keys: HashSet::new(),
            unreplicated: VecDeque::new(),
            wait_satisfied: false,
            waiting: false,
            last_heard: Instant::now(),
            used: false,
            leave: false,
        }
    }

    pub(super) fn is_connected(&self) -> bool {
        self.wire.is_some()
    }

    pub(super) fn connected(&mut self, stream: Box<dyn Stream>) {
        self.wire = Some(Wire { stream, inbox: BytesMut::new(), unflushed: false });
    }

    /// To be sent behind what is there. It must be made for this pipe.
    pub(super) fn push(&mut self, chunk: Chunk, shared: &Shared) {
        self.used = true;
        self.unconfirmed.push_back(chunk);
        if shared.min_replicas() > 0 && !self.waiting {
            self.push_wait(shared);
        }
    }

    fn push_wait(&mut self, shared: &Shared) {
        let (replicas, time) =
            (shared.min_replicas().to_string(), replicas_wait(&shared.settings).as_millis().to_string());
        let mut wait = Vec::new();
        resp::command(&mut wait, &[b"WAIT", replicas.as_bytes(), time.as_bytes()]);
        let mut chunk = Chunk::empty(self.route.asking);
        chunk.append(&wait, UnitKind::Replicas);
        shared.queue.add(chunk.bytes().len());
        self.unconfirmed.push_back(chunk);
        self.waiting = true;
    }

    /// Everything that came this way is where it shall be.
    pub(super) fn is_settled(&self) -> bool {
        self.unconfirmed.is_empty()
            && self.deferred.is_none()
            && self.unreplicated.is_empty()
            && self.expiries.is_none()
    }

    pub(super) fn in_flight(&self) -> bool {
        self.sent > 0 || self.sent_bytes > 0
    }

    /// When the server has been silent for too long.
    pub(super) fn deadline(&self, timeout: Duration) -> Option<Instant> {
        self.in_flight().then(|| self.last_heard + timeout)
    }

    /// The connection is of no more use. What was in flight is to be sent again.
    pub(super) fn cut(&mut self, error: Error, shared: &mut Shared) {
        self.wire = None;
        (self.sent, self.sent_bytes) = (0, 0);
        shared.count_reconnect();
        let key = self.current().map(|(unit, _)| resp::key(unit).to_vec()).unwrap_or_default();
        shared.end(&key, error);
    }

    pub(super) fn check_deadline(&mut self, now: Instant, shared: &mut Shared) {
        let timeout = shared.settings.connection.command_timeout();
        if self.deadline(timeout).is_some_and(|deadline| deadline <= now) {
            self.cut(silent(timeout), shared);
        }
    }

    /// What is not settled, in order, for another round.
    pub(super) fn drain_unsettled(&mut self, shared: &Shared) -> Vec<Chunk> {
        if self.leave && self.wire.take().is_some() {
            shared.count_reconnect();
        }
        (self.sent, self.sent_bytes, self.asked, self.leave) = (0, 0, false, false);
        self.replies = Replies::default();
        self.deferred_keys.clear();
        (self.wait_satisfied, self.waiting) = (false, false);
        let unreplicated = std::mem::take(&mut self.unreplicated).into_iter().map(Chunk::rewind);
        let unconfirmed = std::mem::take(&mut self.unconfirmed).into_iter().filter_map(|chunk| match chunk.is_wait() {
            // Of this connection.
            true => {
                shared.queue.settle(chunk.bytes().len());
                None
            }
            false if shared.min_replicas() > 0 => Some(chunk.rewind()),
            false => Some(chunk),
        });
        unreplicated.chain(self.deferred.take()).chain(unconfirmed).chain(self.expiries.take()).collect()
    }

    /// Whether the next round begins with this connection. A server that was asked for keys on their way to it is not kept without a reason.
    pub(super) fn is_of_use(&mut self) -> bool {
        let used = std::mem::take(&mut self.used);
        self.wire.is_some() && (used || !self.route.asking)
    }

    /// Sends and receives what can be without waiting, and has the task woken when there can be more.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, shared: &mut Shared) {
        let mut ended = self.receive(cx, shared);
        if ended.is_pending() {
            ended = self.send(cx, shared);
            if ended.is_ready() {
                // The server may have said why it closed the connection, and which record it does not take.
                let received = self.receive(cx, shared);
                ended = if received.is_ready() { received } else { ended };
            }
        }
        match ended {
            Poll::Ready(error) if self.is_settled() && !self.in_flight() => {
                // Nobody was using it, so it is no fault: it is connected again when the next round of work begins.
                debug!(
                    "{}: a connection to {} was closed while nobody used it ({error})",
                    shared.outage.what(),
                    self.route.address
                );
                self.wire = None;
                shared.count_reconnect();
            }
            Poll::Ready(error) => self.cut(error, shared),
            Poll::Pending => {}
        }
    }

    /// Ends with an error only.
    fn receive(&mut self, cx: &mut Context<'_>, shared: &mut Shared) -> Poll<Error> {
        while let Some(wire) = &mut self.wire {
            wire.inbox.reserve(READ_CHUNK);
            // The end of a connection is noticed also while nothing is in flight.
            match ready!(pin!(wire.stream.read_buf(&mut wire.inbox)).poll(cx)) {
                Ok(0) => return Poll::Ready(ended()),
                Ok(_) => self.last_heard = Instant::now(),
                Err(error) => return Poll::Ready(lost(error)),
            }
            let mut inbox = std::mem::take(&mut wire.inbox);
            match self.take_replies(&inbox, shared) {
                Ok(taken) => inbox.advance(taken),
                Err(error) => return Poll::Ready(error),
            }
            if let Some(wire) = &mut self.wire {
                wire.inbox = inbox;
            }
        }
        Poll::Pending
    }

    fn send(&mut self, cx: &mut Context<'_>, shared: &Shared) -> Poll<Error> {
        let Some(wire) = &mut self.wire else { return Poll::Pending };
        if self.sent == 0 && self.sent_bytes == 0 {
            self.last_heard = Instant::now();
        }
        // A chunk that is half sent is sent to its end: its commands are in the server's hands.
        while !shared.is_ending() || self.sent_bytes > 0 {
            let Some(chunk) = self.unconfirmed.get(self.sent) else { break };
            let from = chunk.start() + self.sent_bytes;
            match ready!(Pin::new(&mut wire.stream).poll_write(cx, &chunk.bytes()[from..])) {
                Ok(0) => return Poll::Ready(ended()),
                Ok(written) => self.sent_bytes += written,
                Err(error) => return Poll::Ready(lost(error)),
            }
            wire.unflushed = true;
            if chunk.start() + self.sent_bytes == chunk.bytes().len() {
                self.sent += 1;
                self.sent_bytes = 0;
            }
        }
        if wire.unflushed {
            if let Err(error) = ready!(Pin::new(&mut wire.stream).poll_flush(cx)) {
                return Poll::Ready(lost(error));
            }
            wire.unflushed = false;
        }
        Poll::Pending
    }

    /// How many bytes of `inbox` were whole replies.
    fn take_replies(&mut self, inbox: &[u8], shared: &mut Shared) -> Result<usize> {
        let mut taken = 0;
        while let Some(length) = reply::length(&inbox[taken..])? {
            self.take_reply(&inbox[taken..taken + length], shared)?;
            taken += length;
        }
        if let Some(expiries) = self.expiries.take() {
            self.push(expiries, shared);
        }
        Ok(taken)
    }

    fn take_reply(&mut self, reply: &[u8], shared: &mut Shared) -> Result<()> {
        let asking = self.unconfirmed.front().is_some_and(Chunk::is_asking);
        if asking && !self.asked {
            self.asked = true;
            return reply::refusal(reply).map_or(Ok(()), |fault| Err(fault.context("ASKING").into()));
        }
        let Some((_, kind)) = self.current() else { return Err(Error::protocol("a reply to no command")) };
        let commands = kind.commands();
        match commands.map(|commands| self.replies.take(reply, commands)).transpose()? {
            None => self.answered(reply, shared)?,
            Some(Some(outcomes)) => self.on_transaction(outcomes, shared)?,
            Some(None) => return Ok(()),
        }
        self.step(shared)
    }

    /// The unit whose turn it is has all its replies.
    fn step(&mut self, shared: &mut Shared) -> Result<()> {
        self.asked = false;
        let Some(chunk) = self.unconfirmed.front_mut() else { return Err(Error::protocol("a reply to no command")) };
        let unit = chunk.step();
        if self.sent == 0 {
            // Its chunk is still being sent; what is sent of it counts from the new start.
            let sent = self.sent_bytes.checked_sub(unit);
            self.sent_bytes = sent.ok_or_else(|| Error::protocol("a reply to a command that was not sent yet"))?;
        }
        if !chunk.is_answered() {
            return Ok(());
        }
        self.sent = self.sent.saturating_sub(1);
        if let Some(chunk) = self.unconfirmed.pop_front() {
            if chunk.is_wait() {
                self.waited(shared);
            } else if shared.min_replicas() > 0 {
                self.unreplicated.push_back(chunk);
                return Ok(());
            }
            shared.queue.settle(chunk.bytes().len());
        }
        Ok(())
    }

    /// `WAIT` is answered. The next one is about all that came meanwhile: the server carries out nothing more of this connection while it waits.
    fn waited(&mut self, shared: &mut Shared) {
        self.waiting = false;
        if std::mem::take(&mut self.wait_satisfied) {
            for chunk in self.unreplicated.drain(..) {
                shared.confirmed(chunk.written);
                shared.queue.settle(chunk.bytes().len());
            }
        }
        if !self.unreplicated.is_empty() || !self.unconfirmed.is_empty() {
            self.push_wait(shared);
        }
    }

    /// The unit whose replies are next.
    pub(super) fn current(&self) -> Option<(&[u8], &UnitKind)> {
        self.unconfirmed.front().and_then(Chunk::current)
    }

    pub(super) fn current_key(&self) -> &[u8] {
        self.current().map_or(&[], |(unit, _)| resp::key(unit))
    }

    /// Records of the current unit are written.
    pub(super) fn written(&mut self, records: u64, shared: &mut Shared) {
        match self.unconfirmed.front_mut() {
            Some(chunk) if shared.min_replicas() > 0 => chunk.written += records,
            _ => shared.confirmed(records),
        }
    }

    /// The current unit is to be sent again, before anything newer.
    pub(super) fn defer_current(&mut self, why: Option<Fault>, shared: &mut Shared) {
        let Some((unit, kind)) = self.unconfirmed.front().and_then(Chunk::current) else { return };
        let (key, kind) = (resp::key(unit), *kind);
        shared.queue.add(unit.len());
        self.deferred.get_or_insert_with(|| Chunk::empty(false)).append(unit, kind);
        if let Some(fault) = why {
            // A server that only knows where the key is stays what it was.
            self.leave |= fault.kind != FaultKind::Redirect && fault.code != "TRYAGAIN";
            if !self.deferred_keys.contains(key) {
                shared.end(key, fault.into());
            }
        }
        // What was written before it, and is to expire, undoes nothing.
        if kind != UnitKind::Expiry {
            self.deferred_keys.insert(key.to_vec());
        }
        self.detach_current();
    }

    /// The current unit's key is to expire: that is sent on this way, and confirmed like a record.
    pub(super) fn expire_current(&mut self, shared: &Shared) {
        let mut expiry = Vec::new();
        resp::command(&mut expiry, &[b"EXPIRE", self.current_key(), shared.ttl_seconds.as_bytes()]);
        let expiries = self.expiries.get_or_insert_with(|| Chunk::empty(self.route.asking));
        let before = expiries.bytes().len();
        expiries.append(&expiry, UnitKind::Expiry);
        shared.queue.add(expiries.bytes().len() - before);
    }

    /// Should its chunk be sent again, this one is not.
    pub(super) fn detach_current(&mut self) {
        if let Some(chunk) = self.unconfirmed.front_mut() {
            chunk.detach();
        }
    }

    /// Whether something for this key was put off in this round.
    pub(super) fn is_held_back(&self, key: &[u8]) -> bool {
        !self.deferred_keys.is_empty() && self.deferred_keys.contains(key)
    }
}
