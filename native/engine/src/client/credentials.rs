//! Where a connect asks for credentials and certificates, so that those that change need no restart.
//!
//! The engine calls nobody: a task that connects waits at the broker, and a thread of Java's that sees the request
//! provides what is valid by then.

use std::collections::HashMap;
use std::fmt;
use std::sync::OnceLock;
use std::thread::{self, ThreadId};
use std::time::Duration;

use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::error::Category;
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::config::{Secret, TlsMaterial};
use crate::error::{Error, Result};

/// The user, password and certificates that one connect uses.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// Not given: as in the settings.
    #[serde(default)]
    pub user: Option<String>,
    /// Not given: as in the settings.
    #[serde(default)]
    pub password: Option<Secret>,
    /// Not given: as in the settings.
    #[serde(default)]
    pub tls: Option<TlsMaterial>,
}

impl Credentials {
    /// Reads them from JSON.
    ///
    /// # Errors
    /// `Settings`, which tells what is wrong by its place only: any of the texts may be secret.
    pub fn from_json(json: &str) -> Result<Self> {
        serde_json::from_str(json).map_err(|error| {
            let what = match error.classify() {
                Category::Data => "not what is expected",
                Category::Io | Category::Syntax | Category::Eof => "no JSON",
            };
            Error::Settings(format!("credentials: {what} at column {} of line {}", error.column(), error.line()))
        })
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("credentials")
    }
}

/// Takes the requests of the tasks that connect, and provides all of them with what one call to Java brings.
#[derive(Default)]
pub(crate) struct CredentialsBroker {
    state: Mutex<State>,
    /// Told of each request: it ends a wait of Java's, so that Java provides at once.
    notify: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

#[derive(Default)]
struct State {
    closed: bool,
    /// In the order in which they came, with their numbers.
    waiting: Vec<(u64, oneshot::Sender<Credentials>)>,
    next: u64,
    /// How many requests were answered.
    provided: u64,
    /// The last request that waited when that thread went to fetch. What it brings may be too old for those that came
    /// later.
    fetching: HashMap<ThreadId, u64>,
}

impl State {
    /// Removes the requests of connects that were given up.
    fn forget_abandoned(&mut self) {
        self.waiting.retain(|(_, waiting)| !waiting.is_closed());
    }
}

impl CredentialsBroker {
    /// Calls `notify` at each request from now on. The first call counts. It must not block.
    pub(crate) fn on_request(&self, notify: impl Fn() + Send + Sync + 'static) {
        // Only the first one counts.
        let _ = self.notify.set(Box::new(notify));
    }

    /// Returns whether a connect waits. The thread that sees it fetches credentials and [`provide`](Self::provide)s
    /// them.
    pub(crate) fn is_requested(&self) -> bool {
        let mut state = self.state.lock();
        state.forget_abandoned();
        let last = state.waiting.last().map(|(number, _)| *number);
        match last {
            Some(last) => _ = state.fetching.insert(thread::current().id(), last),
            None => state.fetching.clear(),
        }
        last.is_some()
    }

    /// Answers all requests that waited when this thread found them [requested](Self::is_requested).
    pub(crate) fn provide(&self, credentials: &Credentials) {
        let mut state = self.state.lock();
        let Some(last) = state.fetching.remove(&thread::current().id()) else { return };
        let answered = state.waiting.partition_point(|(number, _)| *number <= last);
        state.provided += answered as u64;
        for (_, waiting) in state.waiting.drain(..answered) {
            // A connect that was given up meanwhile needs none.
            let _ = waiting.send(credentials.clone());
        }
    }

    /// Waits for credentials that are fetched from now on. It takes as long as it takes: whoever has to bring them is
    /// who waits for the work.
    ///
    /// # Errors
    /// `Closed`, when the broker is or gets closed.
    pub(crate) async fn request(&self) -> Result<Credentials> {
        let provided = {
            let mut state = self.state.lock();
            if state.closed {
                return Err(Error::Closed);
            }
            let (waiting, provided) = oneshot::channel();
            let number = state.next;
            state.next += 1;
            state.waiting.push((number, waiting));
            provided
        };
        if let Some(notify) = self.notify.get() {
            notify();
        }
        provided.await.map_err(|_| Error::Closed)
    }

    /// Waits until no connect has waited for credentials for this long.
    pub(crate) async fn idle_for(&self, time: Duration) {
        loop {
            let before = self.state.lock().provided;
            sleep(time).await;
            let mut state = self.state.lock();
            state.forget_abandoned();
            if state.waiting.is_empty() && state.provided == before {
                return;
            }
        }
    }

    /// Ends the waits. Idempotent.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        state.waiting.clear();
        state.fetching.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::pin::{Pin, pin};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::FutureExt;
    use tokio::time::{Instant, timeout};

    use super::*;

    fn password(text: &str) -> Credentials {
        Credentials { password: Some(Secret::new(text)), ..Credentials::default() }
    }

    fn waits<W: Future>(wait: Pin<&mut W>) -> bool {
        wait.now_or_never().is_none()
    }

    fn revealed(given: Option<Result<Credentials>>) -> String {
        given.unwrap().unwrap().password.unwrap().reveal().to_owned()
    }

