//! A pool of connections for work on many keys: one to each server that has some of them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use parking_lot::Mutex;
use tokio::sync::{OwnedMappedMutexGuard, OwnedMutexGuard};
use tokio::time::Instant;
use tracing::debug;

use crate::client::connection::Connection;
use crate::client::last_failure::LastFailure;
use crate::client::topology::servers::Servers;
use crate::client::topology::slot_map::{Route, Topology};
use crate::error::{Error, Result};

/// One connection to each server, made when it is needed.
pub(crate) struct ConnectionPool {
    servers: Servers,
    /// What `CLIENT LIST` shows.
    name: String,
    slots: Mutex<HashMap<Route, Arc<tokio::sync::Mutex<Slot>>>>,
}

/// The connection to one server, for one task at a time. A server that is silent or gone holds up the work on its own
/// keys, and no other.
#[derive(Default)]
pub(crate) struct Slot {
    connection: Option<Connection>,
    /// The last attempt to connect, when it failed. Tasks that waited while it went on share the failure.
    failed: LastFailure,
}

/// The connection to one server, locked as long as this is held.
pub(crate) type PooledConnection = OwnedMappedMutexGuard<Slot, Connection>;

impl ConnectionPool {
    /// Returns an empty pool.
    pub(crate) fn new(servers: Servers, name: String) -> Self {
        Self { servers, name, slots: Mutex::default() }
    }

    /// Returns the connection to the server that has `key`. Other tasks that need that server wait until it is dropped.
    ///
    /// # Errors
    /// As those of [`Servers::connect`].
    pub(crate) async fn to(&self, key: &str) -> Result<PooledConnection> {
        let table = self.servers.topology().await?;
        let route = table.route(key.as_bytes())?;
        let since = Instant::now();
        let mut slot = self.slot(route, &table).lock_owned().await;
        if !slot.connection.as_mut().is_some_and(is_of_use) {
            slot.connection = None;
            if let Some(error) = slot.failed.since(since) {
                return Err(error);
            }
            match self.servers.connect_to(route, &self.name).await {
                Ok(connection) => slot.connection = Some(connection),
                Err(error) => {
                    slot.failed.note(&error);
                    return Err(error);
                }
            }
        }
        OwnedMutexGuard::try_map(slot, |slot| slot.connection.as_mut())
            .map_err(|_| Error::Internal("a connection that was there is gone".to_owned()))
    }

    fn slot(&self, route: &Route, table: &Topology) -> Arc<tokio::sync::Mutex<Slot>> {
        let mut slots = self.slots.lock();
        if !slots.contains_key(route) {
            slots.retain(|other, _| table.knows(&other.address));
        }
        Arc::clone(slots.entry(route.clone()).or_default())
    }

    /// Does work that takes a key that is not there for one that is nowhere: it begins at the slot's owner (see
    /// [`Servers::ask_owner`]), and is done once more, at once, where that says that the key is.
    pub(crate) async fn begin_at_owner<T, W: Future<Output = Result<T>>>(
        &self,
        key: &str,
        work: impl Fn() -> W,
    ) -> Result<T> {
        self.servers.ask_owner(key.as_bytes());
        match work().await {
            Err(error) if self.servers.is_redirected(key.as_bytes(), &error) => work().await,
            done => done,
        }
    }

    /// Takes note of an error of work on `key`, and returns the error to go on with.
    pub(crate) fn note_error(&self, key: &str, error: Error) -> Error {
        self.servers.note_error(key.as_bytes(), error)
    }
}

/// Returns whether more can be sent over it. Servers and networks close connections that nobody uses: that is no fault.
fn is_of_use(connection: &mut Connection) -> bool {
    if !connection.is_at_rest() {
        return false;
    }
    // No reply is due: what can be received is the connection's end, or the reply to no command.
    match connection.fill(connection.deadline(Duration::ZERO)).now_or_never() {
        None => true,
        Some(ended) => {
            debug!(
                "a connection was closed while nobody used it ({}); another one is made",
                ended.err().map_or_else(String::new, |error| error.to_string())
            );
            false
        }
    }
}
