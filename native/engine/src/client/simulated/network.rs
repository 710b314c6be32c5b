//! A simulated network to a simulated server, for the models of the protocols.
//!
//! It speaks the real protocol over streams in memory, so the code under test is the production code from the
//! connection up. Time is virtual, choices are seeded: a run is the same every time. Its faults: connections that are
//! refused, ended, or lost with a reply on the way; and a network that is cut without a word, where the server works on
//! for a client that is gone.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use redis::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio_util::sync::CancellationToken;

use crate::address::Address;
use crate::config::ConnectionSettings;
use crate::error::{Fault, FaultKind};
use crate::net::dial::{Dialing, Transport};
use crate::resp::reply;

/// What answers commands.
pub(crate) trait Machine: Clone + Send + Sync + 'static {
    /// Returns the reply to a command; it may take its time. If it is dropped before it is done, the command is not
    /// carried out.
    fn answer(&self, client: u64, args: Vec<String>) -> impl Future<Output = Vec<u8>> + Send;
}

#[derive(Clone)]
pub(crate) struct Network<M> {
    machine: M,
    pub(crate) wires: Wires,
}

/// The connections, and what may become of them.
#[derive(Clone)]
pub(crate) struct Wires {
    state: Arc<Mutex<State>>,
}

struct State {
    clients: BTreeMap<u64, Client>,
    next_client: u64,
    replies_to_lose: u32,
    /// Connections to lose, one after the other.
    losses: VecDeque<Loss>,
    random: SmallRng,
}

/// A connection is lost with a command, or with the reply to it.
#[derive(Clone, Debug)]
pub(crate) struct Loss {
    pub(crate) command: &'static str,
    /// So many of this name come before it.
    pub(crate) behind: u8,
    pub(crate) carried_out: bool,
}

struct Client {
    name: String,
    ended: CancellationToken,
}

impl Wires {
    pub(crate) fn new(seed: u64) -> Self {
        let random = SmallRng::seed_from_u64(seed);
        let state =
            State { clients: BTreeMap::new(), next_client: 1, replies_to_lose: 0, losses: VecDeque::new(), random };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// Loses that many replies: each command is carried out, then the connection is gone.
    pub(crate) fn lose_replies(&self, replies: u32) {
        self.state.lock().replies_to_lose += replies;
    }

    pub(crate) fn lose(&self, loss: Loss) {
        self.state.lock().losses.push_back(loss);
    }

    pub(crate) fn lose_no_more(&self) {
        let mut state = self.state.lock();
        state.replies_to_lose = 0;
        state.losses.clear();
    }

    /// Sets the number of the next client that connects.
    pub(crate) fn next_client(&self) -> u64 {
        self.state.lock().next_client
    }

    pub(crate) fn end_all(&self) {
        std::mem::take(&mut self.state.lock().clients).into_values().for_each(|client| client.ended.cancel());
    }

    /// Returns whether there was such a connection.
    pub(crate) fn end(&self, client: u64) -> bool {
        self.state.lock().clients.remove(&client).inspect(|client| client.ended.cancel()).is_some()
    }

    pub(crate) fn name(&self, client: u64, name: &str) {
        if let Some(client) = self.state.lock().clients.get_mut(&client) {
            name.clone_into(&mut client.name);
        }
    }

    pub(crate) fn name_of(&self, client: u64) -> Option<String> {
        self.state.lock().clients.get(&client).map(|client| client.name.clone())
    }

    fn chance(&self, probability: f64) -> bool {
        self.state.lock().random.random_bool(probability)
    }

    /// Returns whether the connection is lost with this command: `Some(true)` when it is carried out.
    fn loss(&self, command: &str) -> Option<bool> {
        let mut state = self.state.lock();
        let loss = state.losses.front_mut().filter(|loss| loss.command == command)?;
        match loss.behind.checked_sub(1) {
            Some(left) => {
                loss.behind = left;
                None
            }
            None => state.losses.pop_front().map(|loss| loss.carried_out),
        }
    }

    fn loses_a_reply(&self) -> bool {
        let mut state = self.state.lock();
        let lost = state.replies_to_lose > 0;
        state.replies_to_lose -= u32::from(lost);
        lost
    }
}

impl<M: Machine> Network<M> {
    pub(crate) fn new(machine: M, wires: Wires) -> Self {
        Self { machine, wires }
    }

    async fn serve(self, mut stream: DuplexStream, client: u64, ended: CancellationToken) {
        // The server does not notice that the client is gone, and works on.
        let cut = self.wires.chance(0.3);
        let mut inbox = Vec::new();
        let mut hung_up = false;
        loop {
            while let Ok(Some(length)) = reply::length(&inbox) {
                let args = args(&inbox.drain(..length).collect::<Vec<u8>>());
                while self.wires.chance(0.5) {
                    tokio::task::yield_now().await;
                }
                let loss = self.wires.loss(&args[0]);
                if loss == Some(false) {
                    return;
                }
                let answer = self.machine.answer(client, args);
                tokio::pin!(answer);
                let answer = loop {
                    let mut part = [0; 4096];
                    tokio::select! {
                        biased;
                        () = ended.cancelled() => return,
                        answer = &mut answer => break answer,
                        // A client that hangs up while it is blocked is noticed, unless the network was cut.
                        read = stream.read(&mut part), if !hung_up => match read {
                            Ok(0) | Err(_) if cut => hung_up = true,
                            Ok(0) | Err(_) => return,
                            Ok(read) => inbox.extend_from_slice(&part[..read]),
                        },
                    }
                };
                if loss.is_some() || self.wires.loses_a_reply() {
                    return;
                }
                if stream.write_all(&answer).await.is_err() && !cut {
                    return;
                }
            }
            if hung_up {
                return;
            }
            let mut part = [0; 4096];
            tokio::select! {
                biased;
                () = ended.cancelled() => return,
                read = stream.read(&mut part) => match read {
                    Ok(0) | Err(_) if cut => hung_up = true,
                    Ok(0) | Err(_) => return,
                    Ok(read) => inbox.extend_from_slice(&part[..read]),
                },
            }
        }
    }
}

impl<M: Machine> Transport for Network<M> {
    fn dial<'a>(&'a self, _: &'a Address, _: &'a ConnectionSettings) -> Dialing<'a> {
        Box::pin(async move {
            if self.wires.chance(0.02) {
                return Err(Fault::new(FaultKind::Connection, "refused").into());
            }
            let (ours, theirs) = tokio::io::duplex(16 * 1024);
            let ended = CancellationToken::new();
            let id = {
                let mut state = self.wires.state.lock();
                let id = state.next_client;
                state.next_client += 1;
                state.clients.insert(id, Client { name: String::new(), ended: ended.clone() });
                id
            };
            tokio::spawn(self.clone().serve(theirs, id, ended));
            Ok(Box::new(ours) as Box<_>)
        })
    }
}

fn args(command: &[u8]) -> Vec<String> {
    match redis::parse_redis_value(command) {
        Ok(Value::Array(items)) => items
            .into_iter()
            .map(|item| match item {
                Value::BulkString(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
                other => format!("{other:?}"),
            })
            .collect(),
        other => panic!("no command: {other:?}"),
    }
}

pub(crate) fn bulk(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(format!("${}\r\n{text}\r\n", text.len()).as_bytes());
}

pub(crate) fn int(number: i64) -> Vec<u8> {
    format!(":{number}\r\n").into_bytes()
}

pub(crate) fn ok() -> Vec<u8> {
    b"+OK\r\n".to_vec()
}
