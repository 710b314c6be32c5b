//! The tokio runtime, counted by its users: the first builds it, the last one ends it.
//!
//! No runtime outlives its users, so none of its threads keeps a class loader or a process alive.

use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::thread::{self, available_parallelism};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use parking_lot::{Condvar, Mutex};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};

/// Holds no runtime by itself: only its users do.
static CURRENT: Mutex<Weak<EngineRuntime>> = Mutex::new(Weak::new());

/// One a core, since decryption and scanning of all readers and writers of a job in this process share them; but each job of a session
/// cluster has its own library, so there are few.
const FEWEST_WORKERS: usize = 2;
const MOST_WORKERS: usize = 4;
/// Names are looked up by threads that the runtime starts later; without one of them it would never connect.
const LOOKUPS: usize = 1;
const STACK_BYTES: usize = 2 << 20;
const THREAD_NAME: &str = "flink-redis";
const SHUTDOWN: Duration = Duration::from_secs(2);

/// A share in the runtime. Dropping the last one, never on a thread of the runtime itself, joins its threads.
pub struct EngineRuntime {
    runtime: Option<Runtime>,
}

impl EngineRuntime {
    /// The runtime that is there, or a new one.
    pub fn shared() -> Result<Arc<Self>> {
        let mut current = CURRENT.lock();
        if let Some(runtime) = current.upgrade() {
            return Ok(runtime);
        }
        let workers = workers();
        let runtime = room_for(workers + LOOKUPS, STACK_BYTES)
            .and_then(|()| {
                Builder::new_multi_thread()
                    .worker_threads(workers)
                    .thread_stack_size(STACK_BYTES)
                    .thread_name(THREAD_NAME)
                    .enable_io()
                    .enable_time()
                    .build()
            })
            .map_err(|error| {
                Error::Settings(format!(
                    "the engine can't start its {workers} threads: {error}; raise the limits of threads and of open files \
                     (ulimit -u, ulimit -n; of a container, its pids)"
                ))
            })?;
        let runtime = Arc::new(Self { runtime: Some(runtime) });
        *current = Arc::downgrade(&runtime);
        Ok(runtime)
    }

    /// # Errors
    /// `Internal` when the runtime is gone, which no user sees while it holds its share.
    pub fn handle(&self) -> Result<&Handle> {
        self.runtime
            .as_ref()
            .map(Runtime::handle)
            .ok_or_else(|| Error::Internal("a runtime is gone before its users".to_owned()))
    }
}

fn workers() -> usize {
    available_parallelism().map_or(FEWEST_WORKERS, |cores| cores.get().clamp(FEWEST_WORKERS, MOST_WORKERS))
}

/// Makes sure that so many threads can be had: they are all there at the same time, and end. The runtime's builder has no error for that: it
/// panics with the first thread that it does not get, and waits for ever for the others.
fn room_for(threads: usize, stack_bytes: usize) -> io::Result<()> {
    let gate = Mutex::new(());
    thread::scope(|scope| {
        let _closed = gate.lock(); // opens when this closure ends, the scope when they have
        for _ in 0..threads {
            thread::Builder::new()
                .name(THREAD_NAME.to_owned())
                .stack_size(stack_bytes)
                .spawn_scoped(scope, || drop(gate.lock()))?;
        }
        Ok(())
    })
}

impl Drop for EngineRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(SHUTDOWN);
        }
    }
}

/// The work's result; a panic is an error, which names its place.
pub(crate) async fn caught<T>(work: impl Future<Output = T>) -> Result<T> {
    AssertUnwindSafe(work).catch_unwind().await.map_err(Error::from_panic)
}

/// Work that threads of Java's wait for in slices: it begins with the first wait, and goes on by itself. One piece of work at a time.
///
/// `K` says what the work is, so that nobody gets the result of another's.
pub(crate) struct Call<K, T> {
    shared: Arc<Shared<K, T>>,
    closed: CancellationToken,
}

struct Shared<K, T> {
    /// Set by who waits, its result by the task. The lock is never held while somebody waits.
    running: Mutex<Option<Running<K, T>>>,
    ended: Condvar,
    /// The current or the next wait is to return. Set while `running` is locked.
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
    /// Begins the work, or goes on waiting for it; `None`: it is not done by `max_wait`, call again. Waits first for other work that
    /// runs, whose result nobody wants any more.
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

    /// Ends the work that runs, and all that wait for it. Idempotent.
    pub(crate) fn close(&self) {
        self.closed.cancel();
        // Who has looked before, but does not wait yet, holds the lock.
        drop(self.shared.running.lock());
        self.shared.ended.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use tokio::sync::oneshot;

    use super::*;

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
    fn threads_that_cannot_be_had_are_an_error_at_once() {
        room_for(4, STACK_BYTES).unwrap();
        room_for(4, 1 << 46).unwrap_err(); // together more than a process can address
    }

    #[test]
    fn a_panic_of_a_task_names_its_place() {
        crate::telemetry::panics::note();
        let runtime = EngineRuntime::shared().unwrap();
        let call = Call::<u8, ()>::default();
        let work = || async { panic!("asked to") };
        let error = call.wait(runtime.handle().unwrap(), 1, work, LONG).unwrap_err().to_string();
        assert!(error.contains("asked to (at ") && error.contains("runtime.rs:"), "{error}");
        assert!(call.wait(runtime.handle().unwrap(), 1, || ready(()), LONG).unwrap().is_some(), "it lives on");
    }
}
