//! The servers of a deployment: which of them has which key, and connections to it.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::address::Address;
use crate::client::connection::Connection;
use crate::client::connector::Connector;
use crate::client::credentials::{Credentials, CredentialsBroker};
use crate::client::last_failure::LastFailure;
use crate::client::topology::slot_map::{Route, SlotMap, Topology};
use crate::client::topology::{cluster, sentinel};
use crate::config::{ConnectionSettings, Deployment};
use crate::error::{Error, FaultKind, Redirect, Result};
use crate::net::dial::{Network, Transport};

/// The age below which a topology is not fetched again: many readers that lose their connections at the same time cause
/// one fetch.
const MIN_REFRESH: Duration = Duration::from_millis(100);

/// The servers of a deployment: one, the master behind sentinels, or a cluster's. A handle to shared state: clones are
/// cheap and share what is known.
#[derive(Clone)]
pub(crate) struct Servers {
    inner: Arc<Inner>,
}

struct Inner {
    connector: Connector,
    /// Written by the task that fetches the table, and by each task whose work fails.
    known: Mutex<Option<Known>>,
    /// Locked by the task that fetches the table. The tasks that wait for it share its failure.
    fetching: tokio::sync::Mutex<LastFailure>,
}

struct Known {
    table: Arc<Topology>,
    since: Instant,
    /// Work has failed since: another server may have the keys by now.
    stale: bool,
}

impl Servers {
    /// Returns the servers of these settings. Connects to nothing yet.
    pub(crate) fn new(settings: ConnectionSettings) -> Self {
        Self::over(settings, Arc::new(Network))
    }

