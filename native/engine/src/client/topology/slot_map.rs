//! Which server has which key.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::address::Address;
use crate::error::{Fault, Redirect, Result};

/// The number of slots of a cluster (<https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/>).
pub(in crate::client) const SLOTS: usize = 16384;

/// A way to a key: a server, and whether commands to it must be preceded by `ASKING`, since it is about to get the key
/// and does not own its slot yet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Route {
    pub address: Address,
    pub asking: bool,
}

impl Route {
    pub(in crate::client) fn to(address: Address) -> Self {
        Self { address, asking: false }
    }
}

/// Which server has which key.
#[derive(Clone, Debug)]
pub(crate) enum Topology {
    /// One server has every key.
    One(Route),
    /// Each slot has an owner.
    Cluster(SlotMap),
}

impl Topology {
    /// Returns the way to a key.
    ///
    /// # Errors
    /// A temporary one when no server has the key's slot.
    pub(crate) fn route(&self, key: &[u8]) -> Result<&Route> {
        match self {
            Self::One(route) => Ok(route),
            Self::Cluster(slots) => slots.route(key),
        }
    }

    /// Returns whether the server is one of them.
    pub(in crate::client) fn knows(&self, address: &Address) -> bool {
        match self {
            Self::One(route) => route.address == *address,
            Self::Cluster(slots) => slots.addresses().any(|node| node == address),
        }
    }
}

/// The slots of a cluster, and who owns them.
#[derive(Clone, Debug)]
pub(crate) struct SlotMap {
    /// Only ever grows, also in the tables that come of this one.
    nodes: Vec<Node>,
    /// For each slot its owner's place in `nodes`, or `UNASSIGNED`.
    owners: Vec<u16>,
    asked: Arc<Asked>,
}

/// Keys that are on their way to another server, which their slot will follow: by slot, each with the server's place in
/// `nodes`, and when that was said or used. A table and those that redirections make of it share them. A moving slot
/// may have very many: none of them is ever copied.
type Asked = Mutex<HashMap<u16, HashMap<Vec<u8>, (u16, Instant)>>>;

/// A key of which nobody made use for so long is asked for at its slot's owner again. What that has said is about the
/// moment: since then the slot may have come back, and be about to go there once more, where a key that has not come
/// yet would be made a second time. It is longer than the pauses between two attempts (`maxBackoffMillis`): the keys of
/// a slot are found out one after the other, and each must still be known then.
const IDLE: Duration = Duration::from_secs(60);

/// A master, and both ways to it.
#[derive(Clone, Debug)]
struct Node {
    route: Route,
    asking: Route,
}

const UNASSIGNED: u16 = u16::MAX;

impl SlotMap {
    /// Returns the slots of these ranges, ends included, with their masters.
    pub(in crate::client) fn new(ranges: impl IntoIterator<Item = (u16, u16, Address)>) -> Self {
        let mut slots = Self { nodes: Vec::new(), owners: vec![UNASSIGNED; SLOTS], asked: Arc::default() };
        for (first, last, address) in ranges {
            let node = slots.node(address);
            if let Some(range) = slots.owners.get_mut(usize::from(first)..=usize::from(last)) {
                range.fill(node);
            }
        }
        slots
    }

    /// Returns the masters that own slots, or did when last asked, or are about to.
    pub(in crate::client) fn addresses(&self) -> impl Iterator<Item = &Address> {
        self.nodes.iter().map(|node| &node.route.address)
    }

    fn place(&self, address: &Address) -> Option<u16> {
        self.addresses().position(|known| known == address).map(|place| place as u16)
    }

    fn node(&mut self, address: Address) -> u16 {
        self.place(&address).unwrap_or_else(|| {
            self.nodes.push(Node { route: Route::to(address.clone()), asking: Route { address, asking: true } });
            (self.nodes.len() - 1) as u16
        })
    }

    pub(in crate::client) fn route(&self, key: &[u8]) -> Result<&Route> {
        let slot = slot(key);
        let mut asked = self.asked.lock();
        let on_its_way = asked.get_mut(&slot).and_then(|keys| keys.get_mut(key));
        if let Some((place, used)) = on_its_way.filter(|(_, used)| used.elapsed() < IDLE)
            // A table that is older than the node goes by the slot.
            && let Some(node) = self.nodes.get(usize::from(*place))
        {
            *used = Instant::now();
            return Ok(&node.asking);
        }
        drop(asked);
        self.nodes.get(usize::from(self.owners[usize::from(slot)])).map(|node| &node.route).ok_or_else(|| {
            Fault::from_server(&format!("CLUSTERDOWN no node of the cluster has slot {slot}, as far as is known"))
                .into()
        })
    }

    /// Returns the slots as a redirection reports them; `None`: they say the same already.
    pub(in crate::client) fn redirected(&self, key: &[u8], redirect: &Redirect, address: Address) -> Option<Self> {
        let place = self.place(&address);
        if redirect.asking {
            let mut grown = None;
            let node = place.unwrap_or_else(|| grown.insert(self.clone()).node(address));
            self.asked.lock().entry(slot(key)).or_default().insert(key.to_vec(), (node, Instant::now()));
            return grown;
        }
        // Those that were on their way are there now, or have come back.
        self.asked.lock().remove(&redirect.slot);
        let owner = *self.owners.get(usize::from(redirect.slot))?;
        (place != Some(owner)).then(|| {
            let mut slots = self.clone();
            slots.owners[usize::from(redirect.slot)] = slots.node(address);
            slots
        })
    }

