//! Redirections between the nodes of a cluster
//! (<https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#redirection-and-resharding>).

use crate::address::Address;

/// Another node has the key: `MOVED`, or for now only this key: `ASK`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Redirect {
    /// Whether it is an `ASK`.
    pub(crate) asking: bool,
    /// The key's slot.
    pub(crate) slot: u16,
    /// The other node. With no host: that of the node that says so, which does not know by which name it is reached.
    /// `None`: it knows of no name.
    pub(crate) address: Option<Address>,
}

impl Redirect {
    /// Reads `MOVED 3999 127.0.0.1:6381`; `None`: the text is no redirection.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let asking = match words.next()? {
            "MOVED" => false,
            "ASK" => true,
            _ => return None,
        };
        let slot = words.next()?.parse().ok()?;
        let address = Address::parse(words.next()?);
        let named = |address: &Address| !matches!(address, Address::Tcp { host, .. } if host == "?");
        Some(Self { asking, slot, address: address.filter(named) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_redirections() {
        let address = Some(Address::tcp("127.0.0.1", 6381));
        let read = |text: &str| Redirect::parse(text);
        let moved = Redirect { asking: false, slot: 3999, address: address.clone() };
        assert_eq!(read("MOVED 3999 127.0.0.1:6381"), Some(moved));
        assert_eq!(read("ASK 3999 127.0.0.1:6381"), Some(Redirect { asking: true, slot: 3999, address }));
        assert_eq!(read("MOVED 3999 :6381").unwrap().address, Some(Address::tcp("", 6381)));
        assert_eq!(read("MOVED 3999 ?:6381").unwrap().address, None);
        assert_eq!(read("ERR MOVED 3999"), None);
    }
}
