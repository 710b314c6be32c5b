//! The one guard: what goes wrong inside becomes an exception of the calling Java thread, and nothing unwinds into the
//! JVM.
//!
//! A panic that left an `extern` function would abort the process, and with it the TaskManager.
//!
//! That an object is closed is no exception but a value: `null`, `false`, nothing. The call may have outlived its job,
//! and Java, who has closed it, knows (`NativeHandle`).

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use flink_redis_engine::error::Error as EngineError;
use jni::errors::ErrorPolicy;
use jni::sys::jint;
use jni::{Env, EnvUnowned};

use crate::failure::{Failure, Outcome};
use crate::handles::Handles;
use crate::raise::raise;

/// Runs the body of a native function. After a failure the JVM ignores what is returned, and throws.
pub(crate) fn guarded<'local, T: Default>(
    mut env: EnvUnowned<'local>,
    body: impl FnOnce(&mut Env<'local>) -> Outcome<T>,
) -> T {
    env.with_env(body).resolve::<RaiseTyped>()
}

/// Runs the body of a native function of an object. Returns the default when the object is closed, before or meanwhile.
pub(crate) fn on_object<'local, O, T: Default>(
    env: EnvUnowned<'local>,
    objects: &Handles<O>,
    handle: i64,
    body: impl FnOnce(&mut Env<'local>, &O) -> Outcome<T>,
) -> T {
    on_found(env, || objects.get(handle), body)
}

/// Runs the body of a native function of the object that is found, as [`on_object`] does.
pub(crate) fn on_found<'local, O: ?Sized, T: Default>(
    env: EnvUnowned<'local>,
    find: impl Fn() -> Option<Arc<O>>,
    body: impl FnOnce(&mut Env<'local>, &O) -> Outcome<T>,
) -> T {
    guarded(env, |env| {
        let Some(object) = find() else { return Ok(T::default()) };
        match body(env, &object) {
            Err(Failure::Engine(EngineError::Closed)) => match find() {
                None => Ok(T::default()),
                Some(_) => Err(Failure::Internal("an object is closed that nobody has closed".to_owned())),
            },
            done => done,
        }
    })
}

/// Returns how long a call may wait, from what Java says.
pub(crate) fn wait(max_wait_millis: jint) -> Duration {
    Duration::from_millis(u64::from(max_wait_millis.max(0).unsigned_abs()))
}

/// Throws each failure as its Java exception.
struct RaiseTyped;

impl<T: Default> ErrorPolicy<T, Failure> for RaiseTyped {
    type Captures<'unowned: 'native, 'native> = ();

    fn on_error<'unowned: 'native, 'native>(
        env: &mut Env<'unowned>,
        _: &mut (),
        failure: Failure,
    ) -> jni::errors::Result<T> {
        // An exception that is pending already is thrown as it is, whatever came after it.
        if !env.exception_check() {
            // A second failure while this one is told leaves its own exception pending.
            let _ = match failure {
                Failure::Engine(EngineError::Settings(message)) | Failure::Argument(message) => {
                    raise(env, ARGUMENT, &message)
                }
                Failure::Engine(EngineError::Redis(fault)) => raise(env, fault.kind.name(), &fault.message()),
                Failure::Engine(EngineError::Closed) => raise(env, CLOSED, "it is closed"),
                Failure::Engine(error) => raise(env, PANIC, &error.to_string()),
                Failure::Internal(message) => raise(env, PANIC, &EngineError::Internal(message).to_string()),
                Failure::Pending => raise(env, PANIC, "the JVM refused a call"),
            };
        }
        Ok(T::default())
    }

    fn on_panic<'unowned: 'native, 'native>(
        env: &mut Env<'unowned>,
        _: &mut (),
        payload: Box<dyn Any + Send>,
    ) -> jni::errors::Result<T> {
        let error = EngineError::from_panic(payload);
        if !env.exception_check() {
            let _ = raise(env, PANIC, &error.to_string());
        }
        Ok(T::default())
    }
}

/// The codes of `NativeFailure` besides those of faults.
const ARGUMENT: &str = "argument";
const CLOSED: &str = "closed";
const PANIC: &str = "panic";
