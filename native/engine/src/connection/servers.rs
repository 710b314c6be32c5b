//! The servers of a deployment, and how connections to them begin.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::config::ConnectionSettings;
use crate::connection::table::{Route, Slots, Table};
use crate::connection::transport::{Network, Transport};
use crate::connection::{Address, Connection, Guest, cluster, greeting, sentinel};
use crate::error::{Error, Fault, FaultKind, Redirect, Result};

/// A table that is younger is not fetched again: many readers that lose their connections at once ask once.
const YOUNG: Duration = Duration::from_millis(100);

/// The servers of a deployment: one, the master behind sentinels, or a cluster's. Clones share what they know.
#[derive(Clone)]
pub struct Servers {
    inner: Arc<Inner>,
}

struct Inner {
    settings: ConnectionSettings,
    transport: Arc<dyn Transport>,
    known: Mutex<Option<Known>>,
    /// Held by the one who fetches.
    fetching: tokio::sync::Mutex<()>,
}

struct Known {
    table: Arc<Table>,
    since: Instant,
    /// Something has failed since: a server may have left its place.
    doubted: bool,
}

impl Servers {
    /// Connects to nothing yet.
    pub fn new(settings: ConnectionSettings) -> Self {
        Self::over(settings, Arc::new(Network))
    }

    pub(crate) fn over(settings: ConnectionSettings, transport: Arc<dyn Transport>) -> Self {
        let (known, fetching) = (Mutex::default(), tokio::sync::Mutex::default());
        Self { inner: Arc::new(Inner { settings, transport, known, fetching }) }
    }

    pub fn settings(&self) -> &ConnectionSettings {
        &self.inner.settings
    }

    /// Opens a connection to the server that has `key`; it bears `name` in `CLIENT LIST`.
    ///
    /// # Errors
    /// The caller gives what fails, here and later on the connection, to [`learn`](Self::learn) before it tries again.
    pub async fn connect(&self, name: &str, key: &[u8]) -> Result<Connection> {
        let table = self.table().await?;
        self.connect_to(table.route(key)?, name).await
    }

    /// The same, to a place of the table.
    pub async fn connect_to(&self, route: &Route, name: &str) -> Result<Connection> {
        match self.visit(&route.address, &self.guest(name)).await {
            Ok(mut connection) => {
                if self.settings().sentinel.is_some() {
                    sentinel::make_sure(&mut connection, &route.address).await?;
                }
                Ok(connection.asking(route.asking))
            }
            // The name of a server that others have told us of: it may be gone for good, and they will tell.
            Err(Error::Redis(fault)) if fault.kind == FaultKind::UnknownHost && !self.is_one() => {
                Err(Fault::new(FaultKind::Connection, fault.message()).into())
            }
            Err(error) => Err(error),
        }
    }

    /// Which server has which key.
    pub async fn table(&self) -> Result<Arc<Table>> {
        if let Some(table) = self.known() {
            return Ok(table);
        }
        let _fetching = self.inner.fetching.lock().await;
        if let Some(table) = self.known() {
            return Ok(table);
        }
        let settings = self.settings();
        let table = match &settings.sentinel {
            Some(sentinel) => Table::One(Route::to(sentinel::master(self, sentinel).await?)),
            None if settings.cluster => Table::Slots(cluster::slots(self, self.last().as_deref()).await?),
            None => Table::One(Route::to(settings.address())),
        };
        let table = Arc::new(table);
        *self.inner.known.lock() = Some(Known { table: Arc::clone(&table), since: Instant::now(), doubted: false });
        Ok(table)
    }

    fn known(&self) -> Option<Arc<Table>> {
        let known = self.inner.known.lock();
        known
            .as_ref()
            .filter(|known| !known.doubted || known.since.elapsed() < YOUNG)
            .map(|known| Arc::clone(&known.table))
    }

    fn last(&self) -> Option<Arc<Table>> {
        self.inner.known.lock().as_ref().map(|known| Arc::clone(&known.table))
    }

    fn is_one(&self) -> bool {
        !self.settings().cluster && self.settings().sentinel.is_none()
    }

    /// Takes what an error of work on `key` tells about who has which key, and gives the error to go on with.
    pub fn learn(&self, key: &[u8], error: Error) -> Error {
        let Error::Redis(fault) = &error else { return error };
        if fault.redirect().is_some() && !self.settings().cluster {
            return fault.clone().into_final("; the server is a node of a cluster: set useClusterApi(true)").into();
        }
        if self.is_one() || !fault.is_passing() {
            return error;
        }
        let mut known = self.inner.known.lock();
        let Some(known) = &mut *known else { return error };
        if let Table::Slots(slots) = &*known.table {
            let redirect = fault.redirect().and_then(|redirect| Some((redirect, self.reached(redirect, slots, key)?)));
            if let Some((redirect, address)) = redirect {
                known.table = Arc::new(Table::Slots(slots.redirected(key, redirect, address)));
                return error;
            }
            if let Some(settled) = slots.settled(key) {
                known.table = Arc::new(Table::Slots(settled));
            }
        }
        known.doubted = true;
        error
    }

    /// Where a redirection leads to; `None`: the node that gave it can't say.
    fn reached(&self, redirect: &Redirect, slots: &Slots, key: &[u8]) -> Option<Address> {
        match (redirect.address.clone()?, &slots.route(key).ok()?.address) {
            (Address::Tcp { host, port }, Address::Tcp { host: teller, .. }) if host.is_empty() => {
                Some(Address::tcp(teller, port))
            }
            (address, _) => Some(address.mapped(&self.settings().address_map)),
        }
    }

    pub(super) fn guest<'a>(&'a self, name: &'a str) -> Guest<'a> {
        let ConnectionSettings { user, password, database, tls, .. } = self.settings();
        let patience = self.settings().command_timeout();
        Guest { name, user, password, own: true, database: *database, tls: tls.is_some(), patience }
    }

    /// Opens a connection to one server.
    pub(super) async fn visit(&self, address: &Address, guest: &Guest<'_>) -> Result<Connection> {
        greeting::visit(&*self.inner.transport, self.settings(), address, guest).await
    }
}
