//! A node pipe is one connection of a pipeline: it has many commands in flight, and takes their replies in order.
//!
//! Nothing is forgotten before its reply is there. What the server does not take now (`LOADING`, `MOVED`, …) is kept
//! apart, to be sent again before anything newer.

use std::collections::{HashSet, VecDeque};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Buf;
use tokio::time::Instant;
use tracing::debug;

use crate::client::transaction::Replies;
use crate::client::{Route, silent};
use crate::error::{Error, Fault, FaultKind, Result};
use crate::net::dial::Stream;
use crate::resp::reply;
use crate::sink::chunk::Chunk;
use crate::sink::pipeline::expiries::Expiries;
use crate::sink::pipeline::replicated::Replicated;
use crate::sink::pipeline::replies::{UnitOutcome, on_reply, on_transaction};
use crate::sink::pipeline::shared::Shared;
use crate::sink::pipeline::window::Window;
use crate::sink::pipeline::wire::{Wire, unsent};
use crate::sink::replicas::Replicas;
use crate::sink::unit::{EncodedUnit, UnitKind};

/// The way to one server within a round. It is polled by the pipeline's task only.
pub(super) struct NodePipe {
    pub(super) route: Route,
    wire: Option<Wire>,
    /// Chunks without all replies, in order; the first `sent` of them are on the wire.
    unconfirmed: VecDeque<Chunk>,
    sent: usize,
    /// How much of the chunk behind the sent ones is on the wire.
    sent_bytes: usize,
    window: Window,
    /// The replies so far to the transaction whose turn it is.
    replies: Replies,
    /// The `ASKING` before the current unit has its reply.
    asked: bool,
    /// Units to be sent again, in order.
    deferred: Option<Chunk>,
    /// Their keys, but for those of `EXPIRE`.
    deferred_keys: HashSet<Vec<u8>>,
    /// What is to expire of what was written; `None` without `ttlSeconds`.
    expiries: Option<Expiries>,
    /// What waits for replicas; `None` without `minReplicasToAck`.
    replicated: Option<Replicated>,
    /// When the server last sent something, or had nothing to answer.
    last_received: Instant,
    /// Something was pushed in this round.
    used: bool,
    /// The connection is closed when the round ends: the server may have become a replica, or be on its way out.
    closes_with_round: bool,
}

impl NodePipe {
    /// Creates a pipe that is not connected yet.
    pub(super) fn new(route: Route, shared: &Shared) -> Self {
        Self {
            route,
            wire: None,
            unconfirmed: VecDeque::new(),
            sent: 0,
            sent_bytes: 0,
            window: Window::of(&shared.settings),
            replies: Replies::default(),
            asked: false,
            deferred: None,
            expiries: Expiries::of(&shared.settings),
            deferred_keys: HashSet::new(),
            replicated: Replicas::of(&shared.settings).map(Replicated::new),
            last_received: Instant::now(),
            used: false,
            closes_with_round: false,
        }
    }

    pub(super) fn is_connected(&self) -> bool {
        self.wire.is_some()
    }

    /// Takes the connection that was made for this pipe.
    pub(super) fn connected(&mut self, stream: Box<dyn Stream>) {
        self.wire = Some(Wire::new(stream));
    }

    /// Takes a chunk, to be sent behind what is there. It must be made for this pipe.
    pub(super) fn push(&mut self, chunk: Chunk, shared: &Shared) {
        self.used = true;
        self.unconfirmed.push_back(chunk);
        self.push_wait(shared);
    }

    /// Pushes a `WAIT`, if replicas are asked for and none is under way.
    fn push_wait(&mut self, shared: &Shared) {
        if let Some(wait) = self.replicated.as_mut().and_then(|replicated| replicated.next_wait(self.route.asking)) {
            shared.queue.add(wait.bytes().len());
            self.unconfirmed.push_back(wait);
        }
    }