    #[tokio::test]
    async fn one_giving_serves_all_that_waited_when_it_was_fetched() {
        let broker = CredentialsBroker::default();
        assert!(!broker.is_requested());
        let (mut first, mut second, mut late) =
            (pin!(broker.request()), pin!(broker.request()), pin!(broker.request()));
        assert!(waits(first.as_mut()) && waits(second.as_mut()));
        assert!(broker.is_requested());
        assert!(waits(late.as_mut()));
        broker.provide(&password("1"));
        assert_eq!(revealed(first.now_or_never()), "1");
        assert_eq!(revealed(second.now_or_never()), "1");
        assert!(waits(late.as_mut()), "it may be older than this wait");
        assert!(broker.is_requested());
        broker.provide(&password("2"));
        assert_eq!(revealed(late.now_or_never()), "2");
        assert!(!broker.is_requested());
    }

    #[tokio::test]
    async fn of_two_threads_that_fetch_none_gives_old_credentials_to_those_that_came_later() {
        let broker = CredentialsBroker::default();
        let (mut early, mut late) = (pin!(broker.request()), pin!(broker.request()));
        assert!(waits(early.as_mut()));
        assert!(broker.is_requested());
        assert!(waits(late.as_mut()));
        assert!(
            thread::scope(|threads| threads.spawn(|| broker.is_requested()).join().unwrap()),
            "another thread sees both"
        );
        broker.provide(&password("old"));
        assert_eq!(revealed(early.now_or_never()), "old");
        assert!(waits(late.as_mut()), "this thread went before it came");
        assert!(broker.is_requested());
        broker.provide(&password("new"));
        assert_eq!(revealed(late.now_or_never()), "new");
    }

    #[tokio::test]
    async fn what_nobody_asked_for_serves_nobody() {
        let broker = CredentialsBroker::default();
        broker.provide(&password("old"));
        let mut wait = pin!(broker.request());
        assert!(waits(wait.as_mut()));
        broker.provide(&password("old, too"));
        assert!(waits(wait.as_mut()));
    }

    #[tokio::test]
    async fn a_wait_that_is_given_up_is_not_wanted_and_takes_nobodys_place() {
        let broker = CredentialsBroker::default();
        {
            let mut gone = pin!(broker.request());
            assert!(waits(gone.as_mut()));
            assert!(broker.is_requested());
        }
        let mut wait = pin!(broker.request());
        assert!(waits(wait.as_mut()));
        assert!(broker.is_requested());
        broker.provide(&password("1"));
        assert_eq!(revealed(wait.now_or_never()), "1");
        {
            let mut gone = pin!(broker.request());
            assert!(waits(gone.as_mut()));
        }
        assert!(!broker.is_requested());
    }

    #[tokio::test]
    async fn each_request_is_told_of() {
        let broker = CredentialsBroker::default();
        let told = Arc::new(AtomicUsize::new(0));
        let counts = Arc::clone(&told);
        broker.on_request(move || _ = counts.fetch_add(1, Ordering::Relaxed));
        let (mut first, mut second) = (pin!(broker.request()), pin!(broker.request()));
        assert!(waits(first.as_mut()) && waits(second.as_mut()));
        assert_eq!(told.load(Ordering::Relaxed), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn is_idle_when_nobody_has_waited_for_so_long() {
        let (broker, time) = (CredentialsBroker::default(), Duration::from_millis(500));
        let begin = Instant::now();
        broker.idle_for(time).await;
        assert_eq!(begin.elapsed(), time);
        let mut wait = pin!(broker.request());
        assert!(waits(wait.as_mut()));
        let mut idle = pin!(broker.idle_for(time));
        assert!(timeout(time * 10, idle.as_mut()).await.is_err(), "a connect waits");
        assert!(broker.is_requested());
        broker.provide(&password("1"));
        wait.await.unwrap();
        let begin = Instant::now();
        idle.await;
        assert!((time..=time * 2).contains(&begin.elapsed()), "{:?}", begin.elapsed());
    }

    #[tokio::test]
    async fn closing_ends_the_waits() {
        let broker = CredentialsBroker::default();
        let mut wait = pin!(broker.request());
        assert!(waits(wait.as_mut()));
        broker.close();
        broker.close();
        assert!(matches!(wait.now_or_never(), Some(Err(Error::Closed))));
        assert!(matches!(broker.request().await, Err(Error::Closed)));
        assert!(!broker.is_requested());
    }

    #[test]
    fn reads_what_java_brings_and_shows_none_of_it() {
        let json = r#"{"user":"u","password":"s3cret","tls":{"ca":"C","certificates":"s3cret","key":"s3cret"}}"#;
        let given = Credentials::from_json(json).unwrap();
        assert_eq!((given.user.as_deref(), given.password.as_ref().unwrap().reveal()), (Some("u"), "s3cret"));
        assert_eq!(given.tls.as_ref().unwrap().key.reveal(), "s3cret");
        assert!(!format!("{given:?}").contains("s3cret"));
        for bad in [r#"{"tls":"s3cret"}"#, r#"{"s3cret":1}"#, r#"{"password":"s3cret"#] {
            let error = Credentials::from_json(bad).unwrap_err().to_string();
            assert!(error.starts_with("credentials: no") && !error.contains("s3cret"), "{error}");
        }
    }
}
