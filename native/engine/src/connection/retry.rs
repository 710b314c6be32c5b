//! Trying again: how long to wait, when to give up, what to log.

use std::time::Duration;

use tokio::time::Instant;
use tracing::{info, warn};

use crate::error::{Error, Result};
use crate::random;

const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// An outage, from the first failure to the next success: logged once, bounded in time.
pub struct Outage {
    /// What is affected, for messages: `source orders:2 (redis://…)`.
    what: String,
    limit: Duration,
    since: Option<Instant>,
    attempts: u32,
}

impl Outage {
    pub fn new(what: String, limit: Duration) -> Self {
        Self { what, limit, since: None, attempts: 0 }
    }

    /// What to do about a failure: `Ok` is how long to wait before the next attempt, `Err` what to give up with.
    pub fn failed(&mut self, error: Error) -> Result<Duration> {
        let Error::Redis(fault) = error else { return Err(error) };
        if !fault.is_passing() {
            return Err(fault.context(&self.what).into());
        }
        let since = *self.since.get_or_insert_with(Instant::now);
        if self.attempts == 0 {
            warn!("{}: {fault}; trying again for {} ms", self.what, self.limit.as_millis());
        }
        self.attempts += 1;
        if since.elapsed() >= self.limit {
            let tried = format!(
                "{}: gave up after {} attempts in {} ms (retryTimeoutMillis)",
                self.what,
                self.attempts,
                since.elapsed().as_millis()
            );
            return Err(fault.context(tried).into());
        }
        // Full jitter on the upper half: many readers of one server that went away must not come back in step.
        let step = FIRST_WAIT.saturating_mul(1 << (self.attempts - 1).min(8)).min(LONGEST_WAIT);
        let wait = step.mul_f64(random::jitter());
        Ok(wait.min(self.limit.saturating_sub(since.elapsed()).max(Duration::from_millis(1))))
    }

    /// It works again.
    pub fn over(&mut self) {
        if let Some(since) = self.since.take() {
            info!("{}: works again after {} ms", self.what, since.elapsed().as_millis());
        }
        self.attempts = 0;
    }

    /// How many attempts have failed in a row.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    pub fn what(&self) -> &str {
        &self.what
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Fault, FaultKind};

    fn lost() -> Error {
        Fault::new(FaultKind::Connection, "lost").into()
    }

    #[tokio::test(start_paused = true)]
    async fn waits_longer_each_time_and_gives_up_in_the_end() {
        let mut outage = Outage::new("x".into(), Duration::from_secs(10));
        let mut waited = Duration::ZERO;
        let error = loop {
            match outage.failed(lost()) {
                Ok(wait) => {
                    assert!(wait <= LONGEST_WAIT);
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
    async fn what_no_retry_helps_is_final_at_once() {
        let mut outage = Outage::new("x".into(), Duration::from_secs(10));
        let error = outage.failed(Fault::from_server("WRONGPASS no").into()).unwrap_err();
        assert!(error.to_string().starts_with("x: WRONGPASS no; check"), "{error}");
    }
}
