//! One simulated server: it answers its clients, and every fault that the protocol must stand befalls it.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::client::simulated::{Machine, Wires};
use crate::source::model::state::{State, Trouble};
use crate::source::model::stream;

/// Answers the clients of one node.
#[derive(Clone)]
pub(super) struct Node {
    pub(super) state: Arc<Mutex<State>>,
    pub(super) wires: Wires,
    /// Wakes up those who are blocked.
    pub(super) changed: Arc<Notify>,
    pub(super) place: usize,
}

impl Node {
    fn trouble_of(&self, args: &[String]) -> Option<Trouble> {
        let reads = matches!(args[0].as_str(), "XREADGROUP" | "XREAD" | "XRANGE");
        self.state.lock().trouble.filter(|_| reads)
    }

    async fn in_trouble(&self, client: u64, args: &[String], trouble: Trouble) -> Vec<u8> {
        {
            let state = &mut *self.state.lock();
            if let Some(refusal) = state.refusal((self.place, client), args) {
                state.slot.answered(self.place, client);
                return refusal;
            }
            match trouble {
                Trouble::Instead(reply) => {
                    state.slot.answered(self.place, client);
                    return reply.as_bytes().to_vec();
                }
                _ if args[0] == "XRANGE" => {}
                _ => drop(stream::read(&mut state.keys[self.place], args)),
            }
        }
        if matches!(trouble, Trouble::Silence) {
            std::future::pending::<()>().await;
        }
        self.wires.end(client);
        std::future::pending().await
    }
}

impl Machine for Node {
    async fn answer(&self, client: u64, args: Vec<String>) -> Vec<u8> {
        let who = (self.place, client);
        if let Some(trouble) = self.trouble_of(&args) {
            return self.in_trouble(client, &args, trouble).await;
        }
        let after = |name: &str| args.iter().position(|arg| arg == name).map_or("", |at| &args[at + 1]);
        if !matches!(args[0].as_str(), "XREADGROUP" | "XREAD") {
            return self.state.lock().execute_or_queue(who, args, &self.wires);
        }
        let deadline = Instant::now() + Duration::from_millis(after("BLOCK").parse().unwrap_or(0));
        let mut is_blocked = false;
        let reply = loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let read = self.state.lock().read(who, &args, is_blocked);
            if let Some(reply) = read {
                break reply;
            }
            is_blocked = true;
            if tokio::time::timeout_at(deadline, changed).await.is_err() {
                break b"*-1\r\n".to_vec();
            }
        };
        self.state.lock().slot.answered(self.place, client);
        reply
    }
}