    /// Tells whether everything that came this way is settled.
    pub(super) fn is_settled(&self) -> bool {
        self.unconfirmed.is_empty()
            && self.deferred.is_none()
            && self.replicated.as_ref().is_none_or(Replicated::is_empty)
            && self.expiries.as_ref().is_none_or(Expiries::is_empty)
    }

    pub(super) fn in_flight(&self) -> bool {
        self.sent > 0 || self.sent_bytes > 0
    }

    /// Returns when the server has been silent for too long.
    pub(super) fn deadline(&self, timeout: Duration) -> Option<Instant> {
        self.in_flight().then(|| self.last_received + timeout)
    }

    /// Gives the connection up, and ends the round. What was in flight is to be sent again.
    pub(super) fn cut(&mut self, error: Error, shared: &mut Shared) {
        self.wire = None;
        (self.sent, self.sent_bytes) = (0, 0);
        self.window.reset();
        shared.count_reconnect();
        let key = self.unconfirmed.front().and_then(Chunk::current).map_or(&[][..], EncodedUnit::key);
        shared.end(key, error);
    }

    /// Cuts the connection if the server has been silent for too long.
    pub(super) fn check_deadline(&mut self, now: Instant, shared: &mut Shared) {
        let timeout = shared.settings.connection.command_timeout();
        if self.deadline(timeout).is_some_and(|deadline| deadline <= now) {
            self.cut(silent(timeout), shared);
        }
    }

    /// Returns what is not settled, in order, for another round.
    pub(super) fn drain_unsettled(&mut self, shared: &Shared) -> Vec<Chunk> {
        if self.closes_with_round && self.wire.take().is_some() {
            shared.count_reconnect();
        }
        (self.sent, self.sent_bytes, self.asked, self.closes_with_round) = (0, 0, false, false);
        self.window.reset();
        self.replies = Replies::default();
        self.deferred_keys.clear();
        let mut chunks: Vec<Chunk> = self.replicated.as_mut().map(Replicated::drain).into_iter().flatten().collect();
        chunks.extend(self.deferred.take());
        for chunk in self.unconfirmed.drain(..) {
            if chunk.is_wait() {
                // Of this connection.
                shared.queue.settle(chunk.bytes().len());
            } else {
                chunks.push(if self.replicated.is_some() { chunk.rewind() } else { chunk });
            }
        }
        chunks.extend(self.expiries.as_mut().and_then(|expiries| expiries.take(&shared.queue)));
        chunks
    }

    /// Tells whether the next round begins with this connection. A server that was asked for keys on their way to it is
    /// not kept without a reason.
    pub(super) fn is_of_use(&mut self) -> bool {
        let used = std::mem::take(&mut self.used);
        self.wire.is_some() && (used || !self.route.asking)
    }

