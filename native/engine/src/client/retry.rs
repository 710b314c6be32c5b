//! Retries: how long to wait, when to give up, what to log.

use std::time::Duration;

use tokio::time::Instant;
use tracing::{debug, info, warn};

use crate::config::ConnectionSettings;
use crate::error::{Error, FaultKind, Result};
use crate::random;

/// An outage, from the first failure to the next success: logged once, bounded in time.
pub(crate) struct Outage {
    /// What is affected, for messages: `source orders:2 (redis://…)`.
    what: String,
    limit: Duration,
    first_wait: Duration,
    longest_wait: Duration,
    since: Option<Instant>,
    /// When a short-lived fault was met first.
    soon_since: Option<Instant>,
    attempts: u32,
}

/// The longest duration of a short-lived fault: a password that is being changed on both sides, an ACL file that is
/// being reloaded.
const SOON: Duration = Duration::from_secs(10);

impl Outage {
    /// Returns an outage that has not begun; `what` is affected by it, for messages.
    pub(crate) fn new(what: String, settings: &ConnectionSettings) -> Self {
        Self {
            what,
            limit: settings.retry_timeout(),
            first_wait: Duration::from_millis(settings.min_backoff_millis),
            longest_wait: Duration::from_millis(settings.max_backoff_millis),
            since: None,
            soon_since: None,
            attempts: 0,
        }
    }

    /// Counts a failed attempt. Returns how long to wait before the next one.
    ///
    /// # Errors
    /// The error to give up with: the failure is permanent, or the outage has lasted too long.
    pub(crate) fn failed(&mut self, error: Error) -> Result<Duration> {
        let Error::Redis(fault) = error else { return Err(error) };
        if !fault.is_temporary() {
            return Err(fault.context(&self.what).into());
        }
        if self.attempts == 0 && (fault.kind == FaultKind::Redirect || fault.code == "NOGROUP") {
            // Nothing is wrong: the next attempt goes where the key is; and a group that is gone is made again, and
            // logged by the code that does so.
            self.attempts = 1;
            debug!("{}: {fault}", self.what);
            return Ok(Duration::ZERO);
        }
        let limit = if fault.is_short_lived() { self.limit.min(SOON) } else { self.limit };
        let since = *self.since.get_or_insert_with(|| {
            warn!("{}: {fault}; trying again for {} ms", self.what, limit.as_millis());
            Instant::now()
        });
        self.attempts += 1;
        let mut left = self.limit.saturating_sub(since.elapsed());
        if fault.is_short_lived() {
            let since = *self.soon_since.get_or_insert_with(Instant::now);
            left = left.min(limit.saturating_sub(since.elapsed()));
        }
        if left.is_zero() {
            let option = if limit < self.limit { "" } else { " (retryTimeoutMillis)" };
            let (attempts, millis) = (self.attempts, since.elapsed().as_millis());
            let tried = format!("{}: gave up after {attempts} attempts in {millis} ms{option}", self.what);
            return Err(fault.context(tried).into());
        }
        // Equal jitter: many readers of one server that went away must not come back in step.
        let step = self.first_wait.saturating_mul(1 << (self.attempts - 1).min(8)).min(self.longest_wait);
        let wait = step.mul_f64(random::jitter());
        Ok(wait.min(left.max(Duration::from_millis(1))))
    }

    /// Ends the outage: it works again.
    pub(crate) fn recovered(&mut self) {
        if let Some(since) = self.since.take() {
            info!("{}: works again after {} ms", self.what, since.elapsed().as_millis());
        }
        self.soon_since = None;
        self.attempts = 0;
    }

    /// Returns how many attempts have failed in a row.
    pub(crate) fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Returns what is affected, for messages.
    pub(crate) fn what(&self) -> &str {
        &self.what
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing;
    use crate::error::{Fault, FaultKind};

    fn lost() -> Error {
        Fault::new(FaultKind::Connection, "lost").into()
    }

    fn outage() -> Outage {
        let (retry_timeout_millis, max_backoff_millis) = (10_000, 1500);
        let settings = ConnectionSettings { retry_timeout_millis, max_backoff_millis, ..testing::connection("h") };
        Outage::new("x".into(), &settings)
    }

    #[tokio::test(start_paused = true)]
    async fn waits_longer_each_time_and_gives_up_in_the_end() {
        let mut outage = outage();
        let mut waited = Duration::ZERO;
        let error = loop {
            match outage.failed(lost()) {
                Ok(wait) => {
                    assert!(wait <= Duration::from_millis(1500));
                    waited += wait;
                    tokio::time::advance(wait).await;
                }
                Err(error) => break error,
            }
        };
        assert!(waited >= Duration::from_secs(10) && waited < Duration::from_secs(11), "{waited:?}");
        assert!(error.to_string().starts_with("x: gave up after"), "{error}");
        assert!(error.to_string().ends_with("lost"), "{error}");
    }

    #[tokio::test]
    async fn a_redirection_is_followed_at_once_but_not_for_ever() {
        let mut outage = outage();
        let moved = || Fault::from_server("MOVED 1 h:1").into();
        assert_eq!(outage.failed(moved()).unwrap(), Duration::ZERO);
        assert!(outage.failed(moved()).unwrap() > Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn what_passes_soon_or_not_at_all_is_given_up_soon() {
        let settings = ConnectionSettings { retry_timeout_millis: 60_000, ..testing::connection("h") };
        let mut outage = Outage::new("x".into(), &settings);
        let begin = Instant::now();
        // The server was away before it began to refuse.
        while begin.elapsed() < Duration::from_secs(20) {
            tokio::time::advance(outage.failed(lost()).unwrap()).await;
        }
        let (refused, error) = (
            Instant::now(),
            loop {
                match outage.failed(Fault::from_server("WRONGPASS no").into_short_lived().into()) {
                    Ok(wait) => tokio::time::advance(wait).await,
                    Err(error) => break error,
                }
            },
        );
        let waited = refused.elapsed();
        assert!(waited >= SOON && waited < 2 * SOON, "{waited:?}");
        assert!(error.to_string().contains("gave up after") && !error.to_string().contains("retryTimeout"), "{error}");
    }

    #[tokio::test]
    async fn what_no_retry_helps_is_final_at_once() {
        let mut outage = outage();
        let error = outage.failed(Fault::from_server("WRONGPASS no").into()).unwrap_err();
        assert!(error.to_string().starts_with("x: WRONGPASS no; check"), "{error}");
    }
}
