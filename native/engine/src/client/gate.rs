//! Gates before the servers of a deployment: after a failure one task connects first, and the tasks that come meanwhile
//! share its result.
//!
//! Many tasks lose their connections in the same moment, and come back in the same moment. A server that is down, or
//! that refuses the password, is asked by one of them; a server that takes it is open to all. Any task of an owner may
//! be the first.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::address::Address;
use crate::client::last_failure::LastFailure;
use crate::error::{Error, FaultKind, Result};

/// Gates that are kept at most without being in use: addresses come and go.
const KEPT: usize = 256;
/// The time for which a refused password is not sent again; doubled each further time.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// The time between two probes of a port for the other language (`net/tls/probe.rs`).
const PROBE_AGAIN: Duration = Duration::from_secs(10);

#[derive(Default)]
pub(super) struct Gates {
    gates: Mutex<HashMap<Address, Arc<Gate>>>,
}

impl Gates {
    pub(super) fn to(&self, address: &Address) -> Arc<Gate> {
        let mut gates = self.gates.lock();
        if gates.len() >= KEPT && !gates.contains_key(address) {
            gates.retain(|_, gate| Arc::strong_count(gate) > 1);
        }
        Arc::clone(gates.entry(address.clone()).or_default())
    }

    /// Closes the gate: a connection to that server was lost, and of the tasks that come back one goes first.
    pub(super) fn close(&self, address: &Address) {
        if let Some(gate) = self.gates.lock().get(address) {
            gate.state.lock().open = false;
        }
    }
}

/// The gate before one server.
#[derive(Default)]
pub(super) struct Gate {
    /// Locked by the task that goes first.
    first: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The last connect has worked, and nothing has failed since.
    open: bool,
    /// A connect has worked, ever.
    worked: bool,
    failed: LastFailure,
    /// How often in a row the password was refused, and until when it is not sent again.
    refused: Option<(u32, Instant)>,
    probed: Option<Instant>,
}

impl Gate {
    /// Carries `connect` out, or returns the failure of the task that went first meanwhile.
    pub(super) async fn enter<T>(&self, connect: impl Future<Output = Result<T>>) -> Result<T> {
        let since = Instant::now();
        let mut first = None;
        if !self.is_open() {
            let guard = self.first.lock().await;
            if let Some(error) = self.failure_of_another(since) {
                return Err(error);
            }
            first = (!self.is_open()).then_some(guard);
        }
        let result = connect.await;
        self.state.lock().note(result.as_ref().err());
        drop(first);
        result
    }

    fn is_open(&self) -> bool {
        self.state.lock().open
    }

    fn failure_of_another(&self, since: Instant) -> Option<Error> {
        let state = self.state.lock();
        let pauses = state.refused.is_some_and(|(_, until)| Instant::now() < until);
        if pauses { state.failed.get() } else { state.failed.since(since) }
    }

    /// Returns whether to probe the port for the other language: a server that has answered does not, and one that is
    /// down is not asked twice as often for it.
    pub(super) fn may_probe(&self) -> bool {
        let mut state = self.state.lock();
        let probes = !state.worked && state.probed.is_none_or(|at| at.elapsed() >= PROBE_AGAIN);
        if probes {
            state.probed = Some(Instant::now());
        }
        probes
    }
}

impl State {
    fn note(&mut self, error: Option<&Error>) {
        let Some(error) = error else {
            *self = Self { open: true, worked: true, ..Self::default() };
            return;
        };
        self.open = false;
        self.failed.note(error);
        self.refused = match error {
            Error::Redis(fault) if fault.kind == FaultKind::Authentication => {
                let before = self.refused.map_or(0, |(times, _)| times);
                Some((before + 1, Instant::now() + FIRST_PAUSE.saturating_mul(1 << before.min(8)).min(LONGEST_PAUSE)))
            }
            _ => None,
        };
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures_util::future::join_all;
    use tokio::time::sleep;

    use super::*;
    use crate::error::Fault;

    const AWHILE: Duration = Duration::from_millis(10);

    fn refusal() -> Error {
        Fault::from_server("WRONGPASS no").into()
    }

    /// Lets that many tasks enter at the same time. Returns how many of them tried, and how many were let in.
    async fn crowd(gate: &Gate, outcome: impl Fn() -> Result<()>) -> (u32, usize) {
        let tried = AtomicU32::new(0);
        let all = join_all((0..64).map(|_| {
            gate.enter(async {
                tried.fetch_add(1, Ordering::Relaxed);
                sleep(AWHILE).await;
                outcome()
            })
        }));
        let let_in = all.await.iter().filter(|result| result.is_ok()).count();
        (tried.into_inner(), let_in)
    }

    #[tokio::test(start_paused = true)]
    async fn of_many_one_goes_first_and_the_others_share_its_failure_or_follow() {
        let gate = Gate::default();
        let down = || Err(Fault::new(FaultKind::Connection, "refused").into());
        for _ in 0..2 {
            assert_eq!(crowd(&gate, down).await, (1, 0), "a connect that begins later is tried");
            sleep(AWHILE).await;
        }
        let begin = Instant::now();
        assert_eq!(crowd(&gate, || Ok(())).await, (64, 64));
        assert_eq!(begin.elapsed(), 2 * AWHILE, "one behind the other");
        assert_eq!(crowd(&gate, down).await, (64, 0), "the gate was open");
        sleep(AWHILE).await;
        assert_eq!(crowd(&gate, down).await, (1, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_password_that_is_refused_is_shown_a_few_times_only() {
        let (gate, tried, begin) = (Gate::default(), AtomicU32::new(0), Instant::now());
        while begin.elapsed() < Duration::from_secs(10) {
            let refused = gate.enter(async {
                tried.fetch_add(1, Ordering::Relaxed);
                Err::<(), _>(refusal())
            });
            assert_eq!(refused.await.unwrap_err().server_code(), "WRONGPASS");
            sleep(AWHILE).await;
        }
        assert!((5..10).contains(&tried.into_inner()));
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_dropped_gives_the_first_place_to_the_next() {
        let gate = Gate::default();
        tokio::select! {
            biased;
            _ = gate.enter(sleep_for_ever()) => {}
            () = sleep(AWHILE) => {}
        }
        assert_eq!(crowd(&gate, || Ok(())).await, (64, 64));
    }

    async fn sleep_for_ever() -> Result<()> {
        std::future::pending().await
    }

    #[tokio::test(start_paused = true)]
    async fn looks_for_the_other_language_seldom_and_never_where_somebody_was_let_in() {
        let gate = Gate::default();
        assert!(gate.may_probe() && !gate.may_probe());
        sleep(PROBE_AGAIN).await;
        assert!(gate.may_probe());
        gate.enter(async { Ok(()) }).await.unwrap();
        let _ = gate.enter(async { Err::<(), _>(refusal()) }).await;
        assert!(!gate.may_probe());
    }

    #[test]
    fn forgets_servers_that_nobody_goes_to() {
        let gates = Gates::default();
        let kept = gates.to(&Address::tcp("h", 1));
        for port in 2..2000 {
            gates.to(&Address::tcp("h", port));
        }
        assert!(gates.gates.lock().len() <= KEPT);
        assert!(Arc::ptr_eq(&kept, &gates.to(&Address::tcp("h", 1))));
    }
}
