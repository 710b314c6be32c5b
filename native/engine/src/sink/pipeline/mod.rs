//! The pipeline sends commands and matches replies, in rounds. It is one tokio task for each writer.
//!
//! In a round nothing moves: one table says which server has which key, and each server has one [`NodePipe`], with its
//! own connection. All pipes run on this task. A round ends when a connection is lost, or a server does not take
//! something now (it loads, is full, has become a replica, or the key has moved). Then nothing more is sent, what is in
//! flight gets its replies, and everything that is not settled goes into the next round, by a new table, in order and
//! before anything newer. A key was in one pipe only, so its order is kept: at least once, and in order.
//!
//! * [`node_pipe`] one connection: sends chunks, receives replies
//! * [`wire`] its bytes
//! * [`replies`] what a reply says of its unit
//! * [`replicated`] the part that `minReplicasToAck` needs, and nobody else
//! * [`expiries`], [`window`] the same for `ttlSeconds`: what is to expire, and how much is on the wire
//! * [`shared`] what all pipes of a pipeline use: the queue, the outage, the counters, why a round ends

mod expiries;
mod node_pipe;
mod replicated;
mod replies;
mod shared;
mod window;
mod wire;

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use futures_util::future::join_all;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::client::transaction::{begin, leave};
use crate::client::{Connection, Route, Servers, Topology};
use crate::config::{SinkKind, SinkSettings};
use crate::error::{Error, Fault, FaultKind, Result};
use crate::runtime::caught;
use crate::sink::chunk::Chunk;
use crate::sink::pipeline::node_pipe::NodePipe;
use crate::sink::pipeline::shared::{RoundEnd, Shared};
use crate::sink::queue::Queue;
use crate::sink::unit::EncodedUnit;

pub(in crate::sink) use shared::Counters;

/// The task of a writer that takes chunks from its queue and has them written.
pub(in crate::sink) struct Pipeline {
    shared: Shared,
    closed: CancellationToken,
    pipes: Vec<NodePipe>,
    /// Chunks that earlier rounds have not settled, in order.
    backlog: VecDeque<Chunk>,
    /// Something of the backlog is not settled yet, so nothing new is taken from the queue. So the backlog has an end,
    /// and an outage, too: progress with newer records would hide that older ones make none.
    catching_up: bool,
}

impl Pipeline {
    pub(in crate::sink) fn new(
        settings: SinkSettings,
        servers: Servers,
        queue: Arc<Queue>,
        closed: CancellationToken,
        counters: Arc<Counters>,
    ) -> Self {
        let shared = Shared::new(settings, servers, queue, counters);
        Self { shared, closed, pipes: Vec::new(), backlog: VecDeque::new(), catching_up: false }
    }

    /// Runs until the writer is closed, or a fault is final. That fault, or a panic, fails the writer.
    pub(in crate::sink) async fn run(mut self) {
        let (queue, closed) = (Arc::clone(&self.shared.queue), self.closed.clone());
        let ended = tokio::select! {
            biased;
            () = closed.cancelled() => return,
            ended = caught(self.work()) => ended,
        };
        queue.fail(ended.unwrap_or_else(|panic| panic));
    }

    /// Runs round after round, and returns the fault that is final.
    async fn work(&mut self) -> Error {
        loop {
            let error = match self.round().await {
                RoundEnd::Passing(error) => error,
                RoundEnd::Final(error) => return error,
            };
            self.collect_backlog();
            match self.shared.outage.failed(error) {
                Ok(wait) => sleep(wait).await,
                Err(error) => return error,
            }
        }
    }

    /// Collects everything that is not settled, to be sent once more.
    fn collect_backlog(&mut self) {
        let mut backlog = VecDeque::new();
        for pipe in &mut self.pipes {
            backlog.extend(pipe.drain_unsettled(&self.shared));
        }
        backlog.append(&mut self.backlog);
        self.backlog = backlog;
        self.catching_up = !self.backlog.is_empty();
        self.pipes.retain_mut(NodePipe::is_of_use);
    }

    /// Runs one round, and returns why it ended.
    async fn round(&mut self) -> RoundEnd {
        let table = match self.shared.servers.topology().await {
            Ok(table) => table,
            Err(error) => {
                self.shared.end(b"", error);
                return self.shared.take_round_end();
            }
        };
        if let Topology::One(route) = &*table {
            // The pipe connects before there is something to write.
            self.pipes.retain(|pipe| pipe.route == *route);
            self.pipe(route);
        }
        loop {
            if !self.shared.is_ending() {
                self.feed(&table).await;
            }
            if self.shared.is_failing() || self.shared.is_ending() && !self.pipes.iter().any(NodePipe::in_flight) {
                return self.shared.take_round_end();
            }
            self.exchange().await;
        }
    }

    /// Gives the pipes the chunks that there are, and connects those that are not.
    async fn feed(&mut self, table: &Topology) {
        while let Some(chunk) = self.next() {
            self.dispatch(table, chunk);
            if self.shared.is_ending() {
                return;
            }
        }
        let missing = self.pipes.iter().enumerate().filter(|(_, pipe)| !pipe.is_connected());
        let missing: Vec<(usize, Route)> = missing.map(|(index, pipe)| (index, pipe.route.clone())).collect();
        let connects = join_all(missing.iter().map(|(_, route)| connect(&self.shared, route))).await;
        for ((index, _), connected) in missing.into_iter().zip(connects) {
            match connected {
                Ok(connection) => self.pipes[index].connected(connection.into_stream()),
                Err(error) => self.pipes[index].cut(error, &mut self.shared),
            }
        }
    }