    pub(crate) fn over(settings: ConnectionSettings, transport: Arc<dyn Transport>) -> Self {
        let inner = Inner {
            connector: Connector::new(settings, transport),
            known: Mutex::default(),
            fetching: tokio::sync::Mutex::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Notes that the owner has state of a job that was connected: a host name that can't be resolved existed, and will
    /// exist again.
    pub(crate) fn were_reached(&self) {
        self.connector().were_reached();
    }

    pub(crate) fn settings(&self) -> &ConnectionSettings {
        self.connector().settings()
    }

    fn connector(&self) -> &Connector {
        &self.inner.connector
    }

    /// Returns whether a connect waits for credentials; the calling thread is then to [`provide`](Self::provide) them.
    pub(crate) fn are_credentials_requested(&self) -> bool {
        self.connector().broker().is_some_and(CredentialsBroker::is_requested)
    }

    /// Provides credentials for all connects that waited when this thread saw them.
    pub(crate) fn provide(&self, credentials: &Credentials) {
        if let Some(broker) = self.connector().broker() {
            broker.provide(credentials);
        }
    }

    /// Calls `notify` whenever a connect begins to wait for credentials, from now on. It must not block.
    pub(crate) fn on_credentials_request(&self, notify: impl Fn() + Send + Sync + 'static) {
        if let Some(broker) = self.connector().broker() {
            broker.on_request(notify);
        }
    }

    /// Ends the waits for credentials: nobody will provide any more. Idempotent.
    pub(crate) fn end_credentials_requests(&self) {
        if let Some(broker) = self.connector().broker() {
            broker.close();
        }
    }

    /// Opens a connection to the server that has `key`; it bears `name` in `CLIENT LIST`.
    ///
    /// # Errors
    /// The caller gives what fails, here and later on the connection, to [`note_error`](Self::note_error) before it
    /// tries again.
    pub(crate) async fn connect(&self, name: &str, key: &[u8]) -> Result<Connection> {
        let table = self.topology().await?;
        self.connect_to(table.route(key)?, name).await
    }

    /// Opens a connection to the server of a route; it bears `name` in `CLIENT LIST`.
    ///
    /// # Errors
    /// As those of [`connect`](Self::connect).
    pub(crate) async fn connect_to(&self, route: &Route, name: &str) -> Result<Connection> {
        match self.connector().open(&route.address, &self.connector().params(name)).await {
            Ok(mut connection) => {
                if let Deployment::Sentinel(_) = self.settings().deployment {
                    sentinel::make_sure(&mut connection, &route.address).await?;
                }
                Ok(connection.asking(route.asking))
            }
            // Other servers have named this one: it may be gone for good, and they will name another.
            Err(Error::Redis(fault)) if fault.kind == FaultKind::UnknownHost && !self.is_one() => {
                Err(fault.into_temporary().into())
            }
            Err(error) => Err(error),
        }
    }

    /// Returns the table of which server has which key. One task fetches it for all of an owner.
    ///
    /// # Errors
    /// Why no server could say it; temporary if trying again can help.
    pub(crate) async fn topology(&self) -> Result<Arc<Topology>> {
        if let Some(table) = self.known() {
            return Ok(table);
        }
        let since = Instant::now();
        let mut failed = self.inner.fetching.lock().await;
        if let Some(table) = self.known() {
            return Ok(table);
        }
        if let Some(error) = failed.since(since) {
            return Err(error);
        }
        let table = Arc::new(self.fetch().await.inspect_err(|error| failed.note(error))?);
        *self.inner.known.lock() = Some(Known { table: Arc::clone(&table), since: Instant::now(), stale: false });
        Ok(table)
    }

    async fn fetch(&self) -> Result<Topology> {
        let one = match &self.settings().deployment {
            Deployment::Cluster { .. } => {
                return Ok(Topology::Cluster(cluster::slots(self.connector(), self.last().as_deref()).await?));
            }
            Deployment::Sentinel(sentinel) => sentinel::master(self.connector(), sentinel).await?,
            Deployment::Single { host, port, .. } => Address::tcp(host, *port),
            Deployment::Unix { path, .. } => Address::Unix { path: path.clone() },
        };
        Ok(Topology::One(Route::to(one)))
    }

    fn known(&self) -> Option<Arc<Topology>> {
        let known = self.inner.known.lock();
        known
            .as_ref()
            .filter(|known| !known.stale || known.since.elapsed() < MIN_REFRESH)
            .map(|known| Arc::clone(&known.table))
    }

    fn last(&self) -> Option<Arc<Topology>> {
        self.inner.known.lock().as_ref().map(|known| Arc::clone(&known.table))
    }

    fn is_one(&self) -> bool {
        self.settings().deployment.is_one_server()
    }

    /// Takes note of an error of work on `key`: a redirection changes the table, another temporary fault makes it
    /// stale. Returns the error to go on with.
    pub(crate) fn note_error(&self, key: &[u8], error: Error) -> Error {
        let Error::Redis(fault) = &error else { return error };
        if fault.redirect().is_some() && !self.settings().deployment.is_cluster() {
            return fault.clone().into_permanent("; the server is a node of a cluster: set useClusterApi(true)").into();
        }
        if fault.redirect().is_none() && fault.is_temporary() {
            self.close_gate(key);
        }
        if self.is_one() || !fault.is_temporary() {
            return error;
        }
        let mut known = self.inner.known.lock();
        let Some(known) = &mut *known else { return error };
        if let Topology::Cluster(slots) = &*known.table {
            let redirect = fault.redirect().and_then(|redirect| Some((redirect, self.reached(redirect, slots, key)?)));
            if let Some((redirect, address)) = redirect {
                if let Some(changed) = slots.redirected(key, redirect, address) {
                    known.table = Arc::new(Topology::Cluster(changed));
                }
                return error;
            }
            slots.clear_ask(key);
        }
        known.stale = true;
        error
    }

    /// Sends the next connect to the slot's owner, also if the key was ahead of its slot. Call it before work that must
    /// not mistake a key that is elsewhere for one that does not exist: an importing node makes this mistake, also for
    /// a client that sends `ASKING`. That a key is ahead of its slot holds only for the moment in which the owner says
    /// so.
    pub(crate) fn ask_owner(&self, key: &[u8]) {
        if let Some(Topology::Cluster(slots)) = self.last().as_deref() {
            slots.clear_ask(key);
        }
    }

    /// Returns whether the error tells where the key is now. Then it is learned, and the work is tried again there at
    /// once.
    pub(crate) fn is_redirected(&self, key: &[u8], error: &Error) -> bool {
        let redirects = matches!(error, Error::Redis(fault) if fault.redirect().is_some())
            && self.settings().deployment.is_cluster();
        if redirects {
            self.note_error(key, error.clone());
        }
        redirects
    }

    fn close_gate(&self, key: &[u8]) {
        if let Some(table) = self.last()
            && let Ok(route) = table.route(key)
        {
            self.connector().note_loss(&route.address);
        }
    }

    /// Returns the address that a redirection leads to; `None`: the node that sent it can't say.
    fn reached(&self, redirect: &Redirect, slots: &SlotMap, key: &[u8]) -> Option<Address> {
        cluster::reached(redirect.address.clone()?, &slots.route(key).ok()?.address, &self.settings().deployment)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::join_all;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;
    use crate::config::testing;
    use crate::error::Fault;
    use crate::net::dial::Dialing;

    /// A server that answers `OK` to everything, or fails.
    #[derive(Default)]
    struct Fake {
        fails: Mutex<Option<Fault>>,
        dialed: AtomicUsize,
    }

    impl Transport for Fake {
        fn dial<'a>(&'a self, _: &'a Address, _: &'a ConnectionSettings) -> Dialing<'a> {
            Box::pin(async move {
                self.dialed.fetch_add(1, Ordering::Relaxed);
                // It takes a while.
                tokio::time::sleep(Duration::from_millis(1)).await;
                if let Some(fault) = self.fails.lock().clone() {
                    return Err(fault.into());
                }
                let (near, mut far) = duplex(1024);
                tokio::spawn(async move {
                    while far.read(&mut [0; 1024]).await.is_ok_and(|read| read > 0) {
                        let _ = far.write_all(b"+OK\r\n").await;
                    }
                });
                Ok(Box::new(near) as Box<_>)
            })
        }
    }

    fn over(fake: &Arc<Fake>) -> Servers {
        Servers::over(testing::connection("h"), Arc::clone(fake) as Arc<_>)
    }

    async fn refusal(servers: &Servers) -> Fault {
        match servers.connect("c", b"k").await {
            Err(Error::Redis(fault)) => fault,
            other => panic!("{:?}", other.err()),
        }
    }

    #[tokio::test]
    async fn what_was_right_before_may_be_so_again() {
        let unknown = || Fault::new(FaultKind::UnknownHost, "unknown");
        let wrong = || Fault::from_server("WRONGPASS no");
        let fake = Arc::new(Fake::default());
        let servers = over(&fake);
        let clone = servers.clone();
        let fail = |fault| *fake.fails.lock() = Some(fault);
        fail(unknown());
        assert!(!refusal(&servers).await.is_temporary());
        fail(wrong());
        assert!(!refusal(&servers).await.is_temporary());
        *fake.fails.lock() = None;
        tokio::time::sleep(Duration::from_millis(300)).await;
        clone.connect("c", b"k").await.unwrap();
        fail(unknown());
        let fault = refusal(&servers).await;
        assert!(fault.is_temporary() && !fault.is_short_lived() && fault.kind == FaultKind::UnknownHost, "{fault}");
        fail(wrong());
        let fault = refusal(&servers).await;
        assert!(fault.is_short_lived() && fault.kind == FaultKind::Authentication, "{fault}");

        // One who knows that the job was connected before does not know with which password.
        let servers = over(&fake);
        servers.were_reached();
        assert!(!refusal(&servers).await.is_temporary());
        let servers = over(&fake);
        servers.were_reached();
        fail(unknown());
        assert!(refusal(&servers).await.is_temporary());
    }

    #[tokio::test]
    async fn who_waits_for_the_table_shares_what_became_of_it() {
        let fake = Arc::new(Fake::default());
        *fake.fails.lock() = Some(Fault::new(FaultKind::Connection, "refused"));
        let settings = ConnectionSettings { deployment: testing::cluster("h"), ..testing::connection("h") };
        let servers = Servers::over(settings, Arc::clone(&fake) as Arc<_>);
        let all = join_all((0..32).map(|_| servers.connect("c", b"k"))).await;
        assert!(all.iter().all(|connected| matches!(connected, Err(error) if error.to_string() == "refused")));
        assert_eq!(fake.dialed.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn a_node_that_names_no_host_is_where_its_teller_is() {
        let address_map = [("10.0.0.1".to_owned(), "mapped".to_owned())].into();
        let deployment = Deployment::Cluster { seeds: Vec::new(), address_map };
        let source = Address::tcp("source", 1);
        for (named, expected) in [
            ("", Some("source:7")),
            ("0.0.0.0", Some("source:7")),
            ("::", Some("source:7")),
            ("?", None),
            ("10.0.0.1", Some("mapped:7")),
            ("other", Some("other:7")),
        ] {
            let reached = cluster::reached(Address::tcp(named, 7), &source, &deployment);
            assert_eq!(reached.map(|address| address.to_string()).as_deref(), expected, "{named}");
        }
    }
}