    /// Forgets that a key is ahead of its slot: work on it has failed, and the migration may be over, or have been
    /// cancelled.
    pub(in crate::client) fn clear_ask(&self, key: &[u8]) {
        if let Some(keys) = self.asked.lock().get_mut(&slot(key)) {
            keys.remove(key);
        }
    }
}

/// Returns the slot of a key: that of what is between its first `{` and the next `}`, if that is something
/// (<https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#hash-tags>).
pub(crate) fn slot(key: &[u8]) -> u16 {
    let tag = memchr::memchr(b'{', key).map(|open| &key[open + 1..]).and_then(|rest| {
        let close = memchr::memchr(b'}', rest).filter(|close| *close > 0)?;
        Some(&rest[..close])
    });
    crc16::State::<crc16::XMODEM>::calculate(tag.unwrap_or(key)) % SLOTS as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> Address {
        Address::tcp("h", port)
    }

    #[test]
    fn keys_are_in_the_slots_that_the_server_says() {
        // CLUSTER KEYSLOT of Redis 7.0.
        for (key, expected) in [("", 0), ("foo", 12182), ("{user1000}.following", 3443), ("user1000", 3443)] {
            assert_eq!(slot(key.as_bytes()), expected, "{key}");
        }
        assert_eq!(slot(b"foo{}{bar}"), crc16::State::<crc16::XMODEM>::calculate(b"foo{}{bar}") % 16384);
        assert_eq!(slot(b"foo{{bar}}"), slot(b"{bar"));
        assert_eq!(slot(b"foo{bar}{zap}"), slot(b"bar"));
    }

    #[test]
    fn follows_a_key_and_then_its_slot() {
        let slots = SlotMap::new([(0, 8191, address(1)), (8192, 16383, address(2))]);
        let (here, there) = (Route::to(address(2)), Route { address: address(1), asking: true });
        assert_eq!(slots.route(b"foo").unwrap(), &here);
        let asking = |port| Redirect { asking: true, slot: 12182, address: Some(address(port)) };
        assert!(slots.redirected(b"foo", &asking(1), address(1)).is_none(), "nothing is copied");
        assert_eq!(slots.route(b"foo").unwrap(), &there);
        assert_eq!(slots.route(b"{foo}2").unwrap(), &here, "another key of the slot");
        slots.clear_ask(b"foo");
        assert_eq!(slots.route(b"foo").unwrap(), &here);
        slots.redirected(b"foo", &asking(1), address(1));
        let moved = Redirect { asking: false, slot: 12182, address: Some(address(3)) };
        let slots = slots.redirected(b"{foo}2", &moved, address(3)).unwrap();
        assert_eq!(slots.route(b"foo").unwrap(), &Route::to(address(3)));
        assert_eq!(slots.route(b"{foo}2").unwrap(), &Route::to(address(3)));
        assert!(slots.redirected(b"foo", &moved, address(3)).is_none(), "known already");
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_owner_has_said_of_a_key_is_believed_while_it_is_in_use() {
        let slots = SlotMap::new([(0, 8191, address(1)), (8192, 16383, address(2))]);
        let asking = Redirect { asking: true, slot: 12182, address: Some(address(1)) };
        for _ in 0..2 {
            slots.redirected(b"foo", &asking, address(1));
            for _ in 0..3 {
                tokio::time::advance(IDLE / 2).await;
                assert_eq!(slots.route(b"foo").unwrap(), &Route { address: address(1), asking: true });
            }
            tokio::time::advance(IDLE).await;
            assert_eq!(slots.route(b"foo").unwrap(), &Route::to(address(2)));
        }
    }

    #[test]
    fn a_key_is_asked_for_at_a_node_that_nobody_knew() {
        let old = SlotMap::new([(0, 16383, address(1))]);
        let asking = Redirect { asking: true, slot: 12182, address: Some(address(2)) };
        let new = old.redirected(b"foo", &asking, address(2)).unwrap();
        assert_eq!(new.route(b"foo").unwrap(), &Route { address: address(2), asking: true });
        assert_eq!(old.route(b"foo").unwrap(), &Route::to(address(1)), "it does not know the node");
        assert!(Topology::Cluster(new).knows(&address(2)));
    }

    #[test]
    fn of_a_hundred_thousand_keys_on_their_way_none_is_copied() {
        let slots = SlotMap::new([(0, 16383, address(1)), (0, 0, address(2))]);
        let asking = Redirect { asking: true, slot: 0, address: Some(address(2)) };
        for n in 0..100_000 {
            // With a copy of all keys for each of them this takes minutes.
            assert!(slots.redirected(format!("{{a}}{n}").as_bytes(), &asking, address(2)).is_none());
        }
        assert!(slots.route(b"{a}99999").unwrap().asking);
        let moved = Redirect { asking: false, slot: slot(b"{a}"), address: Some(address(2)) };
        let slots = slots.redirected(b"{a}1", &moved, address(2)).unwrap();
        assert_eq!(slots.route(b"{a}99999").unwrap(), &Route::to(address(2)));
        assert!(slots.asked.lock().is_empty());
    }

    #[test]
    fn a_slot_without_an_owner_passes() {
        let error = SlotMap::new([(0, 5, address(1))]).route(b"foo").unwrap_err();
        assert!(error.is_temporary() && error.server_code() == "CLUSTERDOWN", "{error}");
    }
}
