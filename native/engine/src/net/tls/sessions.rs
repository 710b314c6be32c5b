//! Sessions that connections have agreed on with servers, for later connections to take up again.
//!
//! A TLS 1.3 ticket serves one connection (RFC 8446, appendix C.4), and rustls' own store keeps 8 for a server: a
//! reader of many splits has many connections, which come back all at once. The store belongs to one client
//! configuration, so nothing is taken up again with other authorities or another client certificate; and a session
//! belongs to the name that the server's certificate was verified for.

use std::collections::VecDeque;
use std::fmt;

use parking_lot::Mutex;
use tokio_rustls::rustls::NamedGroup;
use tokio_rustls::rustls::client::{
    ClientSessionMemoryCache, ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue,
};
use tokio_rustls::rustls::pki_types::ServerName;

/// Of all servers together. A ticket of Redis has about 200 bytes, with a client certificate as much more as that has.
const MOST_TICKETS: usize = 1024;
/// What is not a ticket: a TLS 1.2 session serves any number of connections.
const MOST_SERVERS: usize = 256;

pub(super) struct Sessions {
    /// The newest is the last one.
    tickets: Mutex<VecDeque<(ServerName<'static>, Tls13ClientSessionValue)>>,
    others: ClientSessionMemoryCache,
}

impl Sessions {
    pub(super) fn new() -> Self {
        // It counts 8 sessions a server.
        Self { tickets: Mutex::default(), others: ClientSessionMemoryCache::new(8 * MOST_SERVERS) }
    }
}

impl ClientSessionStore for Sessions {
    fn insert_tls13_ticket(&self, server: ServerName<'static>, ticket: Tls13ClientSessionValue) {
        let mut tickets = self.tickets.lock();
        if tickets.len() == MOST_TICKETS {
            tickets.pop_front();
        }
        tickets.push_back((server, ticket));
    }

    fn take_tls13_ticket(&self, server: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        let mut tickets = self.tickets.lock();
        let newest = tickets.iter().rposition(|(name, _)| name == server)?;
        tickets.remove(newest).map(|(_, ticket)| ticket)
    }

    fn set_kx_hint(&self, server: ServerName<'static>, group: NamedGroup) {
        self.others.set_kx_hint(server, group);
    }

    fn kx_hint(&self, server: &ServerName<'_>) -> Option<NamedGroup> {
        self.others.kx_hint(server)
    }

    fn set_tls12_session(&self, server: ServerName<'static>, session: Tls12ClientSessionValue) {
        self.others.set_tls12_session(server, session);
    }

    fn tls12_session(&self, server: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.others.tls12_session(server)
    }

    fn remove_tls12_session(&self, server: &ServerName<'static>) {
        self.others.remove_tls12_session(server);
    }
}

/// Shows no secrets.
impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sessions")
    }
}