    /// Returns the next chunk: of the backlog, or else of the queue.
    fn next(&mut self) -> Option<Chunk> {
        if let Some(chunk) = self.backlog.pop_front() {
            return Some(chunk);
        }
        self.catching_up &= !self.pipes.iter().all(NodePipe::is_settled);
        if self.catching_up { None } else { self.shared.queue.pop() }
    }

    /// Pushes the units of a chunk into the pipes of their keys.
    fn dispatch(&mut self, table: &Topology, chunk: Chunk) {
        if let (Topology::One(route), true) = (table, chunk.is_whole()) {
            let pipe = self.pipe(route);
            return self.pipes[pipe].push(chunk, &self.shared);
        }
        match self.pipe_of_each(table, &chunk) {
            Err((key, error)) => {
                self.backlog.push_front(chunk);
                self.shared.end(&key, error);
            }
            Ok(pipe_of_each) => match pipe_of_each[..] {
                [first, ref rest @ ..]
                    if chunk.is_whole()
                        && !self.pipes[first].route.asking
                        && rest.iter().all(|index| *index == first) =>
                {
                    self.pipes[first].push(chunk, &self.shared);
                }
                _ => self.split(&chunk, &pipe_of_each),
            },
        }
    }

    /// Returns for each unit that is still to be sent the index of its pipe; or an error, beside the key that it is
    /// about.
    fn pipe_of_each(&mut self, table: &Topology, chunk: &Chunk) -> Result<Vec<usize>, (Vec<u8>, Error)> {
        let pipe = |unit: EncodedUnit<'_>| {
            let route = table.route(unit.key()).map_err(|error| (unit.key().to_vec(), error));
            route.map(|route| self.pipe(route))
        };
        chunk.units().map(pipe).collect()
    }

    /// Copies each unit into a chunk for the pipe that is named for it, and pushes these.
    fn split(&mut self, chunk: &Chunk, pipe_of_each: &[usize]) {
        let mut parts: Vec<Option<Chunk>> = self.pipes.iter().map(|_| None).collect();
        for (unit, index) in chunk.units().zip(pipe_of_each) {
            let asking = self.pipes[*index].route.asking;
            parts[*index].get_or_insert_with(|| Chunk::empty(asking)).append(unit);
        }
        for (pipe, part) in self.pipes.iter_mut().zip(parts) {
            if let Some(part) = part {
                self.shared.queue.add(part.bytes().len());
                pipe.push(part, &self.shared);
            }
        }
        self.shared.queue.settle(chunk.bytes().len());
    }

    /// Returns the index of the route's pipe, which is made if there is none.
    fn pipe(&mut self, route: &Route) -> usize {
        self.pipes.iter().position(|pipe| pipe.route == *route).unwrap_or_else(|| {
            self.pipes.push(NodePipe::new(route.clone(), &self.shared));
            self.pipes.len() - 1
        })
    }

    /// Sends and receives on all pipes at the same time, until there is something to decide.
    async fn exchange(&mut self) {
        let (pipes, shared) = (&mut self.pipes, &mut self.shared);
        let timeout = shared.settings.connection.command_timeout();
        let queue = Arc::clone(&shared.queue);
        let catching_up = self.catching_up;
        let mut changed = pin!(queue.changed.notified());
        let deadline = pipes.iter().filter_map(|pipe| pipe.deadline(timeout)).min();
        let mut time_up = pin!(sleep_until(deadline.unwrap_or_else(|| Instant::now() + timeout)));
        poll_fn(|cx| {
            pipes.iter_mut().for_each(|pipe| pipe.poll(cx, shared));
            let decide = if shared.is_ending() {
                shared.is_failing() || !pipes.iter().any(NodePipe::in_flight)
            } else if catching_up {
                pipes.iter().all(NodePipe::is_settled)
            } else {
                changed.as_mut().poll(cx).is_ready()
            };
            if decide || time_up.as_mut().poll(cx).is_ready() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        pipes.iter_mut().for_each(|pipe| pipe.check_deadline(Instant::now(), shared));
    }
}

/// Connects to the server of a route, and requires of it what the sink's kind needs.
async fn connect(shared: &Shared, route: &Route) -> Result<Connection> {
    let mut connection = shared.servers.connect_to(route, &shared.settings.connection.client_name).await?;
    if shared.settings.kind == SinkKind::Json {
        require_json(&mut connection).await?;
    }
    if shared.settings.staging.is_some() {
        require_transactions(&mut connection).await?;
    }
    Ok(connection)
}

/// Requires that the server takes `MULTI`. Without it each command behind it is carried out by itself: what opens a
/// staging stream would do so in part, if more is missing.
async fn require_transactions(connection: &mut Connection) -> Result<()> {
    begin(connection, &[]).await?;
    leave(connection).await.map(|_| ())
}

/// Requires that the server knows `JSON.SET`: one clear error at the start, instead of one for each record.
async fn require_json(connection: &mut Connection) -> Result<()> {
    let known = connection.call(redis::cmd("COMMAND").arg("INFO").arg("JSON.SET")).await;
    let missing = matches!(&known, Ok(redis::Value::Array(about)) if matches!(about[..], [redis::Value::Nil]));
    if missing {
        let message =
            "the server has no JSON module (it does not know JSON.SET); load RedisJSON, or use Redis 8 or Redis Stack";
        return Err(Fault::new(FaultKind::Server, message).into());
    }
    match known {
        Err(error) if error.is_temporary() => Err(error),
        // A user who may not ask finds out with the first record.
        _ => Ok(()),
    }
}
