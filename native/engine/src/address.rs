//! Where a server listens.

use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv6Addr;

use crate::foreign_text::shown;

/// The address of a server.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Address {
    Tcp { host: String, port: u16 },
    Unix { path: String },
}

impl Address {
    pub(crate) fn tcp(host: &str, port: u16) -> Self {
        Self::Tcp { host: host.to_owned(), port }
    }

    /// Reads `host:port`, as servers announce it: IPv6 addresses come with or without brackets.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        Some(Self::tcp(host, port.parse().ok().filter(|port| *port > 0)?))
    }

    /// Returns where an announced address is reached: what the map has for `host:port`, or else for `host`.
    pub(crate) fn mapped(self, map: &BTreeMap<String, String>) -> Self {
        let Self::Tcp { host, port } = &self else { return self };
        let with_port = map.get(&self.to_string()).or_else(|| map.get(&format!("{host}:{port}")));
        match with_port.or_else(|| map.get(host)) {
            // Without brackets the colons of an IPv6 address are its own, and no port is behind them.
            Some(reached) if reached.parse::<Ipv6Addr>().is_ok() => Self::tcp(reached, *port),
            Some(reached) => Self::parse(reached).unwrap_or_else(|| {
                let host = reached.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(reached);
                Self::tcp(host, *port)
            }),
            None => self,
        }
    }
}

/// For messages: servers may announce anything as a host.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{}]:{port}", shown(host)),
            Self::Tcp { host, port } => write!(f, "{}:{port}", shown(host)),
            Self::Unix { path } => write!(f, "unix:{path}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        for (text, host) in [("h:1", "h"), ("127.0.0.1:6379", "127.0.0.1"), ("[::1]:6379", "::1")] {
            let address = Address::parse(text).unwrap();
            assert!(matches!(&address, Address::Tcp { host: read, .. } if read == host), "{address:?}");
            assert_eq!(address.to_string(), text);
        }
        assert_eq!(Address::parse("::1:6379"), Some(Address::tcp("::1", 6379)));
        for bad in ["h", "h:", "h:0", "h:70000", ""] {
            assert_eq!(Address::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_announced_address_is_reached_where_the_map_says() {
        let map: BTreeMap<String, String> = [
            ("10.0.0.1:6379", "public:7000"),
            ("10.0.0.2", "second"),
            ("fd00::1", "third"),
            ("10.0.0.3", "fd00::3"),
            ("10.0.0.4", "[fd00::4]"),
            ("10.0.0.5", "[fd00::5]:7000"),
        ]
        .map(|(from, to)| (from.to_owned(), to.to_owned()))
        .into();
        for (announced, reached) in [
            ("10.0.0.1:6379", "public:7000"),
            ("10.0.0.1:6380", "10.0.0.1:6380"),
            ("10.0.0.2:6380", "second:6380"),
            ("fd00::1:6380", "third:6380"),
            ("10.0.0.3:6380", "[fd00::3]:6380"),
            ("10.0.0.4:6380", "[fd00::4]:6380"),
            ("10.0.0.5:6380", "[fd00::5]:7000"),
        ] {
            assert_eq!(Address::parse(announced).unwrap().mapped(&map).to_string(), reached);
        }
    }
}
