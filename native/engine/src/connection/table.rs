//! Which server has which key.

use std::collections::HashMap;

use crate::connection::Address;
use crate::error::{Fault, Redirect, Result};

/// A cluster's keys are in so many slots (<https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/>).
pub(super) const SLOTS: usize = 16384;

/// A server, and whether commands to it are led by `ASKING`, since it is about to get the key and does not own it yet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Route {
    pub address: Address,
    pub asking: bool,
}

impl Route {
    pub(super) fn to(address: Address) -> Self {
        Self { address, asking: false }
    }
}

#[derive(Clone, Debug)]
pub enum Table {
    /// One server has every key.
    One(Route),
    Slots(Slots),
}

impl Table {
    /// # Errors
    /// A passing one when no server has the key's slot.
    pub fn route(&self, key: &[u8]) -> Result<&Route> {
        match self {
            Self::One(route) => Ok(route),
            Self::Slots(slots) => slots.route(key),
        }
    }

    /// Whether the server is one of them.
    pub(super) fn knows(&self, address: &Address) -> bool {
        match self {
            Self::One(route) => route.address == *address,
            Self::Slots(slots) => slots.nodes.iter().chain(slots.asking.values()).any(|node| node.address == *address),
        }
    }
}

/// A cluster's table.
#[derive(Clone, Debug)]
pub struct Slots {
    nodes: Vec<Route>,
    /// For each slot its owner's place in `nodes`, or `NOBODY`.
    owners: Vec<u16>,
    /// Keys that are on their way to another server, which their slot will follow.
    asking: HashMap<Vec<u8>, Route>,
}

const NOBODY: u16 = u16::MAX;

impl Slots {
    /// Of ranges of slots, ends included, and their masters.
    pub(super) fn new(ranges: impl IntoIterator<Item = (u16, u16, Address)>) -> Self {
        let mut slots = Self { nodes: Vec::new(), owners: vec![NOBODY; SLOTS], asking: HashMap::new() };
        for (first, last, address) in ranges {
            let node = slots.node(address);
            if let Some(range) = slots.owners.get_mut(usize::from(first)..=usize::from(last)) {
                range.fill(node);
            }
        }
        slots
    }

    /// Masters that own slots, or did when last heard of.
    pub(super) fn addresses(&self) -> impl Iterator<Item = &Address> {
        self.nodes.iter().map(|route| &route.address)
    }

    fn node(&mut self, address: Address) -> u16 {
        let at = self.nodes.iter().position(|route| route.address == address).unwrap_or_else(|| {
            self.nodes.push(Route::to(address));
            self.nodes.len() - 1
        });
        at as u16
    }

    pub(super) fn route(&self, key: &[u8]) -> Result<&Route> {
        if let Some(route) = self.asking.get(key) {
            return Ok(route);
        }
        let slot = slot(key);
        self.nodes.get(usize::from(self.owners[usize::from(slot)])).ok_or_else(|| {
            Fault::from_server(&format!("CLUSTERDOWN no node of the cluster has slot {slot}, as far as is known"))
                .into()
        })
    }

    /// The same, as a redirection says that it is.
    pub(super) fn redirected(&self, key: &[u8], redirect: &Redirect, address: Address) -> Self {
        let mut slots = self.clone();
        if redirect.asking {
            slots.asking.insert(key.to_vec(), Route { address, asking: true });
        } else {
            let node = slots.node(address);
            if let Some(owner) = slots.owners.get_mut(usize::from(redirect.slot)) {
                *owner = node;
            }
            // Those that were on their way are there now, or have come back.
            slots.asking.retain(|key, _| slot(key) != redirect.slot);
        }
        slots
    }

    /// The same, with a key on its way where its slot is: work on it has failed, and a migration may be over, or have been given up.
    pub(super) fn settled(&self, key: &[u8]) -> Option<Self> {
        self.asking.contains_key(key).then(|| {
            let mut slots = self.clone();
            slots.asking.remove(key);
            slots
        })
    }
}

/// The slot of a key: of what is between its first `{` and the next `}`, if that is something
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
        let slots = Slots::new([(0, 8191, address(1)), (8192, 16383, address(2))]);
        let (here, there) = (Route::to(address(2)), Route { address: address(1), asking: true });
        assert_eq!(slots.route(b"foo").unwrap(), &here);
        let asking = Redirect { asking: true, slot: 12182, address: Some(address(1)) };
        let slots = slots.redirected(b"foo", &asking, address(1));
        assert_eq!(slots.route(b"foo").unwrap(), &there);
        assert_eq!(slots.route(b"{foo}2").unwrap(), &here, "another key of the slot");
        assert_eq!(slots.settled(b"foo").unwrap().route(b"foo").unwrap(), &here);
        assert!(slots.settled(b"{foo}2").is_none());
        let moved = Redirect { asking: false, slot: 12182, address: Some(address(3)) };
        let slots = slots.redirected(b"{foo}2", &moved, address(3));
        assert_eq!(slots.route(b"foo").unwrap(), &Route::to(address(3)));
        assert_eq!(slots.route(b"{foo}2").unwrap(), &Route::to(address(3)));
    }

    #[test]
    fn a_slot_without_an_owner_passes() {
        let error = Slots::new([(0, 5, address(1))]).route(b"foo").unwrap_err();
        assert!(error.is_passing() && error.server_code() == "CLUSTERDOWN", "{error}");
    }
}
