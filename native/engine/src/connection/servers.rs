//! The servers of a deployment, and how connections to them begin.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, sleep};

use crate::config::ConnectionSettings;
use crate::connection::credentials::{Credentials, CredentialsBroker};
use crate::connection::door::Doors;
use crate::connection::last_failure::LastFailure;
use crate::connection::table::{Route, Slots, Table};
use crate::connection::tls::Clients;
use crate::connection::transport::{Network, Transport};
use crate::connection::{Address, Connection, Guest, cluster, greeting, race, sentinel};
use crate::error::{Error, FaultKind, Redirect, Result};

/// A table that is younger is not fetched again: many readers that lose their connections at once ask once.
const YOUNG: Duration = Duration::from_millis(100);

/// The servers of a deployment: one, the master behind sentinels, or a cluster's. Clones share what they know.
#[derive(Clone)]
pub struct Servers {
    inner: Arc<Inner>,
}

struct Inner {
    settings: ConnectionSettings,
    /// Where connects ask for credentials; none if the settings say all there is.
    broker: Option<CredentialsBroker>,
    transport: Arc<dyn Transport>,
    known: Mutex<Option<Known>>,
    /// Held by the one who fetches the table. Those who waited for it share its failure.
    fetching: tokio::sync::Mutex<LastFailure>,
    doors: Doors,
    tls: Clients,
    /// These servers have taken these credentials. Set by whoever connects.
    connected: AtomicBool,
    /// The job has been connected before this owner was there. Set by the owner.
    expected: AtomicBool,
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
        let inner = Inner {
            broker: settings.credentials.then(CredentialsBroker::default),
            settings,
            transport,
            known: Mutex::default(),
            fetching: tokio::sync::Mutex::default(),
            doors: Doors::default(),
            tls: Clients::default(),
            connected: AtomicBool::new(false),
            expected: AtomicBool::new(false),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The owner has state of a job that was connected: a name that can't be resolved is there, and will be again.
    pub(crate) fn were_reached(&self) {
        self.inner.expected.store(true, Ordering::Relaxed);
    }

    pub fn settings(&self) -> &ConnectionSettings {
        &self.inner.settings
    }

    /// Whether a connect waits for credentials; the calling thread is then to [`provide`](Self::provide) them.
    pub(crate) fn are_credentials_requested(&self) -> bool {
        self.inner.broker.as_ref().is_some_and(CredentialsBroker::is_requested)
    }

    /// Provides credentials for all connects that waited when this thread saw them.
    pub(crate) fn provide(&self, credentials: &Credentials) {
        if let Some(broker) = &self.inner.broker {
            broker.provide(credentials);
        }
    }

    /// Calls `notify` whenever a connect begins to wait for credentials, from now on. It must not block.
    pub(crate) fn on_credentials_request(&self, notify: impl Fn() + Send + Sync + 'static) {
        if let Some(broker) = &self.inner.broker {
            broker.on_request(notify);
        }
    }

    /// Ends the waits for credentials: nobody will provide any more. Idempotent.
    pub(crate) fn end_credentials_requests(&self) {
        if let Some(broker) = &self.inner.broker {
            broker.close();
        }
    }

    /// Waits until a server that has been asked counts as slow. A connect that waits for credentials says nothing about its server.
    pub(super) async fn head_start(&self) {
        match &self.inner.broker {
            Some(broker) => broker.idle_for(race::HEAD_START).await,
            None => sleep(race::HEAD_START).await,
        }
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
                Err(fault.into_passing().into())
            }
            Err(error) => Err(error),
        }
    }

    /// Which server has which key.
    pub async fn table(&self) -> Result<Arc<Table>> {
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
        *self.inner.known.lock() = Some(Known { table: Arc::clone(&table), since: Instant::now(), doubted: false });
        Ok(table)
    }

    async fn fetch(&self) -> Result<Table> {
        let settings = self.settings();
        Ok(match &settings.sentinel {
            Some(sentinel) => Table::One(Route::to(sentinel::master(self, sentinel).await?)),
            None if settings.cluster => Table::Slots(cluster::slots(self, self.last().as_deref()).await?),
            None => Table::One(Route::to(settings.address())),
        })
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
        if fault.redirect().is_none() && fault.is_passing() {
            self.close_door(key);
        }
        if self.is_one() || !fault.is_passing() {
            return error;
        }
        let mut known = self.inner.known.lock();
        let Some(known) = &mut *known else { return error };
        if let Table::Slots(slots) = &*known.table {
            let redirect = fault.redirect().and_then(|redirect| Some((redirect, self.reached(redirect, slots, key)?)));
            if let Some((redirect, address)) = redirect {
                if let Some(changed) = slots.redirected(key, redirect, address) {
                    known.table = Arc::new(Table::Slots(changed));
                }
                return error;
            }
            slots.settle(key);
        }
        known.doubted = true;
        error
    }

    /// The next connect goes to the owner of the slot, wherever the key was on its way. To be called before work that takes a key that is not there for
    /// one that is nowhere: a node that imports the slot does so, too, for one who says `ASKING`. That a key has gone ahead of its slot holds for the
    /// moment in which the owner says it.
    pub(crate) fn ask_owner(&self, key: &[u8]) {
        if let Some(Table::Slots(slots)) = self.last().as_deref() {
            slots.settle(key);
        }
    }

    /// Whether the error tells where the key is now. Then it is learned, and the work is tried again there at once.
    pub(crate) fn is_redirected(&self, key: &[u8], error: &Error) -> bool {
        let redirects = matches!(error, Error::Redis(fault) if fault.redirect().is_some()) && self.settings().cluster;
        if redirects {
            self.learn(key, error.clone());
        }
        redirects
    }

    fn close_door(&self, key: &[u8]) {
        if let Some(table) = self.last()
            && let Ok(route) = table.route(key)
        {
            self.inner.doors.close(&route.address);
        }
    }

    /// Where a redirection leads to; `None`: the node that gave it can't say.
    fn reached(&self, redirect: &Redirect, slots: &Slots, key: &[u8]) -> Option<Address> {
        cluster::reached(redirect.address.clone()?, &slots.route(key).ok()?.address, self)
    }

    pub(super) fn guest<'a>(&'a self, name: &'a str) -> Guest<'a> {
        let ConnectionSettings { user, password, database, tls, .. } = self.settings();
        let patience = self.settings().command_timeout();
        Guest { name, user, password, own: true, database: *database, tls: tls.is_some(), patience }
    }

    /// Opens a connection to one server.
    pub(super) async fn visit(&self, address: &Address, guest: &Guest<'_>) -> Result<Connection> {
        let inner = &*self.inner;
        let door = inner.doors.to(address);
        let visit = greeting::visit(
            &*inner.transport,
            &inner.settings,
            inner.broker.as_ref(),
            &inner.tls,
            &door,
            address,
            guest,
        );
        let visited = door.enter(visit).await.map_err(|error| self.judged(error))?;
        if guest.own {
            inner.connected.store(true, Ordering::Relaxed);
        }
        Ok(visited)
    }

    /// What was right before may be so again: a name is gone while a server restarts, a password while it is changed.
    fn judged(&self, error: Error) -> Error {
        let Error::Redis(fault) = error else { return error };
        let connected = self.inner.connected.load(Ordering::Relaxed);
        match fault.kind {
            FaultKind::UnknownHost if connected || self.inner.expected.load(Ordering::Relaxed) => {
                fault.into_passing().into()
            }
            FaultKind::Authentication if connected => fault.into_passing_soon().into(),
            _ => fault.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use futures_util::future::join_all;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;
    use crate::connection::transport::Dialing;
    use crate::error::Fault;

    /// A server that says `OK` to all, or `fails`.
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

    fn over(fake: &Arc<Fake>, more: &str) -> Servers {
        let settings = format!(
            r#"{{{more}"host":"h","port":1,"user":"u","password":"","clientName":"c","connectTimeoutMillis":1000,
            "commandTimeoutMillis":1000,"retryTimeoutMillis":1000}}"#
        );
        Servers::over(serde_json::from_str(&settings).unwrap(), Arc::clone(fake) as Arc<_>)
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
        let servers = over(&fake, "");
        let clone = servers.clone();
        let fail = |fault| *fake.fails.lock() = Some(fault);
        fail(unknown());
        assert!(!refusal(&servers).await.is_passing());
        fail(wrong());
        assert!(!refusal(&servers).await.is_passing());
        *fake.fails.lock() = None;
        tokio::time::sleep(Duration::from_millis(300)).await;
        clone.connect("c", b"k").await.unwrap();
        fail(unknown());
        let fault = refusal(&servers).await;
        assert!(fault.is_passing() && !fault.passes_soon() && fault.kind == FaultKind::UnknownHost, "{fault}");
        fail(wrong());
        let fault = refusal(&servers).await;
        assert!(fault.passes_soon() && fault.kind == FaultKind::Authentication, "{fault}");

        // One who knows that the job was connected before does not know with which password.
        let servers = over(&fake, "");
        servers.were_reached();
        assert!(!refusal(&servers).await.is_passing());
        let servers = over(&fake, "");
        servers.were_reached();
        fail(unknown());
        assert!(refusal(&servers).await.is_passing());
    }

    #[tokio::test]
    async fn who_waits_for_the_table_shares_what_became_of_it() {
        let fake = Arc::new(Fake::default());
        *fake.fails.lock() = Some(Fault::new(FaultKind::Connection, "refused"));
        let servers = over(&fake, r#""cluster":true,"#);
        let all = join_all((0..32).map(|_| servers.connect("c", b"k"))).await;
        assert!(all.iter().all(|connected| matches!(connected, Err(error) if error.to_string() == "refused")));
        assert_eq!(fake.dialed.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn a_node_that_names_no_host_is_where_its_teller_is() {
        let servers = over(&Arc::default(), r#""addressMap":{"10.0.0.1":"mapped"},"#);
        let teller = Address::tcp("teller", 1);
        for (named, expected) in [
            ("", Some("teller:7")),
            ("0.0.0.0", Some("teller:7")),
            ("::", Some("teller:7")),
            ("?", None),
            ("10.0.0.1", Some("mapped:7")),
            ("other", Some("other:7")),
        ] {
            let reached = cluster::reached(Address::tcp(named, 7), &teller, &servers);
            assert_eq!(reached.map(|address| address.to_string()).as_deref(), expected, "{named}");
        }
    }
}