    /// Sends and receives what can be without waiting, and has the task woken when there can be more.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, shared: &mut Shared) {
        let mut ended = self.receive(cx, shared);
        if ended.is_pending()
            && let Poll::Ready(error) = self.send(cx, shared)
        {
            // The server may have said why it closes the connection, and which record it does not take. If that has
            // not come in yet, it does so before the connection's end: nothing is sent meanwhile.
            ended = self.receive(cx, shared);
            let in_flight = self.in_flight();
            match &mut self.wire {
                Some(wire) if ended.is_pending() && in_flight => wire.takes_no_more(),
                _ if ended.is_pending() => ended = Poll::Ready(error),
                _ => {}
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

    /// Takes what the server has sent, and returns only with an error.
    fn receive(&mut self, cx: &mut Context<'_>, shared: &mut Shared) -> Poll<Error> {
        while let Some(wire) = &mut self.wire {
            // The end of a connection is noticed also while nothing is in flight.
            let mut inbox = match ready!(wire.poll_receive(cx)) {
                Ok(inbox) => inbox,
                Err(error) => return Poll::Ready(error),
            };
            self.last_received = Instant::now();
            match self.take_replies(&inbox, shared) {
                Ok(taken) => inbox.advance(taken),
                Err(error) => return Poll::Ready(error),
            }
            if let Some(wire) = &mut self.wire {
                wire.keep(inbox);
            }
        }
        Poll::Pending
    }

    /// Sends as much as the connection takes, and returns only with an error.
    fn send(&mut self, cx: &mut Context<'_>, shared: &Shared) -> Poll<Error> {
        if self.sent == 0 && self.sent_bytes == 0 {
            self.last_received = Instant::now();
        }
        // A chunk that is half sent is sent to its end: its commands are in the server's hands.
        let is_ending = shared.is_ending();
        let most = if is_ending { 1 } else { usize::MAX };
        while !is_ending || self.sent_bytes > 0 {
            let room = self.window.room(self.unconfirmed.front().map_or(0, Chunk::current_len));
            if room == 0 {
                break;
            }
            if !is_ending {
                self.push_expiries(shared);
            }
            let mut parts = unsent(&self.unconfirmed, self.sent, self.sent_bytes, room).take(most).peekable();
            let Some(wire) = self.wire.as_mut().filter(|_| parts.peek().is_some()) else { break };
            match ready!(wire.poll_send(cx, parts)) {
                Ok(written) => self.count_sent(written),
                Err(error) => return Poll::Ready(error),
            }
        }
        let Some(wire) = &mut self.wire else { return Poll::Pending };
        match ready!(wire.poll_flush(cx)) {
            Ok(()) => Poll::Pending,
            Err(error) => Poll::Ready(error),
        }
    }

    /// Counts so many bytes as sent.
    fn count_sent(&mut self, written: usize) {
        self.window.sent(written);
        self.sent_bytes += written;
        while let Some(chunk) = self.unconfirmed.get(self.sent) {
            let Some(beyond) = self.sent_bytes.checked_sub(chunk.bytes().len() - chunk.start()) else { break };
            self.sent += 1;
            self.sent_bytes = beyond;
        }
    }

    /// Takes whole replies, and returns how many bytes of `inbox` they were.
    fn take_replies(&mut self, inbox: &[u8], shared: &mut Shared) -> Result<usize> {
        let mut taken = 0;
        while let Some(length) = reply::length(&inbox[taken..])? {
            self.take_reply(&inbox[taken..taken + length], shared)?;
            taken += length;
        }
        Ok(taken)
    }

    /// Has what was written expire, ahead of what is not on the wire yet.
    fn push_expiries(&mut self, shared: &Shared) {
        if let Some(chunk) = self.expiries.as_mut().and_then(|expiries| expiries.take(&shared.queue)) {
            self.unconfirmed.insert(self.sent + usize::from(self.sent_bytes > 0), chunk);
            self.push_wait(shared);
        }
    }

    /// Takes one whole reply: the next to the unit whose turn it is.
    fn take_reply(&mut self, reply: &[u8], shared: &mut Shared) -> Result<()> {
        let asking = self.unconfirmed.front().is_some_and(Chunk::is_asking);
        if asking && !self.asked {
            self.asked = true;
            return reply::refusal(reply).map_or(Ok(()), |fault| Err(fault.context("ASKING").into()));
        }
        let Some(unit) = self.unconfirmed.front().and_then(Chunk::current) else {
            return Err(Error::protocol("a reply to no command"));
        };
        if unit.kind() == UnitKind::Replicas {
            self.on_wait_reply(reply, shared)?;
            return self.step(shared);
        }
        // What was deferred in this round comes before newer writes of its key.
        let is_behind = !self.deferred_keys.is_empty() && self.deferred_keys.contains(unit.key());
        let outcome = if let Some(commands) = unit.kind().commands() {
            let Some(outcomes) = self.replies.take(reply, commands)? else { return Ok(()) };
            on_transaction(unit, outcomes, is_behind)?
        } else {
            on_reply(unit, reply, is_behind, &shared.settings.path)?
        };
        match outcome {
            UnitOutcome::Settled { records } => self.settle_current(records, shared),
            UnitOutcome::Deferred(why) => self.defer_current(why, shared),
            UnitOutcome::Rejected(fault) => {
                shared.reject(unit, &fault)?;
                self.detach_current();
            }
        }
        self.step(shared)
    }

    /// Takes the reply to `WAIT`. Too few replicas count as a failure of this outage: the `WAIT` itself was the wait.
    fn on_wait_reply(&mut self, reply: &[u8], shared: &mut Shared) -> Result<()> {
        let lack = self.replicated.as_mut().map_or(Ok(None), |replicated| replicated.on_wait_reply(reply))?;
        if let Some(Err(error)) = lack.map(|fault| shared.outage.failed(fault.into())) {
            shared.fail(error);
        }
        Ok(())
    }

    /// Goes on to the next unit: the one whose turn it is has all its replies.
    fn step(&mut self, shared: &mut Shared) -> Result<()> {
        self.asked = false;
        let Some(chunk) = self.unconfirmed.front_mut() else { return Err(Error::protocol("a reply to no command")) };
        let unit = chunk.step();
        if self.sent == 0 {
            // Its chunk is still being sent; what is sent of it counts from the new start.
            let sent = self.sent_bytes.checked_sub(unit);
            self.sent_bytes = sent.ok_or_else(|| Error::protocol("a reply to a command that was not sent yet"))?;
        }
        self.window.answered(unit);
        if !chunk.is_answered() {
            return Ok(());
        }
        if let Some(expiries) = &mut self.expiries {
            expiries.count(&shared.queue);
        }
        self.sent = self.sent.saturating_sub(1);
        if let Some(chunk) = self.unconfirmed.pop_front() {
            match &mut self.replicated {
                Some(replicated) if !chunk.is_wait() => replicated.keep(chunk),
                Some(replicated) => {
                    shared.queue.settle(chunk.bytes().len());
                    replicated.end_wait(shared);
                    if !replicated.is_empty() || !self.unconfirmed.is_empty() {
                        // The next one is about all that came meanwhile.
                        self.push_wait(shared);
                    }
                }
                None => shared.queue.settle(chunk.bytes().len()),
            }
        }
        Ok(())
    }

    /// Counts the current unit as written, with so many records.
    fn settle_current(&mut self, records: u64, shared: &mut Shared) {
        match &mut self.replicated {
            Some(replicated) => replicated.written(records),
            None => shared.confirmed(records),
        }
        if let (Some(expiries), Some(unit)) = (&mut self.expiries, self.unconfirmed.front().and_then(Chunk::current)) {
            expiries.add(unit, self.route.asking);
        }
    }

    /// Keeps the current unit apart, to be sent again before anything newer.
    fn defer_current(&mut self, why: Option<Fault>, shared: &mut Shared) {
        let Some(unit) = self.unconfirmed.front().and_then(Chunk::current) else { return };
        let key = unit.key();
        shared.queue.add(unit.bytes().len());
        self.deferred.get_or_insert_with(|| Chunk::empty(false)).append(unit);
        if let Some(fault) = why {
            // A server that only knows where the key is stays what it was.
            self.closes_with_round |= fault.kind != FaultKind::Redirect && fault.code != "TRYAGAIN";
            if !self.deferred_keys.contains(key) {
                shared.end(key, fault.into());
            }
        }
        // What was written before it, and is to expire, undoes nothing.
        if unit.kind() != UnitKind::Expiry {
            self.deferred_keys.insert(key.to_vec());
        }
        self.detach_current();
    }

    /// Detaches the current unit: should its chunk be sent again, this one is not.
    fn detach_current(&mut self) {
        if let Some(chunk) = self.unconfirmed.front_mut() {
            chunk.detach();
        }
    }
}
