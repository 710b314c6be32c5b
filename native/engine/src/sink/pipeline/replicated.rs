//! With `minReplicasToAck`: nothing is forgotten before a `WAIT` behind it has said that enough replicas have it.
//!
//! A pipe without the option does nothing of this.

use std::collections::VecDeque;

use crate::error::{Error, Fault, FaultKind, Result};
use crate::resp::decimal::decimal;
use crate::resp::reply;
use crate::sink::chunk::Chunk;
use crate::sink::pipeline::shared::Shared;
use crate::sink::replicas::Replicas;
use crate::sink::unit::UnitKind;

/// What a connection has written, and is not yet known to be on enough replicas.
pub(super) struct Replicated {
    replicas: Replicas,
    /// Answered, in order.
    unreplicated: VecDeque<Chunk>,
    /// How many records these chunks have written, and those units of the next one that are answered.
    records: u64,
    /// A `WAIT` is under way.
    is_waiting: bool,
    /// The `WAIT` whose turn it is has said that enough replicas have all.
    wait_satisfied: bool,
}

impl Replicated {
    pub(super) fn new(replicas: Replicas) -> Self {
        Self { replicas, unreplicated: VecDeque::new(), records: 0, is_waiting: false, wait_satisfied: false }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.unreplicated.is_empty()
    }

    /// Returns a chunk of one `WAIT`, to be sent behind all others; `None` while one is under way: the server carries
    /// out nothing more of a connection while it waits.
    pub(super) fn next_wait(&mut self, asking: bool) -> Option<Chunk> {
        if std::mem::replace(&mut self.is_waiting, true) {
            return None;
        }
        let mut chunk = Chunk::empty(asking);
        chunk.begin().packed(&self.replicas.wait()).end(UnitKind::Replicas);
        Some(chunk)
    }

    /// Counts records of the chunk whose turn it is as written.
    pub(super) fn written(&mut self, records: u64) {
        self.records += records;
    }

    /// Keeps a chunk of which all units are answered.
    pub(super) fn keep(&mut self, chunk: Chunk) {
        self.unreplicated.push_back(chunk);
    }

    /// Takes the reply to `WAIT`. Returns what is wrong if it is about too few replicas: the `WAIT` itself was the
    /// wait.
    pub(super) fn on_wait_reply(&mut self, reply: &[u8]) -> Result<Option<Fault>> {
        match reply::refusal(reply) {
            Some(fault) if fault.kind == FaultKind::Permission => return Err(fault.context("WAIT").into()),
            // A server that has become a replica has none.
            Some(fault) => return Err(Fault::new(FaultKind::Connection, format!("WAIT: {fault}")).into()),
            None => {}
        }
        let there = reply.strip_prefix(b":").and_then(|line| line.strip_suffix(b"\r\n")).and_then(decimal);
        let lack = self.replicas.lack(there.ok_or_else(|| Error::protocol("the reply to WAIT can't be read"))?);
        self.wait_satisfied = lack.is_none();
        Ok(lack)
    }

    /// Ends a `WAIT` that has its reply: if enough replicas have them, its chunks are settled.
    pub(super) fn end_wait(&mut self, shared: &mut Shared) {
        self.is_waiting = false;
        if std::mem::take(&mut self.wait_satisfied) {
            shared.confirmed(std::mem::take(&mut self.records));
            for chunk in self.unreplicated.drain(..) {
                shared.queue.settle(chunk.bytes().len());
            }
        }
    }

    /// Returns the chunks that are to be sent again, in order. What was asked over the old connection counts for
    /// nothing.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Chunk> + use<> {
        (self.records, self.is_waiting, self.wait_satisfied) = (0, false, false);
        std::mem::take(&mut self.unreplicated).into_iter().map(Chunk::rewind)
    }
}
