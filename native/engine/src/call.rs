//! Calls of Java's threads for work that takes longer than one call may wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};
use crate::runtime::caught;

/// Work that Java's threads wait for in slices: it begins with the first wait, and goes on by itself on the runtime.
/// One piece of work runs at a time.
///
/// `K` says what the work is, so that nobody gets the result of another piece.
pub(crate) struct Call<K, T> {
    shared: Arc<Shared<K, T>>,
    closed: CancellationToken,
}

struct Shared<K, T> {
    /// Written by the thread that begins the work, its result by the task. The lock is never held while a thread waits.
    running: Mutex<Option<Running<K, T>>>,
    ended: Condvar,
    /// The current or the next wait is to return. Written while `running` is locked.
    interrupted: AtomicBool,
}

struct Running<K, T> {
    of: K,
    result: Option<Result<T>>,
}

impl<K, T> Default for Call<K, T> {
    fn default() -> Self {
        let shared = Shared { running: Mutex::new(None), ended: Condvar::new(), interrupted: AtomicBool::new(false) };
        Self { shared: Arc::new(shared), closed: CancellationToken::new() }
    }
}

impl<K: PartialEq + Send + 'static, T: Send + 'static> Call<K, T> {
    /// Begins the work, or goes on waiting for it; `None`: it is not done after `max_wait`, call again. Waits first for
    /// other work that runs, whose result is dropped.
    ///
    /// # Errors
    /// The work's; `Closed` after [`close`](Self::close); `Panic`.
    pub(crate) fn wait<W>(
        &self,
        handle: &Handle,
        of: K,
        begin: impl FnOnce() -> W,
        max_wait: Duration,
    ) -> Result<Option<T>>
    where
        W: Future<Output = Result<T>> + Send + 'static,
    {
        let until = Instant::now() + max_wait;
        let mut to_begin = Some((of, begin));
        let mut running = self.shared.running.lock();
        loop {
            if self.closed.is_cancelled() {
                return Err(Error::Closed);
            }
            match running.take() {
                Some(Running { of, result: Some(result) }) => match &to_begin {
                    Some((wanted, _)) if *wanted != of => continue,
                    _ => return result.map(Some),
                },
                Some(other) => *running = Some(other),
                None => {
                    // Begun before, and another thread has taken the result.
                    let Some((of, begin)) = to_begin.take() else { return Ok(None) };
                    self.spawn(handle, begin());
                    *running = Some(Running { of, result: None });
                }
            }
            let interrupted = self.shared.interrupted.swap(false, Ordering::Relaxed);
            if interrupted || self.shared.ended.wait_until(&mut running, until).timed_out() {
                return Ok(None);
            }
        }
    }

    /// Returns a function that has the current or the next [`wait`](Self::wait) return before the work is done.
    pub(crate) fn interrupter(&self) -> impl Fn() + Send + Sync + 'static {
        let shared = Arc::clone(&self.shared);
        move || {
            let _running = shared.running.lock();
            shared.interrupted.store(true, Ordering::Relaxed);
            shared.ended.notify_all();
        }
    }

    fn spawn(&self, handle: &Handle, work: impl Future<Output = Result<T>> + Send + 'static) {
        let (shared, closed) = (Arc::clone(&self.shared), self.closed.clone());
        handle.spawn(async move {
            let result = tokio::select! {
                biased;
                () = closed.cancelled() => Err(Error::Closed),
                done = caught(work) => done.and_then(|done| done),
            };
            if let Some(running) = shared.running.lock().as_mut() {
                running.result = Some(result);
            }
            shared.ended.notify_all();
        });
    }

    /// Ends the work that runs, and all waits for it. Idempotent.
    pub(crate) fn close(&self) {
        self.closed.cancel();
        // A thread that has looked before, but does not wait yet, holds the lock.
        drop(self.shared.running.lock());
        self.shared.ended.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use tokio::sync::oneshot;

    use super::*;
    use crate::runtime::EngineRuntime;

    const LONG: Duration = Duration::from_secs(60);

    fn ready<T: Send + 'static>(value: T) -> impl Future<Output = Result<T>> + Send + 'static {
        std::future::ready(Ok(value))
    }

    #[test]
    fn a_call_gives_each_piece_of_work_its_own_result() {
        let runtime = EngineRuntime::shared().unwrap();
        let (handle, call) = (runtime.handle().unwrap(), Call::default());
        let (finish, finished) = oneshot::channel::<()>();
        let first = || async move {
            let _ = finished.await;
            Ok("first")
        };
        assert_eq!(call.wait(handle, 1, first, Duration::ZERO).unwrap(), None);
        assert_eq!(call.wait(handle, 2, || ready("second"), Duration::ZERO).unwrap(), None, "the first one runs");
        finish.send(()).unwrap();
        assert_eq!(call.wait(handle, 2, || ready("second"), LONG).unwrap(), Some("second"));
        assert_eq!(call.wait(handle, 1, || ready("again"), LONG).unwrap(), Some("again"));
    }

    /// With a lock that is held while the first one waits, the second one would wait as long.
    #[test]
    fn a_second_thread_waits_no_longer_than_it_wants() {
        let runtime = EngineRuntime::shared().unwrap();
        let (handle, call) = (runtime.handle().unwrap(), Call::<u8, ()>::default());
        let (began, begins) = mpsc::channel();
        std::thread::scope(|threads| {
            let begin = || {
                began.send(()).unwrap();
                std::future::pending()
            };
            let (call, handle) = (&call, handle.clone());
            let first = threads.spawn(move || call.wait(&handle, 1, begin, LONG));
            begins.recv().unwrap();
            let second = call.wait(runtime.handle().unwrap(), 1, || ready(()), Duration::from_millis(1));
            assert!(matches!(second, Ok(None)), "{second:?}");
            assert!(!first.is_finished());
            call.close();
            assert!(matches!(first.join().unwrap(), Err(Error::Closed)));
        });
        assert!(matches!(call.wait(handle, 1, || ready(()), LONG), Err(Error::Closed)));
    }

    #[test]
    fn a_panic_of_a_task_names_its_place() {
        crate::telemetry::panics::note();
        let runtime = EngineRuntime::shared().unwrap();
        let call = Call::<u8, ()>::default();
        let work = || async { panic!("asked to") };
        let error = call.wait(runtime.handle().unwrap(), 1, work, LONG).unwrap_err().to_string();
        assert!(error.contains("asked to (at ") && error.contains("call.rs:"), "{error}");
        assert!(call.wait(runtime.handle().unwrap(), 1, || ready(()), LONG).unwrap().is_some(), "it lives on");
    }
}
