//! A simulated cluster: two nodes, and a slot that moves from one to the other.
//!
//! The rules are those of `getNodeByQuery` (`cluster.c`) and of the cluster specification
//! (<https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#ask-redirection>). What is said here of
//! `ASK`, `ASKING`, `MULTI`, and of those who are blocked, was tried with Redis 7.0.15 and 8.2.3 and Valkey 9.1.2.

use std::collections::BTreeSet;

use crate::address::Address;
use crate::client::simulated::network::{Machine, Network};
use crate::client::topology::slot_map;
use crate::config::ConnectionSettings;
use crate::net::dial::{Dialing, Transport};

/// The nodes' ports are 1 and 2. One server alone is the first of them.
pub(crate) struct Nodes<M>(pub(crate) [Network<M>; 2]);

impl<M: Machine> Transport for Nodes<M> {
    fn dial<'a>(&'a self, address: &'a Address, settings: &'a ConnectionSettings) -> Dialing<'a> {
        let second = matches!(address, Address::Tcp { port: 2, .. });
        self.0[usize::from(second)].dial(address, settings)
    }
}

/// The slot of a key, as the two nodes know it. It is the first one's at the beginning, and so are all others for ever.
#[derive(Default)]
pub(crate) struct Slot {
    number: u16,
    owner: usize,
    /// Its owner as each node knows it.
    owners: [usize; 2],
    /// It is on its way: from its owner (`MIGRATING`), or to the other node (`IMPORTING`).
    open: [bool; 2],
    /// Clients of a node that have just said `ASKING`.
    asking: BTreeSet<(usize, u64)>,
}

impl Slot {
    pub(crate) fn of(key: &str) -> Self {
        Self { number: slot_map::slot(key.as_bytes()), ..Self::default() }
    }

    pub(crate) fn owner(&self) -> usize {
        self.owner
    }

    /// Returns the node to which the slot is moving, once its owner redirects to there.
    pub(crate) fn target(&self) -> Option<usize> {
        self.open[self.owner].then_some(1 - self.owner)
    }

    /// Returns whether the node that does not own it takes keys of it.
    pub(crate) fn imports(&self) -> bool {
        self.open[1 - self.owner]
    }

    /// Carries out `CLUSTER SETSLOT <slot> IMPORTING`, at the node that does not own the slot.
    pub(crate) fn import(&mut self) {
        self.open[1 - self.owner] = true;
    }

    /// Carries out `CLUSTER SETSLOT <slot> MIGRATING`, at the slot's owner.
    pub(crate) fn migrate(&mut self) {
        self.open[self.owner] = true;
    }

    /// Carries out `CLUSTER SETSLOT <slot> NODE <id>` at the node to which the slot moves: both nodes now say that they
    /// own it.
    pub(crate) fn arrive(&mut self) {
        self.owner = 1 - self.owner;
        self.owners[self.owner] = self.owner;
        self.open[self.owner] = false;
    }

    /// Carries out the same at the node that has given the slot away.
    pub(crate) fn leave(&mut self) {
        let former = 1 - self.owner;
        self.owners[former] = self.owner;
        self.open[former] = false;
    }

    /// Carries out `CLUSTER SETSLOT <slot> STABLE`, or a failover: a replica knows nothing of moving slots.
    pub(crate) fn close(&mut self, node: usize) {
        self.open[node] = false;
    }

    pub(crate) fn ask(&mut self, node: usize, client: u64) {
        self.asking.insert((node, client));
    }

    /// Ends a command that is not in a `MULTI`: `ASKING` holds for one command.
    pub(crate) fn answered(&mut self, node: usize, client: u64) {
        self.asking.remove(&(node, client));
    }

    /// Returns whether the node sends away clients that are blocked on a key of the slot, existing or not.
    pub(crate) fn is_gone_from(&self, node: usize) -> bool {
        self.owners[node] != node && !self.open[node]
    }

    /// Returns why a node refuses commands on `keys` keys, of which `here` exist on it.
    pub(crate) fn refusal(&self, node: usize, client: u64, keys: usize, here: usize) -> Option<Vec<u8>> {
        let (owns, open, number, other) = (self.owners[node] == node, self.open[node], self.number, 2 - node);
        match () {
            () if keys == 0 || owns && !open => None,
            () if owns && here == 0 => Some(format!("-ASK {number} node:{other}\r\n").into_bytes()),
            () if !(owns || open && self.asking.contains(&(node, client))) => {
                Some(format!("-MOVED {number} node:{other}\r\n").into_bytes())
            }
            () if keys > 1 && here < keys => {
                Some(b"-TRYAGAIN Multiple keys request during rehashing of slot\r\n".to_vec())
            }
            () => None,
        }
    }

    /// Returns the reply to `CLUSTER SLOTS`, as the node sees the slot.
    pub(crate) fn table(&self, node: usize) -> Vec<u8> {
        let (number, port) = (self.number, self.owners[node] + 1);
        let range = |first, last, port| format!("*3\r\n:{first}\r\n:{last}\r\n*2\r\n$4\r\nnode\r\n:{port}\r\n");
        let below = range(0, number - 1, 1);
        let above = range(number + 1, 16383, 1);
        format!("*3\r\n{below}{}{above}", range(number, number, port)).into_bytes()
    }
}
